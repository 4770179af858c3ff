"""Notes and controls as MIDI bytes."""

from ...media import Note


def note_on(note: Note) -> bytes:
    """Give the message that begins a note; the softest is 1, since 0 would end it."""
    return bytes([0x90 | note.channel - 1, note.pitch, max(1, level(note.velocity))])


def note_off(note: Note) -> bytes:
    """Give the message that ends a note."""
    return bytes([0x80 | note.channel - 1, note.pitch, 0])


def control(change) -> bytes:
    """Give the message that moves a control: `(controller 0..127, value 0..1, channel 1..16)`.

    Raises ValueError where MIDI has no such controller or channel.
    """
    controller, value, channel = change
    if not (controller in range(128) and channel in range(1, 17)):
        raise ValueError(
            f"control {controller!r} on channel {channel!r}; controllers are 0..127, channels 1..16"
        )
    return bytes([0xB0 | channel - 1, controller, level(value)])


def level(value: float) -> int:
    """Convert 0..1 to 0..127."""
    return round(min(max(value, 0.0), 1.0) * 127)
