"""A player of events: drums, tunes, or any music that a network was trained on."""

import math
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import Moment, Note, pitch_classes

from .encoding import (
    DRUM_CHANNEL,
    DRUM_LENGTH,
    LENGTHS,
    MAX_BAR_STEPS,
    ON_GRID,
    SHIFTS,
    STEPS_PER_BEAT,
    TICKS_PER_BEAT,
    TICKS_PER_STEP,
    EventHistory,
    Sound,
    encode,
    field_sizes,
    token_velocity,
)
from .midi_import import ROLAND_DRUMS

FORBIDDEN = -1e6  # outweighs any opinion of the network
FORCED = 1e9
MAX_CHORD = 12  # notes in one step, after which time has to go on
# The next two were tuned on the drummer's validation split. Styles are conditioned on twice as
# strongly as in training: at one and a half times, jazz has no more ride cymbals than hip-hop.
STYLE_STRENGTH = 2.0
# The density that leaves the rhythm alone. A network that feeds on its own output grows busier;
# the default of 0.5, this much lower, plays about as many notes as human drummers do.
NEUTRAL_DENSITY = 0.6
MAX_BEATS = 256  # of a phrase that is fed
NOISE_EVENTS = 64  # events whose noise is drawn at once
# Drums that replace each other where a model lacks the one that was played.
SIMILAR_DRUMS = ((36, 35), (38, 40), (43, 41), (47, 45), (48, 50), (49, 57, 55, 52), (51, 59, 53))
# Brightness of drums, from the kick (-1) to the crash (1); others are in the middle.
BRIGHTNESS = {35: -1.0, 36: -1.0, 41: -0.7, 43: -0.6, 45: -0.5, 47: -0.4, 48: -0.3, 50: -0.2}
BRIGHTNESS |= {38: -0.1, 40: 0.0, 39: 0.1, 37: 0.2, 42: 0.5, 44: 0.5, 46: 0.6, 51: 0.7, 59: 0.7}
BRIGHTNESS |= {53: 0.8, 52: 0.9, 55: 0.9, 49: 1.0, 57: 1.0}


class EventPlayer:
    """Plays what a network of events was trained on, and follows a person.

    The event after a phrase is already decided and begins the next one, so the music does not
    depend on how it is cut into phrases.

    Attributes:
        sounds: of the model, pairs of channel and pitch.
        tags: its styles, and "fill" if it knows fills.
        bar_steps: length of the current bar.
        next_tick: at which the next phrase is expected to begin.
        history: of the events played and fed.
        state: (layers, width) float32, of the GRU.
    """

    def __init__(self, path: Path, seed: int):
        from capriccio import Model

        self._model = Model(path, threads=1)  # a step is too small to be split between cores
        self.card = self._model.card
        self.sounds: list[Sound] = [(channel, pitch) for channel, pitch in self.card["sounds"]]
        self.tags: list[str] = self.card["tags"]
        self._heights = np.array([self._height(*sound) for sound in self.sounds])
        self._knobs: tuple[Any, ...] = ()
        self._fields = len(self.card["fields"])
        self._sizes = field_sizes(len(self.sounds), self._fields)
        self._ends = np.cumsum(self._sizes).tolist()
        self.history = EventHistory(self._sizes)
        self.reset(seed)

    @property
    def unused_knobs(self) -> frozenset[str]:
        """Names of the knobs that have no effect on this model."""
        used = {
            "key": any(channel != DRUM_CHANNEL for channel, _ in self.sounds),
            "style": any(tag != "fill" for tag in self.tags),
            "fill": "fill" in self.tags,
        }
        return frozenset(name for name, is_used in used.items() if not is_used)

    def reset(self, seed: int) -> None:
        """Start again from `seed`."""
        self._random = np.random.default_rng(seed)
        self._noise = np.empty((0, 0), np.float32)
        self._noise_used = 0
        self.bar_steps = STEPS_PER_BEAT * 4
        self.next_tick = 0
        self._step = 0  # of the last event
        self._clear_state()

    def generate(
        self,
        now: Moment,
        *,
        heat: float = 0.5,
        density: float = 0.5,
        register: float = 0.5,
        key: str | Iterable[int] = "",
        style: str = "",
        fill: float = 0.0,
    ) -> list[Note]:
        """Return the phrase of the next `now.span` beats; `RNN.generate` describes the knobs."""
        self._set_knobs(now.bpm, heat, density, register, key, style, fill)
        begin, end = (
            math.ceil(beats * TICKS_PER_BEAT - 1e-6) for beats in (now.beats, now.beats + now.span)
        )
        bar_steps = min(max(STEPS_PER_BEAT * now.meter, 1), MAX_BAR_STEPS)
        if begin != self.next_tick or bar_steps != self.bar_steps:  # time has jumped
            self.bar_steps = bar_steps
            self._start_phrase(begin)
        self.next_tick = end
        while not self._ahead or self._ahead[-1][0] < end:
            self._compose()
        phrase = []
        while self._ahead[0][0] < end:
            tick, (_, _, sound, *rest) = self._ahead.pop(0)
            channel, pitch = self.sounds[sound]
            length = DRUM_LENGTH if channel == DRUM_CHANNEL else LENGTHS[rest[1]]
            start = max(0.0, tick / TICKS_PER_BEAT - now.beats)
            phrase.append(Note(pitch, start, length, token_velocity(rest[0]), channel))
        return phrase

    def feed(self, notes: Iterable[Note]) -> None:
        """Continue from notes that a person played; see `RNN.feed`."""
        self._set_knobs(120.0)
        known, length = [], 0.0
        self._start_phrase(self.next_tick)
        # Beats since the bar line.
        lead = self.next_tick / TICKS_PER_BEAT - self._step / STEPS_PER_BEAT
        for note in notes:
            if not (math.isfinite(note.start) and math.isfinite(note.length) and note.start >= 0):
                raise ValueError(
                    f"note must have a finite start >= 0 and a finite length, got {note}"
                )
            if not 0 <= note.velocity <= 1:
                raise ValueError(f"note must have a velocity 0..1, got {note}")
            end = note.start + max(note.length, 0.0)
            if end > MAX_BEATS:
                raise ValueError(f"phrase must be at most {MAX_BEATS} beats long, got {end:g}")
            length = max(length, end)
            if sound := self._nearest_sound(note):
                channel, pitch = sound
                known.append(Note(pitch, note.start + lead, note.length, note.velocity, channel))
        meters = ((0.0, self.bar_steps / STEPS_PER_BEAT),)
        sequence = encode(known, self.sounds, meters, self._fields)
        begin = self._step
        for event, step in zip(sequence.events.tolist(), sequence.steps.tolist(), strict=True):
            self._step = begin + step - event[0]  # a long rest was shortened
            self._compose(event)
        self.next_tick += math.ceil(length * STEPS_PER_BEAT - 1e-6) * TICKS_PER_STEP
        rest = -(-self.next_tick // TICKS_PER_STEP) - self._step
        if known and rest < SHIFTS:  # what follows comes after everything that was fed
            self._ahead.clear()
            self._min_shift, self._min_tick = max(rest, 0), self.next_tick
        else:
            self._start_phrase(self.next_tick)

    def harmonize(
        self, melody: Iterable[Note], *, heat: float = 0.3, key: str | Iterable[int] = ""
    ) -> list[Note]:
        """Raise ValueError: the network predicts what follows a note, not what goes with it."""
        raise ValueError(
            f"model {self._model.path.stem!r} cannot harmonize a melody; use the model 'chorales'"
        )

    def answer(
        self, now: Moment, notes: list[Note], *, heat: float = 0.3, key: str | Iterable[int] = ""
    ) -> list[Note]:
        """Raise ValueError, as `harmonize` does."""
        return self.harmonize(notes)

    def probabilities(self) -> list[np.ndarray]:
        """Return those that the last event was drawn from: of each field's tokens."""
        found = []
        for field, (size, end) in enumerate(zip(self._sizes, self._ends, strict=True)):
            part = slice(end - size, end)
            weights = self._weights[part] / self._temperatures[field] + self._last_bias[part]
            weights[weights < weights.max() + self._temperatures[-1]] = -np.inf
            weights = np.exp(weights - weights.max())
            found.append(weights / weights.sum())
        return found

    def _clear_state(self) -> None:
        """Forget the past; the random numbers go on."""
        shape: Any = self._model.inputs["state"].shape
        self.state = np.zeros(shape, np.float32)
        self.history.clear()
        self._start_phrase(self.next_tick)

    def _start_phrase(self, tick: int) -> None:
        """Begin a phrase at a tick: drop what was decided, and count from the bar line."""
        step = -(-tick // TICKS_PER_STEP)
        self._ahead: list[tuple[int, list[int]]] = []  # tick and tokens of events not yet played
        self._last_event = list(self._sizes)
        self._min_shift, self._chord = step % self.bar_steps, 0
        self._step = step - self._min_shift
        self._min_tick = tick

    def _set_knobs(
        self,
        bpm: float,
        heat: float = 0.5,
        density: float = 0.5,
        register: float = 0.5,
        key: str | Iterable[int] = "",
        style: str = "",
        fill: float = 0.0,
    ) -> None:
        """Compute temperatures, bias and conditioning where the knobs have changed."""
        classes = pitch_classes(key)
        knobs = (bpm, heat, density, register, classes, style, fill)
        if knobs == self._knobs:
            return
        what, feel = 0.6 + 0.8 * heat, 0.8 + 0.4 * heat
        by_field = (what, feel, what, feel, what)
        floor = math.log(0.04) - heat * math.log(16)
        # The last one is no temperature but the floor of min-p sampling.
        self._temperatures = np.array([*by_field[: self._fields], floor], np.float32)
        self._bias = np.zeros(self._ends[-1], np.float32)
        self._bias[:SHIFTS] = 2 * (NEUTRAL_DENSITY - density) * np.log2(1 + np.arange(SHIFTS))
        off_key = [
            channel != DRUM_CHANNEL and pitch % 12 not in classes for channel, pitch in self.sounds
        ]
        pull = np.where(off_key, FORBIDDEN, 6 * (register - 0.5) * self._heights)
        self._bias[self._ends[1] : self._ends[2]] = pull
        self._mood = np.zeros(len(self.tags) + 1, np.float32)
        for name in self._parse_styles(style):
            self._mood[self.tags.index(name)] = 1.0
        self._mood *= STYLE_STRENGTH / max(self._mood.sum(), 1.0)
        if "fill" in self.tags:
            self._mood[self.tags.index("fill")] = STYLE_STRENGTH * fill
        self._mood[-1] = min(max(math.log2(bpm / 120), -1.5), 1.5)  # the tempos of the training
        self._knobs = knobs

    def _height(self, channel: int, pitch: int) -> float:
        """Return the height of a sound in its channel's range, -1 to 1; of drums the brightness."""
        if channel == DRUM_CHANNEL:
            return BRIGHTNESS.get(pitch, 0.0) / 2
        pitches = [ours for part, ours in self.sounds if part == channel]
        low, high = min(pitches), max(pitches)
        return (2 * pitch - low - high) / max(high - low, 1)

    def _parse_styles(self, words: str) -> list[str]:
        known = [tag for tag in self.tags if tag != "fill"]
        names = [name for word in words.split(",") if (name := word.strip().lower())]
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"expected one of {', '.join(map(repr, known))}" if known else "it has none"
                hint = f"did you mean {near[0]!r}?" if near else hint
                raise ValueError(f"model {self._model.path.stem!r} has no style {name!r}; {hint}")
        return names

    def _nearest_sound(self, note: Note) -> Sound | None:
        """Return the sound of the model that matches a note best, if any does."""
        channels = {channel for channel, _ in self.sounds}
        channel, pitch = note.channel, note.pitch
        if channels == {DRUM_CHANNEL} or channel == DRUM_CHANNEL:
            ours = [one for part, one in self.sounds if part == DRUM_CHANNEL]
            pitch = pitch if pitch in ours else ROLAND_DRUMS.get(pitch, pitch)
            similar = next((drums for drums in SIMILAR_DRUMS if pitch in drums), ())
            return next(((DRUM_CHANNEL, drum) for drum in (pitch, *similar) if drum in ours), None)
        if channel not in channels:
            channel = min(channels - {DRUM_CHANNEL})
        octaves = [one for part, one in self.sounds if part == channel and (one - pitch) % 12 == 0]
        return (channel, min(octaves, key=lambda one: abs(one - pitch))) if octaves else None

    def _compose(self, event: list[int] | None = None) -> None:
        """Append the next event to those not yet played: `event`, or one that is sampled."""
        if self._noise_used == len(self._noise):
            noise = self._random.gumbel(size=(NOISE_EVENTS, self._ends[-1]))
            self._noise, self._noise_used = noise.astype(np.float32), 0
        noise = self._noise[self._noise_used]
        self._noise_used += 1
        bias = self._bias
        min_shift = max(self._min_shift, self._chord >= MAX_CHORD)
        if event:
            for token, size, end in zip(event, self._sizes, self._ends, strict=True):
                noise[end - size + token] = FORCED
        elif min_shift:
            bias = bias.copy()
            bias[:min_shift] = FORBIDDEN
        position = self._step % self.bar_steps
        following = self.history.following(self.bar_steps)
        made = self._model(
            state=self.state,
            heard=np.array([*self._last_event, position, self.bar_steps, *following]),
            mood=self._mood,
            bias=bias,
            dials=self._temperatures,
            noise=noise,
        )
        self.state, self._weights, self._last_bias = made["next_state"], made["weights"], bias
        if not math.isfinite(np.vdot(self.state, self.state)):
            self._clear_state()
            raise FloatingPointError("the state of the network was not finite and has been reset")
        self._last_event = made["event"].tolist()
        shift, offset = self._last_event[:2]
        self._chord = 1 if shift else self._chord + 1
        self._min_shift = 0
        self._step += shift
        self.history.add(self._step, self._last_event)
        tick = self._step * TICKS_PER_STEP + offset - ON_GRID
        self._ahead.append((max(tick, self._min_tick), self._last_event))
