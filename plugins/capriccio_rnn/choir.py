"""The chorale network as four singers: one step of a sixteenth at a time, state kept in between."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .keys import pitch_classes

STEPS = 4  # steps to a beat
PLACES = 16  # steps of a bar of four beats, the only meter that the chorales were learned in
BREATH = 16  # steps after which a held note is struck again: nobody sings longer on one breath
LONGEST = 256 * STEPS  # the longest phrase that is listened to, in steps
LOWEST, SILENT, START = 36, 0, 47  # the network's sounds: 0 silent, 1..46 pitches 36..81
HOLD, TOKENS = 0, 48  # the network's tokens: 0 hold, 1 silence, 2..47 strike 36..81
RANGES = ((60, 81), (52, 74), (46, 69), (36, 66))  # of soprano, alto, tenor, bass
FORBIDDEN = -1e6  # stronger than any opinion of the network, weaker than its own impossibilities
SURE = 0.02  # tokens less than this probable, relative to the likeliest, are never chosen
# Steps whose chance is drawn at once: numpy lets go of the interpreter each time, and gets it back
# late where a picture is drawn meanwhile.
BLOCK = 64

# What a voice does in a step: its pitch, 0 for silence, and whether it is struck there.
Deed = tuple[int, bool]


class Bend:
    """What the knobs add to the network's weights; see `RNN` for what they mean."""

    def __init__(self, heat=0.5, density=0.5, register=0.5, key: str | Iterable[int] = ""):
        classes = pitch_classes(key)
        pitches = np.arange(TOKENS - 2) + LOWEST
        off_key = np.array([pitch % 12 not in classes for pitch in pitches.tolist()])
        self.weights = np.zeros((4, TOKENS), np.float32)
        for voice, (low, high) in enumerate(RANGES):
            height = (2 * pitches - low - high) / (high - low)  # -1 to 1 over the voice's range
            self.weights[voice, 2:] = np.where(off_key, FORBIDDEN, 6 * (register - 0.5) * height)
        self.holding = np.full(TOKENS, 6 * (0.5 - density), np.float32)  # by what is held
        self.holding[1 : TOKENS - 1][off_key] = FORBIDDEN
        self.dials = np.array([0.3 + 1.1 * heat, SURE], np.float32)


class Choir:
    """Four singers who share one network, one memory and one seed."""

    def __init__(self, path: Path, seed: int):
        from capriccio import Model

        self._model = Model(path, threads=1)  # a step is too small to be shared between cores
        self.card = self._model.card
        self.begin(seed)

    def begin(self, seed: int) -> None:
        """Begin anew with another seed."""
        self._random = np.random.default_rng(seed)
        self._noise: list[np.ndarray] = []
        self.forget()

    def forget(self) -> None:
        """Go on as if nothing had been sung."""
        self._state = np.zeros((2, 256), np.float32)
        self._voices = np.array([[START] * 4, [0] * 4])
        self.breathe()

    def breathe(self) -> None:
        """Let all voices strike at the next step, also those that hold."""
        self._age = [BREATH] * 4

    def sing(
        self, place: int, bend: Bend, given: dict[int, Deed] | None = None, *, seen: bool = True
    ) -> list[Deed]:
        """Compose the step at a sixteenth 0..15 of the bar; `given` are deeds of some voices.

        The other voices see those from the start, unless `seen` is False: then each is told of
        in its turn, and `nats` add up to the surprise of the whole step. Raises
        FloatingPointError, and forgets all, where the state is no longer finite.
        """
        if not self._noise:
            noise = self._random.gumbel(size=(BLOCK, 4, TOKENS)).astype(np.float32)
            self._noise = list(noise[::-1])
        sounding = self._voices[0]
        bend.weights[:, HOLD] = bend.holding[sounding]
        forced, known = np.full(4, -1), np.zeros(4, np.float32)
        for voice, (pitch, _) in (given or {}).items():
            sound = pitch - LOWEST + 1 if pitch else SILENT
            forced[voice] = HOLD if sound == sounding[voice] else sound + 1
            known[voice] = seen
        made = self._model(
            state=self._state,
            voices=self._voices,
            place=np.array([place]),
            forced=forced,
            seen=known,
            bias=bend.weights,
            dials=bend.dials,
            noise=self._noise.pop(),
        )
        self._state, self._voices = made["next_state"], made["next_voices"]
        if not np.isfinite(self._state).all():
            self.forget()
            raise FloatingPointError("the music's state is not finite; it was begun anew")
        self.nats, self.entropy = made["nats"], made["entropy"]
        deeds = []
        for voice, (sound, struck) in enumerate(zip(*self._voices.tolist(), strict=True)):
            pitch = sound + LOWEST - 1 if sound != SILENT else 0
            struck = struck or self._age[voice] >= BREATH
            if given and voice in given:
                struck = struck or given[voice][1]
            self._age[voice] = 1 if struck else self._age[voice] + 1
            deeds.append((pitch, bool(struck and pitch)))
        return deeds


def first_step(beats: float) -> int:
    """Give the first step that does not begin before `beats`."""
    return math.ceil(beats * STEPS - 1e-6)


def deeds_of(notes) -> list[dict[int, Deed]]:
    """Write notes as steps: what each voice does, for the voices (channels 1 to 4) that have notes.

    Times are rounded to steps, pitches moved by octaves into the voice's range; where notes of
    one voice overlap the later one wins. Other channels are not heard. Raises ValueError where a
    note has no place in time, or the phrase is longer than a human would play at once.
    """
    steps = 0
    heard = []
    for note in sorted(notes, key=lambda note: (note.start, note.pitch)):
        if not (math.isfinite(note.start) and math.isfinite(note.length) and note.start >= 0):
            raise ValueError(f"{note} has no place in time; give a start of 0 or more, in beats")
        if not 1 <= note.channel <= 4:
            continue
        first = round(note.start * STEPS)
        last = max(first + 1, round((note.start + note.length) * STEPS))
        if last > LONGEST:
            raise ValueError(
                f"a phrase of {last / STEPS:g} beats; give at most {LONGEST // STEPS} at once"
            )
        heard.append(
            (note.channel - 1, _within(note.pitch, *RANGES[note.channel - 1]), first, last)
        )
        steps = max(steps, last)
    voices = {voice for voice, *_ in heard}
    deeds: list[dict[int, Deed]] = [dict.fromkeys(voices, (0, False)) for _ in range(steps)]
    for voice, pitch, first, last in heard:
        for step in range(first, last):
            deeds[step][voice] = (pitch, step == first)
        for step in range(last, steps):
            deeds[step][voice] = (0, False)
    return deeds


def _within(pitch: int, low: int, high: int) -> int:
    """Move a pitch by octaves into a range of at least an octave, as little as possible."""
    if pitch < low:
        return pitch + 12 * math.ceil((low - pitch) / 12)
    return pitch - 12 * math.ceil((pitch - high) / 12) if pitch > high else pitch
