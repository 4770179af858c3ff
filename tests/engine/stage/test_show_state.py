"""The state, the threads and the calls of one show."""

import signal
import threading

import pytest
from capriccio.testing import Memory
from helpers.shows import GREY, beat, grey, live_stage, offline_stage


@pytest.mark.parametrize("stage", [live_stage, offline_stage])
def test_signal_handlers_are_restored(stage):
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        before = [signal.getsignal(number) for number in signals]
        seen = []

        def draw(now):
            seen.append([signal.getsignal(number) for number in signals])
            return GREY

        stage([], draw=draw).perform(0.2)
        assert [signal.getsignal(number) for number in signals] == before
        assert seen[0][0] != before[0] and seen[0][1] != before[1]
        assert seen[0][2] == signal.SIG_IGN  # a show begun with nohup outlives its terminal
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.signal(signal.SIGHUP, ignored)


@pytest.mark.parametrize("stage", [live_stage, offline_stage])
def test_a_show_can_be_performed_in_any_thread(stage):
    memory = Memory()
    made = stage([memory], draw=grey, plays=[(beat, 1)])
    thread = threading.Thread(target=made.perform, args=(2,))
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert len(memory.notes) == 4 and memory.sounding == []


def test_a_live_show_ends_after_its_seconds_and_leaves_no_thread():
    before = set(threading.enumerate())
    memory = Memory()
    stage = live_stage([memory], draw=grey, plays=[(beat, 1)])
    done = []
    stats = stage.perform(2.05, done.append)
    assert (stats.frames, stats.late, stats.notes, stats.troubles) == (21, 0, 5, {})
    assert done == list(range(1, 22))
    assert memory.sounding == []
    assert set(threading.enumerate()) == before
