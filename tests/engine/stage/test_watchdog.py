"""Whatever hangs, live the others and the show go on; time is wound by the tests."""

import signal
import threading

import pytest
from capriccio import Note, ShowError
from capriccio.stage import shutdown, watchdog
from capriccio.testing import Memory
from helpers.shows import (
    GREY,
    Timed,
    beat,
    grey,
    live_stage,
    offline_stage,
    released,
    steady,
)

# -- before a show ----------------------------------------------------------------------------


def test_a_signal_before_the_show_interrupts_and_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt), watchdog.Watchdog.before_show():
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), watchdog.Watchdog.before_show():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        live_stage([Memory()], draw=grey).perform(1)
    before = signal.getsignal(signal.SIGTERM)
    with watchdog.Watchdog.before_show():
        assert signal.getsignal(signal.SIGTERM) != before
        live_stage([Memory()], draw=grey).perform(1)
        assert signal.getsignal(signal.SIGTERM) == before


# -- what hangs -------------------------------------------------------------------------------


def test_live_a_timed_output_that_hangs_holds_up_no_other(quick_watchdog, capsys):
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
def test_an_output_that_hangs_at_close_is_abandoned_and_the_others_close_first(
    quick_watchdog, monkeypatch, stage
):
    for limit in ("CLOSE_SECONDS", "OFFLINE_CLOSE_SECONDS"):
        monkeypatch.setattr(shutdown, limit, 1.5)
    order, let = [], threading.Event()

    class Stuck(Memory):
        def close(self):
            assert let.wait(120)

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


def test_an_output_that_hangs_at_note_off_is_abandoned_and_the_others_end_first(
    quick_watchdog, monkeypatch
):
    monkeypatch.setattr(shutdown, "NOTE_SECONDS", 1.5)
    let, memory, seen = threading.Event(), Memory(), []

    class Stuck(Memory):
        def note_off(self, note, now):
            if stage.show.stopping.is_set():
                try:
                    assert let.wait(120)
                finally:
                    seen.append(list(memory.sounding))

    long = (lambda now: [Note(60, 0, 99)], 1)
    stuck = Stuck()
    with released(let):
        stage = live_stage([stuck, memory], draw=grey, plays=[long])
        stage.perform(1)
    assert seen == [[]]
    assert stuck.calls[-1].method == memory.calls[-1].method == "close"
