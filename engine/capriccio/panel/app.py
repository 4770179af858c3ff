"""A small web server in one thread, which a flood can neither block nor make hurry."""

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from ..errors import describe
from ..log import warn_once

# Connections that are taken in a second, and requests of one of them that are answered. A page
# needs six connections once and 20 requests a second on them all; more waits in the kernel, which
# costs the show nothing.
CONNECTIONS_A_SECOND, REQUESTS_A_SECOND = 200.0, 40.0
# Connections at a time; one too many takes the place of the oldest that has asked for nothing yet.
MOST_GUESTS = 32
# The longest head and the longest body of a request, in bytes.
MOST_HEAD, MOST_BODY = 8192, 4096
# So long a request may take to arrive and its answer to leave, and a connection to rest between.
REQUEST_SECONDS, REST_SECONDS = 5.0, 30.0
# So long the server has to close.
CLOSE_SECONDS = 2.0
# What goes with every answer: nobody keeps it, frames it, guesses at it or reads where we are, and
# the page runs what lies beside it alone.
ALWAYS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
}


class Request(NamedTuple):
    """What was asked for; the names of `headers` are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


class Reply(NamedTuple):
    """What is answered."""

    status: int
    kind: str
    body: bytes


class Refusal(Exception):
    """A request that is not answered, with its status and the reason; the connection is closed."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


class RateLimit:
    """Lets through so many a second, and a second's worth at once; the others wait."""

    def __init__(self, a_second: float):
        self._a_second = self._left = a_second
        self._since = asyncio.get_running_loop().time()

    async def keep(self) -> None:
        """Wait for one's turn."""
        now = asyncio.get_running_loop().time()
        gained = (now - self._since) * self._a_second
        self._left, self._since = min(self._left + gained, self._a_second) - 1, now
        if self._left < 0:
            await asyncio.sleep(-self._left / self._a_second)


class Client:
    """One connection: its task, and whether it has asked for anything that there is."""

    task: asyncio.Task
    known = False


class Server:
    """Answers what comes in at an open `listener`, until it is closed.

    `answer` gives the `Reply` to a `Request`, quickly, or raises `Refusal`. `run` lasts until
    `close`, which any thread may call.
    """

    def __init__(self, listener: socket.socket, answer: Callable[[Request], Reply]):
        self._listener, self._answer = listener, answer
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._guests: list[Client] = []
        self.taken = 0  # connections so far

    def run(self) -> None:
        """Serve until closed."""
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # no thread of ours may end in a trace
            warn_once(f"the panel has ended with {describe(error)}; the show goes on")
        finally:
            self._listener.close()
            self._loop.close()

    def close(self) -> None:
        """End all connections, and let the port go."""
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._ended.set)

    async def _serve(self) -> None:
        door = asyncio.create_task(self._open_the_door())
        await self._ended.wait()
        await asyncio.sleep(0)  # whoever has just come in begins
        tasks = [door, *(guest.task for guest in self._guests)]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        await asyncio.sleep(0)  # their connections are let go

    async def _open_the_door(self) -> None:
        pace = RateLimit(CONNECTIONS_A_SECOND)
        while True:
            await pace.keep()
            try:
                connection, _ = await self._loop.sock_accept(self._listener)
            except OSError:  # it has left again, or no file can be opened just now
                continue
            self.taken += 1
            if len(self._guests) >= MOST_GUESTS:
                strangers = [guest for guest in self._guests if not guest.known]
                leaves = (strangers or self._guests)[0]
                self._guests.remove(leaves)
                leaves.task.cancel()
            guest = Client()
            guest.task = asyncio.create_task(self._attend(guest, connection))
            self._guests.append(guest)
            await asyncio.sleep(0)  # one that is sent away before it begins would not close

    async def _attend(self, guest: Client, connection: socket.socket) -> None:
        writer = None
        try:
            # Or the end of an answer would wait until the other side has seen its beginning.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader, writer = await asyncio.open_connection(sock=connection, limit=MOST_HEAD)
            pace, patience = RateLimit(REQUESTS_A_SECOND), REQUEST_SECONDS
            while await self._converse(reader, writer, patience):
                guest.known, patience = True, REST_SECONDS
                await pace.keep()
        except (OSError, EOFError, TimeoutError):
            pass  # it has left, or sleeps
        except Exception as error:
            warn_once(f"the panel stumbled over a request: {describe(error)}", "the panel stumbled")
        finally:
            if guest in self._guests:
                self._guests.remove(guest)
            # What one who does not read has not taken is not kept for him.
            writer.transport.abort() if writer else connection.close()

    async def _converse(self, reader, writer, patience: float) -> bool:
        """Answer one request, and say whether another may follow."""
        stays = False
        try:
            async with asyncio.timeout(patience):
                request = await read(reader)
            reply = self._answer(request)
            stays = True
        except Refusal as refusal:
            words = json.dumps({"trouble": str(refusal)}).encode()
            reply = Reply(refusal.status, "application/json", words)
        writer.write(head_of(reply, stays) + reply.body)
        async with asyncio.timeout(REQUEST_SECONDS):
            await writer.drain()
        return stays


async def read(reader: asyncio.StreamReader) -> Request:
    """Read one request; raise Refusal where it is none, EOFError where nothing comes."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise Refusal(400, f"a head of more than {MOST_HEAD} bytes") from None
    try:
        first, *lines = head.decode("ascii").split("\r\n")[:-2]
        method, path, version = first.split(" ")
        headers = {}
        for line in lines:
            name, colon, value = line.partition(":")
            name = name.lower()
            # Two lengths, or a line that goes on, would be read otherwise by somebody between us.
            if not colon or not name.strip() or name != name.strip() or name in headers:
                raise ValueError
            headers[name] = value.strip()
        if version not in ("HTTP/1.1", "HTTP/1.0"):
            raise ValueError
    except ValueError:
        raise Refusal(400, "no request that a browser would send") from None
    if "transfer-encoding" in headers:
        raise Refusal(411, "a body without its length")
    length = headers.get("content-length", "0")
    if not (length.isdecimal() and len(length) < 10):
        raise Refusal(400, f"a body of {length!r} bytes")
    if int(length) > MOST_BODY:
        raise Refusal(413, f"a body of {length} bytes; at most {MOST_BODY}")
    return Request(method, path, headers, await reader.readexactly(int(length)))


def head_of(reply: Reply, stays: bool) -> bytes:
    """Give the head of an answer."""
    lines: dict[str, Any] = {
        "Content-Type": reply.kind,
        "Content-Length": len(reply.body),
        "Connection": "keep-alive" if stays else "close",
        **ALWAYS,
    }
    words = [f"HTTP/1.1 {reply.status} {REASONS[reply.status]}"]
    return "\r\n".join([*words, *(f"{name}: {lines[name]}" for name in lines), "", ""]).encode()
