"""The MIDI clock of rehearsals."""

import threading

import pytest
from capriccio.devices.midi.simulated_clock import SimulatedClock


def test_a_simulated_clock_ticks_starts_and_stops():
    received, enough = [], threading.Event()

    def receive(port, when, message):
        received.append((when, message))
        if len(received) > 100:
            enough.set()

    clock = SimulatedClock(receive, 600, 1)
    assert enough.wait(120)
    clock.stop()
    assert [message for _, message in received].index(b"\xfa") == 48
    ticks = [when for when, message in received if message == b"\xf8"]
    assert ticks[96] - ticks[0] == pytest.approx(0.4, abs=0.02)
