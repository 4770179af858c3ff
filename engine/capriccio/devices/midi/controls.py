"""MIDI controllers and keyboards as floats from 0 to 1, which a sketch reads at any time."""

import math
import threading
import weakref
from collections import deque
from pathlib import Path
from typing import cast

from ...clock import LiveClock, Moment, OfflineClock
from ...errors import ShowError
from ...events import MidiReceived
from ...media import Note
from ...performance import Performance, current_frame, current_performance
from ...tempo import ROUNDING_BEATS, ROUNDING_SECONDS
from .controller_events import KINDS
from .controller_state import ControllerState, PressedKey
from .inputs import Subscription, subscribe
from .simulated_player import ANY, ControlId, EventList, SimulatedPlayer, read_events

# Messages that wait until a sketch reads them.
MAX_WAITING = 65536
MIN_NOTE_BEATS = 1 / 32
# What errors call the kinds of controls.
NAMES = {
    "cc": "a controller",
    "cc14": "a controller of 14 bits",
    "nrpn": "a parameter (NRPN)",
    "poly": "a pitch",
    "note": "a pitch",
}
# How often an answer cue asks for notes: of a port, and of a file, whose next note is known.
PORT_SECONDS, FILE_SECONDS = 0.0005, 0.02


def controls(port: str = "", *, simulate: str | Path = "") -> "Controls":
    """Return the controls and keys of all MIDI controllers that are connected, or of one `port`.

    `simulate` is a MIDI file that is played instead; its beats are the show's beats, whatever its
    tempo. Offline nothing else is read, so that a show can be rendered again. `capriccio run
    --simulate` plays all controls so, live too. Raises ShowError where there is no such file, or
    both are given.
    """
    return Controls(port, simulate)


class Controls:
    """The controls and keys of MIDI controllers, read from any thread; reading never waits.

    `hands[1]` is controller 1 on any channel, `hands.fine(1)` the same in 14 bits,
    `hands.nrpn(300)` a parameter beyond those, `hands.key(60)` the velocity of a held key and
    `hands.touch(60)` its pressure after that; `hands.bend` and `hands.pressure` are the pitch
    wheel and the pressure of all keys, `hands.played(now)` the notes that were played.

    Ports are opened when a live show first reads, and again when a device is plugged in later.
    Without a controller everything stays at rest; where one is unplugged its keys are released,
    and its controls stay.
    """

    def __init__(self, port: str = "", simulate: str | Path = ""):
        file = repr(str(simulate))
        if port and simulate:
            raise ShowError(f"controls of port {port!r} cannot simulate {file} as well; give one")
        if simulate and not Path(simulate).expanduser().is_file():
            raise ShowError(f"controls find no file {file} to simulate")
        self._port, self._file = port, simulate
        self._lock = threading.RLock()  # over all that follows: cues of two threads read
        self._performance: Performance | None = None
        self._clock = OfflineClock()
        self._subscription: Subscription | None = None
        self._waiting: deque[tuple[float, str, bytes]] = deque(maxlen=MAX_WAITING)
        self._simulated: EventList | SimulatedPlayer | None = None  # in beats
        self._recorded: EventList | None = None  # in the take that is replayed, in seconds
        self._read: set[ControlId] = set()  # what the sketch reads
        self._played = -math.inf  # the beats up to which the simulation was played
        self._now, self._framed = ControllerState(), ControllerState()  # for music, for pictures
        self._coming: deque[tuple[float, str, bytes, float]] = deque(maxlen=MAX_WAITING)
        self._seconds = self._heard = -math.inf  # of the last frame that read, the last message

    def __getitem__(self, controller: int) -> float:
        """Return controller 0..127, 0..1; 0.5, the middle, until it is first moved."""
        return self.get(controller)

    def get(self, controller: int, default: float = 0.5) -> float:
        """Return controller 0..127, 0..1, or `default` until it is first moved."""
        return self._value("cc", controller, default)

    def fine(self, controller: int, default: float = 0.5) -> float:
        """Return controller 0..31 with its lower bits, those of the controller 32 above it."""
        return self._value("cc14", controller, default)

    def nrpn(self, number: int, default: float = 0.5) -> float:
        """Return the parameter (NRPN) 0..16383, 0..1, or `default` until it is moved."""
        return self._value("nrpn", number, default)

    def touch(self, pitch: int) -> float:
        """Return the pressure of a key 0..127 after it was played (aftertouch), 0..1."""
        return self._value("poly", pitch, 0.0)

    def key(self, pitch: int) -> float:
        """Return the velocity of a held key 0..127, 0..1; 0 where it is not held."""
        with self._lock:
            held = self._state("note", pitch).held.items()
            return max((press.velocity for (_, key), press in held if key == pitch), default=0.0)

    @property
    def bend(self) -> float:
        """The pitch wheel, 0..1; it rests at 0.5."""
        return self._state("bend").bend

    @property
    def pressure(self) -> float:
        """The pressure of the keys after they were played, 0..1; it rests at 0."""
        return self._state("pressure").pressure

    def played(self, now: Moment, *, beats: float | None = None) -> list[Note]:
        """Return the notes that started in the `beats` before `now` (`now.span`) as a phrase.

        A note that is still held lasts until `now`. Live, a play cue is called ahead of the moment
        it is for: what is played after the call is not in it.
        """
        begin = now.beats - (now.span if beats is None else beats)
        with self._lock:  # no longer than needed: an answer may wait for it
            self._read.add(("note", ANY))
            presses = list(self._catch_up().presses)
        return [
            Note(
                key.pitch,
                max(0.0, key.start - begin),
                max(MIN_NOTE_BEATS, min(key.end, now.beats) - key.start),
                key.velocity,
                key.channel,
            )
            for key in presses
            if begin - ROUNDING_BEATS <= key.start < now.beats - ROUNDING_BEATS
        ]

    def open(self) -> float:
        """Open the ports for an answer cue; return how often it should ask, in seconds."""
        with self._lock:
            self._read.add(("note", ANY))
            self._catch_up()
            return FILE_SECONDS if self._subscription is None else PORT_SECONDS

    def notes_since(self, count: int) -> tuple[int, list[tuple[float, Note]]]:
        """Return how many notes were started in this show, and those after the first `count`.

        Each comes with the beats at which it was played; its length is not known yet.
        """
        count, keys = self.keys_since(count)
        return count, [
            (key.start, Note(key.pitch, velocity=key.velocity, channel=key.channel)) for key in keys
        ]

    def keys_since(self, count: int) -> tuple[int, list[PressedKey]]:
        """Return how many keys were pressed in this show, and those after the first `count`.

        When each is released stands in it later.
        """
        if self._subscription is not None and current_performance.get() is self._performance:
            self._subscription.catch_up()
        with self._lock:
            state = self._catch_up()
            first = max(count - state.press_count, -len(state.presses))
            return state.press_count, [state.presses[place] for place in range(first, 0)]

    def next_note_beats(self) -> float:
        """Return the beats of the next simulated note; infinite where it is not known."""
        with self._lock:
            simulated = self._simulated
            return math.inf if simulated is None else simulated.next_note(self._played, self._read)

    def is_like(self, other: "Controls") -> bool:
        """Return whether `other` is of the same port or file, so that it may replace these."""
        return (self._port, self._file) == (other._port, other._file)

    def _value(self, kind: str, number: int, default: float) -> float:
        return self._state(kind, number).values.get((kind, number), default)

    def _state(self, kind: str, number: int = 0) -> ControllerState:
        """Return the state for the reader, which reads this control from now on."""
        if number not in range(KINDS[kind] or 1):
            raise ValueError(f"{NAMES[kind]} must be 0..{(KINDS[kind] or 1) - 1}, got {number!r}")
        with self._lock:
            self._read.add((kind, number))
            return self._catch_up()

    def _catch_up(self) -> ControllerState:
        """Apply all messages that the reader may know, and return the state for it.

        A play cue, or any other thread, knows everything until now; a draw cue what was played
        until the moment of its frame, the same however often it reads.
        """
        # A thread that the stage has not started has no current show: it reads the last one.
        performance = current_performance.get() or self._performance
        if performance is None:
            return self._now
        if performance is not self._performance:
            self._begin(performance)
        frame = current_frame.get()
        state = self._now if frame is None else self._framed
        seconds = self._clock.seconds() if frame is None else frame.seconds
        if self._recorded is not None:
            until = seconds + ROUNDING_SECONDS
            state.apply_all(self._recorded.between(state.until, until))
            state.until = max(state.until, until)
        elif frame is None or seconds != self._seconds:
            self._receive(seconds)
            if frame is not None:
                self._seconds = seconds
                while self._coming and self._coming[0][0] <= seconds + ROUNDING_SECONDS:
                    state.apply_all([self._coming.popleft()])
        return state

    def _receive(self, seconds: float) -> None:
        """Apply what waits; pictures know it from the frame at `seconds` on, as a take records."""
        if self._simulated is not None:
            self._simulate(self._simulated, seconds)
        while self._waiting:
            at, device, message = self._waiting.popleft()
            self._heard = max(self._heard, seconds)
            played = at - cast(LiveClock, self._clock).monotonic(0.0)
            self._apply(self._heard, played, device, message, self._clock.beats_at(played))

    def _simulate(self, simulated: EventList | SimulatedPlayer, seconds: float) -> None:
        """Apply a simulation up to `seconds`; pictures know each message at its own time."""
        # A late frame asks for what a play cue, called meanwhile, has already received.
        begin, until = self._played, self._clock.beats_at(seconds) + ROUNDING_BEATS
        self._played = max(begin, until)
        for _, device, message, beats in simulated.between(begin, until, self._read):
            played = min(self._clock.seconds_at(beats), seconds)
            # Live it is played as a take will record it; offline exactly where it stands.
            beats = self._clock.beats_at(played) if self._clock.live else beats
            self._apply(played, played, device, message, beats)

    def _apply(
        self, heard: float, played: float, device: str, message: bytes, beats: float
    ) -> None:
        assert self._performance
        parameters = self._performance.parameters
        self._now.apply(device, message, beats)
        self._coming.append((heard, device, message, beats))
        name = parameters.name_of(self, "controls")
        parameters.publish(MidiReceived(heard, name, device, played, message))

    def _begin(self, performance: Performance) -> None:
        """Turn to another show, in which nothing has been played yet."""
        clock = self._clock = performance.clock
        name = performance.parameters.name_of(self, "controls")
        self._simulated = self._recorded = None
        if performance.take is not None:
            recorded = performance.take.messages(name)
            self._recorded = EventList(
                [(it.seconds, it.device, it.message, clock.beats_at(it.played)) for it in recorded]
            )
        elif performance.simulation and (performance.simulation.file or not self._file):
            self._simulated = performance.simulation.player(name)
        elif self._file:
            self._simulated = read_events(self._file)
        elif clock.live and self._subscription is None:
            waiting = self._waiting  # without `self`, which the subscription must not keep alive
            self._subscription = subscribe(
                lambda device, at, message: waiting.append((at, device, message)), self._port
            )
            weakref.finalize(self, self._subscription.stop, wait=False)
        if self._simulated is not None or self._recorded is not None:
            # Controls start at rest as well, or it would not be the same show again.
            self._now, self._framed = ControllerState(), ControllerState()
        self._now.begin_show()
        self._framed.begin_show()
        self._coming.clear()
        self._seconds = self._heard = self._played = -math.inf
        self._performance = performance
