"""Receives OSC on one UDP socket, and sets parameters by their addresses."""

import hmac
import ipaddress
import socket
import threading
from time import monotonic
from typing import Any, NamedTuple

from ..errors import ShowError, describe, suggest
from ..log import warn_once
from ..parameters import Parameter, Parameters
from ..parts import Input
from ..performance import Performance
from . import HOST, PORT
from .osc_codec import MAX_BYTES, Message, decode
from .scaling import from_unit

# Messages that are read of a flood: sixty faders moved at once at 60 a second are fewer. More is
# left in the socket's buffer, where it is lost and costs the show nothing.
MAX_PER_SECOND, BURST = 4000, 1000
# The shortest pause after the limit was reached, and how often the thread looks whether the show
# has ended, in seconds.
PAUSE_SECONDS, POLL_SECONDS = 0.005, 0.2
# Unknown addresses that are logged one by one, and letters of each.
MAX_UNKNOWN, MAX_LETTERS = 8, 80


class Endpoint(NamedTuple):
    """Where OSC is received, and a prefix that every address must have."""

    host: str
    port: int
    prefix: str


def parse_endpoint(target: str) -> Endpoint:
    """Parse `[HOST:]PORT[/WORD]`; raise ShowError if malformed, or open to others without WORD."""
    place, _, prefix = target.partition("/")
    host, _, port = place.rpartition(":")
    host = host.strip("[]") or HOST
    if not port.isdecimal() or not 0 < int(port) < 65536 or "/" in prefix:
        raise ShowError(f"OSC needs a port, such as {PORT}, or HOST:PORT/WORD, got {target!r}")
    if not prefix and not _is_local(host):
        raise ShowError(
            f"OSC at {target!r} is open to other machines; add a word that every address must "
            f"begin with: {place}/WORD"
        )
    return Endpoint(host, int(port), prefix)


def _is_local(host: str) -> bool:
    """Return whether only this machine can reach `host`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class OscInput(Input):
    """Set parameters by OSC: `osc:9000`, or `osc:HOST:PORT/WORD` for other machines."""

    name = "osc"
    _socket: socket.socket | None = None

    def __init__(self, target: str = str(PORT)):
        super().__init__(target)
        self.endpoint = parse_endpoint(target or str(PORT))
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, performance: Performance) -> None:
        """Open the socket; where that fails, a warning is logged and the show goes on without."""
        host, port, prefix = self.endpoint
        try:
            family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, kind)
            self._socket.bind(address)
        except OSError as error:
            self.close()
            reason = f"cannot listen for OSC on {host}:{port}: {error.strerror or error}"
            warn_once(f"{reason}; choose another port with --osc")
            return
        self._socket.settimeout(POLL_SECONDS)
        self._ended = threading.Event()
        listening = self._socket, OscDispatcher(performance.parameters, prefix), self._ended
        self._thread = threading.Thread(target=_listen, args=listening, name="osc", daemon=True)
        self._thread.start()

    def close(self) -> None:
        opened, self._socket = self._socket, None
        if opened is None:
            return
        self._ended.set()
        if self._thread is not None:
            self._thread.join(2 * POLL_SECONDS)
        opened.close()


class OscDispatcher:
    """Sets parameters as OSC packets say, whose addresses begin with `prefix`; logs the others."""

    def __init__(self, parameters: Parameters, prefix: str = ""):
        self._parameters, self._prefix = parameters, f"/{prefix}" if prefix else ""
        self._unknown: set[str] = set()

    def dispatch(self, packet: bytes) -> int:
        """Set what a packet says, and return how many messages it counts for."""
        try:
            messages = decode(packet)
        except ValueError as error:
            warn_once(f"OSC: {error}; the packet is ignored", "OSC packets")
            return 1
        for message in messages:
            try:
                self._set(message)
            except (LookupError, TypeError, ValueError) as error:
                warn_once(f"OSC: {message.address}: {error}", f"OSC {message.address}")
            except Exception as error:  # whatever a parameter does, the show goes on
                warn_once(f"OSC: {message.address} raised {describe(error)}", "OSC parameters")
        return max(1, len(messages))

    def _set(self, message: Message) -> None:
        address = message.address
        if self._prefix:
            prefix, address = address[: len(self._prefix)], address[len(self._prefix) :]
            known = hmac.compare_digest(prefix.encode(), self._prefix.encode())
            if not known or address[:1] != "/":
                warn_once("OSC: an address does not begin with the word of this show", "OSC word")
                return
        parameter = self._parameters.by_address.get(address)
        if parameter is None:
            self._warn_unknown(address)
        elif parameter.kind != "press":
            self._parameters.set(address, convert_arguments(parameter, message.arguments))
        elif not message.arguments or any(message.arguments):  # a released button sends 0
            self._parameters.set(address)

    def _warn_unknown(self, address: str) -> None:
        address = address[:MAX_LETTERS]
        if address in self._unknown:
            warn_once("", f"OSC no {address}")  # is counted, with the words of the first time
        elif len(self._unknown) < MAX_UNKNOWN:
            self._unknown.add(address)
            near = suggest(address, self._parameters.by_address)
            if len(self._parameters.by_address) > MAX_UNKNOWN and "did you mean" not in near:
                near = "; list them with capriccio osc SKETCH.py"
            warn_once(f"OSC: no control {address!r}{near}", f"OSC no {address}")
        else:
            warn_once("OSC: further unknown addresses are only counted", "OSC no others")


def _listen(opened: socket.socket, dispatcher: OscDispatcher, ended: threading.Event) -> None:
    allowed, then = float(BURST), monotonic()
    while not ended.is_set():
        try:
            packet = opened.recv(MAX_BYTES + 1)
        except TimeoutError:
            continue
        except OSError:  # Windows reports here that a peer has closed its socket
            ended.wait(PAUSE_SECONDS)
            continue
        now = monotonic()
        refilled = min(BURST, allowed + (now - then) * MAX_PER_SECOND)
        allowed, then = refilled - dispatcher.dispatch(packet), now
        if allowed < 0:
            warn_once(f"more than {MAX_PER_SECOND} OSC messages a second; some are lost", "OSC")
            ended.wait(max(PAUSE_SECONDS, -allowed / MAX_PER_SECOND))


def convert_arguments(parameter: Parameter, arguments: tuple[Any, ...]) -> Any:
    """Return what a message sets a parameter to; None, which releases it, where it has no argument.

    A number chooses one of several choices as the position 0..1 of a control. Raises TypeError.
    """
    if len(arguments) > 1:
        raise TypeError(f"expected one value, got {len(arguments)}")
    value = arguments[0] if arguments else None
    if isinstance(value, bytes):
        raise TypeError("expected a number or words, got a blob")
    if isinstance(value, str | None):
        return value
    if parameter.kind == "words":
        return f"{value:g}"
    return from_unit(parameter, value) if parameter.kind == "choice" else value
