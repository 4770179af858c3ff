"""Outputs that are early or late by a delay."""

import numpy as np
import pytest
from capriccio import Note, Output, ShowError, Sketch
from capriccio.registry import output
from capriccio.stage.stage import SEND_SECONDS
from capriccio.testing import Memory
from helpers.shows import GREY, ThreadCounter, Timed, beat, grey, live_stage, offline_stage, turns


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


def test_a_timed_output_gets_events_ahead_of_time_and_in_order():
    timed = Timed()
    plays = [(beat, 1), (lambda now: [Note(40, step / 4, 0.2) for step in range(16)], 1)]
    timed.stage = stage = live_stage([timed], draw=grey, plays=plays, fps=30)
    stage.perform(6)
    assert len(timed.ahead) == 60
    assert max(timed.ahead) <= SEND_SECONDS + 1e-6
    assert min(timed.ahead[6:]) > 0.1  # what sounds at the first beat can only come with it
    beats = [now for now, _, _ in turns(timed)]
    assert beats == sorted(beats)


def test_a_timed_output_gets_nothing_that_would_start_after_the_end():
    timed = Timed()
    timed.stage = stage = live_stage([timed], plays=[(beat, 1)])
    stage.perform(1.9)
    assert [now for now, begins, _ in turns(timed) if begins] == [0, 1, 2, 3]
    assert timed.sounding == []


def test_a_note_sent_ahead_of_the_end_is_ended_after_it_starts():
    timed = Timed()

    def draw(now):
        if now.seconds >= 0.85:
            timed.closed = True
        return GREY

    timed.stage = stage = live_stage([timed], draw=draw, plays=[(beat, 1)], fps=20)
    stage.perform()
    assert turns(timed)[-2:] == [(2, True, 62), (2, False, 62)]  # beat 2 is at 1 second
    assert stage.clock.seconds() < 1


def test_notes_are_sent_when_due_however_slow_the_pictures_are():
    class Watch(Memory):
        def note_on(self, note, now):
            super().note_on(note, now)
            heard.append((now.seconds, stage.clock.seconds()))

    heard = []
    stage = live_stage([Watch()], draw=grey, plays=[(beat, 1)], fps=0.5, bpm=100)
    stage.perform(6)
    assert len(heard) == 10
    for due, handed in heard:
        assert handed == pytest.approx(due, abs=1e-6)


def test_an_output_is_in_one_thread_at_a_time():
    """In real time, since the wound clock has its threads take turns."""
    crowd = ThreadCounter()

    class Timid(Timed):
        def show(self, image, now):
            crowd.enter()

        def note_on(self, note, now):
            crowd.enter()

    sketch = Sketch(fps=200)
    sketch.draw(grey)
    sketch.play(bars=1)(lambda now: [Note(pitch, pitch / 32, 1) for pitch in range(128)])
    sketch.perform([Timid()], seconds=1, live=True)
    assert crowd.most == 1 and crowd.calls > 64
