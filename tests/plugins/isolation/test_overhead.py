"""What it costs to have a frame made in another process."""

import json

from capriccio import registry
from capriccio.testing import check_generator
from capriccio_isolation import overhead
from helpers.command import capriccio, error


def test_each_way_brings_a_frame_and_is_timed(monkeypatch):
    monkeypatch.setattr(overhead, "SIZES", ((32, 16),))
    result = capriccio("bench", "--isolation", "--frames", "10", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert [(row["size"], row["way"]) for row in report] == [
        ("32x16", "worker"), ("32x16", "pipes"), ("32x16", "socket"),
    ]  # fmt: skip
    assert all(row["p99"] >= row["p50"] for row in report)


def test_it_measures_no_part():
    said = error("bench", "vae", "--isolation")
    assert said == "--isolation measures no part; leave out 'vae'"


def test_without_the_plugin_it_is_told(monkeypatch):
    monkeypatch.setenv("CAPRICCIO_PLUGINS", "devices")
    registry.installed.cache_clear()
    try:
        assert "the plugin 'isolation' is not there" in error("bench", "--isolation")
    finally:
        registry.installed.cache_clear()


def test_the_frame_that_is_timed_is_one():
    check_generator(overhead.Blank)
