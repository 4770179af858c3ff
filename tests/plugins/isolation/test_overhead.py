"""What it costs to have a frame made in another process."""

import json

from capriccio.testing import check_generator
from capriccio_isolation import overhead
from click.testing import CliRunner


def test_each_way_brings_a_frame_and_is_timed(monkeypatch):
    monkeypatch.setattr(overhead, "SIZES", ((32, 16),))
    result = CliRunner().invoke(overhead.bench_isolation, ["--frames", "10", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert [(row["size"], row["way"]) for row in report] == [
        ("32x16", "worker"), ("32x16", "pipes"), ("32x16", "socket"),
    ]  # fmt: skip
    assert all(row["p99"] >= row["p50"] for row in report)


def test_the_frame_that_is_timed_is_one():
    check_generator(overhead.Blank)
