"""Where the panel is served, and which requests may pass."""

import errno
import hmac
import ipaddress
import secrets
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from ..errors import ShowError

# Where the panel is served unless another place is given, and how many ports are tried from there.
HOST, PORT, PORTS = "127.0.0.1", 8787, 20
# Connections that may wait to be accepted.
BACKLOG = 16
# Addresses reserved for documentation: the route to one tells our own address on the network.
DOCUMENTATION_HOSTS = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
ALL_INTERFACES = ("0.0.0.0", "::")


class Refusal(Exception):
    """A request that is refused, with a status and a reason; the connection is closed after it."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


class Access:
    """The place `[HOST:]PORT` at which the panel is served, once it is open.

    Without a HOST only this machine can reach it. With one, even this machine's own, every path
    begins with a secret token: one for those who may set parameters, one for guests who may only
    watch. With a certificate, a PEM file that holds the private key as well, the connection is
    encrypted. Raises ShowError where the place has another form, or the file is no certificate.
    """

    def __init__(self, place: str, certificate: str = ""):
        host, _, port = place.rpartition(":")
        if place and not (port.isdecimal() and len(port) < 6 and 0 < int(port) < 65536):
            form = "--panel must stand alone or be followed by [HOST:]PORT"
            raise ShowError(f"{form}, got {place!r}")
        self.host, self.port = host.strip("[]") or HOST, int(port or PORT)
        self.token, self.guest_token = (secrets.token_urlsafe(16) if host else "" for _ in "12")
        self.address = self.guest_address = ""
        self.tls = _tls(certificate) if certificate else None
        self._scheme = "https" if self.tls else "http"

    def open(self) -> socket.socket:
        """Listen at the port or the next free one, set `address`, or raise ShowError."""
        try:
            family, *_ = socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM)[0]
        except OSError as error:
            raise ShowError(f"cannot serve the panel at {self.host!r}: {error.strerror}") from None
        for port in range(self.port, min(self.port + PORTS, 65536)):
            try:
                listener = socket.create_server((self.host, port), family=family, backlog=BACKLOG)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                place = f"{self.host}, port {port}"
                raise ShowError(f"cannot serve the panel at {place}: {error.strerror}") from None
            listener.setblocking(False)
            host = self._public_host(family)
            host = f"[{host}]" if family == socket.AF_INET6 else host
            self.address = f"{self._scheme}://{host}:{port}/"
            if self.token:
                self.guest_address = f"{self.address}{self.guest_token}/"
                self.address += f"{self.token}/"
            self.port = port
            return listener
        taken = f"no port from {self.port} on is free for the panel"
        raise ShowError(f"{taken}; choose another with --panel PORT")

    def authorize(self, path: str, headers: Mapping[str, str]) -> tuple[str, bool]:
        """Return the path without the token, and whether its holder may only watch.

        The host is checked against DNS rebinding: a page could lead its own name to this machine
        and then count as ours. The origin is checked against requests of other pages.

        Args:
            path: what is asked for, with the token and without the query.
            headers: of the request, their names in lower case.

        Raises:
            Refusal: the request may not pass.
        """
        path, view_only = path.removeprefix("/"), False
        if self.token:
            token, _, path = path.partition("/")
            view_only = hmac.compare_digest(token.encode(), self.guest_token.encode())
            if not view_only and not hmac.compare_digest(token.encode(), self.token.encode()):
                raise Refusal(403, "the address of the panel is longer; see the terminal")
        host = headers.get("host", "")
        if not self._is_own(host):
            raise Refusal(403, f"the panel is not served as {host!r}; see the terminal")
        own = f"{self._scheme}://{host}"
        site, origin = headers.get("sec-fetch-site", "none"), headers.get("origin", own)
        if path and (site not in ("same-origin", "none") or origin != own):
            raise Refusal(403, "requests from other pages are refused")
        return path, view_only

    def _is_own(self, host: str) -> bool:
        """Return whether a `Host` header is ours, and no one else can lead that name elsewhere."""
        name = ""
        try:
            name = urlsplit(f"//{host}").hostname or ""
            number = ipaddress.ip_address(name)
        except ValueError:
            own = ["localhost"]
            if self.token:
                own += [self.host, socket.gethostname(), f"{socket.gethostname()}.local"]
            return name in map(str.lower, own)
        return bool(self.token) or number.is_loopback

    def _public_host(self, family: socket.AddressFamily) -> str:
        """Return the host as other machines reach it."""
        if self.host in ALL_INTERFACES:
            with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((DOCUMENTATION_HOSTS[family], 9))  # which sends nothing
                return str(probe.getsockname()[0])
        return self.host


def _tls(certificate: str) -> ssl.SSLContext:
    """Return what encrypts connections with a PEM file; raise ShowError where it cannot."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, password=lambda: "")  # which never asks for one
    except ssl.SSLError:
        wanted = "a PEM file with a certificate and its private key, without a password"
        raise ShowError(f"expected {wanted}, got {certificate!r}") from None
    except OSError as error:
        raise ShowError(f"cannot read the certificate {certificate!r}: {error.strerror}") from None
    return context
