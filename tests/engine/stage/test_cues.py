"""Play and draw cues, and which is called next."""

from functools import partial

import pytest
from capriccio import Generator
from capriccio.testing import Memory
from helpers.shows import GREY, moments_of, offline_stage


def test_cues_are_called_in_order_of_time_then_of_definition():
    called = []
    plays = [
        (lambda now: called.append(("slow", now.beats)), 1.5),
        (lambda now: called.append(("fast", now.beats)), 1),
    ]
    offline_stage([], plays=plays, meter=4, bpm=60).perform(13)
    slow, fast = [("slow", 0), ("slow", 6), ("slow", 12)], [("fast", beats) for beats in (0, 4, 8)]
    assert called == [slow[0], fast[0], fast[1], slow[1], fast[2], slow[2], ("fast", 12)]


def test_a_play_cue_may_be_any_callable():
    class Dots(Generator):
        def generate(self, now):
            return GREY

    memory = Memory()
    offline_stage([memory], draw=Dots()).perform(0.2)
    assert len(memory.images) == 2
    with pytest.raises(TypeError, match=r"^draw cue 'partial' returned None, expected an image"):
        offline_stage([memory], draw=partial(moments_of([]))).perform(1)


def test_a_draw_cue_may_be_any_callable():
    class Brush(list):
        """A thing that can be called, and that no dictionary takes as a key."""

        def __call__(self, now):
            self.append(now)
            return GREY

    brush, memory = Brush(), Memory()
    offline_stage([memory], draw=brush).perform(0.5)
    assert len(brush) == len(memory.images) > 1
