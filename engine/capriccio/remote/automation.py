"""Turns the knobs of a show where there are no hands, to rehearse with."""

import math
from random import Random

from ..clock import OfflineClock
from ..parameters import Parameter, Parameters
from ..parts import Input

# One knob is in hand for so many beats; for this part of them it is turned up or down and back.
BEATS, TURNED = 8.0, 0.75
# A fader has so many steps.
STEPS = 127


class KnobAutomation(Input):
    """Take one knob of the sketch after the other, turn it gently there and back, and let it go.

    The same `seed` turns the same.
    """

    name = "rehearsal"
    _clock: OfflineClock
    _parameters: Parameters

    def __init__(self, seed: int | None = None):
        super().__init__()
        self._seed = seed or 0
        self._turn = -1  # which knob in order is in hand
        self._knob: Parameter | None = None
        self._low = self._high = self._at = 0.0

    def start(self, performance):
        self._clock, self._parameters = performance.clock, performance.parameters
        performance.parameters.add_automation(self.move)

    def move(self, seconds: float) -> None:
        """Do what is to be done by `seconds` of the show."""
        turn, part = divmod(self._clock.beats_at(seconds), BEATS)
        if turn != self._turn:
            self._let_go()
            self._turn = int(turn)
            self._take(self._turn)
        if self._knob is None:
            return
        if part >= TURNED * BEATS:
            self._let_go()
            return
        share = math.sin(math.pi * part / (TURNED * BEATS)) ** 2
        at = round((self._low + share * (self._high - self._low)) * STEPS) / STEPS
        if at != self._at:
            self._at = at
            low, high = self._knob.span
            self._parameters.set(self._knob.address, low + at * (high - low))

    def _take(self, turn: int) -> None:
        """Take the next knob in hand, unless somebody else holds it: all of them in turn."""
        knobs = [
            knob
            for _, knob in sorted(self._parameters.by_address.items())
            if knob.kind == "number" and knob.is_held is not None
        ]
        if not knobs:
            return
        times, place = divmod(turn, len(knobs))
        chance = Random(f"{self._seed}/knobs/{times}")
        chance.shuffle(knobs)
        knob = knobs[place]
        if knob.is_held is not None and not knob.held():
            low, high = knob.span
            self._knob, self._low = knob, (float(knob.value()) - low) / (high - low)
            self._high, self._at = chance.random(), self._low

    def _let_go(self) -> None:
        knob, self._knob = self._knob, None
        if knob is not None and knob.is_held is not None and knob.held():
            self._parameters.set(knob.address)
