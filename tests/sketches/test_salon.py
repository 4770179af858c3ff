"""The salon: eight pictures hang, somebody picks, and the next eight grow from that."""

import subprocess
import sys
from typing import NamedTuple

import mido
import numpy as np
import pytest
from capriccio import Generator, Moment, Output
from capriccio.devices.midi.simulated_player import Simulation
from capriccio.loader import load_sketch
from capriccio.registry import use_seed
from capriccio.testing import Memory, check_generator
from capriccio_critic.analyzer import Critic
from capriccio_critic.wall import ACROSS, CELL_HIGH, CELL_WIDE, DOWN, LEFT, SIDE, TOP, Wall
from helpers.devices import ROOT
from PIL import Image

SALON = ROOT / "sketches" / "salon.py"
BEAT = 60 / 80
SECTION = 16 * BEAT
NOW = Moment()


class Tints(Generator):
    """Paint a ground of one colour, darker to the right."""

    def generate(self, now, *, red=0.5, green=0.5, blue=0.5):
        slope = np.linspace(1, 0.5, 64, dtype=np.float32)[None, :, None]
        return np.ones((64, 64, 1), np.float32) * slope * np.array((red, green, blue), np.float32)


class Visit(NamedTuple):
    """How things stood after a frame."""

    picked: tuple[int, ...]
    pictures: list
    words: list
    title: str
    wall: np.ndarray


@pytest.fixture
def visit():
    """Perform the sketch, with a painter that costs nothing; give how it stood after each frame."""

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

        sketch.perform(outputs, seconds=seconds, simulation=rehearsal, progress=look)
        return stood

    return visit


def pads(path, *presses):
    """Have somebody press pads: (beats, note)."""
    track, last = mido.MidiTrack(), 0
    for beats, note in presses:
        track.append(mido.Message("note_on", note=note, time=beats * 480 - last))
        track.append(mido.Message("note_off", note=note, time=120))
        last = beats * 480 + 120
    mido.MidiFile(tracks=[track], ticks_per_beat=480).save(path)
    return Simulation(path)


def picture(wall, place):
    """Cut what hangs at a place out of a wall."""
    x = LEFT + place % 4 * CELL_WIDE + ACROSS
    y = TOP + place // 4 * CELL_HIGH + DOWN
    return wall[y : y + SIDE, x : x + SIDE].astype(float)


def before(beats):
    """Give the number of the last frame before a beat."""
    return int(beats * BEAT * 4 - 1e-6)


# -- the sketch -------------------------------------------------------------------------------


def test_eight_pictures_hang_and_the_critic_comments_on_each(visit):
    memory = Memory()
    stood = visit(SECTION, outputs=[memory])
    assert not stood[4].pictures
    last = stood[before(16)]
    assert len(last.pictures) == len(set(last.words)) == 8
    for place, choice in enumerate(last.pictures):
        name, remark = last.words[place].split("\n")
        assert name == f"{choice.readings.movement}, {choice.readings.certainty:.0%}"
        assert remark.endswith(("of all", "than most"))
        hung = picture(last.wall, place).mean((0, 1))
        assert hung == pytest.approx(choice.image.mean((0, 1)), abs=2)
    assert memory.notes and not memory.sounding


def test_what_the_pads_pick_hangs_on_and_has_children(visit, tmp_path):
    # The pads lie as the pictures do: 41 is the upper second, 38 the lower third; 37 is taken back.
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
    assert near[5] < 0.3  # six of eight at least, for one may come from nowhere


def test_where_nobody_picks_the_critic_does(visit):
    stood = visit(2 * SECTION)
    old, new = stood[before(16)], stood[before(32)]
    assert old.picked == ()
    liked = sorted(range(8), key=lambda place: -old.pictures[place].score)
    stay = [place for place in range(8) if old.pictures[place] is new.pictures[place]]
    assert stay == sorted(liked[:2])
    assert new.title == "generation 2, grown from what the critic picked"


def test_no_frame_paints_or_judges_more_than_one_picture(visit, monkeypatch):
    work, most = [], []
    painter, weigh = Tints(), Critic.weigh

    def paint(now, **knobs):
        work.append("painted")
        return Tints.generate(painter, now, **knobs)

    def judge(critic, image):
        work.append("judged")
        return weigh(critic, image)

    monkeypatch.setattr(painter, "generate", paint)
    monkeypatch.setattr(Critic, "weigh", judge)

    class Ledger(Output):
        def show(self, image, now):
            most.append(len(work))
            work.clear()

    visit(2 * SECTION, outputs=[Ledger()], painter=painter)
    assert most[0] == 2  # before the first beat, so that every model is open then
    assert max(most[1:]) == 1
    assert sum(most) == 2 * 8 + 2 * 6


def test_the_salon_is_the_same_every_time(visit, tmp_path):
    played = pads(tmp_path / "pads.mid", (8, 36), (9, 43))
    one, other = (visit(SECTION + 6, played) for _ in range(2))
    assert all((a.wall == b.wall).all() for a, b in zip(one, other, strict=True))


def test_it_is_rehearsed_without_hands_by_the_command(tmp_path):
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
        bare, hung = (picture(np.asarray(frame), 0) for frame in (first, last))
    assert bare.std() < 5 < hung.std()


# -- the wall ---------------------------------------------------------------------------------


def test_the_wall_keeps_the_contract():
    check_generator(Wall)
    check_generator("wall")


def test_a_wall_turns_from_what_hung_to_what_hangs_one_picture_after_the_other():
    wall = Wall()
    light, dark = (np.full((20, 30, 3), level, np.uint8) for level in (200, 40))
    kept = {"pictures": [light] * 8, "before": [dark] * 8}
    levels = {
        turn: [picture(wall(NOW, turn=turn, **kept), place).mean() for place in range(8)]
        for turn in (0.0, 0.5, 1.0)
    }
    assert levels[0.0] == [40] * 8
    assert levels[1.0] == [200] * 8
    assert levels[0.5] == sorted(levels[0.5], reverse=True)
    assert (levels[0.5][0], levels[0.5][7]) == (200, 40)


def test_a_picture_is_picked_by_whoever_turns_its_knob():
    wall = Wall()
    dark = wall(NOW)
    assert wall.picked == ()
    wall(NOW, pick3=0.5, pick8=0.4)
    assert wall.picked == (2,)
    lit = wall(NOW, pick3=1.0)
    rows, columns = np.nonzero((lit.astype(int) - dark).max(axis=2) > 40)
    assert rows.max() < TOP + CELL_HIGH
    assert columns.min() >= LEFT + 2 * CELL_WIDE and columns.max() < LEFT + 3 * CELL_WIDE
    wall.hold("pick3", 0.0)
    wall.hold("pick5", 1.0)
    wall(NOW, pick3=1.0)
    assert wall.picked == (4,)


def test_words_and_the_seal_stand_on_the_plaque():
    wall = Wall()
    shown = {"pictures": [np.zeros((8, 8, 3), np.uint8)] * 8}
    empty = wall(NOW, **shown)
    told = wall(NOW, words=["", "", "", "", "a word"], **shown)
    sealed = wall(NOW, words=["", "", "", "", "a word"], favourite=4, **shown)
    rows, columns = np.nonzero((told != empty).any(axis=2))
    assert rows.min() > TOP + CELL_HIGH + DOWN + SIDE
    assert columns.min() > LEFT and columns.max() < LEFT + CELL_WIDE
    red = (sealed[..., 0].astype(int) - sealed[..., 1] > 100).sum()
    assert red > 100 > (told[..., 0].astype(int) - told[..., 1] > 100).sum()
    long = wall(NOW, words=["x" * 500], **shown)
    assert (long[:, LEFT + CELL_WIDE :] == empty[:, LEFT + CELL_WIDE :]).all()
