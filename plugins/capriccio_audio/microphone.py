"""The input `microphone`: what a room sounds like, as numbers 0..1."""

import math
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import Input, Moment, Note, Performance, ShowError

from .device_clock import DeviceClock
from .devices import Capture
from .instrument_samples import RATE
from .note_tracker import NoteTracker, SungNote
from .sound_analysis import HOP, Heard, Listener
from .sound_file import read_sound

# Of the sound of a microphone, so much waits to be read, in seconds; the rest is lost.
MAX_SECONDS = 2.0
# How often an answer cue asks what was sung, in seconds.
ASK_SECONDS = 0.005
# Notes this near to a beat, in beats, count as at it.
ROUNDING_BEATS = 1e-6


class Microphone(Input):
    """Read the sound of a room into numbers 0..1.

    They are `level`, `low`, `mid`, `high`, `onset`, `pitch`, `brightness`; a `spectrum` is drawn.
    A tune that one voice sings or whistles is heard as notes: `ears.played(now)` returns them, and
    `@sketch.answer(ears)` is called for each.

    `ears = microphone()` listens to the first microphone, `microphone("Scarlett")` to one of that
    name; `microphone(simulate="drums.wav")` plays a sound file to it instead, and offline that is
    exact. A show opens it. All are 0 before that, and where there is none.

    Args:
        target: a part of the name of a microphone.
        simulate: the path of a sound file.
        attack: seconds in which a reading follows what rises.
        release: seconds in which it follows what falls.
    """

    name = "microphone"
    replayed = True

    def __init__(
        self,
        target: str = "",
        *,
        simulate: str | Path = "",
        attack: float = 0.01,
        release: float = 0.25,
    ):
        super().__init__(target)
        if not (0 <= attack <= 10 and 0 <= release <= 10):
            raise ValueError(f"{self} needs 0 to 10 seconds, got {attack!r} and {release!r}")
        self._simulate, self._times = str(simulate), (attack, release)
        if simulate and not Path(simulate).is_file():
            raise ValueError(f"{self} finds no file {str(simulate)!r}")
        self._lock = threading.Lock()
        self._performance: Performance | None = None
        self._waiting: list[Any] = []
        self._begin()

    def _begin(self) -> None:
        self._tracker = NoteTracker()
        self._listener = Listener(*self._times, self._tracker.add)
        self._heard_frames = 0
        self._device: Capture | None = None
        self._zero = 0.0  # when the sound begins, in seconds of the show
        self._coming: list[SungNote] | None = None  # all notes of a sound file
        self._waiting.clear()

    def start(self, performance: Performance) -> None:
        self._begin()
        self._clock, self._frames, self._told = DeviceClock(), 0, Heard()
        if performance.take is not None:
            self._performance = performance
            return
        if self._simulate:
            self._sound = read_sound(self._simulate).mean(axis=0)
        elif performance.clock.live:
            self._device = Capture(self.target, self._receive, RATE)
        else:
            raise ShowError(
                f"{self} hears a room live; offline, give it a file: microphone(simulate='a.wav')"
            )
        self._performance = performance
        if performance.clock.live:
            performance.parameters.add_automation(self._record)

    def _record(self, seconds: float) -> None:
        """Record in takes what is heard at a frame."""
        heard = Heard(*(round(float(value), 3) for value in self.heard))
        if heard != self._told and self._performance is not None:
            self._told = heard
            self._performance.parameters.publish_readings(self, self.name, tuple(heard))

    def _replayed(self, performance: Performance) -> Heard:
        """Return what a take says of the frame that is drawn."""
        parameters = performance.parameters
        name = parameters.name_of(self, self.name)
        try:
            found: Heard = performance.take.readings(name, parameters.seconds, Heard)
        except TimeoutError:
            return Heard()
        return found

    def close(self) -> None:
        device, self._device = getattr(self, "_device", None), None
        if device is not None:
            device.close()
        self._performance = None

    @property
    def heard(self) -> Heard:
        """All readings of now."""
        performance = self._performance
        if performance is not None and performance.take is not None:
            return self._replayed(performance)
        with self._lock:
            self._catch_up()
            return self._listener.heard

    def _catch_up(self) -> None:
        """Read the sound up to now."""
        performance = self._performance
        if performance is not None and performance.take is not None:
            return
        if performance is not None and self._simulate:
            frames = round(performance.clock.seconds() * RATE) // HOP * HOP
            if frames > self._heard_frames:
                self._listener.listen(self._sound[self._heard_frames : frames])
                self._heard_frames = frames
        elif performance is not None and self._waiting:
            waiting, self._waiting = self._waiting, []
            self._listener.listen(np.concatenate(waiting))
            self._heard_frames += sum(map(len, waiting))

    @property
    def frames_heard(self) -> int:
        """How much of the sound has been read since the show began, at 48 kHz."""
        return self._heard_frames if self.heard else 0

    @property
    def level(self) -> float:
        """How loud it is, from -60 to -6 dB."""
        return self.heard.level

    @property
    def low(self) -> float:
        """How loud it is below 250 Hz."""
        return self.heard.low

    @property
    def mid(self) -> float:
        """How loud it is between 250 and 2,000 Hz."""
        return self.heard.mid

    @property
    def high(self) -> float:
        """How loud it is above 2,000 Hz."""
        return self.heard.high

    @property
    def onset(self) -> float:
        """1 where something is struck, then dying away."""
        return self.heard.onset

    @property
    def pitch(self) -> float:
        """The pitch of one voice, a MIDI number over 127; 0 where there is none."""
        return self.heard.pitch

    @property
    def brightness(self) -> float:
        """Where the middle of the spectrum lies, from dull to hissing."""
        return self.heard.brightness

    @property
    def spectrum(self) -> "np.ndarray[Any, Any]":
        """How loud 64 bands are, from low to high, to draw."""
        return self.heard and self._listener.spectrum

    # -- what is sung ---------------------------------------------------------------------------

    def played(self, now: Moment, *, beats: float | None = None) -> list[Note]:
        """Return the notes that began in the `beats` before `now` (`now.span`) as a phrase."""
        begin = now.beats - (now.span if beats is None else beats)
        phrase = []
        for first, last, note in self._notes():
            if begin - ROUNDING_BEATS <= first < now.beats - ROUNDING_BEATS:
                length = max(1 / 32, min(last, now.beats) - first)
                phrase.append(note._replace(start=max(0.0, first - begin), length=length))
        return phrase

    def open(self) -> float:
        """Return how often an answer cue should ask for notes, in seconds."""
        return ASK_SECONDS

    def notes_since(self, count: int) -> tuple[int, list[tuple[float, Note]]]:
        """Return how many notes were heard in this show, and those after the first `count`.

        Each comes with the beats at which it was recognised.
        """
        notes = self._notes()
        known = [self._beats(note.known) for note in self._tracker.notes]
        fresh = [(at, note) for at, (_, _, note) in zip(known, notes, strict=True)]
        return len(notes), fresh[count:]

    def next_note_beats(self) -> float:
        """Return the beats at which the next note of a sound file is recognised, or infinity."""
        if self._performance is None or not self._simulate:
            return math.inf
        if self._coming is None:
            tracker = NoteTracker()
            Listener(*self._times, tracker.add).listen(self._sound)
            self._coming = tracker.notes
        count = self.notes_since(0)[0]
        coming = self._coming[count : count + 1]
        # A hop later it has surely been read.
        return self._beats(coming[0].known + HOP / RATE) if coming else math.inf

    def _notes(self) -> list[tuple[float, float, Note]]:
        """Return when each note began and ended, in beats, and the note."""
        with self._lock:
            self._catch_up()
            return [
                (
                    self._beats(sung.begin),
                    self._beats(sung.end),
                    Note(sung.pitch, velocity=sung.velocity),
                )
                for sung in self._tracker.notes
            ]

    def _beats(self, seconds: float) -> float:
        """Return a time of the sound in beats of the show."""
        if self._performance is None:
            return 0.0
        return self._performance.clock.beats_at(max(0.0, seconds + self._zero))

    def _receive(self, sound: Any) -> None:
        performance = self._performance
        if performance is not None:  # its thread may have to wait for the interpreter
            began = self._clock.update(time.monotonic(), len(sound))
            show = performance.clock.monotonic(0.0)  # type: ignore[attr-defined]
            self._zero = began - show - self._frames / RATE
        self._frames += len(sound)
        self._waiting.append(sound)
        most = round(MAX_SECONDS * RATE)
        while sum(map(len, self._waiting)) > most:
            self._waiting.pop(0)
