"""The events of a show, which `Parameters.publish` sends to the recorder, the panel and presets."""

from dataclasses import dataclass
from typing import Any

from .media import Note
from .tempo import TempoChange

# A note, and the beat of the show at which it starts.
TimedNote = tuple[Note, float]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, `seconds` after the first beat of the show."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ParameterSet(Event):
    """A parameter, by its `address`, was set from outside.

    A `value` of None releases a knob or presses a button.
    """

    address: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class PhrasePlayed(Event):
    """A play cue returned a phrase.

    Args:
        cue: index of the cue in the sketch.
        beats: of its moment.
        span: of its moment, in beats.
        called: seconds of the show at which it was called.
        notes: None where the cue raised.
    """

    cue: int
    beats: float
    span: float
    called: float
    notes: list[TimedNote] | None


@dataclass(frozen=True, slots=True)
class AnswerPlayed(Event):
    """An answer cue replied to the notes `heard`; other fields are those of `PhrasePlayed`."""

    cue: int
    beats: float
    called: float
    heard: list[Note]
    notes: list[TimedNote] | None


@dataclass(frozen=True, slots=True)
class MidiReceived(Event):
    """A channel message was read by `controls`; it was played on `device` at `played` seconds."""

    controls: str
    device: str
    played: float
    message: bytes


@dataclass(frozen=True, slots=True)
class ReadingTaken(Event):
    """An analyzer has new readings, in force from the frame at `seconds` on.

    A reading that is neither a number nor text is None.
    """

    analyzer: str
    values: tuple[float | str | None, ...]


@dataclass(frozen=True, slots=True)
class ImageSeen(Event):
    """A camera has a new image, `(height, width, 3)` uint8, from the frame at `seconds` on."""

    camera: str
    image: Any


@dataclass(frozen=True, slots=True)
class TempoChanged(Event):
    """The tempo changes; known at `seconds`, in force from `change.seconds` on."""

    change: TempoChange


@dataclass(frozen=True, slots=True)
class NotesSilenced(Event):
    """All sounding notes were ended at once."""


@dataclass(frozen=True, slots=True)
class FramesDropped(Event):
    """`count` frames were dropped before the one at `seconds`, because a frame took too long."""

    count: int


@dataclass(frozen=True, slots=True)
class SketchReplaced(Event):
    """A saved sketch file takes over from `beats` on; `digest` is the SHA-256 of the file."""

    digest: str
    beats: float
