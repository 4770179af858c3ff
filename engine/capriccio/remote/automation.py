"""Turns the knobs of a show where no person does, to try it out."""

import math
from random import Random

from ..clock import OfflineClock
from ..parameters import Parameter, Parameters
from ..parts import Input
from ..performance import Performance

# Each knob is turned for so many beats; in this part of them it goes away from its value and back.
BEATS, MOVING_SHARE = 8.0, 0.75
# A fader has so many steps.
STEPS = 127


class KnobAutomation(Input):
    """Turn one knob after the other, slowly away from its value and back.

    The same `seed` makes the same movements.
    """

    name = "rehearsal"
    _clock: OfflineClock
    _parameters: Parameters

    def __init__(self, target: str = "", seed: int | None = None):
        super().__init__(target)
        self._seed = seed or 0
        self._turn = -1  # counts the spans of `BEATS`
        self._knob: Parameter | None = None
        self._low = self._high = self._position = 0.0

    def start(self, performance: Performance) -> None:
        self._clock, self._parameters = performance.clock, performance.parameters
        performance.parameters.add_automation(self.advance)

    def advance(self, seconds: float) -> None:
        """Set the knob of this turn as it is at `seconds` of the show."""
        turn, beats = divmod(self._clock.beats_at(seconds), BEATS)
        if turn != self._turn:
            self._release()
            self._turn = int(turn)
            self._choose(self._turn)
        if beats >= MOVING_SHARE * BEATS:
            self._release()
        if self._knob is None:
            return
        share = math.sin(math.pi * beats / (MOVING_SHARE * BEATS)) ** 2
        position = round((self._low + share * (self._high - self._low)) * STEPS) / STEPS
        if position != self._position:
            self._position = position
            low, high = self._knob.span
            self._parameters.set(self._knob.address, low + position * (high - low))

    def _choose(self, turn: int) -> None:
        """Choose the knob of a turn, unless something holds it; each cycle has its own order."""
        parameters = (one for _, one in sorted(self._parameters.by_address.items()))
        knobs = [one for one in parameters if one.kind == "number" and one.is_held is not None]
        if not knobs:
            return
        cycle, index = divmod(turn, len(knobs))
        chance = Random(f"{self._seed}/knobs/{cycle}")
        chance.shuffle(knobs)
        knob = knobs[index]
        if knob.is_held is not None and not knob.is_held():
            low, high = knob.span
            self._knob, self._low = knob, (float(knob.value()) - low) / (high - low)
            self._high, self._position = chance.random(), self._low

    def _release(self) -> None:
        knob, self._knob = self._knob, None
        if knob is not None and knob.is_held is not None and knob.is_held():
            self._parameters.set(knob.address)
