"""What hands do on a MIDI controller, as floats from 0 to 1 that a sketch reads when it likes."""

import threading
import weakref
from bisect import bisect_right
from collections import deque
from pathlib import Path

from ..clock import LiveClock, Moment, OfflineClock
from ..errors import ShowError
from ..hookspecs import Performance, performing
from ..media import Note
from .inputs import Listening, listen
from .moves import Moves, bend

# Messages that wait for a sketch to read them, and notes that are remembered.
MOST_WAITING, MOST_NOTES = 65536, 8192
# The shortest note there is, in beats; and what forgives the rounding of seconds to beats.
SHORTEST, ROUNDING = 1 / 32, 1e-6
# Controllers with which a keyboard says that nothing sounds any more.
SILENCES = (120, 123)


def controls(port: str = "", *, simulate: str | Path = "") -> "Controls":
    """Give the dials and keys of every MIDI controller connected, or of the one called `port`.

    `simulate` names a MIDI file that is played in as if by a human: its beats are the show's
    beats, whatever its own tempo. Offline nobody is heard but such a file, so that a show can be
    rendered again.
    """
    return Controls(port, simulate)


class Controls:
    """The dials and keys of a controller, read from any thread; reading never waits.

    `hands[1]` is controller 1 on any channel, `hands.fine(1)` the same of a device that sends 14
    bits, `hands.nrpn(300)` a parameter beyond those, `hands.key(60)` how hard a key is held and
    `hands.touch(60)` how hard it is pressed on after that, `hands.bend` and `hands.pressure` what
    they say, `hands.played(now)` the notes that were played. Ports are opened when a live show
    first reads, and again when a device is plugged in later. Without a controller everything stays
    where it rests; where one is unplugged its keys are let go, and its dials stay.
    """

    def __init__(self, port: str = "", simulate: str | Path = ""):
        if port and simulate:
            raise ShowError(
                f"controls of port {port!r} cannot simulate {str(simulate)!r} as well; give one"
            )
        if simulate and not Path(simulate).expanduser().is_file():
            raise ShowError(f"controls find no file {str(simulate)!r} to simulate")
        self._port, self._file = port, simulate
        self._lock = threading.Lock()  # over all that follows: cues of two threads read
        self._performance: Performance | None = None
        self._clock = OfflineClock()
        self._listening: Listening | None = None
        self._waiting: deque[tuple[float, str, bytes]] = deque(maxlen=MOST_WAITING)
        self._tune: list[tuple[float, bytes]] | None = None  # beats and message
        self._place = 0  # in the tune
        self._rest()

    def __getitem__(self, controller: int) -> float:
        """Give where a dial 0..127 stands, 0..1; 0.5, the middle, until it is first moved."""
        return self.get(controller)

    def get(self, controller: int, default: float = 0.5) -> float:
        """Give where a dial 0..127 stands, 0..1, or `default` until it is first moved."""
        if controller not in range(128):
            raise ValueError(f"no controller {controller!r}; MIDI has 0..127")
        with self._lock:
            self._catch_up()
            return self._dials.get(controller, default)

    def fine(self, controller: int, default: float = 0.5) -> float:
        """Give where a dial 0..31 that is sent in 14 bits stands, or `default` until it is moved.

        Its lower bits are those of the dial 32 above it.
        """
        if controller not in range(32):
            raise ValueError(f"no controller {controller!r} of 14 bits; MIDI has 0..31")
        return self._moved("cc14", controller, default)

    def nrpn(self, number: int, default: float = 0.5) -> float:
        """Give where the parameter (NRPN) of a number 0..16383 stands, or `default` until moved."""
        if number not in range(16384):
            raise ValueError(f"no parameter {number!r}; MIDI has 0..16383")
        return self._moved("nrpn", number, default)

    def touch(self, pitch: int) -> float:
        """Give how hard the key of a pitch 0..127 is pressed on after it was struck, 0..1."""
        if pitch not in range(128):
            raise ValueError(f"no key of pitch {pitch!r}; a pitch is a whole number 0..127")
        return self._moved("poly", pitch, 0.0)

    def key(self, pitch: int) -> float:
        """Give how hard the key of a pitch 0..127 is held, 0..1; 0 where it is not."""
        if pitch not in range(128):
            raise ValueError(f"no key of pitch {pitch!r}; a pitch is a whole number 0..127")
        with self._lock:
            self._catch_up()
            held = [press.velocity for (_, key), press in self._held.items() if key == pitch]
            return max(held, default=0.0)

    @property
    def bend(self) -> float:
        """Where the pitch wheel stands, 0..1; it rests at 0.5."""
        with self._lock:
            self._catch_up()
            return self._bend

    @property
    def pressure(self) -> float:
        """How hard the keys are pressed on after they were struck, 0..1; it rests at 0."""
        with self._lock:
            self._catch_up()
            return self._pressure

    def played(self, now: Moment, *, beats: float | None = None) -> list[Note]:
        """Give the notes begun in the `beats` before `now` (`now.span`, unless given) as a phrase.

        They start where that stretch starts, as exactly as they were played, on the channels they
        were played on. A note still held lasts until `now`. Live, a play cue is called ahead of
        the moment it is for: what hands do after the call is not in it.
        """
        begin = now.beats - (now.span if beats is None else beats)
        with self._lock:
            self._catch_up()
            return [
                Note(
                    press.pitch,
                    max(0.0, press.start - begin),
                    max(SHORTEST, min(press.end, now.beats) - press.start),
                    press.velocity,
                    press.channel,
                )
                for press in self._presses
                if begin - ROUNDING <= press.start < now.beats - ROUNDING
            ]

    def _moved(self, kind: str, number: int, rest: float) -> float:
        with self._lock:
            self._catch_up()
            return self._places.get((kind, number), rest)

    # -- hearing ------------------------------------------------------------------------------

    def _rest(self) -> None:
        self._dials: dict[int, float] = {}
        self._moves: dict[str, Moves] = {}  # of each device
        self._places: dict[tuple[str, int], float] = {}  # of what takes more than a message
        self._held: dict[tuple[int, int], _Press] = {}
        self._presses: deque[_Press] = deque(maxlen=MOST_NOTES)
        self._bend, self._pressure = 0.5, 0.0

    def _catch_up(self) -> None:
        """Follow everything that hands have done until now, by the clock of the show."""
        # A thread that the stage has not started knows of no show: then it is the last one read in.
        performance = performing.get() or self._performance
        if performance is None:
            return
        if performance is not self._performance:
            self._begin(performance)
        if self._tune is not None:
            beats = self._clock.beats_at(self._clock.seconds()) + ROUNDING
            until = bisect_right(self._tune, beats, key=lambda event: event[0])
            for at, message in self._tune[self._place : until]:
                self._hear("", message, at)
            self._place = max(self._place, until)
        while self._waiting and isinstance(self._clock, LiveClock):
            at, device, message = self._waiting.popleft()
            self._hear(device, message, self._clock.beats_at(at - self._clock.monotonic(0.0)))

    def _begin(self, performance: Performance) -> None:
        """Turn to another show, in which nothing has been played yet."""
        if self._file:
            self._rest()  # dials as well, or it would not be the same show again
            self._tune, self._place = _read(Path(self._file).expanduser()), 0
        elif performance.clock.live and self._listening is None:
            self._listening = _hear_into(self._waiting, self._port)
            weakref.finalize(self, self._listening.forget)
        self._held.clear()
        self._presses.clear()
        self._performance, self._clock = performance, performance.clock

    def _hear(self, device: str, message: bytes, beats: float) -> None:
        kind, channel = message[0] & 0xF0, (message[0] & 0x0F) + 1
        for move in self._moves.setdefault(device, Moves()).take(message):
            if move.kind in ("cc14", "nrpn", "poly"):
                self._places[move.kind, move.number] = move.value
        if kind == 0x90 and message[2]:
            self._let_go(channel, message[1], beats)  # struck again
            press = _Press(message[1], message[2] / 127, channel, beats)
            self._held[channel, message[1]] = press
            self._presses.append(press)
        elif kind in (0x80, 0x90):
            self._let_go(channel, message[1], beats)
        elif kind == 0xB0:
            self._dials[message[1]] = message[2] / 127
            if message[1] in SILENCES:
                for _, pitch in [key for key in self._held if key[0] == channel]:
                    self._let_go(channel, pitch, beats)
        elif kind in (0xA0, 0xD0):
            self._pressure = message[-1] / 127
        elif kind == 0xE0:
            self._bend = bend(message)

    def _let_go(self, channel: int, pitch: int, beats: float) -> None:
        press = self._held.pop((channel, pitch), None)
        if press:
            press.end = beats


class _Press:
    """A key pressed: from when until when, in beats of the show."""

    __slots__ = ("channel", "end", "pitch", "start", "velocity")

    def __init__(self, pitch: int, velocity: float, channel: int, start: float):
        self.pitch, self.velocity, self.channel, self.start = pitch, velocity, channel, start
        self.end = float("inf")


def _hear_into(waiting: deque[tuple[float, str, bytes]], port: str) -> Listening:
    """Put what is played with what waits; whoever listens does not keep the controls alive."""
    return listen(lambda device, at, message: waiting.append((at, device, message)), port)


def _read(file: Path) -> list[tuple[float, bytes]]:
    """Read a MIDI file as channel messages and the beats they stand at, in order."""
    import mido

    try:
        tune = mido.MidiFile(file)
        if tune.ticks_per_beat <= 0:
            raise ValueError("its time is not in beats")
        events, ticks = [], 0
        for message in mido.merge_tracks(tune.tracks):
            ticks += message.time
            if not message.is_meta and message.bytes()[0] < 0xF0:
                events.append((ticks / tune.ticks_per_beat, bytes(message.bytes())))
    except Exception as error:  # mido raises whatever a broken file leads it to
        reason = str(error) or type(error).__name__
        raise ShowError(f"controls cannot read {str(file)!r} as a MIDI file: {reason}") from None
    return events
