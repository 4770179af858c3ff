"""Tests of the benchmark that renders music to a MIDI file."""

import json

from capriccio_rnn.benchmark.__main__ import benchmark
from click.testing import CliRunner


def test_one_command_times_an_offline_render():
    ran = CliRunner().invoke(benchmark, ["rendering", "--minutes", "0.2"])

    assert ran.exit_code == 0, ran.output
    figures = json.loads(ran.stdout)
    assert figures["minutes"] == 0.2 and figures["seconds"] > 0
    assert figures["notes"] > 40 and figures["bytes"] > 4 * figures["notes"]
