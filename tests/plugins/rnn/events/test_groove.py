"""Tests of the comparison of the drummer with human drummers."""

import json

import mido
import numpy as np
import pytest
from capriccio import Note
from capriccio_rnn.events.__main__ import events
from capriccio_rnn.events.groove import compare, divergence
from click.testing import CliRunner
from helpers.devices import ROOT

GROOVES = ROOT.parent / "shared" / "data" / "music-groove-drums"


@pytest.mark.slow
def test_it_plays_as_hard_and_as_late_as_the_drummers_of_the_test_split():
    if not GROOVES.is_dir():
        pytest.skip(f"the Groove MIDI Dataset is not at {GROOVES}")

    found = compare(GROOVES)

    for what in ("velocity", "timing", "drum"):
        figures = found[f"divergence of {what}, bits"]
        assert figures["ours"] < max(0.02, 2 * figures["train"]), what
    assert found["hits a beat"]["ours"] == pytest.approx(found["hits a beat"]["test"], rel=0.2)


def test_one_command_compares_the_drummer_with_a_split(tmp_path):
    hits = [Note(36 + beat % 2 * 2, beat, 0.1, 0.8, 10) for beat in range(16)]
    names = ("train", "validation", "test")
    for repeats, name in enumerate(names, 1):
        file = mido.MidiFile()
        track = file.add_track()
        for note in hits * repeats:
            track.append(mido.Message("note_on", channel=9, note=note.pitch, velocity=100))
            track.append(mido.Message("note_off", channel=9, note=note.pitch, time=480))
        file.save(tmp_path / f"{name}.mid")
    rows = [f"{name}.mid,{name}" for name in names]
    (tmp_path / "info.csv").write_text("\n".join(["midi_filename,split", *rows]))

    found = {}
    for split in ("valid", "test"):
        ran = CliRunner().invoke(events, ["groove", "--data", str(tmp_path), "--split", split])
        assert ran.exit_code == 0, ran.output
        found[split] = json.loads(ran.stdout)["hits"]

    assert found["valid"]["valid"] == 32 and found["test"]["test"] == 48
    assert found["valid"]["ours"] > 0


def test_the_divergence_is_0_for_equal_and_1_for_disjoint_histograms():
    one, other = np.array([2, 0, 1]), np.array([0, 5, 0])

    assert divergence(one, 3 * one) == 0
    assert divergence(one, other) == 1
