"""Receives OSC on one UDP socket, and sets parameters by their addresses.

Messages are parsed by python-osc. Bundles are taken apart here, since python-osc never ends where
an element has a negative size, and writes on the root logger for each it does not know.
"""

import hmac
import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from struct import Struct
from time import monotonic
from typing import Any, NamedTuple

from ..errors import ShowError, describe, suggest
from ..log import warn_once
from ..parameters import Parameter, Parameters
from ..parts import Input
from ..performance import Performance
from . import HOST, PORT
from .scaling import from_unit

# A network carries less than this in one packet.
MAX_BYTES = 8192
# Bundles within bundles; no known sender nests them deeper.
MAX_DEPTH = 8
BUNDLE, SIZE = b"#bundle\0", Struct(">i")
BUNDLE_HEAD = len(BUNDLE) + 8  # bytes before the first element: the marker and the time tag
# The type tags that python-osc knows, and those it does not that are coded as one that it does.
KNOWN_TAGS, OTHER_TAGS = b"ihfdsbrmtTFN[]", bytes.maketrans(b"ISc", b"Tsi")
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
    with suppress(ValueError):
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
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
        count = 0
        try:
            for data in split_packet(packet):
                count += 1
                if self._knows_word(data):
                    address, arguments = parse_message(data)
                    self._try_to_set(address[len(self._prefix) :], arguments)
        except Exception as error:  # of python-osc, whose kinds of errors are many
            why = error if isinstance(error, ValueError) else describe(error)
            warn_once(f"OSC: {why}; the packet is ignored", "OSC packets")
        return max(1, count)

    def _knows_word(self, data: bytes) -> bool:
        """Return whether a message begins with the word; nothing else of it is looked at before."""
        word = self._prefix.encode()
        known = hmac.compare_digest(data[: len(word)], word) and data[len(word) :][:1] == b"/"
        if word and not known:
            warn_once("OSC: an address does not begin with the word of this show", "OSC word")
        return known or not word

    def _try_to_set(self, address: str, arguments: tuple[Any, ...]) -> None:
        try:
            self._set(address, arguments)
        except (LookupError, TypeError, ValueError) as error:
            warn_once(f"OSC: {address}: {error}", f"OSC {address}")
        except Exception as error:  # whatever a parameter does, the show goes on
            warn_once(f"OSC: {address} raised {describe(error)}", "OSC parameters")

    def _set(self, address: str, arguments: tuple[Any, ...]) -> None:
        parameter = self._parameters.by_address.get(address)
        if parameter is None:
            self._warn_unknown(address)
        elif parameter.kind != "press":
            self._parameters.set(address, convert_arguments(parameter, arguments))
        elif not arguments or any(arguments):  # a released button sends 0
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


def split_packet(packet: bytes) -> Iterator[bytes]:
    """Yield the messages of a packet, bundled or not; raise ValueError where it is malformed."""
    if len(packet) > MAX_BYTES:
        raise ValueError(f"packet of more than {MAX_BYTES} bytes")
    elements = [(packet, 0)]
    while elements:
        element, depth = elements.pop()
        if len(element) % 4 or not element:
            raise ValueError(f"packet of {len(element)} bytes, expected a multiple of 4")
        if not element.startswith(BUNDLE):
            yield element
            continue
        if depth == MAX_DEPTH:
            raise ValueError(f"bundles nested more than {MAX_DEPTH} deep")
        if len(element) < BUNDLE_HEAD:
            raise ValueError("bundle is truncated")
        parts, at = [], BUNDLE_HEAD
        while at < len(element):  # by four bytes at least, of which there are four
            (size,) = SIZE.unpack_from(element, at)
            at += SIZE.size
            if not 0 < size <= len(element) - at or size % 4:
                left = len(element) - at
                raise ValueError(f"bundle element of {size} bytes where {left} are left")
            parts.append((element[at : at + size], depth + 1))
            at += size
        elements += reversed(parts)


def parse_message(data: bytes) -> tuple[str, tuple[Any, ...]]:
    """Return the address of a message, and its arguments; arrays are flattened.

    Raises ValueError, or what python-osc does, where it is malformed.
    """
    from pythonosc.osc_message import OscMessage

    if not data.startswith(b"/"):
        raise ValueError("message does not begin with an address")
    tags_at = (data.find(b"\0") // 4 + 1) * 4
    tags_end = data.find(b"\0", tags_at)
    tags = data[tags_at:tags_end].translate(OTHER_TAGS) if tags_end >= 0 else b""
    if unknown := tags[1:].translate(None, KNOWN_TAGS):  # the first is a comma
        raise ValueError(f"unknown type tag {chr(unknown[0])!r}")
    message = OscMessage(data[:tags_at] + tags + data[max(tags_at, tags_end) :])
    arguments: list[Any] = []
    waiting: list[Any] = message.params[::-1]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += reversed(one)
        else:
            arguments.append(one)
    return message.address, tuple(arguments)


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
