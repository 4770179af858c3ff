"""What a conductor and those who follow it send each other: OSC messages of one packet each."""

import hmac
import ipaddress
from typing import Any, NamedTuple

from capriccio import ShowError

MAX_BYTES = 4096
PORT = 9100
# The addresses, behind the word.
HELLO, BEAT, SET = "/hello", "/beat", "/set"


class Place(NamedTuple):
    """Where a conductor is: a host, a port, and the word that every address begins with."""

    host: str
    port: int
    word: str


def parse_place(target: str, *, default_host: str) -> Place:
    """Parse `[HOST][:PORT][/WORD]`.

    Raises:
        ShowError: it is malformed.
    """
    place, _, word = target.partition("/")
    host, _, port = place.rpartition(":") if ":" in place else (place, "", str(PORT))
    if not port.isdecimal() or not 0 < int(port) < 65536 or "/" in word:
        raise ShowError(f"a conductor is at HOST, HOST:PORT or HOST:PORT/WORD, got {target!r}")
    return Place(host or default_host, int(port), word)


def is_local(host: str) -> bool:
    """Return whether only this machine can reach `host`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def encode(word: str, address: str, *values: Any) -> bytes:
    """Return an OSC message; floats are sent in double precision."""
    from pythonosc.osc_message_builder import OscMessageBuilder

    builder = OscMessageBuilder(f"/{word}{address}" if word else address)
    for value in values:
        if value is None:
            builder.add_arg(None, builder.ARG_TYPE_NIL)
        else:
            builder.add_arg(value, "d" if isinstance(value, float) else None)
    return builder.build().dgram


def decode(word: str, packet: bytes) -> tuple[str, list[Any]]:
    """Return the address behind the word and the values of a message; ("", []) where it is none."""
    from pythonosc.osc_message import OscMessage

    head = f"/{word}/".encode() if word else b"/"
    if not hmac.compare_digest(packet[: len(head)], head) or len(packet) > MAX_BYTES:
        return "", []
    try:
        message = OscMessage(packet)
        return message.address[len(head) - 1 :], list(message.params)
    except Exception:  # python-osc has many kinds of errors for what strangers send
        return "", []
