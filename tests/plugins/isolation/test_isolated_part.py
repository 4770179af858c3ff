"""A worker that fails in a live show is replaced beside the frames, by its spare where it can."""

import os
import threading
from contextlib import closing
from signal import SIGKILL

import pytest
from capriccio import Moment, Performance, current_performance, generator
from capriccio.clock import LiveClock
from capriccio_isolation import worker_process
from helpers.devices import wait_for

pytestmark = pytest.mark.usefixtures("installed")


@pytest.fixture
def performance():
    live = Performance(LiveClock())
    token = current_performance.set(live)
    yield live
    current_performance.reset(token)


@pytest.fixture
def part(performance):
    with closing(generator("trouble", isolated=True, seed=7, seconds=20)) as one:
        yield one


def test_a_spare_takes_over_at_once(part):
    assert part(Moment(), heat=1.0)[0, 0, 0] == 255
    wait_for(lambda: part.worker.has_spare, what="the spare")
    assert part(Moment(), what="exit", heat=0.0)[0, 0, 0] == 255  # the last one stands
    picture = part(Moment(), heat=0.2)
    assert picture[0, 0].tolist() == [51, 7, 0]
    assert part.failures == 1
    wait_for(lambda: part.worker.has_spare, what="the next spare")


def test_no_frame_waits_for_a_new_worker(part, monkeypatch):
    may_answer = threading.Event()

    class Slow(worker_process.ChildProcess):
        """One that answers when it may."""

        def ask(self, call, seconds):
            may_answer.wait(60)
            return super().ask(call, seconds)

    part.worker.spare = False
    part(Moment(), heat=1.0)
    part(Moment(), what="exit")
    monkeypatch.setattr(worker_process, "ChildProcess", Slow)
    assert [part(Moment(), heat=0.2)[0, 0, 0] for _ in range(5)] == [255] * 5
    assert not part.worker.running
    may_answer.set()
    wait_for(lambda: part(Moment(), heat=0.2)[0, 0, 0] == 51, what="the new picture")
    assert part.failures == 1
    assert not part.worker.has_spare


def test_a_spare_of_another_seed_does_not_play(part):
    part(Moment())
    wait_for(lambda: part.worker.has_spare, what="the spare")
    part.reset(9)
    part(Moment(), what="exit")
    wait_for(lambda: part(Moment())[0, 0, 1] == 9, what="a picture by the other seed")


def test_a_gauge_says_how_often_a_part_was_replaced(part, performance):
    performance.parameters.names[id(part)] = "garden"
    part(Moment())
    gauge = performance.parameters.gauges["garden"]
    assert (gauge.read(), gauge.good()) == ("replaced 0 times", True)
    os.kill(part.worker.pid, SIGKILL)  # what it has begun ends with it, if not at once
    wait_for(lambda: part(Moment()) is not None and part.failures == 1, what="the failure")
    assert (gauge.read(), gauge.good()) == ("replaced 1 times", False)


def test_the_end_of_a_show_ends_a_spare_that_is_starting(part):
    part(Moment())
    assert "isolated" in {one.name for one in threading.enumerate()}
    part.close()
    assert "isolated" not in {one.name for one in threading.enumerate()}
    assert not part.worker.has_spare
