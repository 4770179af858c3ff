"""Plays controls where there are no hands, to rehearse: from a MIDI file, or as a player might."""

import math
from bisect import bisect_right
from collections.abc import Set
from functools import lru_cache
from pathlib import Path
from random import Random

from ...errors import ShowError

# What is read of a controller: its kind, as in `moves`, and its number. "note" is any key where
# the number is ANY, else one of those to be struck.
Wanted = tuple[str, int]
ANY = -1
# A message of a tune: until when it waits, the device, its bytes, and the beats it is played at.
Event = tuple[float, str, bytes, float]

# A player makes up so many beats at once, plays keys in the first part of them and listens then.
BEATS, PLAYED_BEATS = 16, 8
# Dials are moved so often, and go up and down so slowly, both in beats.
STEP_BEATS = 0.25
SLOW_BEATS = 16.0, 64.0
# A pentatonic scale, which goes with most; from C4 on, in three octaves.
SCALE = [60 + 12 * octave + tone for octave in range(-1, 2) for tone in (0, 2, 4, 7, 9)]
# What rests at 0; all else rests in the middle.
RESTS_AT_ZERO = "poly", "pressure"


class EventList:
    """Messages in order, each with what it waits for: beats, or seconds of a take."""

    def __init__(self, events: list[Event]):
        self._events = events

    def between(self, begin: float, end: float, wanted: Set[Wanted] = frozenset()) -> list[Event]:
        """Give what waits until after `begin`, and until `end` at the latest."""
        first, last = (bisect_right(self._events, at, key=waits_until) for at in (begin, end))
        return self._events[first:last]

    def next_struck(self, begin: float, wanted: Set[Wanted] = frozenset()) -> float:
        """Give until when the next note after `begin` waits; infinite where there is none."""
        first = bisect_right(self._events, begin, key=waits_until)
        return next((at for at, _, data, _ in self._events[first:] if begins(data)), math.inf)


class SimulatedPlayer:
    """Somebody who tries a show out: turns gently what is read, plays a little, and listens.

    The same `seed` plays the same.
    """

    def __init__(self, seed: str):
        self._seed = seed
        self._made_up = lru_cache(4)(self._make_up)

    def between(self, begin: float, end: float, wanted: Set[Wanted]) -> list[Event]:
        """Give what is done to what is `wanted` after `begin` and until `end`, in beats."""
        begin, wanted = max(begin, -1.0), frozenset(wanted)
        events: list[Event] = []
        for part in range(max(0, int(begin // BEATS)), int(end // BEATS) + 1):
            events += EventList(self._made_up(part, wanted)).between(begin, end)
        return events

    def next_struck(self, begin: float, wanted: Set[Wanted]) -> float:
        """Give the beats of the next note after `begin`; infinite where keys are not `wanted`."""
        part = max(0, int(max(begin, 0.0) // BEATS))
        parts = (self._made_up(number, frozenset(wanted)) for number in (part, part + 1))
        return min(EventList(events).next_struck(begin) for events in parts)

    def _make_up(self, part: int, wanted: Set[Wanted]) -> list[Event]:
        first = part * BEATS
        events = self._keys(part, {pitch for kind, pitch in wanted if kind == "note"})
        for kind, number in sorted(wanted):
            if kind != "note":
                for step in range(round(BEATS / STEP_BEATS)):
                    beats = first + step * STEP_BEATS
                    before = self._moved(kind, number, beats - STEP_BEATS)
                    if (moved := self._moved(kind, number, beats)) != before:
                        events += [(beats, "", message, beats) for message in moved]
        return sorted(events, key=waits_until)

    def _moved(self, kind: str, number: int, beats: float) -> list[bytes]:
        """Give the messages that move one thing to where it is to be after so many beats."""
        chance = Random(f"{self._seed}/{kind}/{number}")
        turns = [2 * math.pi * max(0.0, beats) / chance.uniform(*SLOW_BEATS) for _ in range(2)]
        if kind in RESTS_AT_ZERO:
            value = 0.5 - 0.25 * sum(map(math.cos, turns))
        else:
            value = 0.5 + 0.25 * sum(map(math.sin, turns))
        level, fine = round(127 * value), divmod(round(16383 * value), 128)
        return {
            "cc": lambda: [bytes([0xB0, number, level])],
            "cc14": lambda: [bytes([0xB0, number + 32 * low, fine[low]]) for low in range(2)],
            "nrpn": lambda: [
                bytes([0xB0, dial, data])
                for dial, data in zip((99, 98, 6, 38), (*divmod(number, 128), *fine), strict=True)
            ],
            "poly": lambda: [bytes([0xA0, number, level])],
            "pressure": lambda: [bytes([0xD0, level])],
            "bend": lambda: [bytes([0xE0, fine[1], fine[0]])],
        }[kind]()

    def _keys(self, part: int, pitches: set[int]) -> list[Event]:
        if not pitches:
            return []
        keys = sorted(pitches - {ANY}) or SCALE
        chance = Random(f"{self._seed}/keys/{part}")
        place, beats, events = chance.randrange(len(keys)), float(part * BEATS), []
        while beats < part * BEATS + PLAYED_BEATS:
            lasts = chance.choice((0.5, 0.5, 1.0, 1.0, 2.0))
            if chance.random() < 0.8:
                struck = bytes([0x90, keys[place], chance.randint(48, 100)])
                let_go = beats + 0.9 * lasts
                events.append((beats, "", struck, beats))
                events.append((let_go, "", bytes([0x80, keys[place], 0]), let_go))
            place = min(max(place + chance.choice((-2, -1, 1, 2)), 0), len(keys) - 1)
            beats += lasts
        return events


class Simulation:
    """Who plays the controls of a sketch: the MIDI file `file`, or players where it is empty."""

    def __init__(self, file: str | Path = "", seed: int | None = None):
        self.file = str(file)
        self.seed = seed or 0
        self._tune = read_events(file) if file else None

    def tune(self, name: str) -> EventList | SimulatedPlayer:
        """Give what is played on the controls of that name."""
        return self._tune or SimulatedPlayer(f"{self.seed}/{name}")


def read_events(file: str | Path) -> EventList:
    """Read a MIDI file as channel messages and the beats they stand at."""
    import mido

    path = Path(file).expanduser()
    if not path.is_file():
        raise ShowError(f"controls find no file {str(file)!r} to simulate")
    try:
        tune = mido.MidiFile(path)
        if tune.ticks_per_beat <= 0:
            raise ValueError("its time is not in beats")
        events, ticks = [], 0
        for message in mido.merge_tracks(tune.tracks):
            ticks += message.time
            if not message.is_meta and message.bytes()[0] < 0xF0:
                beats = ticks / tune.ticks_per_beat
                events.append((beats, "", bytes(message.bytes()), beats))
    except Exception as error:  # mido raises whatever a broken file leads it to
        reason = str(error) or type(error).__name__
        raise ShowError(f"controls cannot read {str(path)!r} as a MIDI file: {reason}") from None
    return EventList(events)


def waits_until(event: Event) -> float:
    """Give until when a message waits."""
    return event[0]


def begins(message: bytes) -> bool:
    """Say whether a message begins a note."""
    return message[0] & 0xF0 == 0x90 and message[2] > 0
