"""Takes: all that came from outside during a show, and what it led to, to perform it again.

A take is a text of JSON lines. The first is a recipe: the sketch's file and its hash, the seed,
the versions and the flags. Each of the others is `[seconds, what, value]`: a turn of the desk by
its address, or

| what | value |
| --- | --- |
| `phrase` | `[cue, beats, span, called, [[pitch, start, length, velocity, channel, beats], …]]` |
| `answer` | `[cue, beats, called, [[pitch, …], …] heard, [[pitch, …, beats], …]]` |
| `midi` | `[controls, device, played, bytes as hex]`, heard at `seconds`, played a little before |
| `reading` | `[analyzer, value, …]`, from the frame at `seconds` on |
| `tempo` | `[seconds, reached, beats, bpm, over, standing]`, a `Pace`, known at `seconds` |
| `panic` | all that sounded was silenced |
| `late` | how many frames were dropped before the one at `seconds` |
| `models` | the models that are open, with their hashes |
| `sketch` | the hash of the sketch that goes on from here, and the beats |
| `frame` | the show has come so far |
| `end` | the show was ended |
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, NamedTuple

from .clock import OfflineClock
from .desk import Turn
from .errors import ShowError, tell
from .media import Note, as_phrase
from .recipe import FORMAT, from_json
from .tempo import Pace, TempoMap

# What a recipe must have so that its show can be performed again, and how long one may be.
KINDS = {
    "sketch": str,
    "sha256": str,
    "bpm": int | float,
    "meter": int,
    "fps": int | float,
    "size": list,
}
MOST_SECONDS = 1e6
# What forgives the rounding between seconds and beats, in seconds.
ROUNDING_SECONDS = 1e-6


class Phrase(NamedTuple):
    """What a play cue gave: which cue, for which beats, when it was called and had written it.

    `notes` are notes and the beats they begin at; None where the cue raised.
    """

    seconds: float
    cue: int
    beats: float
    span: float
    called: float
    notes: list[tuple[Note, float]] | None


class Answer(NamedTuple):
    """What an answer cue gave: which cue, at which beat, when it was called, for which notes.

    `notes` are as in a `Phrase`.
    """

    seconds: float
    cue: int
    beats: float
    called: float
    heard: list[Note]
    notes: list[tuple[Note, float]] | None


class Heard(NamedTuple):
    """A MIDI message: when it was heard, when it was played, on which device, and its bytes."""

    seconds: float
    played: float
    device: str
    message: bytes


class Take:
    """A show that was, as it is needed to perform it again."""

    def __init__(self, recipe: dict[str, Any]):
        self.recipe = recipe
        self.turns: list[Turn] = []
        self.phrases: list[Phrase] = []
        self.answers: list[Answer] = []
        self.models: dict[str, dict[str, str]] = {}
        self.sketches: list[tuple[float, str, float]] = []  # seconds, hash, from which beats on
        self.seconds = 0.0
        self.ended: float | None = None
        self._dropped: list[tuple[int, int]] = []  # from which frame to which, in order
        self._messages: dict[str, list[Heard]] = {}
        self._readings: dict[str, list[tuple[float, list]]] = {}
        self._kinds: dict[str, Callable] = {}
        self.paces: list[Pace] = []
        self.panics: list[float] = []  # seconds
        self._tempo = TempoMap(recipe["bpm"])

    @property
    def moment(self) -> float | None:
        """The seconds of the picture, where this is the take of a still."""
        return self.recipe.get("moment")

    def clock(self) -> OfflineClock:
        """Give a clock that runs as that of the show ran."""
        clock = OfflineClock(self.recipe["bpm"], self.recipe["meter"])
        clock.tempo = self._tempo
        return clock

    def was_dropped(self, frame: int) -> bool:
        """Say whether nobody saw the frame of this number, at the frame rate of the show."""
        place = bisect_right(self._dropped, frame, key=lambda gap: gap[0])
        return place > 0 and frame < self._dropped[place - 1][1]

    def messages(self, controls: str) -> list[Heard]:
        """Give what these controls heard."""
        return self._messages.get(controls, [])

    def readings(self, analyzer: str, seconds: float, read: Callable[[], Any]):
        """Give what a frame at `seconds` was told by an analyzer; `read` gives what it says now.

        What a take cannot hold, such as a picture, is as it is read now. Raises TimeoutError where
        there was no reading yet.
        """
        told = self._readings.get(analyzer, [])
        place = bisect_right(told, seconds + ROUNDING_SECONDS, key=lambda reading: reading[0])
        if not place:
            raise TimeoutError(f"analyzer {analyzer!r} has no reading yet")
        values = told[place - 1][1]
        if None in values or analyzer not in self._kinds:
            now = read()
            self._kinds[analyzer] = type(now)
            values = [
                there if there is not None else new for there, new in zip(values, now, strict=True)
            ]
        return self._kinds[analyzer](*values)

    def _add(self, turn: Turn) -> None:
        """Take in one line; raise ValueError or TypeError where it is none."""
        seconds, what, value = turn
        if what.startswith("/"):
            self.turns.append(turn)
        elif what == "phrase":
            cue, beats, span, called, notes = value
            facts = int(cue), _number(beats), _number(span), _number(called)
            self.phrases.append(Phrase(seconds, *facts, _made(notes)))
        elif what == "answer":
            cue, beats, called, heard, notes = value
            heard = as_phrase([Note(*note) for note in heard], "the take")
            times = _number(beats), _number(called)
            self.answers.append(Answer(seconds, int(cue), *times, heard, _made(notes)))
        elif what == "midi":
            name, device, played, message = value
            self._messages.setdefault(name, []).append(
                Heard(seconds, _number(played), str(device), _message(bytes.fromhex(message)))
            )
        elif what == "reading":
            name, *values = value
            self._readings.setdefault(name, []).append((seconds, values))
        elif what == "tempo":
            at, _, beats, bpm, over = map(_number, value[:5])
            pace = self._tempo.change(at, bpm, beats=beats, over=over, standing=value[5] is True)
            self.paces.append(pace)
        elif what == "panic":
            self.panics.append(seconds)
        elif what == "late":
            frame = round(seconds * self.recipe["fps"])
            self._dropped.append((frame - int(value), frame))
        elif what == "models":
            self.models.update({str(name): dict(facts) for name, facts in value.items()})
        elif what == "sketch":
            self.sketches.append((seconds, str(value[0]), _number(value[1])))
        elif what == "end":
            self.ended = seconds
        self.seconds = max(self.seconds, seconds)


def read_take(text: str, name: str) -> Take:
    """Read the lines of a take; `name` is what errors call it.

    A last line that is not whole is dropped with a word: a show that was killed leaves one. Raises
    ShowError, naming the line, where something else is no take.
    """
    lines = text.split("\n")
    if lines.pop():
        tell(f"the last line of {name!r} is cut off; it is left out")
    if not lines:
        raise ShowError(f"{name!r} is empty; a take begins with a recipe")
    try:
        take = Take(_header(from_json(lines[0])))
    except (ValueError, TypeError, KeyError) as error:
        raise ShowError(f"{name!r} is no take: {_reason(error)} (line 1)") from None
    for number, line in enumerate(lines[1:], 2):
        try:
            seconds, what, value = from_json(line)
            if not -MOST_SECONDS < _number(seconds) < MOST_SECONDS:
                raise ValueError(f"no show lasts {seconds!r} seconds")
            take._add(Turn(float(seconds), str(what), value))
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
            raise ShowError(f"{name!r} is broken in line {number}: {_reason(error)}") from None
    take.turns.sort(key=lambda turn: turn.seconds)  # from several threads, almost in order
    take.phrases.sort(key=lambda phrase: phrase.seconds)
    take.answers.sort(key=lambda answer: answer.seconds)
    if take.ended is not None:  # a phrase for later may have been composed at the last moment
        take.seconds = take.ended
    else:  # the frame that it had come to is the last one
        last = take.seconds if take.moment is None else take.moment
        take.seconds = last + 0.5 / take.recipe["fps"]
    return take


def _header(recipe: Any) -> dict[str, Any]:
    if not isinstance(recipe, dict) or "take" not in recipe:
        raise ValueError("its first line is not that of one")
    if recipe["take"] != FORMAT:
        raise ValueError(f"it has the format {recipe['take']!r}, and this Capriccio reads {FORMAT}")
    for key, kind in KINDS.items():
        if not isinstance(recipe.get(key), kind) or isinstance(recipe[key], bool):
            raise ValueError(f"it has {recipe.get(key)!r} as its {key}")
    if not (0 < recipe["fps"] <= 1000 and len(recipe["size"]) == 2):
        raise ValueError(f"it has {recipe['size']!r} at {recipe['fps']!r} frames a second")
    if not 0 <= _number(recipe.get("moment", 0.0)) < MOST_SECONDS:
        raise ValueError(f"it is the picture at {recipe['moment']!r} seconds")
    OfflineClock(recipe["bpm"], recipe["meter"])
    return recipe


def _made(notes: Any) -> list[tuple[Note, float]] | None:
    if notes is None:
        return None
    made = [(Note(*note[:5]), _number(note[5])) for note in notes]
    as_phrase([note for note, _ in made], "the take")
    return made


def _number(thing: Any) -> float:
    if isinstance(thing, bool) or not isinstance(thing, int | float) or not math.isfinite(thing):
        raise ValueError(f"{thing!r} is no number")
    return float(thing)


def _message(data: bytes) -> bytes:
    """Give a channel message; raise ValueError where it is none."""
    length = 2 if data and data[0] & 0xF0 in (0xC0, 0xD0) else 3
    if len(data) != length or not 0x80 <= data[0] < 0xF0 or max(data[1:]) > 127:
        raise ValueError(f"{data.hex()!r} is no MIDI message of a channel")
    return data


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
