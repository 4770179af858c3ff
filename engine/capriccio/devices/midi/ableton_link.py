"""Plays in time with whoever is on the same Ableton Link: `--follow link`."""

import asyncio
import threading
import time
from importlib.util import find_spec

from ...clock import OfflineClock
from ...errors import ShowError
from ...log import info
from ...parameters import Gauge
from ...parts import Input
from .clock_in import ClockFollower

# How often it is looked where the others are, in seconds; and how long that may take to count.
LOOK_SECONDS, GLANCE_SECONDS = 0.1, 0.001
# How long the thread may take to end, in seconds.
END_SECONDS = 2.0


class LinkFollower(ClockFollower):
    """Leads the clock of a show as the others on a Link go, who share a tempo and where bars begin.

    A show begins with the next bar. Where nobody else is left the last tempo stays.
    """

    def __init__(self, clock: OfflineClock):
        super().__init__(clock, "Ableton Link")
        self.peers = 0
        self.running = True
        self._bpm, self._seen = 0.0, (0.0, 0.0)

    @property
    def bpm(self) -> float:
        return self._bpm

    def see(self, seconds: float, beats: float, bpm: float, peers: int) -> None:
        """Follow: at `seconds` of the show the others are at so many beats."""
        with self._lock:
            self._bpm, self._seen = bpm, (seconds, beats)
            if self.peers and not peers:
                info(f"nobody else is on {self.name} any more; the tempo stays at {bpm:.1f} bpm")
            if peers and not self.peers:
                others = "one other" if peers == 1 else f"{peers} others"
                info(f"{others} on {self.name}, at {bpm:.1f} bpm")
            self.peers = peers
            if not self.clock.started:
                return
            if self._joined:
                self._steer(seconds)
            else:
                self._join(seconds)

    def _song_at(self, seconds: float, tick: float) -> float:
        since, beats = self._seen
        return beats + (seconds - since) * self._bpm / 60


class LinkInput(Input):
    """Follow the tempo and the bars of an Ableton Link; it shows and sounds nothing.

    It needs the package aalink, which is under the GPL and comes with `capriccio[link]` alone.
    """

    name = "link"
    _thread: threading.Thread | None = None

    @classmethod
    def missing(cls) -> str:
        if find_spec("aalink") is None:
            return (
                "Ableton Link needs aalink, which is under the GPL; install with "
                "pip install 'capriccio[link]'"
            )
        return ""

    def start(self, performance):
        clock = performance.clock
        if not clock.live:
            raise ShowError("another clock is followed live; leave out --follow, or --offline")
        if reason := self.missing():
            raise ShowError(reason)
        self.linked = LinkFollower(clock)
        bpm = clock.bpm
        clock.change(standing=True)
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._look(clock, bpm)), name="link", daemon=True
        )
        self._thread.start()
        performance.parameters.add_gauge(
            Gauge(
                "LinkInput",
                "Others on the Ableton Link, and its tempo",
                lambda: f"{self.linked.peers} others, {self.linked.bpm:.1f} bpm",
            )
        )

    def close(self):
        if self._thread is not None:
            self._ended.set()
            self._thread.join(END_SECONDS)
            self._thread = None

    async def _look(self, clock, bpm: float) -> None:
        import aalink

        link = aalink.Link(bpm)
        link.quantum = clock.meter
        link.enabled = True
        try:
            while not self._ended.is_set():
                before = time.monotonic()
                beats, tempo, peers = link.beat, link.tempo, link.num_peers
                # Whoever was held up in between does not know when that was.
                if time.monotonic() - before < GLANCE_SECONDS:
                    self.linked.see(before - clock.monotonic(0.0), beats, tempo, peers)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            link.enabled = False
