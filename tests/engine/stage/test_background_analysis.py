"""Live analyzers read in threads of their own."""

import threading
from typing import NamedTuple

import pytest
from capriccio import Analyzer, Performance, log
from capriccio.clock import LiveClock, OfflineClock
from capriccio.parameters import Parameters
from capriccio.performance import current_performance
from capriccio.stage import background_analysis
from capriccio.stage.background_analysis import BackgroundAnalyses
from helpers.devices import wait_for
from helpers.shows import (
    GREY,
    beat,
    boom,
    leave,
    live_stage,
    offline_stage,
    released,
    steady,
)


class Level(NamedTuple):
    level: float


@pytest.fixture
def live():
    """Yield the analyses of a live performance that lasts until the end of the test."""
    clock, parameters = LiveClock(), Parameters()
    analyses = BackgroundAnalyses(clock, parameters)
    token = current_performance.set(Performance(clock, parameters=parameters, read=analyses))
    log.summarize()
    yield analyses
    current_performance.reset(token)
    log.summarize()
    analyses.stop(0.0)


class Slow(Analyzer):
    """Read numbers, each only when it is let; the number is the reading."""

    def __init__(self):
        self.let = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.read_things = []

    def analyze(self, thing):
        self.begun.release()
        assert self.let.acquire(timeout=60)
        self.read_things.append(thing)
        if isinstance(thing, Exception):
            raise thing
        return Level(thing)


def settle(live, analyzer):
    """Wait until the analyzer has nothing more to read."""
    wait_for(lambda: live.of(analyzer).idle)


def test_offline_an_analyzer_reads_at_once():
    slow = Slow()
    token = current_performance.set(Performance(OfflineClock()))
    slow.let.release(2)
    assert [slow(0.1).level, slow(0.2).level] == [0.1, 0.2]
    current_performance.reset(token)


def test_live_the_newest_thing_is_read_and_no_cue_waits(live):
    slow = Slow()
    slow.let.release()
    assert slow(0.1).level == 0.1  # the very first reading is waited for
    settle(live, slow)
    assert slow.begun.acquire(timeout=60)

    assert slow(0.2).level == 0.1
    assert slow.begun.acquire(timeout=60)  # it reads 0.2 now
    assert slow(0.3).level == 0.1
    assert slow(0.4).level == 0.1
    slow.let.release(2)
    settle(live, slow)
    assert slow.read_things == [0.1, 0.2, 0.4]  # 0.3 was overtaken
    slow.let.release()
    assert slow(0.5).level == 0.4
    settle(live, slow)


def test_live_read_waits_for_its_own_reading(live):
    slow = Slow()
    slow.let.release()
    assert slow.read(0.7).level == 0.7


def test_live_a_missing_first_reading_raises(live, monkeypatch):
    monkeypatch.setattr(background_analysis, "FIRST_READING_SECONDS", 0.01)
    slow = Slow()
    with pytest.raises(TimeoutError, match=r"^analyzer 'slow' gave no reading within 0\.01 s$"):
        slow(0.1)
    slow.let.release()


def test_live_an_error_in_the_first_reading_is_raised(live):
    slow = Slow()
    slow.let.release()
    with pytest.raises(OSError, match="no device"):
        slow(OSError("no device"))


def test_live_a_hanging_analyzer_is_reported_and_its_readings_stay(live, monkeypatch, capsys):
    slow = Slow()
    slow.let.release()
    slow(0.1)
    settle(live, slow)
    slow.begun.acquire(timeout=60)
    slow(0.2)
    assert slow.begun.acquire(timeout=60)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(background_analysis, "HANGING_SECONDS", 0.0)
    assert slow(0.3).level == 0.1
    assert slow(0.4).level == 0.1
    told = "capriccio: analyzer 'slow' does not answer; its last readings stay\n"
    assert capsys.readouterr().err == told  # once
    slow.let.release(2)
    settle(live, slow)


def test_live_an_error_is_logged_and_the_readings_stay(live, capsys):
    slow = Slow()
    slow.let.release(2)
    assert slow(0.1).level == 0.1
    settle(live, slow)
    assert slow(OSError("no device")).level == 0.1
    settle(live, slow)
    slow.let.release(2)
    assert slow(0.2).level == 0.1
    told = "capriccio: analyzer 'slow' raised OSError('no device'); its last readings stay\n"
    assert capsys.readouterr().err == told
    settle(live, slow)
    assert slow(0.3).level == 0.2
    settle(live, slow)


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
    eye = Eye(lambda: let.wait(120))

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
            assert let.wait(120)
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
