"""An output that remembers, and writes what it heard as a score."""

from typing import Any, NamedTuple

import numpy as np

from ..clock import Moment
from ..media import Note
from ..parts import Output

# Sharps alone: a MIDI number does not know its key.
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


class RecordedCall(NamedTuple):
    """One thing that an output was told to do."""

    method: str
    thing: Any
    now: Moment


class Memory(Output):
    """Remember everything that is shown and sounded, in `calls`."""

    def __init__(self, target: str = ""):
        super().__init__(target)
        self.calls: list[RecordedCall] = []

    def start(self, performance):
        self.calls.append(RecordedCall("start", performance, Moment()))

    def show(self, image, now):
        self.calls.append(RecordedCall("show", image, now))

    def note_on(self, note, now):
        self.calls.append(RecordedCall("note_on", note, now))

    def note_off(self, note, now):
        self.calls.append(RecordedCall("note_off", note, now))

    def control(self, change, now):
        self.calls.append(RecordedCall("control", change, now))

    def close(self):
        self.calls.append(RecordedCall("close", None, Moment()))

    def things(self, method: str) -> list:
        """Give what was handed to `method`, in order."""
        return [call.thing for call in self.calls if call.method == method]

    @property
    def images(self) -> list[np.ndarray]:
        """The images shown."""
        return self.things("show")

    @property
    def notes(self) -> list[Note]:
        """The notes begun."""
        return self.things("note_on")

    @property
    def sounding(self) -> list[Note]:
        """The notes begun and not ended."""
        left = self.notes
        for note in self.things("note_off"):
            left.remove(note)
        return left

    def score(self) -> str:
        """Give the music one event a line: beat, event, channel, note, velocity."""
        lines = []
        for method, thing, now in self.calls:
            if method == "note_on":
                lines.append(
                    f"{now.beats:9.3f}  on   {thing.channel:2}  {spelled(thing.pitch):4}"
                    f"  {thing.velocity:.2f}"
                )
            elif method == "note_off":
                lines.append(f"{now.beats:9.3f}  off  {thing.channel:2}  {spelled(thing.pitch)}")
            elif method == "control":
                controller, value, channel = thing
                lines.append(f"{now.beats:9.3f}  turn {channel:2}  {controller:<4}  {value:.2f}")
        return "".join(f"{line}\n" for line in lines)


def spelled(pitch: int) -> str:
    """Spell a MIDI number as a note: 60 is C4, 61 is C#4."""
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"
