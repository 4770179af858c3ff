"""The input `microphone`: what a room sounds like, as numbers 0..1."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import Input, Performance, ShowError

from .devices import open_capture
from .instruments import RATE
from .sound_analysis import HOP, Heard, Listener
from .sound_file import read_sound

# Of the sound of a microphone, so much waits to be read, in seconds; the rest is lost.
MAX_SECONDS = 2.0


class Microphone(Input):
    """Read the sound of a room into numbers 0..1.

    They are `level`, `low`, `mid`, `high`, `onset`, `pitch`, `brightness`; a `spectrum` is drawn.

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
        self._listener, self._heard_frames = Listener(attack, release), 0

    def start(self, performance: Performance) -> None:
        self._listener = Listener(*self._times)
        self._heard_frames, self._device = 0, None
        self._waiting: list[Any] = []
        if self._simulate:
            self._sound = read_sound(self._simulate).mean(axis=0)
        elif performance.clock.live:
            self._device = open_capture(self.target, self._receive, RATE)
        else:
            raise ShowError(
                f"{self} hears a room live; offline, give it a file: microphone(simulate='a.wav')"
            )
        self._performance = performance

    def close(self) -> None:
        device, self._device = getattr(self, "_device", None), None
        if device is not None:
            device.close()
        self._performance = None

    @property
    def heard(self) -> Heard:
        """All readings of now."""
        with self._lock:
            performance = self._performance
            if performance is not None and self._simulate:
                frames = round(performance.clock.seconds() * RATE) // HOP * HOP
                if frames > self._heard_frames:
                    self._listener.listen(self._sound[self._heard_frames : frames])
                    self._heard_frames = frames
            elif performance is not None and self._waiting:
                waiting, self._waiting = self._waiting, []
                self._listener.listen(np.concatenate(waiting))
                self._heard_frames += sum(map(len, waiting))
            return self._listener.heard

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

    def _receive(self, sound: Any) -> None:
        self._waiting.append(sound)
        most = round(MAX_SECONDS * RATE)
        while sum(map(len, self._waiting)) > most:
            self._waiting.pop(0)
