"""Follows the tempo and the bars of an Ableton Link: `--follow link`."""

import threading
import time
from importlib.util import find_spec

from ...clock import LiveClock, OfflineClock
from ...errors import ShowError
from ...log import info
from ...parameters import Gauge
from ...parts import Input
from ...performance import Performance
from .clock_in import BeatFollower, live_clock

# How often the session is read, in seconds; and how long that may take to count.
READ_SECONDS, MAX_READ_SECONDS = 0.1, 0.001
# How long the thread may take to end, in seconds.
END_SECONDS = 2.0


class LinkFollower(BeatFollower):
    """Makes the clock of a show follow a Link session, which shares a tempo and where bars begin.

    A show begins with the next bar. Where no other peer is left the last tempo stays.
    """

    def __init__(self, clock: OfflineClock):
        super().__init__(clock, "Ableton Link")
        self.peers = 0

    def update(self, seconds: float, beats: float, bpm: float, peers: int = 1) -> None:
        """Follow the session, which is at `beats` at `seconds` of the show."""
        with self._lock:
            if self.peers and not peers:
                info(f"no other peer is on {self.name} any more; the tempo stays at {bpm:.1f} bpm")
            if peers and not self.peers:
                others = "one other peer" if peers == 1 else f"{peers} other peers"
                info(f"{others} on {self.name}, at {bpm:.1f} bpm")
            self.peers = peers
            super().update(seconds, beats, bpm)


class LinkInput(Input):
    """Follow the tempo and the bars of an Ableton Link: `--follow link`.

    It needs the package aalink, which is under the GPL and is never installed by itself.
    """

    name = "link"
    _thread: threading.Thread | None = None

    @classmethod
    def missing(cls) -> str:
        needs = "Ableton Link needs aalink, which is under the GPL"
        return "" if find_spec("aalink") else f"{needs}; install with pip install aalink"

    def start(self, performance: Performance) -> None:
        clock = live_clock(performance)
        if reason := self.missing():
            raise ShowError(reason)
        self.follower = LinkFollower(clock)
        bpm = clock.bpm
        clock.change(standing=True)
        self._stopped = threading.Event()
        import asyncio  # which is slow to import, and other shows do not need it

        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run(clock, bpm)), name="link", daemon=True
        )
        self._thread.start()
        description = "Other peers on the Ableton Link, and its tempo"
        performance.parameters.add_gauge(Gauge("Link", description, self._peers_and_tempo))

    def close(self) -> None:
        if self._thread is not None:
            self._stopped.set()
            self._thread.join(END_SECONDS)
            self._thread = None

    def _peers_and_tempo(self) -> str:
        return f"{self.follower.peers} others, {self.follower.bpm:.1f} bpm"

    async def _run(self, clock: LiveClock, bpm: float) -> None:
        import asyncio

        import aalink

        link = aalink.Link(bpm)
        link.quantum = clock.meter
        link.enabled = True
        try:
            while not self._stopped.is_set():
                before = time.monotonic()
                beats, tempo, peers = link.beat, link.tempo, link.num_peers
                # A read that was interrupted is no measure of the time.
                if time.monotonic() - before < MAX_READ_SECONDS:
                    self.follower.update(before - clock.monotonic(0.0), beats, tempo, peers)
                await asyncio.sleep(READ_SECONDS)
        finally:
            link.enabled = False
