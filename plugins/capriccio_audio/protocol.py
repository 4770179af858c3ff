"""What the process that plays reads: events of a fixed size."""

import struct

# When it is due on time.monotonic(), which all processes share, 0 for at once; what it is; the
# channel; the pitch, the controller or the setting; the velocity or the value.
EVENT = struct.Struct("<dBBBxf")
END, NOTE_ON, NOTE_OFF, CONTROL, SETTING, PANIC, BEAT = range(7)
# The settings, by their numbers.
SETTINGS = ("volume", "reverb", "mute")


def pack(due: float, kind: int, channel: int = 0, number: int = 0, value: float = 0.0) -> bytes:
    """Return an event."""
    return EVENT.pack(due, kind, channel, number, value)
