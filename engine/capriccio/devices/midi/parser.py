"""Parses a stream of bytes into MIDI messages, and finds when each was played."""

# How many data bytes follow a status byte, by its upper half.
DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
REAL_TIME = 0xF8  # from here on a message is one byte, and may stand in the middle of another
# The longest that the interpreter is held; and the silence after which a driver's clock and ours
# may have drifted apart.
HELD_SECONDS, SILENCE_SECONDS = 0.25, 2.0


class MessageParser:
    """Parses the channel messages out of bytes that come in pieces of any size.

    Running status is understood. System messages, and data bytes without a status, are skipped.
    """

    def __init__(self) -> None:
        self._message: list[int] = []  # the running status, and the data after it

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete with `data`."""
        messages = []
        for byte in data:
            if byte >= REAL_TIME:
                continue
            if byte >= 0xF0:
                self._message = []  # a system message ends the running status
            elif byte >= 0x80:
                self._message = [byte]
            elif self._message:
                self._message.append(byte)
                if len(self._message) > DATA_BYTES[self._message[0] & 0xF0]:
                    messages.append(bytes(self._message))
                    del self._message[1:]
        return messages


class DriverClock:
    """Finds when messages were played, which is a little before they are received.

    A driver measures the seconds since the message before; we receive one when the interpreter is
    free. So the message that was received soonest tells the time of all others.
    """

    def __init__(self) -> None:
        self._played: float | None = None

    def played_at(self, received: float, since: float) -> float:
        """Return when a message was played that was `received`, `since` seconds after the last."""
        played = received if self._played is None else self._played + since
        if since > SILENCE_SECONDS or not received - HELD_SECONDS <= played <= received:
            played = received
        self._played = played
        return played
