"""Swing, and the irregularities of a person."""

import numpy as np
import pytest
from capriccio import Moment, Note, Sketch
from capriccio.stage.feel import TIME_SECONDS, Feel
from capriccio.testing import Memory

EIGHTHS = [Note(60, step / 2, 0.5) for step in range(8)]


def starts(phrase):
    return [note.start for note in phrase]


def test_every_second_eighth_comes_late():
    swung = Feel(swing=2 / 3).apply(EIGHTHS, Moment())
    assert starts(swung)[:4] == pytest.approx([0, 2 / 3, 1, 5 / 3])
    assert [note.length for note in swung[:2]] == pytest.approx([2 / 3, 1 / 3])
    assert starts(Feel(swing=1.0).apply(EIGHTHS, Moment()))[1] == pytest.approx(0.75)
    assert Feel().apply(EIGHTHS, Moment()) == EIGHTHS


def test_sixteenths_swing_where_the_grid_says_so():
    sixteenths = [Note(42, step / 4, 0.25) for step in range(4)]
    swung = Feel(swing=2 / 3, grid=0.25).apply(sixteenths, Moment())
    assert starts(swung) == pytest.approx([0, 1 / 3, 0.5, 5 / 6])


def test_beats_count_from_the_start_of_the_show():
    """A phrase that begins off the beat swings with the others."""
    (note,) = Feel(swing=2 / 3).apply([Note(60, 0.25, 0.5)], Moment(beats=3.25))
    assert note.start == pytest.approx(3 + 2 / 3 - 3.25)


def test_a_person_is_a_little_off_and_the_same_every_time():
    many = [Note(60, step / 4, 0.25) for step in range(400)]
    now = Moment(bpm=120.0)
    played = Feel(humanise=1.0).apply(many, now)
    assert played == Feel(humanise=1.0).apply(many, now)
    off = (np.subtract(starts(played), starts(many)) * 60 / 120)[1:]
    assert np.std(off) == pytest.approx(TIME_SECONDS, rel=0.15)
    assert abs(off.mean()) < 0.003
    assert min(starts(played)) >= 0
    assert all(0 < note.velocity <= 1 for note in played)
    assert np.std([note.velocity for note in played]) > 0.05
    half = Feel(humanise=0.5).apply(many, now)
    assert np.std(np.subtract(starts(half), starts(many))[1:]) < 0.6 * np.std(off) * 2


def test_a_play_cue_swings_and_its_knob_is_a_parameter():
    sketch, memory = Sketch(bpm=120, fps=10), Memory()
    sketch.draw(lambda now: np.zeros((16, 16, 3)))

    @sketch.play(bars=1, swing=0.0)
    def hats(now):
        return EIGHTHS

    def begun():
        return [call.now.beats for call in memory.calls if call.method == "note_on"]

    stage = sketch.stage([memory])
    assert stage.performance.parameters.by_address["/hats/swing"].value() == 0.0
    assert "/hats/humanise" not in stage.performance.parameters.by_address
    stage.performance.parameters.set("/hats/swing", 1.0)
    stage.perform(4.0)
    assert begun()[9] == pytest.approx(4.75)
    memory.calls.clear()
    sketch.perform([memory], seconds=2.0)  # begins as it is written
    assert begun()[1] == pytest.approx(0.5)


def test_odd_values_are_refused():
    with pytest.raises(ValueError, match=r"swing and humanise are 0\.\.1, got 3"):
        Sketch().play(bars=1, swing=3)
    with pytest.raises(ValueError, match=r"what swings has a length in beats, got 0"):
        Sketch().play(bars=1, swing=0.5, grid=0)
