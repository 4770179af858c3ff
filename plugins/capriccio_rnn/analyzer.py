"""The ear: what a phrase sounds like, to whoever writes or draws to it."""

import base64
import math
import zlib
from collections import defaultdict
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from capriccio import Analyzer, Note

from .chorales.model import LOWEST, PLACES, RANGES, STEPS, Bend, Choir, Deed, deeds_of

VOICES = ("soprano", "alto", "tenor", "bass")
NAMES = ("c", "c#", "d", "e flat", "e", "f", "f#", "g", "a flat", "a", "b flat", "b")
# How well each degree fits a key, as listeners judged (Krumhansl and Kessler 1982).
PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
# Consonance of the interval classes 0 to 6, from three experiments (Huron 1994, Music Perception
# 11(3)), turned over and scaled so that 0 is a fifth and 1 a semitone.
ROUGHNESS = (0.0, 1.0, 0.683, 0.242, 0.320, 0.0, 0.635)
BUSY = 16.0  # notes a beat that read as density 1: four voices in sixteenths
LOST = 4 * math.log(48)  # nats a sixteenth of somebody who knows nothing of music: surprise 1
MOTIF = 4  # notes that make a motif worth recognising
DRUMS = 10


class Fault(NamedTuple):
    """One fault in the voice leading: at which beat, what, and in which voices."""

    beat: float
    what: str
    voices: tuple[str, ...]


class Figures(NamedTuple):
    """Readings in their own units."""

    nats: float  # surprise, a sixteenth of all given voices
    copied: float  # the longest run shared with the training set, in beats, in any key


class Hearing(NamedTuple):
    """What the ear made of a phrase; the floats are 0..1."""

    certainty: float  # how well the notes fit the key
    density: float  # notes a beat, 1 for sixteen
    dissonance: float  # roughness of what sounds together, 1 for nothing but semitones
    repetition: float  # share of motifs of four notes that were there before, in any key
    faults: float  # share of the moves between two voices that break a rule
    surprise: float  # the network's, 0 for none and 1 for that of somebody who knows no music
    originality: float  # share of the phrase beyond the longest run that Bach wrote as well
    key: str  # "d minor"
    figures: Figures
    where: tuple[Fault, ...]


class Ear(Analyzer):
    """Hear a phrase: its key, its density and dissonance, what is repeated, wrong, new, or copied.

    Voice leading, surprise and originality are those of the four voices on the channels 1 to 4;
    the network imagines a voice that is not there. Surprise is what the model learned from
    Bach; originality compares with the pieces it learned from, which its file carries along.
    """

    name = "ear"
    models = {"chorales": Path(__file__).with_name("chorales.onnx")}  # noqa: RUF012

    def __init__(self, *, model: str = "chorales"):
        self._path = self.model_path(model)
        self._choir: Choir | None = None

    def analyze(self, thing) -> Hearing:
        """Hear a phrase from its beginning to its end, at most 256 beats of it."""
        if self._choir is None:
            self._choir = Choir(self._path, 0)
            self._heard = learned(self._choir.card)
        steps = deeds_of(thing)
        thing = [note._replace(length=max(0.0, note.length)) for note in thing]
        key, certainty = key_of(thing)
        beats = max((note.start + note.length for note in thing), default=0.0)
        moves, where = faults_of(thing)
        nats = surprise_of(steps, self._choir)
        run = longest_run(sounds_of(thing), self._heard)
        return Hearing(
            certainty=certainty,
            density=min(1.0, len(thing) / beats / BUSY) if beats else 0.0,
            dissonance=dissonance_of(thing),
            repetition=repetition_of(thing),
            faults=min(1.0, len(where) / moves) if moves else 0.0,
            surprise=min(1.0, nats / LOST),
            originality=1.0 - run / len(steps) if steps else 1.0,
            key=key,
            figures=Figures(nats, run / STEPS),
            where=where,
        )

    def close(self) -> None:
        """Let the model go."""
        self._choir = None


def surprise_of(steps: list[dict[int, Deed]], choir: Choir) -> float:
    """Have a choir sing along, and give the nats a sixteenth of what the voices were given."""
    choir.begin(0)
    total, bend = 0.0, Bend()
    for index, given in enumerate(steps):
        choir.sing(index % PLACES, bend, given, seen=False)
        nats = choir.nats
        total += sum(float(nats[voice]) for voice in given)
    return total / len(steps) if steps else 0.0


def key_of(phrase: list[Note]) -> tuple[str, float]:
    """Find the key whose profile the notes' lengths resemble most, and how much, 0..1.

    The resemblance is the correlation (Krumhansl 1990). A phrase without notes is in "".
    """
    lengths = np.zeros(12)
    for note in phrase:
        if note.channel != DRUMS:
            lengths[note.pitch % 12] += note.length
    if np.ptp(lengths) == 0:
        return "", 0.0
    found = []
    for mode, profile in PROFILES.items():
        for tonic in range(12):
            fit = np.corrcoef(np.roll(profile, tonic), lengths)[0, 1]
            found.append((float(fit), f"{NAMES[tonic]} {mode}"))
    fit, key = max(found)
    return key, min(1.0, max(0.0, fit))


def dissonance_of(phrase: list[Note]) -> float:
    """Weigh the roughness of every pair of notes with the time they sound together."""
    rough = together = 0.0
    sounding: list[Note] = []
    for note in sorted(phrase, key=lambda note: note.start):
        if note.channel == DRUMS:
            continue
        sounding = [other for other in sounding if other.start + other.length > note.start]
        for other in sounding:
            time = min(note.start + note.length, other.start + other.length) - note.start
            interval = abs(note.pitch - other.pitch) % 12
            rough += time * ROUGHNESS[min(interval, 12 - interval)]
            together += time
        sounding.append(note)
    return min(1.0, rough / together) if together else 0.0


def repetition_of(phrase: list[Note]) -> float:
    """Give the share of motifs, intervals and rhythm, that were heard before in the phrase."""
    seen, again, total = set(), 0, 0
    for voice in _lines(phrase).values():
        moves = [
            (after.pitch - before.pitch, round((after.start - before.start) * STEPS))
            for before, after in pairwise(voice)
        ]
        for index in range(len(moves) - MOTIF + 2):
            motif = tuple(moves[index : index + MOTIF - 1])
            again += motif in seen
            total += 1
            seen.add(motif)
    return again / total if total else 0.0


def faults_of(phrase: list[Note]) -> tuple[int, tuple[Fault, ...]]:
    """Count the moves of two voices at once, and find parallels, crossings and notes out of range.

    Parallel are two voices that move the same way from one fifth, octave or unison to another;
    crossed are a lower voice above a higher one where either has just moved.
    """
    lines = {channel: voice for channel, voice in _lines(phrase).items() if channel <= 4}
    found = [
        Fault(note.start, "out of range", (VOICES[channel - 1],))
        for channel, voice in lines.items()
        for note in voice
        if not RANGES[channel - 1][0] <= note.pitch <= RANGES[channel - 1][1]
    ]
    moves = 0
    for upper, lower in combinations(sorted(lines), 2):
        voices = VOICES[upper - 1], VOICES[lower - 1]
        before = None
        for beat, high, low in _together(lines[upper], lines[lower]):
            if high < low:
                found.append(Fault(beat, "crossing", voices))
            if before:
                rise, drop = high - before[0], low - before[1]
                moves += bool(rise and drop)
                perfect = (high - low) % 12
                if (
                    rise * drop > 0
                    and perfect in (0, 7)
                    and (before[0] - before[1]) % 12 == perfect
                ):
                    what = "parallel fifths" if perfect else "parallel octaves"
                    found.append(Fault(beat, what, voices))
            before = high, low
    return moves, tuple(sorted(found))


def sounds_of(phrase: list[Note]) -> np.ndarray:
    """Write four voices as the network's sounds, (steps, 4) uint8: 0 silent, 1..46 pitches."""
    rows = [
        [max(0, given.get(voice, (0, False))[0] - LOWEST + 1) for voice in range(4)]
        for given in deeds_of(phrase)
    ]
    return np.array(rows, np.uint8).reshape(-1, 4)


def longest_run(sounds: np.ndarray, heard: np.ndarray) -> int:
    """Find how many sixteenths in a row of four voices were heard before, in any key."""
    phrase, known = _shapes(sounds), _shapes(heard)
    run = np.zeros(len(known) + 1, np.int32)
    longest = 0
    for shape in phrase:
        run[1:] = (run[:-1] + 1) * (known == shape)
        longest = max(longest, int(run.max()))
    return longest


def learned(card: dict) -> np.ndarray:
    """Unpack the pieces a model learned from, (steps, 4) sounds, out of its card."""
    packed = zlib.decompress(base64.b64decode(card["heard"]))
    return np.frombuffer(packed, np.uint8).reshape(-1, 4)


def _shapes(sounds: np.ndarray) -> np.ndarray:
    """Name each step by the intervals to the step before and between its voices: one number."""
    wide = sounds.astype(np.int64)
    before = np.vstack([np.full((1, 4), 99), wide[:-1]]) if len(wide) else wide
    parts = [wide[:, 0] - before[:, 0], wide[:, 1] - before[:, 1], wide[:, 2] - before[:, 2],
             wide[:, 3] - before[:, 3], wide[:, 0] - wide[:, 1], wide[:, 1] - wide[:, 2],
             wide[:, 2] - wide[:, 3]]  # fmt: skip
    shape = np.zeros(len(wide), np.int64)
    for part in parts:
        shape = shape * 256 + part % 256
    return shape


def _lines(phrase: list[Note]) -> dict[int, list[Note]]:
    """Sort the notes by channel and time, drums left out."""
    lines = defaultdict(list)
    for note in sorted(phrase, key=lambda note: note.start):
        if note.channel != DRUMS:
            lines[note.channel].append(note)
    return lines


def _together(upper: list[Note], lower: list[Note]):
    """Give beat and both pitches whenever one of two voices moves while both sound."""
    for beat in sorted({note.start for note in upper} | {note.start for note in lower}):
        pitches = []
        for voice in (upper, lower):
            sounding = [n.pitch for n in voice if n.start <= beat < n.start + n.length]
            if sounding:
                pitches.append(sounding[-1])
        if len(pitches) == 2:
            yield beat, pitches[0], pitches[1]
