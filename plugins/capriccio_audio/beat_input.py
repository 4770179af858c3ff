"""The input `beat`, which `--follow audio` opens: a show follows the beat of what is heard."""

import time
from typing import Any

from capriccio import BeatFollower, Gauge, Input, Performance, ShowError

from .beat_tracker import CERTAIN, STEP_SECONDS, Beat, BeatTracker
from .device_clock import DeviceClock
from .devices import Capture
from .instrument_samples import RATE


class HeardBeat:
    """Makes the clock of a show follow the beat of sound that is passed to it.

    A show begins at its own tempo, and from then on at the beat that is heard: the nearest one.
    Where the beat is lost, the last tempo stays.
    """

    def __init__(self, clock: Any):
        self._clock = clock
        self._tracker = BeatTracker(clock.bpm)
        self._follower = BeatFollower(clock, "the beat that is heard")
        self._frames, self._told = 0, 0.0
        self._shift: int | None = None
        self.beat: Beat | None = None

    def receive(self, sound: Any, seconds: float) -> None:
        """Follow `sound`, mono at 48 kHz, whose end was heard at `seconds` of the show."""
        self._tracker.listen(sound)
        self._frames += len(sound)
        heard = self._frames / RATE
        if heard - self._told < STEP_SECONDS or not self._clock.started:
            return
        self._told = heard
        self.beat = beat = self._tracker.beat_at(heard)
        if beat is None or beat.certainty < CERTAIN:
            return
        if self._shift is None:
            self._shift = round(self._clock.beats_at(seconds) - beat.beats)
        self._follower.update(seconds, beat.beats + self._shift, beat.bpm)

    def words(self) -> str:
        """Return tempo and certainty in a few words."""
        beat = self.beat
        return f"{beat.bpm:.1f} bpm, {beat.certainty:.0%} sure" if beat else "no beat yet"


class BeatInput(Input):
    """Follow the beat of what a microphone hears: `--follow audio`, `--follow audio:MICROPHONE`.

    The tempo is looked for near that of the sketch, or of `--bpm`.
    """

    name = "beat"
    _device: Any = None

    def start(self, performance: Performance) -> None:
        clock = performance.clock
        if not clock.live:
            raise ShowError("a beat is followed live; leave out --follow, or --offline")
        self.heard = heard = HeardBeat(clock)
        device_clock = DeviceClock()

        def receive(sound: Any) -> None:
            # The clock of the device: its thread may have to wait for the interpreter.
            began = device_clock.update(time.monotonic(), len(sound))
            heard.receive(sound, began - clock.monotonic(0.0))  # type: ignore[attr-defined]

        self._device = Capture(self.target, receive, RATE)
        performance.parameters.add_gauge(
            Gauge(
                "beat",
                "The beat that is heard, and how sure it is",
                heard.words,
                lambda: heard.beat is not None and heard.beat.certainty >= CERTAIN,
            )
        )

    def close(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.close()
