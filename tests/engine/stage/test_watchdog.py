"""Whatever hangs, live the others and the show go on; time is wound by the tests."""

import threading
from typing import NamedTuple

import pytest
from capriccio import Analyzer, Note, ShowError
from capriccio.stage import background_analysis, shutdown, watchdog
from capriccio.testing import Memory
from helpers.shows import (
    GREY,
    Timed,
    beat,
    boom,
    grey,
    leave,
    live_stage,
    offline_stage,
    released,
    steady,
    turns,
)

# -- what hangs -------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch):
    """Have whoever hangs noticed at once, since the tests' time stands still meanwhile."""
    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.005)
    monkeypatch.setattr(watchdog, "HANGING_SECONDS", 0.1)
    monkeypatch.setattr("capriccio.stage.recovery.HANG_SECONDS", 0.05)
    monkeypatch.setattr("capriccio.stage.stage.JOIN_SECONDS", 0.1)
    monkeypatch.setattr("capriccio.stage.event_queue.ENTER_SECONDS", 0.05)
    monkeypatch.setattr(shutdown, "NOTES_BESIDE_SECONDS", 0.02)
    monkeypatch.setattr(shutdown, "CLOSE_BESIDE_SECONDS", 0.02)


def test_live_music_goes_on_when_a_picture_hangs(impatient, capsys):
    """While the draw cue hangs, the test itself lets the time pass."""
    heard, timed = Memory(), Timed()

    def draw(now):
        if now.seconds == 0.5:
            while stage.clock.seconds() < 3 and not stage.show.stopping.is_set():
                stage.clock.wait(stage.clock.seconds() + 0.01)
                threading.Event().wait(0.003)
            during.extend([len(heard.notes), len(timed.notes)])
        return GREY

    during = []
    timed.stage = stage = live_stage([heard, timed], draw=draw, plays=[(beat, 1)])
    stats = stage.perform(3.5)
    assert during[0] >= 5 and during[1] >= 6  # 7 beats in three seconds, one before the hanging
    assert heard.sounding == timed.sounding == []
    assert len(heard.notes) == len(timed.notes) == 7
    words = "draw cue 'draw' does not answer; the last image stays"
    assert stats.troubles == {words: 1}
    assert capsys.readouterr().err == f"capriccio: {words}\n"


def test_live_pictures_and_the_other_music_go_on_when_a_play_cue_hangs(impatient, capsys):
    let, memory = threading.Event(), Memory()

    def hanging(now):
        if now.beats:
            stage.clock.hang(let)
        return [Note(40, 0, 9)]

    def other(now):
        return [Note(80)]

    def draw(now):
        threading.Event().wait(0.01)  # real time for the stagehand to notice
        return GREY

    with released(let):
        stage = live_stage([memory], draw=draw, plays=[(hanging, 1), (other, 0.25)])
        stats = stage.perform(6)
    assert len(memory.images) == 60
    pitches = [note.pitch for note in memory.notes]
    assert pitches.count(40) == 1 and pitches.count(80) >= 8
    assert memory.sounding == []  # what was composed before is ended
    assert stats.troubles["play cue 'hanging' does not answer; it rests"] == 1
    assert capsys.readouterr().err.count("does not answer") == 1


def test_live_a_play_cue_that_comes_back_plays_again(impatient):
    let, memory = threading.Event(), Memory()

    def hanging(now):
        if now.beats == 4:
            stage.clock.hang(let)
        return [Note(40)]

    def draw(now):
        threading.Event().wait(0.01)
        if now.seconds >= 6:
            stage.clock.let_go(let)
        return GREY

    with released(let):
        stage = live_stage([memory], draw=draw, plays=[(hanging, 1), (beat, 1)])
        stage.perform(12)
    begun = [now for now, begins, pitch in turns(memory) if begins and pitch == 40]
    assert begun[0] == 0 and begun[-1] == 20 and 4 not in begun


def test_live_a_timed_output_that_hangs_holds_up_no_other(impatient, capsys):
    let, ended = threading.Event(), []

    class Deaf(Timed):
        name = "deaf"

        def note_on(self, note, now):
            stage.clock.hang(let)

        def note_off(self, note, now):
            ended.append(note)

    timed, (memory, claim) = Timed(), steady()

    def draw(now):
        threading.Event().wait(0.02)
        return GREY

    with released(let):
        timed.stage = stage = live_stage([Deaf(), timed, memory], draw=draw, plays=[(beat, 1)])
        stats = stage.perform(2)
    claim()
    assert len(timed.notes) == 4 and timed.sounding == []
    assert stats.troubles["output 'deaf' does not answer; the show goes on"] == 1


@pytest.mark.parametrize("stage", [live_stage, offline_stage])
def test_an_output_that_hangs_when_it_is_closed_is_left_and_the_others_are_closed_first(
    impatient, monkeypatch, stage
):
    monkeypatch.setattr(shutdown, "CLOSE_SECONDS", 0.5)
    order, let = [], threading.Event()

    class Stuck(Memory):
        def close(self):
            assert let.wait(20)

    class Free(Memory):
        def close(self):
            super().close()
            order.append("closed")

    def left(*arguments):
        order.append("left")
        signal_main(*arguments)

    signal_main = watchdog.signal.pthread_kill
    monkeypatch.setattr(watchdog.signal, "pthread_kill", left)
    free = Free()
    made = stage([Stuck(), free], draw=grey, plays=[(beat, 1)])
    with released(let):
        if stage is live_stage:
            stats = made.perform(1)
            assert stats.troubles == {"output 'stuck' was abandoned before it had ended": 1}
        else:
            with pytest.raises(ShowError, match="output 'stuck' was abandoned before it had ended"):
                made.perform(1)
    assert order == ["closed", "left"]
    assert free.sounding == [] and free.calls[-1].method == "close"


def test_an_output_that_hangs_when_a_note_ends_is_left_and_the_others_notes_end_first(
    impatient, monkeypatch
):
    monkeypatch.setattr(shutdown, "NOTE_SECONDS", 0.5)
    let, memory, seen = threading.Event(), Memory(), []

    class Stuck(Memory):
        def note_off(self, note, now):
            if stage.show.stopping.is_set():
                try:
                    assert let.wait(20)
                finally:
                    seen.append(list(memory.sounding))

    long = (lambda now: [Note(60, 0, 99)], 1)
    stuck = Stuck()
    with released(let):
        stage = live_stage([stuck, memory], draw=grey, plays=[long])
        stage.perform(1)
    assert seen == [[]]
    assert stuck.calls[-1].method == memory.calls[-1].method == "close"


# -- analyzers --------------------------------------------------------------------------------


class Level(NamedTuple):
    level: float


class Eye(Analyzer):
    """Read how many things it has read; fail from the second on, in the given way."""

    def __init__(self, fault):
        self.fault, self.count = fault, 0

    def analyze(self, thing):
        self.count += 1
        if self.count > 1:
            self.fault()
        return Level(0.25)


@pytest.mark.parametrize("fault", [boom, leave], ids=["raises", "leaves"])
def test_live_the_last_readings_stay_where_an_analyzer_fails(fault, capsys):
    (memory, claim), eye, seen = steady(), Eye(fault), []

    def draw(now):
        seen.append(eye(GREY).level)
        threading.Event().wait(0.002)
        return GREY

    stats = live_stage([memory], draw=draw, plays=[(beat, 1)]).perform(2)
    claim()
    assert seen == [0.25] * 20
    ((message, times),) = stats.troubles.items()
    assert message.startswith("analyzer 'eye' raised ") and times > 1
    assert message.endswith("; its last readings stay")
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_live_the_last_readings_stay_where_an_analyzer_hangs(monkeypatch, capsys):
    monkeypatch.setattr(background_analysis, "HANGING_SECONDS", 0.05)
    monkeypatch.setattr("capriccio.stage.stage.JOIN_SECONDS", 0.1)
    (memory, claim), let, seen = steady(), threading.Event(), []
    eye = Eye(lambda: let.wait(20))

    def draw(now):
        seen.append(eye(GREY).level)
        threading.Event().wait(0.01)
        return GREY

    with released(let):
        stats = live_stage([memory], draw=draw, plays=[(beat, 1)]).perform(2)
    claim()
    assert seen == [0.25] * 20
    assert list(stats.troubles) == ["analyzer 'eye' does not answer; its last readings stay"]
    assert capsys.readouterr().err.count("; its last readings stay") == 2


def test_live_an_analyzer_that_is_first_asked_in_the_midst_of_a_show_is_not_waited_for():
    (memory, claim), let, seen = steady(), threading.Event(), []

    class Slow(Analyzer):
        def analyze(self, thing):
            assert let.wait(20)
            return Level(0.75)

    slow = Slow()

    def draw(now):
        if now.seconds == 1.5:
            let.set()
            threading.Event().wait(0.2)
        if now.seconds > 0.5:
            seen.append(slow(GREY).level)
        return GREY

    with released(let):
        stats = live_stage([memory], draw=draw, plays=[(beat, 1)]).perform(2)
    claim()
    assert seen[-1] == 0.75
    ((message, times),) = stats.troubles.items()
    assert message.startswith("draw cue 'draw' raised TimeoutError: analyzer 'slow' has no reading")
    assert times >= 9


def test_offline_an_analyzer_that_fails_is_raised():
    eye = Eye(boom)

    def draw(now):
        eye(GREY)
        return GREY

    with pytest.raises(OSError, match="no device"):
        offline_stage([], draw=draw).perform(1)


def test_the_threads_of_live_analyzers_end_with_the_show():
    before = set(threading.enumerate())
    eye = Eye(lambda: None)

    def draw(now):
        eye(GREY)
        return GREY

    for _ in range(2):
        live_stage([], draw=draw).perform(1)
        assert set(threading.enumerate()) == before
