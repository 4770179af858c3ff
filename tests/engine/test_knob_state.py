"""What the engine keeps of a generator: held knobs, and the part that takes over from it."""

import numpy as np
import pytest
from capriccio import Generator, Moment, Note


class Grey(Generator):
    """Paint one grey."""

    def __init__(self, base=0, fails=False):
        self.base, self.fails = base, fails

    def generate(self, now, *, level=0.5):
        if self.fails:
            raise OSError("no paint")
        return np.full((2, 2, 3), self.base + int(100 * level), np.uint8)


def shade(part, beats=0.0, **knobs) -> int:
    return int(part(Moment(beats=beats), **knobs)[0, 0, 0])


def test_a_held_knob_goes_before_what_the_sketch_passes():
    grey = Grey()
    grey.hold("level", 1.0)
    assert (shade(grey, level=0.2), dict(grey.knob_state.held)) == (100, {"level": 1.0})
    grey.hold("level", None)
    assert (shade(grey, level=0.2), dict(grey.knob_state.held)) == (20, {})


def test_the_last_call_is_known():
    grey = Grey()
    shade(grey, level=0.25)
    assert grey.knob_state.last == {"level": 0.25}


def test_a_replacement_fades_in_over_one_beat_and_shares_held_knobs():
    old, new, done = Grey(), Grey(base=100), []
    old.hold("level", 0.5)
    old.knob_state.replace(new, lambda: done.append(True))
    assert old.knob_state.replaced
    shades = [shade(old, beats) for beats in (4.0, 4.5, 5.0, 6.0)]
    assert shades == [50, 100, 150, 150]
    assert done == [True]
    new.hold("level", 1.0)
    assert shade(old, 7.0) == 200 and dict(old.knob_state.held) == {"level": 1.0}


def test_music_is_replaced_at_once():
    class Bell(Generator):
        def __init__(self, pitch):
            self.pitch = pitch

        def generate(self, now):
            return [Note(self.pitch)]

    old = Bell(60)
    old.knob_state.replace(Bell(72))
    assert old(Moment()) == [Note(72)]


def test_a_replacement_that_raises_is_given_up(capsys):
    old = Grey()
    old.knob_state.replace(Grey(fails=True))
    assert [shade(old), shade(old)] == [50, 50]
    assert "the replacement of generator 'grey' raised OSError: no paint" in capsys.readouterr().err
    assert not old.knob_state.replaced


def test_a_value_that_does_not_fit_is_not_held():
    grey = Grey()
    with pytest.raises(TypeError, match=r"must be a number 0\.\.1, got 'much'"):
        grey.hold("level", "much")
    assert not grey.knob_state.held
