"""The organ: its stops follow what the critic reads."""

from types import SimpleNamespace

import pytest
from capriccio import Note
from capriccio.loader import load_sketch
from capriccio.registry import use_seed
from capriccio.testing import Memory
from helpers.devices import ROOT

MODELS = [
    ROOT / "plugins" / "capriccio_rnn" / "chorales.onnx",
    ROOT / "plugins" / "capriccio_vae" / "watercolors.onnx",
]
pytestmark = pytest.mark.skipif(
    not all(model.is_file() for model in MODELS), reason="the models of the organ are not here"
)


@pytest.fixture(scope="module")
def organ():
    use_seed(None)
    return load_sketch(ROOT / "sketches" / "organ.py")


def test_a_reading_draws_its_stop_and_the_others_stay(organ):
    drawn = organ.names["drawn"]
    still = {"novelty": 0.0, "contrast": 0.0, "complexity": 0.0, "sharpness": 0.0}
    assert drawn(SimpleNamespace(**still)) == []
    ((channel, semitones, much),) = drawn(SimpleNamespace(**{**still, "novelty": 0.75}))
    assert (channel, semitones, much) == (5, -12, 0.5)
    assert len(drawn(SimpleNamespace(**dict.fromkeys(still, 1.0)))) == 4


def test_a_stop_doubles_every_note_within_the_organ(organ):
    registered = organ.names["registered"]
    phrase = [Note(60, 0, 1, 0.8, 1), Note(96, 1, 1, 0.8, 1)]
    assert registered(phrase, []) == phrase
    doubled = registered(phrase, [(7, 24, 1.0)])[2:]
    assert [(note.pitch, note.channel) for note in doubled] == [(84, 7)]


def test_it_is_played_on_an_organ(organ):
    organ.fps, memory = 1.0, Memory()
    organ.perform([memory], seconds=4.0)
    channels = {note.channel for note in memory.notes}
    assert {1, 2, 3, 4} <= channels
    assert organ.current_stage.performance.instruments == dict.fromkeys(range(1, 9), "organ")
