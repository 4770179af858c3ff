"""Takes: everything that came from outside during a show, and what it led to, for a replay.

A take is a text of JSON lines. The first is the provenance record: the sketch's file and its hash,
the seed, the versions and the flags. Each of the others is `[seconds, what, value]`: a parameter
that was set, by its address, or

| what | value |
| --- | --- |
| `phrase` | `[cue, beats, span, called, [[pitch, start, length, velocity, channel, beats], …]]` |
| `answer` | `[cue, beats, called, [[pitch, …], …] heard, [[pitch, …, beats], …]]` |
| `midi` | `[controls, device, played, bytes as hex]`, read at `seconds`, played a little before |
| `reading` | `[analyzer, value, …]`, from the frame at `seconds` on |
| `image` | `[camera, film, number]`: the image of a film beside the take that a camera delivered |
| `tempo` | `[seconds, reached, beats, bpm, over, standing]`, a `TempoChange`, known at `seconds` |
| `panic` | all that sounded was silenced |
| `late` | how many frames were dropped before the one at `seconds` |
| `gap` | `[seconds, count]`: `count` events are missing from `seconds` on |
| `models` | the models that are open, with their hashes |
| `sketch` | the hash of the sketch that goes on from here, and the beats |
| `frame` | the show has come so far |
| `end` | the show was ended |
"""

import gc
import math
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..clock import OfflineClock
from ..errors import ShowError
from ..events import (
    AnswerPlayed,
    Event,
    FramesDropped,
    MidiReceived,
    NotesSilenced,
    ParameterSet,
    PhrasePlayed,
    ReadingTaken,
    SketchReplaced,
    TempoChanged,
    TimedNote,
)
from ..log import warn_once
from ..media import Note, as_phrase
from ..tempo import ROUNDING_SECONDS, TempoChange, TempoMap
from .provenance import FORMAT, as_json, from_json

# What a record must have so that its show can be replayed, and how long a show may be.
KINDS: dict[str, Any] = {
    "sketch": str,
    "sha256": str,
    "bpm": int | float,
    "meter": int,
    "fps": int | float,
    "size": list,
}
MAX_SECONDS = 1e6
MAX_LINE = 2**20  # characters; a phrase of 20,000 notes has fewer


def encode(event: Event) -> str:
    """Return the line of a take that holds an event.

    Raises:
        TypeError, ValueError: JSON cannot hold its value.
    """
    what, value = _what_and_value(event)
    line = as_json([event.seconds, what, value])
    line.encode()  # half a surrogate pair, from outside, cannot be written
    return line


def _what_and_value(event: Event) -> tuple[str, Any]:
    match event:
        case ParameterSet():
            return event.address, event.value
        case PhrasePlayed():
            facts = event.cue, event.beats, event.span, event.called
            return "phrase", (*facts, _note_lists(event.notes))
        case AnswerPlayed():
            facts_heard = event.cue, event.beats, event.called, event.heard
            return "answer", (*facts_heard, _note_lists(event.notes))
        case MidiReceived():
            return "midi", (event.controls, event.device, event.played, event.message.hex())
        case ReadingTaken():
            return "reading", (event.analyzer, *event.values)
        case TempoChanged():
            return "tempo", event.change
        case NotesSilenced():
            return "panic", None
        case FramesDropped():
            return "late", event.count
        case SketchReplaced():
            return "sketch", (event.digest, event.beats)
    raise TypeError(f"a take cannot hold {type(event).__name__}")


def _note_lists(notes: list[TimedNote] | None) -> list[list[float]] | None:
    return None if notes is None else [[*note, beats] for note, beats in notes]


class Take:
    """A show that was, as it is needed to replay it."""

    def __init__(self, record: dict[str, Any], folder: Path = Path()):
        self.record, self.folder = record, folder  # the provenance record, and where the take is
        self.turns: list[ParameterSet] = []
        self.phrases: list[PhrasePlayed] = []
        self.answers: list[AnswerPlayed] = []
        self.models: dict[str, dict[str, str]] = {}
        self.sketches: list[SketchReplaced] = []
        self.tempo_changes: list[TempoChange] = []
        self.panics: list[float] = []  # seconds
        self.gaps: list[tuple[float, int]] = []  # seconds, and how many events are missing
        self.seconds = 0.0
        self.ended: float | None = None
        self._dropped: list[tuple[int, int]] = []  # from which frame to which, in order
        self._messages: dict[str, list[MidiReceived]] = {}
        self._readings: dict[str, list[tuple[float, list[Any]]]] = {}
        self._images: dict[str, list[tuple[float, Path, int]]] = {}
        self._types: dict[str, Callable[..., Any]] = {}  # of readings, by analyzer
        self._tempo = TempoMap(record["bpm"])

    @property
    def moment(self) -> float | None:
        """The seconds of the picture, where this is the take of a still."""
        moment: float | None = self.record.get("moment")
        return moment

    def clock(self) -> OfflineClock:
        """Return a clock that runs as that of the show ran."""
        clock = OfflineClock(self.record["bpm"], self.record["meter"])
        clock.tempo = self._tempo
        return clock

    def was_dropped(self, frame: int) -> bool:
        """Return whether the frame of this number, at the show's frame rate, was dropped."""
        place = bisect_right(self._dropped, frame, key=lambda gap: gap[0])
        return place > 0 and frame < self._dropped[place - 1][1]

    def messages(self, controls: str) -> list[MidiReceived]:
        """Return the MIDI messages that these controls read."""
        return self._messages.get(controls, [])

    def readings(self, analyzer: str, seconds: float, read: Callable[[], Any]) -> Any:
        """Return the readings that a frame at `seconds` was given by an analyzer.

        Args:
            analyzer: its name in the show.
            seconds: of the frame.
            read: returns present readings; what a take cannot hold, such as a picture, is theirs.

        Raises:
            TimeoutError: there was no reading yet.
        """
        told = self._readings.get(analyzer, [])
        place = bisect_right(told, seconds + ROUNDING_SECONDS, key=lambda reading: reading[0])
        if not place:
            raise TimeoutError(f"analyzer {analyzer!r} has no reading yet")
        values = told[place - 1][1]
        if None in values or analyzer not in self._types:
            now = read()
            self._types[analyzer] = type(now)
            values = [
                there if there is not None else new for there, new in zip(values, now, strict=True)
            ]
        return self._types[analyzer](*values)

    def image(self, camera: str, seconds: float) -> tuple[Path, int] | None:
        """Return which image a camera showed in the frame at `seconds`: its film, its number."""
        seen = self._images.get(camera, [])
        place = bisect_right(seen, seconds + ROUNDING_SECONDS, key=lambda image: image[0])
        return seen[place - 1][1:] if place else None

    def add_line(self, seconds: float, what: str, value: Any) -> None:
        """Add what one line says.

        Raises:
            ValueError, TypeError: the line is malformed.
        """
        if what.startswith("/"):
            self.turns.append(ParameterSet(seconds, what, value))
        elif what == "phrase":
            cue, beats, span, called, notes = value
            facts = int(cue), _number(beats), _number(span), _number(called)
            self.phrases.append(PhrasePlayed(seconds, *facts, _timed_notes(notes)))
        elif what == "answer":
            cue, beats, called, heard, notes = value
            heard = as_phrase([Note(*note) for note in heard], "the take", "holds")
            times = _number(beats), _number(called)
            answer = AnswerPlayed(seconds, int(cue), *times, heard, _timed_notes(notes))
            self.answers.append(answer)
        elif what == "midi":
            name, device, played, message = value
            data = _message(bytes.fromhex(message))
            self._messages.setdefault(name, []).append(
                MidiReceived(seconds, str(name), str(device), _number(played), data)
            )
        elif what == "reading":
            name, *values = value
            self._readings.setdefault(name, []).append((seconds, values))
        elif what == "image":
            camera, film, place = value
            if Path(film).name != film:
                raise ValueError(f"a film lies beside its take, not at {film!r}")
            path = Path(self.folder, film).absolute()  # which FFmpeg takes for no protocol
            self._images.setdefault(str(camera), []).append((seconds, path, int(place)))
        elif what == "tempo":
            at, _, beats, bpm, over = map(_number, value[:5])
            change = self._tempo.change(at, bpm, beats=beats, over=over, standing=value[5] is True)
            self.tempo_changes.append(change)
        elif what == "panic":
            self.panics.append(seconds)
        elif what == "late":
            frame = round(seconds * self.record["fps"])
            self._dropped.append((frame - int(value), frame))
        elif what == "gap":
            self.gaps.append((_number(value[0]), int(value[1])))
        elif what == "models":
            self.models.update({str(name): dict(facts) for name, facts in value.items()})
        elif what == "sketch":
            self.sketches.append(SketchReplaced(seconds, str(value[0]), _number(value[1])))
        elif what == "end":
            self.ended = seconds
        self.seconds = max(self.seconds, seconds)


def read_take(text: str, name: str, folder: Path = Path()) -> Take:
    """Read the lines of a take.

    A last line that is not whole is dropped with a warning: a show that was killed leaves one.

    Args:
        text: of the file.
        name: what errors call it.
        folder: where its films are.

    Raises:
        ShowError: something else is malformed; the message names the line.
    """
    lines = text.split("\n")
    if lines.pop():
        warn_once(f"the last line of {name!r} is cut off; it is left out")
    if not lines:
        raise ShowError(f"{name!r} is empty; a take starts with a provenance record")
    try:
        if any(len(line) > MAX_LINE for line in lines):
            raise ValueError(f"a line has more than {MAX_LINE} characters")
        take = Take(_header(from_json(lines[0])), folder)
    except (ValueError, TypeError, KeyError) as error:
        raise ShowError(f"{name!r} is no take: {_reason(error)} (line 1)") from None
    collects = gc.isenabled()
    gc.disable()  # nothing here is in a cycle, and to look for some would take most of the time
    try:
        _add_lines(take, lines[1:], name)
    finally:
        if collects:
            gc.enable()
    take.turns.sort(key=lambda turn: turn.seconds)  # from several threads, almost in order
    take.phrases.sort(key=lambda phrase: phrase.seconds)
    take.answers.sort(key=lambda answer: answer.seconds)
    if take.ended is not None:  # a phrase for later may have been composed at the last moment
        take.seconds = take.ended
    else:  # the frame that it had come to is the last one
        last = take.seconds if take.moment is None else take.moment
        take.seconds = last + 0.5 / take.record["fps"]
    return take


def _add_lines(take: Take, lines: list[str], name: str) -> None:
    for number, line in enumerate(lines, 2):
        try:
            seconds, what, value = from_json(line)
            if not -MAX_SECONDS < _number(seconds) < MAX_SECONDS:
                raise ValueError(f"no show lasts {seconds!r} seconds")
            take.add_line(float(seconds), str(what), value)
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
            raise ShowError(f"{name!r} is broken in line {number}: {_reason(error)}") from None


def _header(record: Any) -> dict[str, Any]:
    if not isinstance(record, dict) or "take" not in record:
        raise ValueError("its first line is not that of one")
    if record["take"] != FORMAT:
        raise ValueError(f"it has the format {record['take']!r}, and this Capriccio reads {FORMAT}")
    for key, kind in KINDS.items():
        if not isinstance(record.get(key), kind) or isinstance(record[key], bool):
            raise ValueError(f"it has {record.get(key)!r} as its {key}")
    if not (0 < record["fps"] <= 1000 and len(record["size"]) == 2):
        raise ValueError(f"it has {record['size']!r} at {record['fps']!r} frames a second")
    if not 0 <= _number(record.get("moment", 0.0)) < MAX_SECONDS:
        raise ValueError(f"it is the picture at {record['moment']!r} seconds")
    OfflineClock(record["bpm"], record["meter"])
    return record


def _timed_notes(notes: Any) -> list[TimedNote] | None:
    if notes is None:
        return None
    made = [(Note(*note[:5]), _number(note[5])) for note in notes]
    as_phrase([note for note, _ in made], "the take", "holds")
    return made


def _number(thing: Any) -> float:
    if isinstance(thing, bool) or not isinstance(thing, int | float) or not math.isfinite(thing):
        raise ValueError(f"{thing!r} is no number")
    return float(thing)


def _message(data: bytes) -> bytes:
    """Return a channel message; raise ValueError where it is none."""
    length = 2 if data and data[0] & 0xF0 in (0xC0, 0xD0) else 3
    if len(data) != length or not 0x80 <= data[0] < 0xF0 or max(data[1:]) > 127:
        raise ValueError(f"{data.hex()!r} is no MIDI message of a channel")
    return data


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
