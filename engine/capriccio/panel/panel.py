"""The control panel: a local web page with every parameter and gauge, and the picture."""

import asyncio
import json
import math
import threading
import zlib
from collections import deque
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..clock import Moment
from ..errors import ShowError
from ..events import Event, FramesDropped
from ..log import newest, warn_once
from ..media import Note
from ..models.model import latencies
from ..parameters import Gauge, Parameter
from ..parts import Output
from ..performance import Performance
from .access import Access, Refusal
from .app import CLOSE_SECONDS, REQUEST_SECONDS, Server, refuse
from .preview import Preview
from .serialize import gauge_state, parameter_facts, parameter_state, to_json

# The frame rate is measured over so many seconds; below this share of the wanted rate it is marked.
RATE_SECONDS, GOOD_RATE = 2.0, 0.95
# How long a dropped frame or a warning is marked, and how much is shown of a warning.
LATE_SECONDS, WARNING_LETTERS = 10.0, 80
# How often an open page is sent the state.
STATE_SECONDS = 0.2
# The files of the page by path, and the type of text in each.
FOLDER = Path(__file__).parent
FILES = {
    "": ("page.html", "html"),
    "page.css": ("page.css", "css"),
    "page.js": ("page.js", "javascript"),
}
JSON = "application/json"


class Panel(Output):
    """Serve a page with every parameter and gauge of a live show.

    The target is `[HOST:]PORT`. Without a HOST only this machine can reach it; with one, everyone
    who knows the address, which is logged when the show starts; with another, guests may watch but
    set nothing. With a certificate, a PEM file with its private key, the connection is encrypted.
    """

    name = "panel"
    server: Server | None = None
    preview: Preview
    late_frames = 0

    def __init__(self, target: str = "", certificate: str = ""):
        super().__init__(target)
        self.access = Access(target, certificate)
        # The parameters that were serialized last, their checksum and their JSON.
        self._table: tuple[list[Parameter], int, bytes] = ([], 0, b"")

    def start(self, performance: Performance) -> None:
        if not performance.clock.live:
            raise ShowError("the panel needs a live show; leave out --panel or --offline")
        self._performance, self._parameters = performance, performance.parameters
        self.preview = Preview(performance.size)
        self.preview.jpeg()  # loads what that needs, which would take a frame or two later
        self._shown: deque[float] = deque(maxlen=math.ceil(RATE_SECONDS * performance.fps) + 1)
        self.late_frames, self._late_since = 0, -math.inf
        self._sounding: set[tuple[int, int]] = set()  # channel and pitch
        self._latest: tuple[float, dict[str, Any]] = (-math.inf, {})  # the state, and when it was
        wanted = self.access.port
        listener = self.access.open()
        self._parameters.subscribe(self._notice)
        for gauge in self._own_gauges():
            self._parameters.add_gauge(gauge)
        self.server = Server(listener, self.access, self._application())
        self._thread = threading.Thread(target=self.server.run, name=str(self), daemon=True)
        self._thread.start()
        taken = "" if self.access.port == wanted else f", since port {wanted} is taken"
        guests = self.access.guest_address
        guests = guests and f"; for guests, who may only watch: {guests}"
        warn_once(f"the panel is at {self.access.address}{taken}{guests}")
        (self._told, _), self._warnings, self._warned_since = newest(), 0, -math.inf

    def show(self, image: np.ndarray[Any, Any], now: Moment) -> None:
        self.preview.show(image)
        self._shown.append(monotonic())

    def note_on(self, note: Note, now: Moment) -> None:
        self._sounding.add((note.channel, note.pitch))

    def note_off(self, note: Note, now: Moment) -> None:
        self._sounding.discard((note.channel, note.pitch))

    def close(self) -> None:
        server, self.server = self.server, None
        if server is not None:
            server.close()
            self._thread.join(CLOSE_SECONDS)

    def _notice(self, event: Event) -> None:
        if isinstance(event, FramesDropped):
            self.late_frames, self._late_since = self.late_frames + event.count, monotonic()

    def _frame_rate(self) -> float:
        now = monotonic()
        shown = [at for at in self._shown.copy() if now - at <= RATE_SECONDS]
        if len(shown) < 2:
            return 0.0
        # The time since the last frame counts only once the next one is overdue.
        until = max(shown[-1], now - 2 / self._performance.fps)
        return (len(shown) - 1) / (until - shown[0])

    def _newest_warning(self) -> str:
        total, message = newest()
        if (count := max(0, total - self._told)) > self._warnings:
            self._warnings, self._warned_since = count, monotonic()
        return f"{count} · {message[:WARNING_LETTERS]}" if count else "0"

    def _own_gauges(self) -> list[Gauge]:
        clock, fps = self._performance.clock, self._performance.fps

        def time_and_bar() -> str:
            beats = clock.beats_at(clock.seconds())
            minutes, seconds = divmod(int(clock.seconds()), 60)
            return f"{minutes}:{seconds:02} · bar {int(beats / clock.meter) + 1}"

        return [
            Gauge("time", "Minutes and seconds since the show began, and the bar", time_and_bar),
            Gauge(
                "frames a second",
                f"Frames shown in a second; {fps:g} are wanted",
                lambda: f"{self._frame_rate():.1f} of {fps:g}",
                lambda: self._frame_rate() >= GOOD_RATE * fps,
            ),
            Gauge(
                "late frames",
                "Frames dropped because the one before took too long",
                lambda: str(self.late_frames),
                lambda: monotonic() - self._late_since > LATE_SECONDS,
            ),
            Gauge(
                "warnings",
                "How often a part failed, or something else went wrong, and what it was last",
                self._newest_warning,
                lambda: monotonic() - self._warned_since > LATE_SECONDS,
            ),
            Gauge("notes", "Notes sounding now", lambda: str(len(self._sounding))),
        ]

    def _all_gauges(self) -> list[Gauge]:
        """Return the gauges of the show, and one for each model that runs."""
        description = "Time of one call of the model: 95 % of its last calls took no longer"
        models = [
            Gauge(name, description, partial("{:.1f} ms on {}".format, 1000 * seconds, device))
            for name, (device, seconds) in latencies().items()
        ]
        return [*list(self._parameters.gauges.values()), *models]

    def _application(self) -> Starlette:
        """Return what answers the requests of pages; each of them is brief."""
        files = [
            Route(
                f"/{path}",
                Response((FOLDER / name).read_bytes(), media_type=f"text/{kind}"),
                methods=["GET"],
            )
            for path, (name, kind) in FILES.items()
        ]
        return Starlette(
            routes=[
                *files,
                Route("/state", self._get_state),
                Route("/table", self._get_table),
                Route("/picture", self._get_picture),
                Route("/turn", self._set_parameter, methods=["POST"]),
                WebSocketRoute("/live", self._live),
            ],
            exception_handlers={Refusal: _refused, HTTPException: _refused},
        )

    async def _get_state(self, request: Request) -> Response:
        return Response(to_json(self._state()), media_type=JSON)

    async def _get_table(self, request: Request) -> Response:
        return Response(self._current_table()[1], media_type=JSON)

    async def _get_picture(self, request: Request) -> Response:
        return Response(self.preview.jpeg(), media_type="image/jpeg")

    async def _live(self, socket: WebSocket) -> None:
        """Send the state again and again, and the picture whenever the page asks for it."""
        client = socket.state.client
        await socket.accept()
        client.is_known = True
        sending = asyncio.create_task(self._send_states(socket))
        try:
            while (await socket.receive())["type"] != "websocket.disconnect":
                await socket.send_bytes(self.preview.jpeg())
                client.extend(REQUEST_SECONDS)
                await client.limit.wait()
        except WebSocketDisconnect:
            pass
        finally:
            sending.cancel()

    async def _send_states(self, socket: WebSocket) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):  # it was closed
            while True:
                now = monotonic()
                if now - self._latest[0] > STATE_SECONDS / 2:  # else another page has just had it
                    self._latest = now, self._state()
                state = {**self._latest[1], "view_only": socket.state.view_only}
                await socket.send_text(to_json(state).decode())
                socket.state.client.extend(REQUEST_SECONDS)
                await asyncio.sleep(STATE_SECONDS)

    async def _set_parameter(self, request: Request) -> Response:
        if request.state.view_only:
            raise Refusal(403, "who has this address may only watch")
        # A page of another site cannot send this type without a preflight, which is refused.
        if request.headers.get("content-type", "").partition(";")[0].strip() != JSON:
            raise Refusal(415, f"Content-Type must be {JSON}")
        try:
            change = json.loads(await request.body())
            address, value = change["address"], change.get("value")
            if not (isinstance(address, str) and isinstance(value, str | float | int | None)):
                raise TypeError
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            raise Refusal(400, 'expected {"address": "/part/knob", "value": 0.5}') from None
        try:
            self._parameters.set(address, value)
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            trouble = error.args[0] if error.args else "the value is refused"
            return Response(to_json({"trouble": str(trouble)}), 422, media_type=JSON)
        return Response(b"{}", media_type=JSON)

    def _current_table(self) -> tuple[int, bytes]:
        """Return the JSON of all parameters, after a number that changes with it."""
        parameters = self._parameters.listed
        if parameters != self._table[0]:
            table = to_json([parameter_facts(one) for one in parameters])
            self._table = parameters, zlib.crc32(table), table
        return self._table[1:]

    def _state(self) -> dict[str, Any]:
        version, _ = self._current_table()
        return {
            "title": self._performance.title,
            "table": version,
            "values": {one.address: parameter_state(one) for one in self._table[0]},
            "meters": [gauge_state(gauge) for gauge in self._all_gauges()],
            "sounding": sorted({pitch for _, pitch in list(self._sounding)}),
        }


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return refuse(error.status_code, error.detail)
    assert isinstance(error, Refusal)
    return refuse(error.status, str(error))
