"""Gives a phrase swing, and the small irregularities of a person who plays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from ..clock import Moment
from ..media import Note
from ..parameters import Parameter
from ..parts import Knob

# At 1: the standard deviation of when a note starts, in seconds, and of its velocity. Professional
# drummers with a click are 5 to 15 ms off (Repp, Su 2013).
TIME_SECONDS, VELOCITY = 0.02, 0.15


@dataclass
class Feel:
    """How the phrases of a play cue are played: knobs 0..1, and which notes swing.

    Args:
        swing: how late every second one comes: 0 on time, 0.67 as in triplets, 1 dotted.
        humanise: how far off starts and velocities are, always the same at the same beat.
        grid: the length of what swings, in beats: 0.5 for eighths.
        knobs: those of both that are parameters of a show, and their values at its beginning.
    """

    swing: float = 0.0
    humanise: float = 0.0
    grid: float = 0.5
    knobs: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def written(cls, swing: float | None, humanise: float | None, grid: float) -> "Feel":
        """Return the feel that a sketch asks for; what is None is no parameter.

        Raises:
            ValueError: a value is out of range.
        """
        both = {"swing": swing, "humanise": humanise}
        knobs = {name: value for name, value in both.items() if value is not None}
        for value in knobs.values():
            if not 0 <= value <= 1:
                raise ValueError(f"swing and humanise are 0..1, got {value!r}")
        if not grid > 0:
            raise ValueError(f"what swings has a length in beats, got {grid!r}")
        return cls(**knobs, grid=grid, knobs=knobs)

    def reset(self) -> None:
        """Return to what the sketch has written."""
        for name in self.knobs:
            self._set(name, None)

    def parameters(self, cue: str) -> list[Parameter]:
        """Return the parameters of the play cue `cue`."""
        return [
            Parameter(
                f"/{cue}/{name}",
                "number",
                f"How much {name} the notes of {cue!r} have",
                apply=partial(self._set, name),
                convert=partial(Knob(name, "number", value).fit, part=f"play cue {cue!r}"),
                value=partial(getattr, self, name),
            )
            for name, value in self.knobs.items()
        ]

    def _set(self, name: str, value: Any) -> None:
        setattr(self, name, self.knobs[name] if value is None else value)

    def apply(self, phrase: list[Note], now: Moment) -> list[Note]:
        """Return the phrase that is played from `now` on with this feel."""
        if self.swing:
            phrase = [self._swung(note, now) for note in phrase]
        if self.humanise:
            phrase = [self._moved(note, now, number) for number, note in enumerate(phrase)]
        return phrase

    def _swung(self, note: Note, now: Moment) -> Note:
        begin = self._late(now.beats + note.start) - now.beats
        end = self._late(now.beats + note.start + note.length) - now.beats
        return note._replace(start=max(0.0, begin), length=end - begin)

    def _late(self, beats: float) -> float:
        """Return where a beat lies when every second one of the grid comes late."""
        pair = 2 * self.grid
        whole, part = divmod(beats / pair, 1.0)
        middle = 0.5 + 0.25 * self.swing
        late = part * middle if part < 0.5 else part * (1 - middle) + middle - 0.5
        return (whole + 2 * late) * pair

    def _moved(self, note: Note, now: Moment, number: int) -> Note:
        beats = now.beats + note.start
        random = Random(f"{beats:.6f} {note.channel} {note.pitch} {number}")
        late = random.gauss(0.0, self.humanise * TIME_SECONDS) * now.bpm / 60
        velocity = note.velocity + random.gauss(0.0, self.humanise * VELOCITY)
        return note._replace(
            start=max(0.0, note.start + late), velocity=min(max(velocity, 0.01), 1.0)
        )
