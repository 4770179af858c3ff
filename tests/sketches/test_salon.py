"""The salon: eight pictures hang, a person picks, and the next eight grow from those."""

import subprocess
import sys
from typing import NamedTuple

import mido
import numpy as np
import pytest
from capriccio import Generator, Output
from capriccio.devices.midi.simulated_player import Simulation
from capriccio.loader import load_sketch
from capriccio.registry import use_seed
from capriccio.testing import Memory
from capriccio_critic.analyzer import Critic
from capriccio_critic.wall import CELL_HEIGHT, CELL_WIDTH, LEFT, PICTURE_X, PICTURE_Y, SIDE, TOP
from helpers.devices import ROOT
from PIL import Image

SALON = ROOT / "sketches" / "salon.py"
BEAT = 60 / 80
SECTION = 16 * BEAT


class Tints(Generator):
    """Return one colour, darker to the right."""

    def generate(self, now, *, red=0.5, green=0.5, blue=0.5):
        slope = np.linspace(1, 0.5, 64, dtype=np.float32)[None, :, None]
        return np.ones((64, 64, 1), np.float32) * slope * np.array((red, green, blue), np.float32)


class Visit(NamedTuple):
    """What the sketch had made after a frame."""

    picked: tuple[int, ...]
    pictures: list
    words: list
    title: str
    wall: np.ndarray


@pytest.fixture
def visit():
    """A function that performs the sketch with a cheap generator and returns a `Visit` a frame."""

    def visit(seconds, simulation=None, outputs=(), painter=None):
        use_seed(None)
        sketch = load_sketch(SALON)
        sketch.fps, names, stood = 4.0, sketch.names, []
        names["painter"] = painter or Tints()
        names["lineage"] = names["critic"].lineage(names["painter"], 8, toward="contrast", seed=5)

        def look(frames):
            show = names["show"]
            stood.append(
                Visit(
                    names["wall"].picked,
                    list(names["lineage"].pictures),
                    show.words,
                    show.title,
                    sketch.image,
                )
            )

        sketch.perform(outputs, seconds=seconds, simulation=simulation, progress=look)
        return stood

    return visit


def pads(path, *presses):
    """Return a simulated player that presses pads: (beats, note)."""
    track, last = mido.MidiTrack(), 0
    for beats, note in presses:
        track.append(mido.Message("note_on", note=note, time=beats * 480 - last))
        track.append(mido.Message("note_off", note=note, time=120))
        last = beats * 480 + 120
    mido.MidiFile(tracks=[track], ticks_per_beat=480).save(path)
    return Simulation(path)


def picture(wall, place):
    """Return the picture at a place of a wall, as floats."""
    x = LEFT + place % 4 * CELL_WIDTH + PICTURE_X
    y = TOP + place // 4 * CELL_HEIGHT + PICTURE_Y
    return wall[y : y + SIDE, x : x + SIDE].astype(float)


def before(beats):
    """Return the number of the last frame before a beat."""
    return int(beats * BEAT * 4 - 1e-6)


def test_eight_pictures_are_shown_with_a_remark_on_each(visit):
    memory = Memory()
    stood = visit(SECTION, outputs=[memory])
    assert not stood[4].pictures
    last = stood[before(16)]
    assert len(last.pictures) == len(set(last.words)) == 8
    for place, choice in enumerate(last.pictures):
        name, remark = last.words[place].split("\n")
        assert name == f"{choice.readings.movement}, {choice.readings.certainty:.0%}"
        assert remark.endswith(("of all", "than most"))
        shown = picture(last.wall, place).mean((0, 1))
        assert shown == pytest.approx(choice.image.mean((0, 1)), abs=2)
    assert memory.notes and not memory.sounding


def test_pictures_picked_by_pads_stay_and_have_children(visit, tmp_path):
    # Pads are arranged as the pictures are: 41 is the second of the upper row, 38 the third of the
    # lower one; 37 is pressed twice, which takes the pick back.
    presses = (8, 41), (9, 38), (10, 37), (11, 37), (12, 60)
    stood = visit(2 * SECTION, pads(tmp_path / "pads.mid", *presses))
    assert stood[before(8)].picked == ()
    old, new = stood[before(16)], stood[before(32)]
    assert old.picked == (1, 6)
    stay = [one is other for one, other in zip(old.pictures, new.pictures, strict=True)]
    assert stay == [place in (1, 6) for place in range(8)]
    assert new.title == "generation 2, grown from what you picked"
    assert new.picked == ()
    parents = [old.pictures[place].knobs["red"] for place in (1, 6)]
    near = sorted(min(abs(choice.knobs["red"] - red) for red in parents) for choice in new.pictures)
    assert near[5] < 0.3  # two may have random genes


def test_the_critic_picks_where_no_pad_is_pressed(visit):
    stood = visit(2 * SECTION)
    old, new = stood[before(16)], stood[before(32)]
    assert old.picked == ()
    liked = sorted(range(8), key=lambda place: -old.pictures[place].score)
    stay = [place for place in range(8) if old.pictures[place] is new.pictures[place]]
    assert stay == sorted(liked[:2])
    assert new.title == "generation 2, grown from what the critic picked"


def test_no_frame_makes_or_scores_more_than_one_picture(visit, monkeypatch):
    work, most = [], []
    painter, analyze = Tints(), Critic.analyze_with_movements

    def make(now, **knobs):
        work.append("made")
        return Tints.generate(painter, now, **knobs)

    def score(critic, image):
        work.append("scored")
        return analyze(critic, image)

    monkeypatch.setattr(painter, "generate", make)
    monkeypatch.setattr(Critic, "analyze_with_movements", score)

    class WorkCount(Output):
        def show(self, image, now):
            most.append(len(work))
            work.clear()

    visit(2 * SECTION, outputs=[WorkCount()], painter=painter)
    assert most[0] == 2  # before the first beat, so that every model is open then
    assert max(most[1:]) == 1
    assert sum(most) == 2 * 8 + 2 * 6


def test_two_performances_are_identical(visit, tmp_path):
    played = pads(tmp_path / "pads.mid", (8, 36), (9, 43))
    one, other = (visit(SECTION + 6, played) for _ in range(2))
    assert all((a.wall == b.wall).all() for a, b in zip(one, other, strict=True))


def test_the_command_renders_it_with_a_simulated_player(tmp_path):
    command = "--offline --seconds 5 --fps 5 --simulate --to frames:d --to midifile:x.mid"
    child = subprocess.run(
        [sys.executable, "-m", "capriccio", "run", str(SALON), *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    frames = sorted((tmp_path / "d").glob("*.png"))
    assert len(frames) == 25
    with Image.open(frames[0]) as first, Image.open(frames[-1]) as last:
        assert first.size == (1280, 720)
        bare, shown = (picture(np.asarray(frame), 0) for frame in (first, last))
    assert bare.std() < 5 < shown.std()
