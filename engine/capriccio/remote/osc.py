"""OSC in: every control of a show by its address, on one UDP socket of this machine."""

import hmac
import ipaddress
import socket
import threading
from time import monotonic
from typing import Any, NamedTuple

from ..errors import ShowError, describe, suggest
from ..log import warn_once
from ..parameters import Parameter
from ..parts import Input
from . import HOST, PORT
from .osc_codec import LARGEST, Message, read

# Messages that are read of a flood: sixty faders that are moved at once at 60 a second are fewer.
# What comes faster is left to the network, which loses it and costs the show nothing.
MOST_A_SECOND, BURST = 4000, 1000
# How long the reader rests at least where it has read enough, and how often it looks whether the
# show has ended, in seconds.
REST_SECONDS, LOOK_SECONDS = 0.005, 0.2
# Unknown addresses that are told one by one, and letters of each.
MOST_TOLD, MOST_LETTERS = 8, 80


class Place(NamedTuple):
    """Where OSC is heard: a host, a port, and the word that every address begins with."""

    host: str
    port: int
    word: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}{self.word and '/'}{self.word}"


def place_of(target: str) -> Place:
    """Read `[HOST:]PORT[/WORD]`; raise ShowError where it is no such thing.

    A place that other machines can reach needs a word, which they must know.
    """
    where, _, word = target.partition("/")
    host, _, number = where.rpartition(":")
    host = host.strip("[]") or HOST
    if not number.isdecimal() or not 0 < int(number) < 65536 or "/" in word:
        raise ShowError(
            f"OSC cannot be heard at {target!r}; give a port, such as {PORT}, or HOST:PORT/WORD"
        )
    if not word and not _is_here(host):
        raise ShowError(
            f"OSC at {target!r} is open to other machines; give a word that addresses begin with: "
            f"{where}/WORD"
        )
    return Place(host, int(number), word)


def _is_here(host: str) -> bool:
    """Say whether a host is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Osc(Input):
    """Hear OSC during a show, and turn the parameters; it shows and sounds nothing."""

    name = "osc"
    _socket: socket.socket | None = None

    def __init__(self, target: str = str(PORT)):
        super().__init__(target)
        self.place = place_of(target)
        self._prefix = f"/{self.place.word}" if self.place.word else ""
        self._unknown: set[str] = set()

    def start(self, performance):
        """Begin to hear; where that cannot be it is told, and the show goes on without."""
        host, port, _ = self.place
        try:
            family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, kind)
            self._socket.bind(address)
        except OSError as error:
            self.close()
            reason = error.strerror or error
            warn_once(f"OSC is not heard at {host}:{port}: {reason}; --osc gives another place")
            return
        self._socket.settimeout(LOOK_SECONDS)
        self._parameters = performance.parameters
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._hear, args=(self._socket, self._ended), name="osc", daemon=True
        )
        self._thread.start()

    def close(self):
        heard, self._socket = self._socket, None
        if heard is None:
            return
        if hasattr(self, "_ended"):
            self._ended.set()
            self._thread.join(2 * LOOK_SECONDS)
        heard.close()

    def _hear(self, heard: socket.socket, ended: threading.Event) -> None:
        allowed, then = float(BURST), monotonic()
        while not ended.is_set():
            try:
                packet = heard.recv(LARGEST + 1)
            except TimeoutError:
                continue
            except OSError:  # Windows tells here that somebody else has hung up
                ended.wait(REST_SECONDS)
                continue
            now = monotonic()
            allowed = min(BURST, allowed + (now - then) * MOST_A_SECOND) - self.take(packet)
            then = now
            if allowed < 0:
                warn_once(
                    f"OSC brings more than {MOST_A_SECOND} messages a second; some are lost", "OSC"
                )
                ended.wait(max(REST_SECONDS, -allowed / MOST_A_SECOND))

    def take(self, packet: bytes) -> int:
        """Turn what a packet says, tell what cannot be, and give the number of its messages."""
        try:
            messages = read(packet)
        except ValueError as error:
            warn_once(f"OSC: {error}; it is passed over", "OSC packets")
            return 1
        for message in messages:
            try:
                self._turn(message)
            except (LookupError, TypeError, ValueError) as error:
                warn_once(f"OSC: {message.address}: {error}", f"OSC {message.address}")
            except Exception as error:  # whatever a control does, the show goes on
                warn_once(f"OSC: {message.address} raised {describe(error)}", "OSC controls")
        return max(1, len(messages))

    def _turn(self, message: Message) -> None:
        address = message.address
        if self._prefix:
            word, address = address[: len(self._prefix)], address[len(self._prefix) :]
            if not hmac.compare_digest(word.encode(), self._prefix.encode()) or address[:1] != "/":
                warn_once("OSC: an address does not begin with the word of this show", "OSC word")
                return
        control = self._parameters.by_address.get(address)
        if control is None:
            self._tell_unknown(address)
        elif control.kind != "press":
            self._parameters.set(address, value_of(control, message.values))
        elif not message.values or any(message.values):  # a button that is let go sends 0
            self._parameters.set(address)

    def _tell_unknown(self, address: str) -> None:
        address = address[:MOST_LETTERS]
        if address in self._unknown:
            warn_once("", f"OSC no {address}")  # is counted, with the words of the first time
        elif len(self._unknown) < MOST_TOLD:
            self._unknown.add(address)
            near = suggest(address, self._parameters.by_address)
            if len(self._parameters.by_address) > MOST_TOLD and "did you mean" not in near:
                near = "; capriccio osc SKETCH.py lists them"
            warn_once(f"OSC: no control {address!r}{near}", f"OSC no {address}")
        else:
            warn_once("OSC: more addresses that are not on the parameters", "OSC no others")


def value_of(control: Parameter, values: tuple[Any, ...]) -> Any:
    """Give what the values of a message mean to a control; None, which lets go, where none.

    Raises TypeError where it takes no such thing.
    """
    if len(values) > 1:
        raise TypeError(f"{len(values)} values; it takes one")
    value = values[0] if values else None
    if isinstance(value, bytes):
        raise TypeError("a value of bytes; give a number or words")
    if isinstance(value, str | None):
        return value
    if control.kind == "words":
        return f"{value:g}"
    return at_dial(control, value) if control.kind == "choice" else value


def at_dial(control: Parameter, dial: float) -> Any:
    """Give what a dial that stands at 0..1 means to a control: a number, or one of its choices."""
    dial = min(max(float(dial), 0.0), 1.0)
    if control.kind == "choice":
        return control.choices[min(int(dial * len(control.choices)), len(control.choices) - 1)]
    low, high = control.span
    return low + dial * (high - low)
