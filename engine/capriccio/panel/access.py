"""Where the panel is: its port, its address, and who may come in."""

import errno
import hmac
import ipaddress
import secrets
import socket
from contextlib import suppress
from urllib.parse import urlsplit

from ..errors import ShowError
from .app import Refusal, Request

# Where the panel is unless another place is given, and how many ports are tried from there on.
HOST, PORT, PORTS = "127.0.0.1", 8787, 20
# Connections that may wait to be taken in.
WAITING = 16
# An address that belongs to nobody; asked for the way there, the system says who we are.
NOBODY = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
EVERYWHERE = ("0.0.0.0", "::")


class Access:
    """The place `[HOST:]PORT`, open from `open` on.

    Without a HOST it is for this machine alone. With one, even this machine's own, every path
    begins with a token that nobody guesses.
    """

    def __init__(self, place: str):
        host, _, port = place.rpartition(":")
        if place and not (port.isdecimal() and len(port) < 6 and 0 < int(port) < 65536):
            raise ShowError(
                f"{place!r} is no place for a panel; write --panel alone, or [HOST:]PORT behind it"
            )
        self.host, self.port = host.strip("[]") or HOST, int(port or PORT)
        self.token = secrets.token_urlsafe(16) if host else ""
        self.address = ""

    def open(self) -> socket.socket:
        """Listen at the port, or the next free one, and know the `address`."""
        try:
            family, *_ = socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM)[0]
        except OSError as error:
            raise ShowError(f"a panel cannot be at {self.host!r}: {error.strerror}") from None
        for port in range(self.port, min(self.port + PORTS, 65536)):
            try:
                listener = socket.create_server((self.host, port), family=family, backlog=WAITING)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise ShowError(
                    f"a panel cannot be at {self.host}, port {port}: {error.strerror}"
                ) from None
            listener.setblocking(False)
            host = f"[{self._seen(family)}]" if family == socket.AF_INET6 else self._seen(family)
            self.address = f"http://{host}:{port}/{self.token}{'/' if self.token else ''}"
            self.port = port
            return listener
        raise ShowError(
            f"no port from {self.port} on is free for the panel; name another behind --panel"
        )

    def within(self, request: Request) -> str:
        """Give the path behind the door that a request asks for; raise Refusal where it may not."""
        path = request.path.partition("?")[0].removeprefix("/")
        if self.token:
            token, _, path = path.partition("/")
            if not hmac.compare_digest(token, self.token):
                raise Refusal(403, "the address of the panel is longer; the terminal tells it")
        host = request.headers.get("host", "")
        if not self._known(host):
            # A page could lead its own name to this machine, and be at home here.
            raise Refusal(403, f"the panel is not called {host!r}; the terminal tells its address")
        site = request.headers.get("sec-fetch-site", "none")
        origin = request.headers.get("origin", f"http://{host}")
        if path and (site not in ("same-origin", "none") or origin != f"http://{host}"):
            raise Refusal(403, "another page asks for it")
        return path

    def _known(self, host: str) -> bool:
        """Say whether a `Host` is ours, and nobody else can give it to a machine of his."""
        name = ""
        try:
            name = urlsplit(f"//{host}").hostname or ""
            number = ipaddress.ip_address(name)
        except ValueError:
            ours = ["localhost"]
            if self.token:
                ours += [self.host, socket.gethostname(), f"{socket.gethostname()}.local"]
            return name in map(str.lower, ours)
        return bool(self.token) or number.is_loopback

    def _seen(self, family: socket.AddressFamily) -> str:
        """Give the host as other machines see it."""
        if self.host in EVERYWHERE:
            with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as way:
                way.connect((NOBODY[family], 9))  # which sends nothing
                return way.getsockname()[0]
        return self.host
