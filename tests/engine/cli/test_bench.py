"""`capriccio bench` prints a table or JSON, and reports what it cannot measure."""

import json

import pytest
from capriccio.cli import bench_parts, bench_timing
from helpers.command import capriccio, error

MACHINE = {"cpu": "abacus", "cores": 2, "system": "wood", "load": 0.5}
ROW = {"what": "bare network", "p50_ms": 1.25, "p95_ms": 2.0, "p99_ms": 3.0, "ratio": 1.0,
       "over_ms": 0.0}  # fmt: skip


@pytest.fixture
def asked(monkeypatch):
    """Replace both measurements; return what they are asked for."""
    asked = []
    part = {"part": "loom", "model": "warp", "provider": "cpu", "rows": [ROW], "kept": True}

    def measure(part_name, frames, progress):
        asked.append((part_name, frames))
        progress("loom:warp")
        failed = [] if part_name else [{**part, "model": "weft", "error": "OSError: torn"}]
        return {"machine": MACHINE, "versions": {"python": "3.11"}, "parts": [part, *failed]}

    monkeypatch.setattr(bench_parts, "measure", measure)
    monkeypatch.setattr(bench_timing, "measure", lambda *words: asked.append(words[0]) or {})
    monkeypatch.setattr(bench_timing, "table", lambda report: "in time")
    return asked


def test_a_table_is_printed(asked):
    shown = capriccio("bench", "loom", "--frames", "3")
    assert shown.exit_code == 0
    assert asked == [("loom", 3)]
    for words in ("abacus", "load 0.5", "loom:warp on cpu", "bare network", "1.250", "kept"):
        assert words in shown.stdout
    assert "loom:warp" in shown.stderr


def test_json_is_printed(asked):
    shown = capriccio("bench", "loom", "--json")
    assert json.loads(shown.stdout)["parts"][0]["rows"] == [ROW]
    assert asked == [("loom", 300)]


def test_what_was_measured_is_printed_where_a_part_failed(asked):
    shown = capriccio("bench")
    assert shown.exit_code == 1
    assert "loom:warp on cpu" in shown.stdout
    assert "loom:weft failed: OSError: torn" in shown.stdout
    assert capriccio("bench", "--json").exit_code == 1


def test_the_stage_is_measured_alone(asked):
    assert "in time" in capriccio("bench", "--stage", "--notes", "77").stdout
    assert asked == [77]
    assert error("bench", "vae", "--stage") == "--stage measures no part; leave out 'vae'"


def test_a_wrong_number_and_an_unknown_part_are_reported():
    assert capriccio("bench", "--frames", "0").exit_code == 2
    assert error("bench", "crtic") == (
        "no generator or analyzer is named 'crtic'; did you mean 'critic'?"
    )
