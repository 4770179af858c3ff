"""The chorale network as four singers: one step of a sixteenth at a time, state kept in between."""

import math
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..keys import pitch_classes

STEPS = 4  # steps to a beat
PLACES = 16  # steps of a bar of four beats, the only meter that the chorales were learned in
BREATH = 16  # steps after which a held note is struck again: nobody sings longer on one breath
LONGEST = 256 * STEPS  # the longest phrase that is listened to, in steps
LOWEST, SILENT, START = 36, 0, 47  # the network's sounds: 0 silent, 1..46 pitches 36..81
HOLD, TOKENS = 47, 48  # the network's tokens: a sound to strike, or hold
UNSEEN = 48  # in place of a token that the other voices do not know from the start
RANGES = ((60, 81), (52, 74), (46, 69), (36, 66))  # of soprano, alto, tenor, bass
FAR = 1e6  # how much farther the network counts holding than striking, to decide it apart
FORBIDDEN = -1e3  # stronger than any opinion of the network, weaker than its own impossibilities
FORCED = 1e12  # stronger than all
# Gumbel noise is kept within these bounds, so that what weighs less than the best by more than
# their distance (it is 90 times less probable) is never chosen: no slip of the tongue in a chorale.
BOUNDS = -1.25, 3.25
# Steps whose chance is drawn at once: numpy lets go of the interpreter each time, and gets it back
# late where a picture is drawn meanwhile.
BLOCK = 64

HOLDS = slice(HOLD, None, TOKENS)  # where the voices' luck to hold stands

# What a voice does in a step: its pitch, 0 for silence, and whether it is struck there.
Deed = tuple[int, bool]


class Bend:
    """What the knobs make of chance and of the network's weights; see `RNN` for what they mean."""

    def __init__(self, heat=0.5, density=0.5, register=0.5, key: str | Iterable[int] = ""):
        classes = pitch_classes(key)
        pitches = np.arange(HOLD - 1) + LOWEST
        off_key = np.array([pitch % 12 not in classes for pitch in pitches.tolist()])
        self.away = frozenset((np.flatnonzero(off_key) + 1).tolist())  # the sounds not in the key
        self.heat, self.calm = 0.3 + 1.1 * heat, 6 * (0.5 - density)
        self.spread = np.full(4 * TOKENS, self.heat, np.float32)  # how far chance reaches, by token
        self.spread[HOLDS] = FAR
        self.bias = np.full((4, TOKENS), FAR * self.calm, np.float32)
        self.bias[:, SILENT] = 0
        for voice, (low, high) in enumerate(RANGES):
            height = (2 * pitches - low - high) / (high - low)  # -1 to 1 over the voice's range
            bias = np.where(off_key, FORBIDDEN, 6 * (register - 0.5) * height)
            self.bias[voice, 1:HOLD] = bias


def bent(heat=0.5, density=0.5, register=0.5, key: str | Iterable[int] = "") -> Bend:
    """Give what the knobs make, without making it again where they stand as before."""
    return _bent(heat, density, register, key if isinstance(key, str) else frozenset(key))


_bent = lru_cache(maxsize=64)(Bend)


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
        self._bend: Bend | None = None
        self._used = BLOCK
        self.forget()

    def forget(self) -> None:
        """Go on as if nothing had been sung."""
        self._state, self._trace = (
            np.zeros(self._model.inputs[name].shape, np.float32) for name in ("state", "trace")
        )
        self._sounds, self._struck = [START] * 4, [0] * 4
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
        luck, known, sounds = self._draw(bend), [UNSEEN] * 4, self._sounds
        if not bend.away.isdisjoint(sounds):
            for voice, sound in enumerate(sounds):
                if sound in bend.away:
                    luck[0, voice * TOKENS + HOLD] = -FORCED
        if given:
            for voice, (pitch, _) in given.items():
                sound = pitch - LOWEST + 1 if pitch else SILENT
                token = HOLD if sound == sounds[voice] else sound
                luck[0, voice * TOKENS + HOLD] = -FORCED
                luck[0, voice * TOKENS + token] = FORCED
                known[voice] = token if seen else UNSEEN
        made = self._model(
            state=self._state,
            trace=self._trace,
            heard=np.array((*sounds, *self._struck, place, *known), np.int64),
            luck=luck,
        )
        self._state, self._trace = made["next_state"], made["next_trace"]
        self._weights, self._tokens = made["weights"], made["tokens"].tolist()
        if not math.isfinite(np.vdot(self._state, self._state)):
            self.forget()
            raise FloatingPointError("the music's state is not finite; it was begun anew")
        deeds = []
        for voice, token in enumerate(self._tokens):
            if held := token == HOLD:
                sound = sounds[voice]
                struck = self._age[voice] >= BREATH
            else:
                sound = sounds[voice] = token
                struck = True
            self._struck[voice] = not held
            if given and voice in given:
                struck = struck or given[voice][1]
            self._age[voice] = 1 if struck else self._age[voice] + 1
            deeds.append((sound + LOWEST - 1, struck) if sound else (0, False))
        return deeds

    @property
    def nats(self) -> np.ndarray:
        """The network's surprise at what each voice did in the last step, in nats, (4,)."""
        found = log_chances(self._weights.reshape(4, TOKENS))
        return -found[range(4), self._tokens]

    @property
    def entropy(self) -> np.ndarray:
        """How open the choice of each voice was in the last step, knobs included, in nats, (4,)."""
        assert self._bend
        bent = self._weights.reshape(4, TOKENS) + np.where(
            np.arange(TOKENS) == HOLD, self._bend.calm, self._bend.bias
        )
        bent[:, :HOLD] /= self._bend.heat
        found = log_chances(bent)
        return -(np.exp(found) * np.maximum(found, -99)).sum(1)

    def _draw(self, bend: Bend) -> np.ndarray:
        """Draw what chance and the knobs add in this step, (1, 4 * TOKENS); see BOUNDS."""
        if self._used == BLOCK:
            rare = self._random.standard_exponential(size=(BLOCK, 1, 4 * TOKENS))
            # The logarithm of exponential chance is Gumbel's, the difference of two logistic.
            self._chance = -np.log(rare).clip(*BOUNDS).astype(np.float32)
            self._chance[..., HOLDS] = self._random.logistic(size=(BLOCK, 1, 4))
            self._used, self._bend = 0, None
        if bend is not self._bend:
            self._luck, self._bend = self._chance * bend.spread + bend.bias.ravel(), bend
        self._used += 1
        return self._luck[self._used - 1]


def log_chances(weights: np.ndarray) -> np.ndarray:
    """Turn weights (voices, TOKENS) into log-probabilities: to hold or not, and what to strike."""
    strike, hold = weights[:, :HOLD].astype(np.float64), weights[:, HOLD:].astype(np.float64)
    strike -= strike.max(1, keepdims=True)
    strike -= np.log(np.exp(strike).sum(1, keepdims=True))
    return np.hstack([strike - np.logaddexp(0, hold), -np.logaddexp(0, -hold)])


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
