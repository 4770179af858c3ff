"""OSC packets as messages: an address and its values, or a clear refusal, whatever the bytes are.

The format is that of OSC 1.0 (Wright, 2002), with the types of 1.1 and those that are in use.
"""

from struct import Struct
from typing import Any, NamedTuple

# What one packet may hold; a network carries less than this in one piece.
LARGEST = 8192  # bytes
# Bundles within bundles; nobody sends them deeper.
DEEPEST = 8
BUNDLE = b"#bundle\0"
HEAD = 16  # bytes of a bundle before its first piece: its mark, and when it is meant for
SIZE = Struct(">i")

NUMBERS = {
    "i": Struct(">i"),
    "h": Struct(">q"),
    "f": Struct(">f"),
    "d": Struct(">d"),
    "t": Struct(">Q"),
    "c": Struct(">I"),
    "r": Struct(">I"),
    "m": Struct(">I"),
}
CONSTANTS = {"T": True, "F": False, "N": None, "I": True}


class Message(NamedTuple):
    """One thing that is said: at which address, and with which values."""

    address: str
    values: tuple[Any, ...]


def read(packet: bytes) -> list[Message]:
    """Give the messages of a packet, those of a bundle in order, whenever they are meant for.

    Raises ValueError where it is no OSC.
    """
    if len(packet) > LARGEST:
        raise ValueError(f"a packet of more than {LARGEST} bytes")
    messages = []
    pieces = [(packet, 0)]
    while pieces:
        piece, depth = pieces.pop()
        if len(piece) % 4 or not piece:
            raise ValueError(f"a packet of {len(piece)} bytes; OSC comes in groups of 4")
        if piece.startswith(BUNDLE):
            if depth == DEEPEST:
                raise ValueError(f"more than {DEEPEST} bundles in each other")
            pieces += [(part, depth + 1) for part in reversed(_parts(piece))]
        else:
            messages.append(_message(piece))
    return messages


def _parts(bundle: bytes) -> list[bytes]:
    if len(bundle) < HEAD:
        raise ValueError("a bundle that is cut short")
    parts, at = [], HEAD
    while at < len(bundle):
        (size,) = SIZE.unpack_from(bundle, at)
        at += SIZE.size
        if not 0 < size <= len(bundle) - at:
            raise ValueError(f"a piece of {size} bytes in a bundle that has {len(bundle) - at}")
        parts.append(bundle[at : at + size])
        at += size
    return parts


def _message(piece: bytes) -> Message:
    if not piece.startswith(b"/"):
        raise ValueError("a packet that begins with no address")
    address, at = _string(piece, 0)
    if at == len(piece):
        return Message(address, ())  # very old senders name no types where there is no value
    types, at = _string(piece, at)
    if not types.startswith(","):
        raise ValueError("a message that does not name the types of its values")
    values: list[Any] = []
    for kind in types[1:]:
        if kind in NUMBERS:
            number = NUMBERS[kind]
            if at + number.size > len(piece):
                raise ValueError("a message that is cut short")
            values += number.unpack_from(piece, at)
            at += number.size
        elif kind in CONSTANTS:
            values.append(CONSTANTS[kind])
        elif kind in "sS":
            words, at = _string(piece, at)
            values.append(words)
        elif kind == "b":
            if at + SIZE.size > len(piece):
                raise ValueError("a message that is cut short")
            (size,) = SIZE.unpack_from(piece, at)
            at += SIZE.size
            if not 0 <= size <= len(piece) - at:
                raise ValueError("a message that is cut short")
            values.append(piece[at : at + size])
            at += size + -size % 4
        elif kind not in "[]":  # lists are read as what is in them
            raise ValueError(f"a value of the type {kind!r}, which OSC does not have")
    return Message(address, tuple(values))


def _string(piece: bytes, at: int) -> tuple[str, int]:
    """Give the string that begins at a place, and where the next thing begins."""
    end = piece.find(b"\0", at)
    if end < 0:
        raise ValueError("a string without an end")
    try:
        return piece[at:end].decode(), end + 4 - end % 4
    except UnicodeDecodeError:
        raise ValueError("a string that is no text") from None
