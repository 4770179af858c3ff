"""Decodes OSC packets into messages.

The format is OSC 1.0 (Wright, 2002), with the types of 1.1 and others in common use.
"""

from struct import Struct
from typing import Any, NamedTuple

# A network carries less than this in one packet.
MAX_BYTES = 8192
# Bundles within bundles; no known sender nests them deeper.
MAX_DEPTH = 8
BUNDLE = b"#bundle\0"
BUNDLE_HEAD = 16  # bytes before the first element: the marker and the time tag
SIZE = Struct(">i")

# Numbers by their type tag, and the code that `struct` has for each.
NUMBERS = {tag: Struct(f">{code}") for tag, code in zip("ihfdtcrm", "iqfdQIII", strict=True)}
CONSTANTS = {"T": True, "F": False, "N": None, "I": True}


class Message(NamedTuple):
    """One OSC message."""

    address: str
    arguments: tuple[Any, ...]


def decode(packet: bytes) -> list[Message]:
    """Return the messages of a packet, without time tags; raise ValueError if malformed."""
    if len(packet) > MAX_BYTES:
        raise ValueError(f"packet of more than {MAX_BYTES} bytes")
    messages = []
    elements = [(packet, 0)]
    while elements:
        element, depth = elements.pop()
        if len(element) % 4 or not element:
            raise ValueError(f"packet of {len(element)} bytes, expected a multiple of 4")
        if element.startswith(BUNDLE):
            if depth == MAX_DEPTH:
                raise ValueError(f"bundles nested more than {MAX_DEPTH} deep")
            elements += [(part, depth + 1) for part in reversed(_split_bundle(element))]
        else:
            messages.append(_decode_message(element))
    return messages


def _split_bundle(bundle: bytes) -> list[bytes]:
    if len(bundle) < BUNDLE_HEAD:
        raise ValueError("bundle is truncated")
    elements, at = [], BUNDLE_HEAD
    while at < len(bundle):
        if at + SIZE.size > len(bundle):
            raise ValueError("bundle is truncated")
        (size,) = SIZE.unpack_from(bundle, at)
        at += SIZE.size
        if not 0 < size <= len(bundle) - at:
            raise ValueError(f"bundle element of {size} bytes where {len(bundle) - at} are left")
        elements.append(bundle[at : at + size])
        at += size
    return elements


def _decode_message(data: bytes) -> Message:
    if not data.startswith(b"/"):
        raise ValueError("message does not begin with an address")
    address, at = _decode_string(data, 0)
    if at == len(data):
        return Message(address, ())  # very old senders leave out empty type tags
    types, at = _decode_string(data, at)
    if not types.startswith(","):
        raise ValueError("message has no type tags")
    arguments: list[Any] = []
    for tag in types[1:]:
        if number := SIZE if tag == "b" else NUMBERS.get(tag):
            if at + number.size > len(data):
                raise ValueError("message is truncated")
            arguments += number.unpack_from(data, at)
            at += number.size
            if tag == "b":  # a blob, after its size
                size = arguments.pop()
                if not 0 <= size <= len(data) - at:
                    raise ValueError("message is truncated")
                arguments.append(data[at : at + size])
                at += size + -size % 4
        elif tag in CONSTANTS:
            arguments.append(CONSTANTS[tag])
        elif tag in "sS":
            string, at = _decode_string(data, at)
            arguments.append(string)
        elif tag not in "[]":  # arrays are flattened
            raise ValueError(f"unknown type tag {tag!r}")
    return Message(address, tuple(arguments))


def _decode_string(data: bytes, at: int) -> tuple[str, int]:
    """Return the string that begins at `at`, and the offset after its padding."""
    end = data.find(b"\0", at)
    if end < 0:
        raise ValueError("string is not terminated")
    try:
        return data[at:end].decode(), end + 4 - end % 4
    except UnicodeDecodeError:
        raise ValueError("string is not valid UTF-8") from None
