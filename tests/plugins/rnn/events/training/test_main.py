"""Tests of training a model of events on a folder of MIDI files."""

import math

import pytest
from capriccio import Model
from capriccio_rnn.events.encoding import TICKS_PER_STEP, field_sizes
from helpers.music import tune, write_midi


def test_its_card_states_the_training_data(learned):
    card = Model(learned).card

    assert card["data"].endswith("12 MIDI files, 864 notes, 10 train, 2 valid")
    assert card["tags"] == ["down", "up"]
    assert card["fields"] == ["shift", "offset", "sound", "velocity", "length"]
    assert card["metrics"]["valid nats per event"] > 0
    assert card["command"].startswith("capriccio train rnn --data tunes")


def test_it_has_learned_something(learned):
    """Eighths of one velocity on the grid: much better than guessing."""
    metrics = Model(learned).card["metrics"]

    assert metrics["valid offset"] < 0.5 * math.log(TICKS_PER_STEP)
    assert metrics["valid nats per event"] < 0.5 * sum(map(math.log, field_sizes(30)))


def test_a_dry_run_leaves_no_file_and_folders_without_music_are_refused(tmp_path, capsys):
    pytest.importorskip("torch")
    from capriccio_rnn.events.training.main import train

    write_midi(tmp_path / "only.mid", tune(1))
    train(tmp_path, tmp_path / "x.onnx", dry_run=True)

    assert [path.name for path in tmp_path.iterdir()] == ["only.mid"]
    assert "dry run, not kept" in capsys.readouterr().out
    with pytest.raises(ValueError, match="must hold MIDI files"):
        train(tmp_path / "nowhere", tmp_path / "x.onnx")


def test_licence_and_credit_of_the_folder_are_in_the_card(tmp_path):
    pytest.importorskip("torch")
    from capriccio_rnn.events.midi_import import read_folder
    from capriccio_rnn.events.training.main import provenance

    write_midi(tmp_path / "only.mid", tune(1))
    pieces = read_folder(tmp_path)
    assert provenance(tmp_path, pieces)["data_licence"].startswith("not stated; ask the owners")

    (tmp_path / "LICENSE").write_text("CC0")
    (tmp_path / "CREDIT.txt").write_text("Ada")

    stated = provenance(tmp_path, pieces)
    assert (stated["data_licence"], stated["credit"]) == ("CC0", "Ada")
