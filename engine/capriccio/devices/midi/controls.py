"""What hands do on a MIDI controller, as floats from 0 to 1 that a sketch reads when it likes."""

import math
import threading
import weakref
from collections import deque
from pathlib import Path

from ...clock import Moment, OfflineClock
from ...errors import ShowError
from ...events import MidiReceived
from ...media import Note
from ...performance import Performance, current_frame, current_performance
from .controller_state import ControllerState
from .inputs import Subscription, subscribe
from .simulated_player import ANY, EventList, SimulatedPlayer, Wanted, read_events

# Messages that wait for a sketch to read them.
MOST_WAITING = 65536
# The shortest note there is, in beats; and what forgives the rounding of seconds to beats, in both.
SHORTEST, ROUNDING = 1 / 32, 1e-6
# How often an answering cue asks what was played: on a port, and where nobody plays but a file,
# which says before when it does.
EAGER_SECONDS, LAZY_SECONDS = 0.0005, 0.02


def controls(port: str = "", *, simulate: str | Path = "") -> "Controls":
    """Give the dials and keys of every MIDI controller connected, or of the one called `port`.

    `simulate` names a MIDI file that is played in as if by a human: its beats are the show's
    beats, whatever its own tempo. Offline nobody is heard but such a file, so that a show can be
    rendered again. `capriccio run --simulate` has all controls played so, live too.
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
        self._listening: Subscription | None = None
        self._waiting: deque[tuple[float, str, bytes]] = deque(maxlen=MOST_WAITING)
        self._tune: EventList | SimulatedPlayer | None = (
            None  # what is played instead of a controller, in beats
        )
        self._heard_then: EventList | None = None  # what a take heard, in seconds
        self._wanted: set[Wanted] = set()  # what is read
        self._played = -math.inf  # the beats until which the tune was played
        self._now, self._framed = ControllerState(), ControllerState()
        self._coming: deque[tuple[float, str, bytes, float]] = deque(maxlen=MOST_WAITING)
        self._seconds = self._heard = -math.inf  # the last frame that read, what was heard last

    def __getitem__(self, controller: int) -> float:
        """Give where a dial 0..127 stands, 0..1; 0.5, the middle, until it is first moved."""
        return self.get(controller)

    def get(self, controller: int, default: float = 0.5) -> float:
        """Give where a dial 0..127 stands, 0..1, or `default` until it is first moved."""
        if controller not in range(128):
            raise ValueError(f"no controller {controller!r}; MIDI has 0..127")
        with self._lock:
            self._wanted.add(("cc", controller))
            return self._catch_up().dials.get(controller, default)

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
            self._wanted.add(("note", pitch))
            held = self._catch_up().held.items()
            return max((press.velocity for (_, key), press in held if key == pitch), default=0.0)

    @property
    def bend(self) -> float:
        """Where the pitch wheel stands, 0..1; it rests at 0.5."""
        with self._lock:
            self._wanted.add(("bend", 0))
            return self._catch_up().bend

    @property
    def pressure(self) -> float:
        """How hard the keys are pressed on after they were struck, 0..1; it rests at 0."""
        with self._lock:
            self._wanted.add(("pressure", 0))
            return self._catch_up().pressure

    def played(self, now: Moment, *, beats: float | None = None) -> list[Note]:
        """Give the notes begun in the `beats` before `now` (`now.span`, unless given) as a phrase.

        They start where that stretch starts, as exactly as they were played, on the channels they
        were played on. A note still held lasts until `now`. Live, a play cue is called ahead of
        the moment it is for: what hands do after the call is not in it.
        """
        begin = now.beats - (now.span if beats is None else beats)
        with self._lock:  # not longer than need be: an answer may wait for it
            self._wanted.add(("note", ANY))
            presses = list(self._catch_up().presses)
        return [
            Note(
                press.pitch,
                max(0.0, press.start - begin),
                max(SHORTEST, min(press.end, now.beats) - press.start),
                press.velocity,
                press.channel,
            )
            for press in presses
            if begin - ROUNDING <= press.start < now.beats - ROUNDING
        ]

    def attend(self) -> float:
        """Begin to listen, for a cue that answers; give how often to ask `struck`, in seconds."""
        with self._lock:
            self._wanted.add(("note", ANY))
            self._catch_up()
            return LAZY_SECONDS if self._listening is None else EAGER_SECONDS

    def struck(self, since: int) -> tuple[int, list[tuple[float, Note]]]:
        """Give how many notes were begun in this show, and those after the first `since`.

        Each comes with the beats that it was played at. Nobody knows yet how long it will be.
        """
        if self._listening is not None and current_performance.get() is self._performance:
            self._listening.catch_up()
        with self._lock:
            keyboard = self._catch_up()
            first = max(since - keyboard.begun, -len(keyboard.presses))
            presses = [keyboard.presses[place] for place in range(first, 0)]
            return keyboard.begun, [
                (press.start, Note(press.pitch, velocity=press.velocity, channel=press.channel))
                for press in presses
            ]

    def next_struck(self) -> float:
        """Give the beats of the next note in the tune that is simulated; infinite without one."""
        with self._lock:
            tune = self._tune
            return math.inf if tune is None else tune.next_struck(self._played, self._wanted)

    def is_like(self, other: "Controls") -> bool:
        """Return whether these are of the same port or file as others, which may go on instead."""
        return (self._port, self._file) == (other._port, other._file)

    def _moved(self, kind: str, number: int, rest: float) -> float:
        with self._lock:
            self._wanted.add((kind, number))
            return self._catch_up().places.get((kind, number), rest)

    # -- hearing ------------------------------------------------------------------------------

    def _catch_up(self) -> ControllerState:
        """Follow all that hands have done, and give how the keyboard stands for who reads.

        A play cue, or whoever else reads, hears everything until now; a draw cue what was done
        until the moment of its frame, and the same however often it reads.
        """
        # A thread that the stage has not started knows of no show: then it is the last one read in.
        performance = current_performance.get() or self._performance
        if performance is None:
            return self._now
        if performance is not self._performance:
            self._begin(performance)
        frame = current_frame.get()
        keyboard = self._now if frame is None else self._framed
        seconds = self._clock.seconds() if frame is None else frame.seconds
        if self._heard_then is not None:
            until = seconds + ROUNDING
            keyboard.follow(self._heard_then.between(keyboard.place, until))
            keyboard.place = max(keyboard.place, until)
        elif frame is None or seconds != self._seconds:
            self._listen(seconds)
            if frame is not None:
                self._seconds = seconds
                while self._coming and self._coming[0][0] <= seconds + ROUNDING:
                    keyboard.follow([self._coming.popleft()])
        return keyboard

    def _listen(self, seconds: float) -> None:
        """Hear what waits; pictures hear it from the frame at `seconds` on, and a take tells so."""
        if self._tune is not None:
            self._listen_to(self._tune, seconds)
        while self._waiting:
            at, device, message = self._waiting.popleft()
            self._heard = max(self._heard, seconds)
            self._hear(self._heard, at - self._clock.monotonic(0.0), device, message)  # type: ignore[attr-defined]

    def _listen_to(self, tune: EventList | SimulatedPlayer, seconds: float) -> None:
        """Hear a tune until `seconds`; of that the pictures hear each message at its own time."""
        # A late frame asks for what a play cue, who was called meanwhile, has already heard.
        begin, until = self._played, self._clock.beats_at(seconds) + ROUNDING
        self._played = max(begin, until)
        for _, device, message, beats in tune.between(begin, until, self._wanted):
            played = min(self._clock.seconds_at(beats), seconds)
            # Live it is played as a take will tell it; offline it stands where it stands.
            self._hear(played, played, device, message, None if self._clock.live else beats)

    def _hear(
        self,
        heard: float,
        played: float,
        device: str,
        message: bytes,
        beats: float | None = None,
    ) -> None:
        parameters = self._performance.parameters  # type: ignore[union-attr]
        beats = self._clock.beats_at(played) if beats is None else beats
        self._now.hear(device, message, beats)
        self._coming.append((heard, device, message, beats))
        name = parameters.name_of(self, "controls")
        parameters.publish(MidiReceived(heard, name, device, played, message))

    def _begin(self, performance: Performance) -> None:
        """Turn to another show, in which nothing has been played yet."""
        clock = self._clock = performance.clock
        name = performance.parameters.name_of(self, "controls")
        self._tune = self._heard_then = None
        if performance.take is not None:
            self._heard_then = EventList(
                [
                    (one.seconds, one.device, one.message, clock.beats_at(one.played))
                    for one in performance.take.messages(name)
                ]
            )
        elif performance.simulation and (performance.simulation.file or not self._file):
            self._tune = performance.simulation.tune(name)
        elif self._file:
            self._tune = read_events(self._file)
        elif clock.live and self._listening is None:
            self._listening = _hear_into(self._waiting, self._port)
            weakref.finalize(self, self._listening.forget)
        if self._tune is not None or self._heard_then is not None:
            # Dials rest as well, or it would not be the same show again.
            self._now, self._framed = ControllerState(), ControllerState()
        self._now.begin()
        self._framed.begin()
        self._coming.clear()
        self._seconds = self._heard = self._played = -math.inf
        self._performance = performance


def _hear_into(waiting: deque[tuple[float, str, bytes]], port: str) -> Subscription:
    """Put what is played with what waits; whoever listens does not keep the controls alive."""
    return subscribe(lambda device, at, message: waiting.append((at, device, message)), port)
