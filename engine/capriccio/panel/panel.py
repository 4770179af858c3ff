"""The control panel: one local page with all that is on the parameters, the picture and the figures."""

import json
import math
import threading
import zlib
from collections import deque
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from ..errors import ShowError
from ..events import Event, FramesDropped
from ..log import warn_once
from ..models.model import latencies
from ..parameters import Gauge, Parameter
from ..parts import Output
from .access import Access
from .app import CLOSE_SECONDS, Refusal, Reply, Request, Server
from .preview import Preview
from .serialize import as_json, described, measured, standing

# The frame rate is that of so many seconds; below this part of the one asked for it is not good.
RATE_SECONDS, GOOD_RATE = 2.0, 0.95
# So long a dropped frame counts as trouble.
LATE_SECONDS = 10.0
# What the page is made of, and as what it is sent.
FILES = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
}
JSON = "application/json"


class Panel(Output):
    """Serve one page with every control and meter of the parameters, at `[HOST:]PORT`.

    Without a HOST it is for this machine alone; with one it is for whoever knows the address, which
    is told when the show starts.
    """

    name = "panel"
    _server: Server | None = None

    def __init__(self, target: str = ""):
        super().__init__(target)
        self.doorway = Access(target)
        self._known: tuple[list[Parameter], int, bytes] = ([], 0, b"")

    def start(self, performance):
        if not performance.clock.live:
            raise ShowError("a panel is for live shows; leave out --panel, or --offline")
        self._performance, self._parameters = performance, performance.parameters
        self._preview = Preview(performance.size)
        self._shown: deque[float] = deque(maxlen=math.ceil(RATE_SECONDS * performance.fps) + 1)
        self._late, self._late_since = 0, -math.inf
        self._sounding: set[tuple[int, int]] = set()
        here = Path(__file__).parent
        self._files = {
            path: Reply(200, kind, (here / name).read_bytes())
            for path, (name, kind) in FILES.items()
        }
        asked = self.doorway.port
        listener = self.doorway.open()
        self._parameters.subscribe(self._hear)
        for meter in self._meters():
            self._parameters.add_gauge(meter)
        self._server = Server(listener, self.answer)
        self._thread = threading.Thread(target=self._server.run, name=str(self), daemon=True)
        self._thread.start()
        taken = "" if self.doorway.port == asked else f", since port {asked} is taken"
        warn_once(f"the panel is at {self.doorway.address}{taken}")

    def show(self, image, now):
        self._preview.image = image
        self._preview.number += 1
        self._shown.append(monotonic())

    def note_on(self, note, now):
        self._sounding.add((note.channel, note.pitch))

    def note_off(self, note, now):
        self._sounding.discard((note.channel, note.pitch))

    def close(self):
        server, self._server = self._server, None
        if server is not None:
            server.close()
            self._thread.join(CLOSE_SECONDS)

    # -- figures ------------------------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        if isinstance(event, FramesDropped):
            self._late, self._late_since = self._late + event.count, monotonic()

    def _rate(self) -> float:
        now = monotonic()
        shown = [at for at in self._shown.copy() if now - at <= RATE_SECONDS]
        if len(shown) < 2:
            return 0.0
        # What lies behind the last picture counts only where the next one is overdue.
        until = max(shown[-1], now - 2 / self._performance.fps)
        return (len(shown) - 1) / (until - shown[0])

    def _meters(self) -> list[Gauge]:
        clock, fps = self._performance.clock, self._performance.fps

        def place() -> str:
            beats = clock.beats_at(clock.seconds())
            minutes, seconds = divmod(int(clock.seconds()), 60)
            return f"{minutes}:{seconds:02} · bar {int(beats / clock.meter) + 1}"

        return [
            Gauge("time", "Minutes and seconds since the show began, and the bar it is in", place),
            Gauge(
                "frames a second",
                f"Pictures that were shown; {fps:g} a second are asked for",
                lambda: f"{self._rate():.1f} of {fps:g}",
                lambda: self._rate() >= GOOD_RATE * fps,
            ),
            Gauge(
                "late frames",
                "Pictures that were left out since the one before took too long",
                lambda: str(self._late),
                lambda: monotonic() - self._late_since > LATE_SECONDS,
            ),
            Gauge("notes", "Notes that sound just now", lambda: str(len(self._sounding))),
        ]

    def _all_meters(self) -> list[Gauge]:
        """Give the meters of the parameters, and one for each model that is played."""
        says = "How long the model takes: of its last calls, 95 in 100 took no longer"
        models = [
            Gauge(name, says, partial("{:.1f} ms on {}".format, 1000 * seconds, device))
            for name, (device, seconds) in latencies().items()
        ]
        return [*list(self._parameters.gauges.values()), *models]

    # -- answering, in the server's thread ----------------------------------------------------

    def answer(self, request: Request) -> Reply:
        """Give what a page asks for; raise Refusal where it may not, or there is no such thing."""
        path = self.doorway.within(request)
        if path == "turn" and request.method == "POST":
            return self._turn(request)
        if request.method != "GET":
            raise Refusal(405, f"nothing here takes {request.method!r}")
        if path == "state":
            return Reply(200, JSON, as_json(self._state()))
        if path == "table":
            return Reply(200, JSON, self._table()[1])
        if path == "picture":
            return Reply(200, "image/jpeg", self._preview.jpeg())
        if path in self._files:
            return self._files[path]
        raise Refusal(404, "no such page")

    def _turn(self, request: Request) -> Reply:
        # A page from elsewhere cannot send this kind without asking first, which is refused.
        if request.headers.get("content-type", "").partition(";")[0].strip() != JSON:
            raise Refusal(415, f"a turn is sent as {JSON}")
        try:
            turn = json.loads(request.body)
            address, value = turn["address"], turn.get("value")
            if not (isinstance(address, str) and isinstance(value, str | float | int | None)):
                raise TypeError
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            raise Refusal(400, 'a turn is {"address": "/part/knob", "value": 0.5}') from None
        try:
            self._parameters.set(address, value)
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            trouble = error.args[0] if error.args else "it is refused"
            return Reply(422, JSON, as_json({"trouble": str(trouble)}))
        return Reply(200, JSON, b"{}")

    def _table(self) -> tuple[int, bytes]:
        """Give a number that changes with what is on the parameters, and what that is."""
        controls = list(self._parameters.by_address.values())
        if controls != self._known[0]:
            table = as_json([described(control) for control in controls])
            self._known = controls, zlib.crc32(table), table
        return self._known[1:]

    def _state(self) -> dict[str, Any]:
        version, _ = self._table()
        return {
            "title": self._performance.title,
            "table": version,
            "values": {one.address: standing(one) for one in self._known[0]},
            "meters": [measured(meter) for meter in self._all_meters()],
            "sounding": sorted({pitch for _, pitch in list(self._sounding)}),
        }
