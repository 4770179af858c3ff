"""The organ: its stops follow what the critic reads."""

from types import SimpleNamespace

import pytest
from capriccio import Moment, Note
from capriccio.loader import load_sketch
from capriccio.registry import use_seed
from capriccio.testing import Memory
from helpers.devices import ROOT

MODELS = [
    ROOT / "plugins" / "capriccio_rnn" / "chorales.onnx",
    ROOT / "plugins" / "capriccio_vae" / "paintings.onnx",
]
pytestmark = pytest.mark.skipif(
    not all(model.is_file() for model in MODELS), reason="the models of the organ are not here"
)


@pytest.fixture(scope="module")
def organ():
    use_seed(None)
    return load_sketch(ROOT / "sketches" / "organ.py")


STILL = {"novelty": 0.0, "contrast": 0.0, "complexity": 0.0, "sharpness": 0.0}


@pytest.mark.parametrize(
    ("readings", "stops"),
    [
        ({}, []),
        ({"novelty": 0.75}, [(48, 5), (84, 5)]),
        ({"complexity": 1.0}, [(84, 7)]),  # two octaves above the other note there is no pipe
        (dict.fromkeys(STILL, 1.0), [(48, 5), (84, 5), (72, 6), (108, 6), (84, 7), (91, 8)]),
    ],
)
def test_a_reading_draws_its_stop_which_doubles_every_note_within_the_organ(organ, readings, stops):
    phrase = [Note(60, 0, 1, 0.8, 1), Note(96, 1, 1, 0.8, 1)]
    registered = organ.names["registered"](phrase, SimpleNamespace(**{**STILL, **readings}))
    assert registered[:2] == phrase
    assert [(note.pitch, note.channel) for note in registered[2:]] == stops


def test_a_stop_is_the_louder_the_further_it_is_drawn(organ):
    loud = []
    for novelty in (0.5, 0.75, 1.0):
        readings = SimpleNamespace(**{**STILL, "novelty": novelty})
        loud.append(organ.names["registered"]([Note(60)], readings)[1].velocity)
    assert loud == pytest.approx([0.8 * 0.04, 0.8 * 0.19, 0.8 * 0.34])


def test_pipes_shine_while_they_sound(organ):
    played, now = organ.names["played"], Moment(beats=4.0)
    dark = organ.names["pipes"](now).astype(int)
    played.append((14, 4.0, 1.0))
    difference = abs(organ.names["pipes"](now) - dark).max(axis=2)
    played.clear()
    middle, side = (int(share * difference.shape[1]) for share in (0.5, 0.1))
    row = difference[int(0.42 * len(difference))]
    assert row[middle] > 20 and row[side] < 5


def test_it_is_played_on_an_organ(organ):
    organ.fps, memory = 1.0, Memory()
    organ.perform([memory], seconds=4.0)
    channels = {note.channel for note in memory.notes}
    assert {1, 2, 3, 4} <= channels
    assert organ.current_stage.performance.instruments == dict.fromkeys(range(1, 9), "organ")
