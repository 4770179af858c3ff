"""Outputs that are early or late by a delay."""

import numpy as np
import pytest
from capriccio import Note, Output, ShowError
from capriccio.registry import output
from capriccio.testing import Memory
from helpers.shows import live_stage, offline_stage


def eighths(now):
    return [Note(60, start=beat / 2, length=0.25) for beat in range(int(now.span * 2))]


def times(memory, method="note_on") -> list[float]:
    return [call.now.seconds for call in memory.calls if call.method == method]


@pytest.mark.parametrize("ms", [-100, 0, 300])
def test_a_timed_output_is_early_or_late_by_its_delay(ms):
    class Sound(Memory):
        timed = True
        show = Output.show  # an output that shows images cannot be early

    memory = Sound()
    memory.delay = ms / 1000
    live_stage([memory], plays=[(eighths, 1)], draw=lambda now: np.zeros((8, 8, 3))).perform(4.0)
    expected = [call.now.beats / 2 + ms / 1000 for call in memory.calls if call.method == "note_on"]
    assert len(expected) > 10
    assert times(memory) == pytest.approx(expected)


@pytest.mark.parametrize("ms", [0, 150, 333])
def test_an_image_is_shown_late_by_the_delay_and_none_twice(ms):
    class Display(Memory):
        def show(self, image, now):
            super().show(image, now)
            late.append(round(1000 * (stage.clock.seconds() - now.seconds)))

    display, late = Display(), []
    display.delay = ms / 1000
    stage = live_stage([display], draw=lambda now: np.full((8, 8, 3), now.seconds / 10))
    stage.perform(4.0)
    shown = [call.now.seconds for call in display.calls if call.method == "show"]
    assert shown == sorted(set(shown)) and len(shown) >= 36
    assert late[1:] == pytest.approx([ms] * (len(late) - 1), abs=1)


@pytest.mark.parametrize(
    ("ms", "live", "words"),
    [
        (-5, True, r"cannot show a picture 5 ms early; have the sound late instead: midi@5ms"),
        (1001, True, r"has a delay of 1001 ms; give at most 1000"),
        (5, False, r"has a delay of 5 ms; files are exact, leave it out"),
    ],
)
def test_an_impossible_delay_is_refused(ms, live, words):
    memory = Memory()
    memory.delay = ms / 1000
    with pytest.raises(ShowError, match=words):
        (live_stage if live else offline_stage)([memory], plays=[(eighths, 1)])


def test_the_command_line_sets_the_delay():
    assert output("midi:nanoKEY2 @ home@-15ms").delay == -0.015
    assert output("midi:nanoKEY2 @ home@-15ms").target == "nanoKEY2 @ home"
    assert output("screen:1@40.5ms").delay == 0.0405
    assert output("midi@40ms").target == ""
    assert output("midi:a@b").delay == 0
