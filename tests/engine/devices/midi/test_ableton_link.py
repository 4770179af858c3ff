"""Ableton Link, by timestamps and with a real peer."""

import subprocess
import sys
import threading
import time

import pytest
from capriccio import Performance, ShowError
from capriccio.clock import LiveClock, OfflineClock
from capriccio.devices.midi.ableton_link import LinkFollower, LinkInput
from helpers.devices import wait_for


def test_a_show_begins_with_the_next_bar_of_a_link_and_follows_its_tempo():
    clock = OfflineClock(120)
    clock.change(standing=True)
    clock.ahead = 0.25
    linked = LinkFollower(clock)

    def session_beats(seconds: float) -> float:
        """Return the beats of the session: 6.5 at first, at 120 and then at 96 bpm."""
        return 6.5 + 2 * min(seconds, 8) + 1.6 * max(0.0, seconds - 8)

    for step in range(300):
        clock.wait(step / 10)
        linked.update(step / 10, session_beats(step / 10), 120 if step < 80 else 96, 1)
    assert clock.seconds_at(0.0) == pytest.approx(0.75)  # when they come to beat 8
    for seconds in (2, 5, 8, 20, 29):
        assert clock.beats_at(seconds) == pytest.approx(session_beats(seconds) - 8, abs=0.01)


def test_the_last_tempo_of_a_link_stays_when_the_other_peers_leave(capsys):
    linked = LinkFollower(OfflineClock(120))
    for peers in (0, 2, 2, 0, 0):
        linked.update(0.0, 0.0, 97.0, peers)
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "capriccio: 2 other peers on Ableton Link, at 97.0 bpm",
        "capriccio: no other peer is on Ableton Link any more; the tempo stays at 97.0 bpm",
    ]


OTHER = """
import asyncio, time, aalink

async def main():
    link = aalink.Link(143)
    link.enabled = True
    while True:
        await asyncio.sleep(0.1)
        print(time.monotonic(), link.beat, flush=True)

asyncio.run(main())
"""


def test_a_real_link_is_joined():
    pytest.importorskip("aalink", reason="aalink is not installed; pip install aalink")
    other = subprocess.Popen([sys.executable, "-c", OTHER], stdout=subprocess.PIPE, text=True)
    link, clock = LinkInput(), LiveClock(90)
    try:
        other.stdout.readline()  # it was there first, so the tempo is its own
        time.sleep(0.5)
        link.start(Performance(clock))
        clock.start(0.1)
        try:
            wait_for(lambda: link.follower.peers, seconds=10)
        except AssertionError:
            pytest.skip("no multicast on this machine")
        wait_for(lambda: abs(clock.tempo.bpm_at(clock.soonest()) - 143) < 1)
        wait_for(lambda: clock.beats_at(clock.seconds()) > 4)
        zero = clock.monotonic(0.0)
        wait_for(lambda: abs(apart(other, clock, zero)) < 0.05)
        assert max(abs(apart(other, clock, zero)) for _ in range(10)) < 0.1
    finally:
        link.close()
        other.kill()
        other.wait()
    assert not [thread for thread in threading.enumerate() if thread.name == "link"]


def apart(other: subprocess.Popen, clock, zero: float) -> float:
    """Return how far the beats that the other peer printed are from ours, in a bar of four."""
    when, beats = map(float, other.stdout.readline().split())
    return (beats - clock.beats_at(when - zero) + 2) % 4 - 2


def test_a_link_that_cannot_be_joined_is_reported(monkeypatch):
    with pytest.raises(ShowError, match="another clock is followed live; leave out --follow, or"):
        LinkInput().start(Performance(OfflineClock()))
    monkeypatch.setattr("capriccio.devices.midi.ableton_link.find_spec", lambda name: None)
    with pytest.raises(ShowError, match="Ableton Link needs aalink, which is under the GPL; inst"):
        LinkInput().start(Performance(LiveClock()))
