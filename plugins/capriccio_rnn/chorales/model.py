"""The chorale network, played one sixteenth at a time with its state kept in between."""

import math
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import Note, pitch_classes

STEPS_PER_BEAT = 4
STEPS_PER_BAR = 16  # a bar of four beats, the only meter in the training data
MAX_HELD_STEPS = 16  # a held note is struck again after these: a singer has to breathe
MAX_STEPS = 256 * STEPS_PER_BEAT  # of a phrase that is fed
LOWEST, SILENT, START = 36, 0, 47  # sounds of the network: 0 silent, 1..46 pitches 36..81
HOLD, TOKENS = 47, 48  # tokens of the network: strike a sound (its number), or hold
UNKNOWN = 48  # in place of a token that the other voices do not know from the start
RANGES = ((60, 81), (52, 74), (46, 69), (36, 66))  # of soprano, alto, tenor, bass
HOLD_SCALE = 1e6  # holding counts this many times as much as striking, to be decided first
FORBIDDEN = -1e3  # outweighs any opinion of the network, but not its own impossibilities
FORCED = 1e12  # outweighs everything
# Gumbel noise is clipped to these bounds, so that a token is never chosen which weighs less than
# the best one by more than their distance (is 90 times less probable): no slips in a chorale.
NOISE_BOUNDS = -1.25, 3.25
# Steps whose noise is drawn at once: numpy releases the interpreter lock each time, and gets it
# back late while a frame is being drawn.
NOISE_STEPS = 64

HOLD_COLUMNS = slice(HOLD, None, TOKENS)  # of the noise: the HOLD token of each voice

# What a voice does in a step: its pitch (0 for silence), and whether it is struck there.
VoiceAction = tuple[int, bool]


class SamplingControls:
    """The effect of the knobs on noise and weights.

    Attributes:
        excluded: sounds that are not in the key.
        temperature: of the choice which sound to strike, 0.3 to 1.4.
        hold_bias: added to the weight of holding, 3 to -3.
        noise_scale: (4 * TOKENS,), by which noise is multiplied.
        bias: (4, TOKENS), added to the weights.
    """

    def __init__(
        self,
        heat: float = 0.5,
        density: float = 0.5,
        register: float = 0.5,
        key: str | Iterable[int] = "",
    ):
        classes = pitch_classes(key)
        pitches = np.arange(HOLD - 1) + LOWEST
        off_key = np.array([pitch % 12 not in classes for pitch in pitches.tolist()])
        self.excluded = frozenset((np.flatnonzero(off_key) + 1).tolist())
        self.temperature, self.hold_bias = 0.3 + 1.1 * heat, 6 * (0.5 - density)
        self.noise_scale = np.full(4 * TOKENS, self.temperature, np.float32)
        self.noise_scale[HOLD_COLUMNS] = HOLD_SCALE
        self.bias = np.full((4, TOKENS), HOLD_SCALE * self.hold_bias, np.float32)
        self.bias[:, SILENT] = 0
        for voice, (low, high) in enumerate(RANGES):
            height = (2 * pitches - low - high) / (high - low)  # -1 to 1 over the voice's range
            bias = np.where(off_key, FORBIDDEN, 6 * (register - 0.5) * height)
            self.bias[voice, 1:HOLD] = bias


def sampling_controls(
    heat: float = 0.5,
    density: float = 0.5,
    register: float = 0.5,
    key: str | Iterable[int] = "",
) -> SamplingControls:
    """Return the controls of these knobs, cached."""
    return _cached_controls(
        heat, density, register, key if isinstance(key, str) else frozenset(key)
    )


_cached_controls = lru_cache(maxsize=64)(SamplingControls)


class ChoraleModel:
    """The network with its recurrent state and its random numbers.

    Attributes:
        card: of the model file.
        state: (layers, width) float32, of the GRU.
        trace: (1, n) float32, of the pitch classes that sounded.
    """

    def __init__(self, path: Path, seed: int):
        from capriccio import Model

        self._model = Model(path, threads=1)  # a step is too small to be split between cores
        self.card = self._model.card
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Start again from `seed`."""
        self._random = np.random.default_rng(seed)
        self._controls: SamplingControls | None = None
        self._noise_used = NOISE_STEPS
        self.clear_state()

    def clear_state(self) -> None:
        """Forget the past; the random numbers go on."""
        shapes: list[Any] = [self._model.inputs[name].shape for name in ("state", "trace")]
        self.state, self.trace = (np.zeros(shape, np.float32) for shape in shapes)
        self._sounds, self._struck = [START] * 4, [0] * 4
        self.strike_next()

    def strike_next(self) -> None:
        """Make every voice begin a new note at the next step, even where the network holds."""
        self._held_steps = [MAX_HELD_STEPS] * 4

    def step(
        self,
        position: int,
        controls: SamplingControls,
        given: dict[int, VoiceAction] | None = None,
        *,
        known: bool = True,
    ) -> list[VoiceAction]:
        """Compose one step and return the actions of the four voices.

        Args:
            position: sixteenth of the bar, 0..15.
            controls: from the knobs.
            given: actions of some voices by voice number, which are taken as they are.
            known: the other voices know `given` from the start. If False they learn of each in
                turn, and `surprisal` adds up to that of the whole step.

        Raises:
            FloatingPointError: the state is no longer finite; it has been cleared.
        """
        noise, tokens_known, sounds = self._sample_noise(controls), [UNKNOWN] * 4, self._sounds
        if not controls.excluded.isdisjoint(sounds):
            for voice, sound in enumerate(sounds):
                if sound in controls.excluded:
                    noise[0, voice * TOKENS + HOLD] = -FORCED
        if given:
            for voice, (pitch, _) in given.items():
                sound = pitch - LOWEST + 1 if pitch else SILENT
                token = HOLD if sound == sounds[voice] else sound
                noise[0, voice * TOKENS + HOLD] = -FORCED
                noise[0, voice * TOKENS + token] = FORCED
                tokens_known[voice] = token if known else UNKNOWN
        made = self._model(
            state=self.state,
            trace=self.trace,
            heard=np.array((*sounds, *self._struck, position, *tokens_known), np.int64),
            luck=noise,
        )
        self.state, self.trace = made["next_state"], made["next_trace"]
        self._weights, self._tokens = made["weights"], made["tokens"].tolist()
        if not math.isfinite(np.vdot(self.state, self.state)):
            self.clear_state()
            raise FloatingPointError("the state of the network was not finite and has been reset")
        actions = []
        for voice, token in enumerate(self._tokens):
            if held := token == HOLD:
                sound = sounds[voice]
                struck = self._held_steps[voice] >= MAX_HELD_STEPS
            else:
                sound = sounds[voice] = token
                struck = True
            self._struck[voice] = not held
            if given and voice in given:
                struck = struck or given[voice][1]
            self._held_steps[voice] = 1 if struck else self._held_steps[voice] + 1
            actions.append((sound + LOWEST - 1, struck) if sound else (0, False))
        return actions

    @property
    def surprisal(self) -> np.ndarray:
        """Negative log-probability of what each voice did in the last step, in nats, (4,)."""
        found = log_probabilities(self._weights.reshape(4, TOKENS))
        return -found[range(4), self._tokens]

    @property
    def entropy(self) -> np.ndarray:
        """Entropy of each voice's choice in the last step, knobs included, in nats, (4,)."""
        assert self._controls
        weights = self._weights.reshape(4, TOKENS) + np.where(
            np.arange(TOKENS) == HOLD, self._controls.hold_bias, self._controls.bias
        )
        weights[:, :HOLD] /= self._controls.temperature
        found = log_probabilities(weights)
        return -(np.exp(found) * np.maximum(found, -99)).sum(1)

    def _sample_noise(self, controls: SamplingControls) -> np.ndarray:
        """Return what noise and knobs add to the weights of this step, (1, 4 * TOKENS)."""
        if self._noise_used == NOISE_STEPS:
            samples = self._random.standard_exponential(size=(NOISE_STEPS, 1, 4 * TOKENS))
            # The negative logarithm of an exponential sample is a Gumbel sample, and the
            # difference of two of those a logistic one.
            self._noise = -np.log(samples).clip(*NOISE_BOUNDS).astype(np.float32)
            self._noise[..., HOLD_COLUMNS] = self._random.logistic(size=(NOISE_STEPS, 1, 4))
            self._noise_used, self._controls = 0, None
        if controls is not self._controls:
            self._scaled = self._noise * controls.noise_scale + controls.bias.ravel()
            self._controls = controls
        self._noise_used += 1
        return self._scaled[self._noise_used - 1]


def log_probabilities(weights: np.ndarray) -> np.ndarray:
    """Return log-probabilities of weights (voices, TOKENS): hold or not, then what to strike."""
    strike, hold = weights[:, :HOLD].astype(np.float64), weights[:, HOLD:].astype(np.float64)
    strike -= strike.max(1, keepdims=True)
    strike -= np.log(np.exp(strike).sum(1, keepdims=True))
    return np.hstack([strike - np.logaddexp(0, hold), -np.logaddexp(0, -hold)])


def first_step(beats: float) -> int:
    """Return the first step that does not begin before `beats`."""
    return math.ceil(beats * STEPS_PER_BEAT - 1e-6)


def voice_actions(notes: Iterable[Note]) -> list[dict[int, VoiceAction]]:
    """Return for each step the actions of those voices (channels 1 to 4) that have notes.

    Times are rounded to steps, pitches moved by octaves into the voice's range; where notes of
    one voice overlap the later one wins. Other channels are ignored.

    Raises:
        ValueError: a start or length is not finite or the start negative, or the phrase is longer
            than MAX_STEPS.
    """
    steps = 0
    spans: list[tuple[int, int, int, int]] = []  # voice, pitch, first step, step after the last
    for note in sorted(notes, key=lambda note: (note.start, note.pitch)):
        if not (math.isfinite(note.start) and math.isfinite(note.length) and note.start >= 0):
            raise ValueError(f"note must have a finite start >= 0 and a finite length, got {note}")
        if not 1 <= note.channel <= 4:
            continue
        first = round(note.start * STEPS_PER_BEAT)
        last = max(first + 1, round((note.start + note.length) * STEPS_PER_BEAT))
        if last > MAX_STEPS:
            raise ValueError(
                f"phrase must be at most {MAX_STEPS // STEPS_PER_BEAT} beats long, "
                f"got {last / STEPS_PER_BEAT:g}"
            )
        pitch = _fold_into_range(note.pitch, *RANGES[note.channel - 1])
        spans.append((note.channel - 1, pitch, first, last))
        steps = max(steps, last)
    voices = {voice for voice, *_ in spans}
    actions: list[dict[int, VoiceAction]] = [
        dict.fromkeys(voices, (0, False)) for _ in range(steps)
    ]
    for voice, pitch, first, last in spans:
        for step in range(first, last):
            actions[step][voice] = (pitch, step == first)
        for step in range(last, steps):
            actions[step][voice] = (0, False)
    return actions


def _fold_into_range(pitch: int, low: int, high: int) -> int:
    """Return a pitch moved by as few octaves as bring it into a range of at least an octave."""
    if pitch < low:
        return pitch + 12 * math.ceil((low - pitch) / 12)
    return pitch - 12 * math.ceil((pitch - high) / 12) if pitch > high else pitch
