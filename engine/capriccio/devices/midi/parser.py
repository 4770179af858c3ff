"""MIDI messages out of a stream of bytes, whatever the bytes are; and the time they were played."""

# How many bytes follow a status byte, by its upper half.
FOLLOWING = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
REAL_TIME = 0xF8  # from here on a message is one byte, and may stand in the middle of another
# The interpreter is not held longer than this; and after such a silence the time is taken anew,
# since two clocks drift apart.
HELD_SECONDS, SILENCE_SECONDS = 0.25, 2.0


class MessageParser:
    """Takes bytes in pieces of any size and gives the channel messages in them, each whole.

    A status byte may be left out where it is that of the message before. What belongs to no
    channel message, such as the system's own messages and bytes that nothing has announced, is
    passed over.
    """

    def __init__(self) -> None:
        self._message: list[int] = []  # the status in force, and what has come after it

    def take(self, data: bytes) -> list[bytes]:
        """Give the messages that are complete with `data`."""
        whole = []
        for byte in data:
            if byte >= REAL_TIME:
                continue
            if byte >= 0xF0:
                self._message = []  # no status is in force, and the data that follow are nobody's
            elif byte >= 0x80:
                self._message = [byte]
            elif self._message:
                self._message.append(byte)
                if len(self._message) > FOLLOWING[self._message[0] & 0xF0]:
                    whole.append(bytes(self._message))
                    del self._message[1:]
        return whole


class DriverClock:
    """Tells when a message was played, which is a little before we hear of it.

    A driver measures the seconds since the message before it; we hear of a message when the
    interpreter is free. So the message we heard of soonest tells the time of all the others.
    """

    def __init__(self) -> None:
        self._played: float | None = None

    def played(self, heard: float, since: float) -> float:
        """Give when a message was played that we `heard` of, `since` seconds after the last."""
        guess = heard if self._played is None else self._played + since
        if since > SILENCE_SECONDS or not heard - HELD_SECONDS <= guess <= heard:
            guess = heard
        self._played = guess
        return guess
