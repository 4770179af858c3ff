"""The part `ear`: readings of a phrase, from its key to what was copied from the training set."""

import base64
import math
import zlib
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from capriccio import Analyzer, Note

from .chorales.model import (
    LOWEST,
    RANGES,
    STEPS_PER_BAR,
    STEPS_PER_BEAT,
    ChoraleModel,
    SamplingControls,
    VoiceAction,
    voice_actions,
)

VOICES = ("soprano", "alto", "tenor", "bass")
TONICS = ("c", "c#", "d", "e flat", "e", "f", "f#", "g", "a flat", "a", "b flat", "b")
# How well each degree fits a key, as rated by listeners (Krumhansl and Kessler 1982).
KEY_PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
# Roughness of the interval classes 0 to 6: consonance from three experiments (Huron 1994, Music
# Perception 11(3)), inverted and scaled so that 0 is a fifth and 1 a semitone.
ROUGHNESS = (0.0, 1.0, 0.683, 0.242, 0.320, 0.0, 0.635)
MAX_NOTES_PER_BEAT = 16.0  # read as density 1: four voices in sixteenths
MAX_SURPRISAL = 4 * math.log(48)  # nats a step of uniform guessing, read as surprise 1
MOTIF_NOTES = 4
DRUM_CHANNEL = 10


class Fault(NamedTuple):
    """One fault of voice leading.

    Attributes:
        beat: where it is.
        what: "parallel fifths", "parallel octaves", "crossing" or "out of range".
        voices: the one or two voices concerned.
    """

    beat: float
    what: str
    voices: tuple[str, ...]


class MusicFigures(NamedTuple):
    """Readings in their own units."""

    nats: float  # surprise, per sixteenth of all given voices
    copied: float  # longest run shared with the training set in any key, in beats


class MusicReadings(NamedTuple):
    """Readings of a phrase; floats are 0..1."""

    certainty: float  # how well the notes fit the key
    density: float  # notes a beat, 1 for sixteen
    dissonance: float  # roughness of what sounds together, 1 for semitones alone
    repetition: float  # share of motifs of four notes that came before, in any key
    faults: float  # share of the moves between two voices that break a rule
    surprise: float  # of the network, 0 for none and 1 for uniform guessing
    originality: float  # share of the phrase beyond the longest run shared with the training set
    key: str  # "d minor"
    figures: MusicFigures
    where: tuple[Fault, ...]


class Ear(Analyzer):
    """Read key, density, dissonance, repetition, voice leading, surprise and originality.

    Voice leading, surprise and originality are those of the four voices on channels 1 to 4; the
    network fills in voices that are missing. Surprise is that of a model of Bach's chorales;
    originality compares with the pieces it was trained on, which its file contains.
    """

    name = "ear"
    seekable = "now"
    models = {"chorales": Path(__file__).with_name("chorales.onnx")}  # noqa: RUF012

    def __init__(self, *, model: str = "chorales"):
        self._path = self.model_path(model)
        self._model: ChoraleModel | None = None

    def analyze(self, thing: list[Note]) -> MusicReadings:
        """Return the readings of a phrase of at most 256 beats."""
        if self._model is None:
            self._model = ChoraleModel(self._path, 0)
            self._training_sounds = training_sounds(self._model.card)
        steps = voice_actions(thing)
        thing = [note._replace(length=max(0.0, note.length)) for note in thing]
        key, certainty = estimate_key(thing)
        beats = max((note.start + note.length for note in thing), default=0.0)
        moves, faults = find_faults(thing)
        nats = mean_surprisal(steps, self._model)
        run = longest_shared_run(encode_sounds(thing), self._training_sounds)
        return MusicReadings(
            certainty=certainty,
            density=min(1.0, len(thing) / beats / MAX_NOTES_PER_BEAT) if beats else 0.0,
            dissonance=mean_roughness(thing),
            repetition=motif_repetition(thing),
            faults=min(1.0, len(faults) / moves) if moves else 0.0,
            surprise=min(1.0, nats / MAX_SURPRISAL),
            originality=1.0 - run / len(steps) if steps else 1.0,
            key=key,
            figures=MusicFigures(nats, run / STEPS_PER_BEAT),
            where=faults,
        )

    def close(self) -> None:
        """Release the model."""
        self._model = None


def mean_surprisal(steps: list[dict[int, VoiceAction]], model: ChoraleModel) -> float:
    """Return the mean surprisal of the given voices, in nats a step, while the model fills in."""
    model.reset(0)
    total, controls = 0.0, SamplingControls()
    for index, given in enumerate(steps):
        model.step(index % STEPS_PER_BAR, controls, given, known=False)
        surprisal = model.surprisal
        total += sum(float(surprisal[voice]) for voice in given)
    return total / len(steps) if steps else 0.0


def estimate_key(phrase: list[Note]) -> tuple[str, float]:
    """Return the key whose profile correlates most with the notes' lengths, and how much, 0..1.

    The method is that of Krumhansl (1990). Without a key, as of no notes, it is "".
    """
    lengths = np.zeros(12)
    for note in phrase:
        if note.channel != DRUM_CHANNEL:
            lengths[note.pitch % 12] += note.length
    if np.ptp(lengths) == 0:
        return "", 0.0
    found = []
    for mode, profile in KEY_PROFILES.items():
        for tonic in range(12):
            fit = np.corrcoef(np.roll(profile, tonic), lengths)[0, 1]
            found.append((float(fit), f"{TONICS[tonic]} {mode}"))
    fit, key = max(found)
    return key, min(1.0, max(0.0, fit))


def mean_roughness(phrase: list[Note]) -> float:
    """Return the mean roughness of all pairs of notes, weighted by the time they share."""
    rough = together = 0.0
    sounding: list[Note] = []
    for note in sorted(phrase, key=lambda note: note.start):
        if note.channel == DRUM_CHANNEL:
            continue
        sounding = [other for other in sounding if other.start + other.length > note.start]
        for other in sounding:
            time = min(note.start + note.length, other.start + other.length) - note.start
            interval = abs(note.pitch - other.pitch) % 12
            rough += time * ROUGHNESS[min(interval, 12 - interval)]
            together += time
        sounding.append(note)
    return min(1.0, rough / together) if together else 0.0


def motif_repetition(phrase: list[Note]) -> float:
    """Return the share of motifs (intervals and rhythm) that came before in the phrase."""
    seen, again, total = set(), 0, 0
    for voice in _notes_by_channel(phrase).values():
        moves = [
            (after.pitch - before.pitch, round((after.start - before.start) * STEPS_PER_BEAT))
            for before, after in pairwise(voice)
        ]
        for index in range(len(moves) - MOTIF_NOTES + 2):
            motif = tuple(moves[index : index + MOTIF_NOTES - 1])
            again += motif in seen
            total += 1
            seen.add(motif)
    return again / total if total else 0.0


def find_faults(phrase: list[Note]) -> tuple[int, tuple[Fault, ...]]:
    """Return how often two voices move at once, and all faults, by beat.

    Parallels are two voices that move in the same direction from one fifth, octave or unison to
    another; a crossing is a lower voice above a higher one where either has just moved.
    """
    lines = {channel: voice for channel, voice in _notes_by_channel(phrase).items() if channel <= 4}
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
        for beat, high, low in _simultaneous_pitches(lines[upper], lines[lower]):
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


def encode_sounds(phrase: list[Note]) -> np.ndarray:
    """Return four voices as sounds of the network, (steps, 4) uint8: 0 silent, 1..46 pitches."""
    rows = [
        [max(0, given.get(voice, (0, False))[0] - LOWEST + 1) for voice in range(4)]
        for given in voice_actions(phrase)
    ]
    return np.array(rows, np.uint8).reshape(-1, 4)


def longest_shared_run(sounds: np.ndarray, known: np.ndarray) -> int:
    """Return how many steps in a row `sounds` shares with `known`, in any key."""
    codes, known_codes = _interval_codes(sounds), _interval_codes(known)
    run = np.zeros(len(known) + 1, np.int32)
    longest = 0
    for code in codes:
        run[1:] = (run[:-1] + 1) * (known_codes == code)
        longest = max(longest, int(run.max()))
    return longest


def training_sounds(card: dict[str, Any]) -> np.ndarray:
    """Return the pieces that a model was trained on, (steps, 4) sounds, from its card."""
    packed = zlib.decompress(base64.b64decode(card["heard"]))
    return np.frombuffer(packed, np.uint8).reshape(-1, 4)


def _interval_codes(sounds: np.ndarray) -> np.ndarray:
    """Return one number a step for its intervals to the step before and between its voices."""
    wide = sounds.astype(np.int64)
    before = np.vstack([np.full((1, 4), 99), wide[:-1]]) if len(wide) else wide
    intervals = [wide[:, 0] - before[:, 0], wide[:, 1] - before[:, 1], wide[:, 2] - before[:, 2],
             wide[:, 3] - before[:, 3], wide[:, 0] - wide[:, 1], wide[:, 1] - wide[:, 2],
             wide[:, 2] - wide[:, 3]]  # fmt: skip
    code = np.zeros(len(wide), np.int64)
    for interval in intervals:
        code = code * 256 + interval % 256
    return code


def _notes_by_channel(phrase: list[Note]) -> dict[int, list[Note]]:
    """Return the notes of each channel in order of time, without drums."""
    lines = defaultdict(list)
    for note in sorted(phrase, key=lambda note: note.start):
        if note.channel != DRUM_CHANNEL:
            lines[note.channel].append(note)
    return lines


def _simultaneous_pitches(upper: list[Note], lower: list[Note]) -> Iterator[tuple[float, int, int]]:
    """Yield beat and both pitches whenever one of two voices begins a note while both sound."""
    for beat in sorted({note.start for note in upper} | {note.start for note in lower}):
        pitches = []
        for voice in (upper, lower):
            sounding = [n.pitch for n in voice if n.start <= beat < n.start + n.length]
            if sounding:
                pitches.append(sounding[-1])
        if len(pitches) == 2:
            yield beat, pitches[0], pitches[1]
