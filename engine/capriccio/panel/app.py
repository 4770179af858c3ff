"""A small HTTP server in one thread; a flood of connections can neither block nor slow the show."""

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple

from ..errors import describe
from ..log import warn_once

# Connections accepted in a second, and requests of one of them answered. A page needs six
# connections once, and 20 requests a second on all of them; more waits in the kernel, which costs
# the show nothing.
CONNECTIONS_PER_SECOND, REQUESTS_PER_SECOND = 200.0, 40.0
# Connections at a time; one more takes the place of the oldest that has not completed a request.
MAX_CLIENTS = 32
# The largest head and body of a request.
MAX_HEAD_BYTES, MAX_BODY_BYTES = 8192, 4096
# How long a request may take to arrive and its reply to leave, and how long a connection may idle.
REQUEST_SECONDS, IDLE_SECONDS = 5.0, 30.0
# How long the server may take to close.
CLOSE_SECONDS = 2.0
# Sent with every reply: it is not cached, framed, sniffed or shared with other sites, and the page
# runs only what is served with it.
SECURITY_HEADERS = {
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


class Request(NamedTuple):
    """An HTTP request; the names of `headers` are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


class Reply(NamedTuple):
    """An HTTP response."""

    status: int
    content_type: str
    body: bytes


class Refusal(Exception):
    """A request that is refused, with a status and a reason; the connection is closed after it."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


class RateLimit:
    """Lets `per_second` calls of `wait` pass, a second's worth of them at once."""

    def __init__(self, per_second: float):
        self._per_second = self._left = per_second
        self._since = asyncio.get_running_loop().time()

    async def wait(self) -> None:
        """Return once the rate allows it."""
        now = asyncio.get_running_loop().time()
        gained = (now - self._since) * self._per_second
        self._left, self._since = min(self._left + gained, self._per_second) - 1, now
        if self._left < 0:
            await asyncio.sleep(-self._left / self._per_second)


class Client:
    """One connection: its task, and whether it has completed a request."""

    task: asyncio.Task[None]
    is_known = False


class Server:
    """Answers requests at an open socket, from `run` until `close`.

    `answer` returns the reply to a request quickly, or raises Refusal.
    """

    def __init__(self, listener: socket.socket, answer: Callable[[Request], Reply]):
        self._listener, self._answer = listener, answer
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self.clients: list[Client] = []
        self.accepted = 0  # connections so far

    def run(self) -> None:
        """Serve until closed; never raises."""
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # no thread of ours may end in a traceback
            warn_once(f"the panel stopped with {describe(error)}; the show goes on")
        finally:
            self._listener.close()
            self._loop.close()

    def close(self) -> None:
        """End all connections and free the port; may be called from any thread."""
        with suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._ended.set)

    async def _serve(self) -> None:
        accepting = asyncio.create_task(self._accept())
        await self._ended.wait()
        await asyncio.sleep(0)  # a client that was just accepted begins
        tasks = [accepting, *(client.task for client in self.clients)]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        await asyncio.sleep(0)  # their connections are closed

    async def _accept(self) -> None:
        limit = RateLimit(CONNECTIONS_PER_SECOND)
        while True:
            await limit.wait()
            try:
                connection, _ = await self._loop.sock_accept(self._listener)
            except OSError:  # it was closed again, or no file can be opened just now
                continue
            self.accepted += 1
            if len(self.clients) >= MAX_CLIENTS:
                dropped = min(self.clients, key=lambda client: client.is_known)
                self.clients.remove(dropped)
                dropped.task.cancel()
            client = Client()
            client.task = asyncio.create_task(self._handle(client, connection))
            self.clients.append(client)
            await asyncio.sleep(0)  # a task cancelled before it begins would not close

    async def _handle(self, client: Client, connection: socket.socket) -> None:
        writer = None
        try:
            # Otherwise the end of a reply would wait until its beginning was acknowledged.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader, writer = await asyncio.open_connection(sock=connection, limit=MAX_HEAD_BYTES)
            limit, timeout = RateLimit(REQUESTS_PER_SECOND), REQUEST_SECONDS
            while await self._exchange(reader, writer, timeout):
                client.is_known, timeout = True, IDLE_SECONDS
                await limit.wait()
        except (OSError, EOFError, TimeoutError):
            pass  # it was closed, or is too slow
        except Exception as error:
            warn_once(f"the panel failed at a request: {describe(error)}", "panel request")
        finally:
            if client in self.clients:
                self.clients.remove(client)
            # What a client that does not read has not taken is dropped.
            writer.transport.abort() if writer else connection.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timeout: float
    ) -> bool:
        """Answer one request; return whether another may follow."""
        keep_alive = False
        try:
            async with asyncio.timeout(timeout):
                request = await read_request(reader)
            reply = self._answer(request)
            keep_alive = True
        except Refusal as refusal:
            body = json.dumps({"trouble": str(refusal)}).encode()
            reply = Reply(refusal.status, "application/json", body)
        writer.write(head_of(reply, keep_alive) + reply.body)
        async with asyncio.timeout(REQUEST_SECONDS):
            await writer.drain()
        return keep_alive


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Read one request; raise Refusal where it is malformed, EOFError at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise Refusal(400, f"the head has more than {MAX_HEAD_BYTES} bytes") from None
    try:
        first, *lines = head.decode("ascii").split("\r\n")[:-2]
        method, path, version = first.split(" ")
        headers = {}
        for line in lines:
            name, colon, value = line.partition(":")
            name = name.lower()
            # A proxy could read a repeated or a folded header otherwise (request smuggling).
            if not colon or not name.strip() or name != name.strip() or name in headers:
                raise ValueError
            headers[name] = value.strip()
        if version not in ("HTTP/1.1", "HTTP/1.0"):
            raise ValueError
    except ValueError:
        raise Refusal(400, "malformed request") from None
    if "transfer-encoding" in headers:
        raise Refusal(411, "a body needs a Content-Length")
    length = headers.get("content-length", "0")
    if not (length.isdecimal() and len(length) < 10):
        raise Refusal(400, f"Content-Length must be a number, got {length!r}")
    if int(length) > MAX_BODY_BYTES:
        raise Refusal(413, f"the body must have at most {MAX_BODY_BYTES} bytes, got {length}")
    return Request(method, path, headers, await reader.readexactly(int(length)))


def head_of(reply: Reply, keep_alive: bool) -> bytes:
    """Return the status line and the headers of a reply."""
    lines = [
        f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {len(reply.body)}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
        *(f"{name}: {value}" for name, value in SECURITY_HEADERS.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()
