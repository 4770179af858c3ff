"""The web server of the panel, in one thread; a flood can neither block nor slow the show.

Requests and WebSockets are read by uvicorn and handled by a Starlette application. Uvicorn expects
a proxy in front of it that limits connections, and there is none: `Server` accepts them itself.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

import uvicorn
from starlette.responses import JSONResponse
from uvicorn.server import ServerState

from ..errors import describe
from ..log import warn_once
from .access import Access, Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Connections accepted in a second, at once, and requests of one of them answered in a second. A
# page needs six connections once; more waits in the kernel, which costs the show nothing.
CONNECTIONS_PER_SECOND, CONNECTIONS_AT_ONCE, REQUESTS_PER_SECOND = 100.0, 20.0, 40.0
# Connections at a time; one more takes the place of the oldest that has not completed a request.
MAX_CLIENTS = 32
# The largest head and body of a request, and the largest message of a WebSocket.
MAX_HEAD_BYTES, MAX_BODY_BYTES = 8192, 4096
# How long a request may take to arrive and its reply to leave, and how long a connection may idle.
REQUEST_SECONDS, IDLE_SECONDS = 5.0, 30.0
# How often connections that have taken longer are looked for.
SWEEP_SECONDS = 0.2
# How long the server may take to close.
CLOSE_SECONDS = 2.0
# Sent with every reply: it is not cached, framed, sniffed or shared with other sites, and the page
# runs only what is served with it.
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class RateLimit:
    """Lets `per_second` calls of `wait` pass, and `at_once` after a rest."""

    def __init__(self, per_second: float, at_once: float):
        self._per_second = per_second
        self._at_once = self._left = at_once
        self._since = asyncio.get_running_loop().time()

    async def wait(self) -> None:
        """Return once the rate allows it."""
        now = asyncio.get_running_loop().time()
        gained = (now - self._since) * self._per_second
        self._left, self._since = min(self._left + gained, self._at_once) - 1, now
        if self._left < 0:
            await asyncio.sleep(-self._left / self._per_second)


class Client:
    """One connection, and whether it has completed a request."""

    def __init__(self, connection: socket.socket):
        self._connection = connection
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None
        self.is_known = False
        self.limit = RateLimit(REQUESTS_PER_SECOND, REQUESTS_PER_SECOND)
        self.extend(REQUEST_SECONDS)

    def open(self, protocol: asyncio.Protocol, tls: ssl.SSLContext | None) -> None:
        """Begin to serve the connection; with `tls` a handshake comes first."""
        self._opening = asyncio.create_task(self._open(protocol, tls))
        self._opening.add_done_callback(self._opened)  # also where it was cancelled before it began

    async def _open(self, protocol: asyncio.Protocol, tls: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, self._connection, ssl=tls
            )
        except (OSError, EOFError):  # it was closed again, or the handshake failed
            self._connection.close()

    def _opened(self, opening: asyncio.Task[None]) -> None:
        if opening.cancelled():
            self._connection.close()

    def extend(self, seconds: float) -> None:
        """Let the connection take so long from now on."""
        self._deadline = asyncio.get_running_loop().time() + seconds

    @property
    def is_open(self) -> bool:
        return self._connection.fileno() >= 0

    @property
    def is_overdue(self) -> bool:
        return asyncio.get_running_loop().time() > self._deadline

    def drop(self) -> None:
        """Close the connection; what it has not taken of a reply is lost."""
        if self._transport is not None:
            self._transport.abort()
        elif self._opening is not None:
            self._opening.cancel()


class Server:
    """Serves an application at an open socket to those whom `access` lets in.

    A request of the application has in its `state` its `client`, and as `view_only` whether it may
    set nothing. It refuses one by raising Refusal.
    """

    def __init__(self, listener: socket.socket, access: Access, application: Application):
        self._listener, self._access, self._application = listener, access, application
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _, found: _warn(found.get("exception")))
        self._ended = asyncio.Event()
        self.clients: list[Client] = []
        self.accepted = 0  # connections so far
        self._config = uvicorn.Config(
            self._answer,
            http="h11",
            ws="websockets-sansio",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            log_level="critical",  # what a stranger sends wrongly is nobody's concern
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=2 * int(IDLE_SECONDS),  # the server itself is stricter
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            ws_max_size=MAX_BODY_BYTES,
            ws_per_message_deflate=False,
        )
        self._config.load()
        self._state = ServerState()
        self._state.default_headers = [
            (name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()
        ]

    def run(self) -> None:
        """Serve until closed; never raises."""
        try:
            asyncio.set_event_loop(self._loop)
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
        tasks = [asyncio.create_task(self._accept()), asyncio.create_task(self._sweep())]
        await self._ended.wait()
        tasks += self._state.tasks
        for task in tasks:
            task.cancel()
        for client in self.clients:
            client.drop()
        await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                while any(client.is_open for client in self.clients):
                    await asyncio.sleep(0.01)

    async def _accept(self) -> None:
        limit = RateLimit(CONNECTIONS_PER_SECOND, CONNECTIONS_AT_ONCE)
        while True:
            await limit.wait()
            try:
                connection, _ = await self._loop.sock_accept(self._listener)
            except OSError:  # it was closed again, or no file can be opened just now
                continue
            self.accepted += 1
            self._forget_closed()
            if len(self.clients) >= MAX_CLIENTS:
                dropped = min(self.clients, key=lambda client: client.is_known)
                self.clients.remove(dropped)
                dropped.drop()
            client = Client(connection)
            self.clients.append(client)
            client.open(self._protocol(client), self._access.tls)

    def _protocol(self, client: Client) -> asyncio.Protocol:
        """Return what reads the requests of a client."""
        protocol: Callable[..., asyncio.Protocol] = self._config.http_protocol_class
        return protocol(config=self._config, server_state=self._state, app_state={"client": client})

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(SWEEP_SECONDS, REQUEST_SECONDS))
            for client in self.clients:
                if client.is_overdue:
                    client.drop()
            self._forget_closed()

    def _forget_closed(self) -> None:
        self.clients[:] = [client for client in self.clients if client.is_open]

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the application, or refuse it."""
        client: Client = scope["state"]["client"]
        client.extend(REQUEST_SECONDS)
        try:
            await client.limit.wait()
            headers = check_request(scope)
            path, view_only = self._access.authorize(scope["path"], headers)
            scope["path"], scope["state"]["view_only"] = f"/{path}", view_only
            await self._application(scope, receive, send)
        except Refusal as refusal:
            await refuse(refusal.status, str(refusal))(scope, receive, send)
        except Exception as error:
            _warn(error)
            raise  # uvicorn ends the connection
        else:
            client.is_known = True
            client.extend(IDLE_SECONDS)


def refuse(status: int, reason: str) -> JSONResponse:
    """Return a reply with a reason, after which the connection is closed."""
    return JSONResponse({"trouble": reason}, status, {"Connection": "close"})


def check_request(scope: Scope) -> dict[str, str]:
    """Return the headers of a request; raise Refusal where a proxy could read it otherwise."""
    headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
    if scope["http_version"] not in ("1.1", "1.0") or len(headers) != len(scope["headers"]):
        raise Refusal(400, "malformed request")
    head = [scope["raw_path"], scope["query_string"], *map(b"".join, scope["headers"])]
    if sum(map(len, head)) > MAX_HEAD_BYTES:
        raise Refusal(400, f"the head has more than {MAX_HEAD_BYTES} bytes")
    if "transfer-encoding" in headers:
        raise Refusal(411, "a body needs a Content-Length")
    length = int(headers.get("content-length", "0"))  # h11 lets only digits pass
    if length > MAX_BODY_BYTES:
        raise Refusal(413, f"the body must have at most {MAX_BODY_BYTES} bytes, got {length}")
    return headers


def _warn(error: BaseException | None) -> None:
    warn_once(f"the panel failed at a request: {describe(error or OSError())}", "panel request")
