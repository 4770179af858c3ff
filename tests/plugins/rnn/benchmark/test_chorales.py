"""Tests of the comparison of the chorale model with Bach."""

import json

import numpy as np
from capriccio_rnn.analyzer import find_faults
from capriccio_rnn.benchmark import chorales
from capriccio_rnn.benchmark.__main__ import benchmark
from click.testing import CliRunner


def test_bachs_steps_become_notes_no_longer_than_the_models():
    piece = [[72, 67, 64, 48]] * 20 + [[74, 67, -1, 50]] * 4

    phrase = chorales.phrase_of(piece)

    soprano = [(n.pitch, n.start, n.length) for n in phrase if n.channel == 1]
    assert soprano == [(72, 0, 4), (72, 4, 1), (74, 5, 1)]
    assert sum(n.length for n in phrase if n.channel == 3) == 5
    assert find_faults(phrase)[1][0].what == "parallel octaves"


def test_the_divergence_of_note_lengths_is_0_for_equal_and_1_for_disjoint_ones():
    quarters = [chorales.phrase_of([[72, 67, 64, 48]] * 4)]
    halves = [chorales.phrase_of([[72, 67, 64, 48]] * 8)]

    quarters, halves = chorales.lengths(quarters), chorales.lengths(halves)
    assert quarters == {4: 4} and halves == {8: 4}
    assert chorales.divergence(quarters, quarters) == 0
    assert chorales.divergence(quarters, halves) == 1


def test_one_command_compares_the_model_with_bach(tmp_path):
    rng = np.random.default_rng(0)
    moves = rng.integers(0, 5, (3, 32, 1))
    pieces = (moves + np.array([72, 67, 60, 48])).tolist()
    splits = {"train": pieces, "valid": pieces, "test": pieces}
    (tmp_path / "Jsb16thSeparated.json").write_text(json.dumps(splits))

    ran = CliRunner().invoke(benchmark, ["chorales", "--data", str(tmp_path), "--pieces", "3"])

    assert ran.exit_code == 0, ran.output
    figures = json.loads(ran.stdout)
    assert figures["pieces"] == {"ours": 3, "Bach's": 3}
    assert figures["notes within their voice's range"] == 1
