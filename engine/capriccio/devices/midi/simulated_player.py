"""Plays controls where no person does: the events of a MIDI file, or a simulated player."""

import math
from bisect import bisect_right
from collections.abc import Set
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from random import Random

from ...errors import ShowError

# What is read of a controller: a kind and a number, as in a `ControllerEvent`. "note" with the
# number ANY is every key, else it is one of the keys to be played.
ControlId = tuple[str, int]
ANY = -1
# Until when a message waits, the device, the message, and the beats at which it is played.
Event = tuple[float, str, bytes, float]
due = itemgetter(0)

# A player generates this many beats at once, plays keys in the first part of them, then listens.
BLOCK_BEATS, PLAYED_BEATS = 16, 8
# How often controllers are moved, and in how long they go up and down, in beats.
STEP_BEATS = 0.25
PERIOD_BEATS = 16.0, 64.0
# A pentatonic scale in the three octaves around C4, which goes with most music.
SCALE = [60 + 12 * octave + tone for octave in range(-1, 2) for tone in (0, 2, 4, 7, 9)]
# What rests at 0; all else rests in the middle.
RESTS_AT_ZERO = "poly", "pressure"


class EventList:
    """Events in order, each with what it waits for: beats, or seconds of a take."""

    def __init__(self, events: list[Event]):
        self._events = events

    def between(
        self, begin: float, end: float, controls: Set[ControlId] = frozenset()
    ) -> list[Event]:
        """Return the events after `begin`, up to and including `end`."""
        first, last = (bisect_right(self._events, at, key=due) for at in (begin, end))
        return self._events[first:last]

    def next_note(self, begin: float, controls: Set[ControlId] = frozenset()) -> float:
        """Return when the next note after `begin` is due; infinite where there is none."""
        first = bisect_right(self._events, begin, key=due)
        events = ((at, data) for at, _, data, _ in self._events[first:])
        return next((at for at, data in events if data[0] & 0xF0 == 0x90 and data[2]), math.inf)


class SimulatedPlayer:
    """A player who gently moves the controls that are read, plays a little, and listens.

    The same `seed` plays the same.
    """

    def __init__(self, seed: str):
        self._seed = seed
        self._block = lru_cache(4)(self._generate)

    def between(self, begin: float, end: float, controls: Set[ControlId]) -> list[Event]:
        """Return the events of `controls` after `begin`, up to and including `end`, in beats."""
        begin, controls = max(begin, -1.0), frozenset(controls)
        events: list[Event] = []
        for block in range(max(0, int(begin // BLOCK_BEATS)), int(end // BLOCK_BEATS) + 1):
            events += EventList(self._block(block, controls)).between(begin, end)
        return events

    def next_note(self, begin: float, controls: Set[ControlId]) -> float:
        """Return the beats of the next note after `begin`; infinite where no keys are read."""
        block = max(0, int(max(begin, 0.0) // BLOCK_BEATS))
        blocks = (self._block(number, frozenset(controls)) for number in (block, block + 1))
        return min(EventList(events).next_note(begin) for events in blocks)

    def _generate(self, block: int, controls: Set[ControlId]) -> list[Event]:
        first = block * BLOCK_BEATS
        events = self._play_keys(block, {pitch for kind, pitch in controls if kind == "note"})
        for kind, number in sorted(controls):
            if kind != "note":
                for step in range(round(BLOCK_BEATS / STEP_BEATS)):
                    beats = first + step * STEP_BEATS
                    before = self._position(kind, number, beats - STEP_BEATS)
                    if (position := self._position(kind, number, beats)) != before:
                        events += [(beats, "", message, beats) for message in position]
        return sorted(events, key=due)

    def _position(self, kind: str, number: int, beats: float) -> list[bytes]:
        """Return the messages that move one control to where it is at `beats`."""
        random = Random(f"{self._seed}/{kind}/{number}")
        angles = [2 * math.pi * max(0.0, beats) / random.uniform(*PERIOD_BEATS) for _ in range(2)]
        if kind in RESTS_AT_ZERO:
            value = 0.5 - 0.25 * sum(map(math.cos, angles))
        else:
            value = 0.5 + 0.25 * sum(map(math.sin, angles))
        level, fine = round(127 * value), divmod(round(16383 * value), 128)
        nrpn = zip((99, 98, 6, 38), (*divmod(number, 128), *fine), strict=True)
        return {
            "cc": lambda: [bytes([0xB0, number, level])],
            "cc14": lambda: [bytes([0xB0, number + 32 * low, fine[low]]) for low in range(2)],
            "nrpn": lambda: [bytes([0xB0, controller, data]) for controller, data in nrpn],
            "poly": lambda: [bytes([0xA0, number, level])],
            "pressure": lambda: [bytes([0xD0, level])],
            "bend": lambda: [bytes([0xE0, fine[1], fine[0]])],
        }[kind]()

    def _play_keys(self, block: int, pitches: set[int]) -> list[Event]:
        if not pitches:
            return []
        keys = sorted(pitches - {ANY}) or SCALE
        random = Random(f"{self._seed}/keys/{block}")
        place, beats = random.randrange(len(keys)), float(block * BLOCK_BEATS)
        events: list[Event] = []
        while beats < block * BLOCK_BEATS + PLAYED_BEATS:
            length = random.choice((0.5, 0.5, 1.0, 1.0, 2.0))
            if random.random() < 0.8:
                start, end = beats, beats + 0.9 * length
                note_on = bytes([0x90, keys[place], random.randint(48, 100)])
                events.append((start, "", note_on, start))
                events.append((end, "", bytes([0x80, keys[place], 0]), end))
            place = min(max(place + random.choice((-2, -1, 1, 2)), 0), len(keys) - 1)
            beats += length
        return events


class Simulation:
    """Plays all controls of a sketch: by a MIDI file, or by simulated players without one."""

    def __init__(self, file: str | Path = "", seed: int | None = None):
        self.file = str(file)
        self.seed = seed or 0
        self._events = read_events(file) if file else None

    def player(self, name: str) -> EventList | SimulatedPlayer:
        """Return what plays the controls of that name."""
        return self._events or SimulatedPlayer(f"{self.seed}/{name}")


def read_events(file: str | Path) -> EventList:
    """Read the channel messages of a MIDI file; raise ShowError where it is missing or none."""
    import mido

    path = Path(file).expanduser()
    if not path.is_file():
        raise ShowError(f"controls find no file {str(file)!r} to simulate")
    try:
        midi = mido.MidiFile(path)
        if midi.ticks_per_beat <= 0:
            raise ValueError("its time is not in beats")
        events: list[Event] = []
        ticks = 0
        for message in mido.merge_tracks(midi.tracks):
            ticks += message.time
            if not message.is_meta and (data := bytes(message.bytes()))[0] < 0xF0:
                beats = ticks / midi.ticks_per_beat
                events.append((beats, "", data, beats))
    except Exception as error:  # mido raises many kinds for a broken file
        reason = str(error) or type(error).__name__
        raise ShowError(f"controls cannot read {str(path)!r} as a MIDI file: {reason}") from None
    return EventList(events)
