"""A worker that fails in a live show is replaced beside the frames."""

import time
from contextlib import closing

import pytest
from capriccio import Moment, Performance, current_performance, generator
from capriccio.clock import LiveClock
from helpers.devices import wait_for

pytestmark = pytest.mark.usefixtures("installed")


def test_no_frame_waits_for_a_new_worker(monkeypatch):
    token = current_performance.set(Performance(LiveClock()))
    try:
        with closing(generator("trouble", isolated=True, seed=7, seconds=20)) as part:
            part(Moment(), heat=1.0)
            part(Moment(), what="exit")
            assert part.failures == 1
            ask, asked = part.worker.ask, []

            def slow(call):
                asked.append(call)
                time.sleep(0.3)  # as long as a start may take
                return ask(call)

            monkeypatch.setattr(part.worker, "ask", slow)
            pictures = [part(Moment(), heat=0.2)[0, 0, 0] for _ in range(5)]
            assert pictures == [255] * 5  # the last one stands
            assert len(asked) == 1
            wait_for(lambda: part(Moment(), heat=0.2)[0, 0, 0] == 51, what="the new picture")
            assert part.failures == 1
    finally:
        current_performance.reset(token)
