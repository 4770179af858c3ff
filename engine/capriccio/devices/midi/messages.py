"""Encodes notes and controls as MIDI messages."""

from collections.abc import Mapping

from ...general_midi import program_of
from ...media import Note


def note_on(note: Note) -> bytes:
    """Return the message that starts a note; the softest velocity is 1, since 0 would end it."""
    return bytes([0x90 | note.channel - 1, note.pitch, max(1, to_7_bits(note.velocity))])


def note_off(note: Note) -> bytes:
    """Return the message that ends a note."""
    return bytes([0x80 | note.channel - 1, note.pitch, 0])


def control(change: tuple[int, float, int]) -> bytes:
    """Return the message of (controller 0..127, value 0..1, channel 1..16) or raise ValueError."""
    controller, value, channel = change
    if controller not in range(128):
        raise ValueError(f"controller must be 0..127, got {controller!r}")
    if channel not in range(1, 17):
        raise ValueError(f"channel must be 1..16, got {channel!r}")
    return bytes([0xB0 | channel - 1, controller, to_7_bits(value)])


def programs(instruments: Mapping[int, str | int]) -> list[bytes]:
    """Return the messages that choose the instrument of each channel; a kit needs none."""
    chosen = ((channel, program_of(name)) for channel, name in sorted(instruments.items()))
    return [bytes([0xC0 | channel - 1, number - 1]) for channel, number in chosen if number]


def to_7_bits(value: float) -> int:
    """Convert 0..1 to 0..127."""
    return round(min(max(value, 0.0), 1.0) * 127)
