"""An output that records its calls, and writes the music as a score."""

from typing import Any, NamedTuple

import numpy as np

from ..clock import Moment
from ..media import Note
from ..parts import Output
from ..performance import Performance

# Sharps alone: a MIDI number does not know its key.
NOTE_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


class RecordedCall(NamedTuple):
    """One call of a method of an output: its argument and its moment."""

    method: str
    thing: Any
    now: Moment


class Memory(Output):
    """Record everything that is shown and sounded, in `calls`."""

    def __init__(self, target: str = ""):
        super().__init__(target)
        self.calls: list[RecordedCall] = []

    def start(self, performance: Performance) -> None:
        self.calls.append(RecordedCall("start", performance, Moment()))

    def show(self, image: np.ndarray[Any, Any], now: Moment) -> None:
        self.calls.append(RecordedCall("show", image, now))

    def note_on(self, note: Note, now: Moment) -> None:
        self.calls.append(RecordedCall("note_on", note, now))

    def note_off(self, note: Note, now: Moment) -> None:
        self.calls.append(RecordedCall("note_off", note, now))

    def control(self, change: tuple[int, float, int], now: Moment) -> None:
        self.calls.append(RecordedCall("control", change, now))

    def close(self) -> None:
        self.calls.append(RecordedCall("close", None, Moment()))

    def things(self, method: str) -> list[Any]:
        """Return the arguments of all calls of `method`, in order."""
        return [call.thing for call in self.calls if call.method == method]

    @property
    def images(self) -> list[np.ndarray[Any, Any]]:
        """The images shown, each `(height, width, 3)` uint8."""
        return self.things("show")

    @property
    def notes(self) -> list[Note]:
        """The notes started."""
        return self.things("note_on")

    @property
    def sounding(self) -> list[Note]:
        """The notes started and not ended."""
        sounding = self.notes
        for note in self.things("note_off"):
            sounding.remove(note)
        return sounding

    def score(self) -> str:
        """Return the music, one event a line: beat, event, channel, note, velocity."""
        lines = []
        for method, thing, now in self.calls:
            if method == "note_on":
                lines.append(
                    f"{now.beats:9.3f}  on   {thing.channel:2}  {note_name(thing.pitch):4}"
                    f"  {thing.velocity:.2f}"
                )
            elif method == "note_off":
                lines.append(f"{now.beats:9.3f}  off  {thing.channel:2}  {note_name(thing.pitch)}")
            elif method == "control":
                controller, value, channel = thing
                lines.append(f"{now.beats:9.3f}  turn {channel:2}  {controller:<4}  {value:.2f}")
        return "".join(f"{line}\n" for line in lines)


def note_name(pitch: int) -> str:
    """Return the name of a MIDI number: 60 is C4, 61 is C#4."""
    return f"{NOTE_NAMES[pitch % 12]}{pitch // 12 - 1}"
