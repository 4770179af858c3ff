"""A player of events: drums, tunes, or whatever a network of `train.py` has learned."""

import math
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from capriccio import Note

from ..keys import pitch_classes
from .encoding import (
    BINS,
    DRUMS,
    LENGTHS,
    MIDDLE,
    PLACES,
    SHIFTS,
    SHORT,
    STEPS,
    TICKS,
    Echo,
    passage_of,
    sizes,
    velocity_of,
)
from .midi_import import ROLAND

FORBIDDEN = -1e6  # stronger than any opinion of the network
FORCED = 1e9
CROWD = 12  # notes in one step, after which time has to go on
# Both were chosen on the validation split of the drummer. Styles are told twice as strongly as in
# training: at one and a half times, jazz has no more ride cymbals than hip-hop.
LEAN = 2.0
# Where density leaves the rhythm alone. A network that plays to itself grows busier; at 0.5, this
# much lower, the drummer plays about as many notes as drummers do.
EVEN = 0.6
LONGEST = 256  # beats of the longest phrase that is listened to
BLOCK = 64  # events whose chance is drawn at once
# Drums that stand in for one another, where a model does not have the one that was struck.
ALIKE = ((36, 35), (38, 40), (43, 41), (47, 45), (48, 50), (49, 57, 55, 52), (51, 59, 53))
# How bright a drum is, from the kick (-1) to the crash (1); what is not here lies in the middle.
BRIGHTNESS = {35: -1.0, 36: -1.0, 41: -0.7, 43: -0.6, 45: -0.5, 47: -0.4, 48: -0.3, 50: -0.2}
BRIGHTNESS |= {38: -0.1, 40: 0.0, 39: 0.1, 37: 0.2, 42: 0.5, 44: 0.5, 46: 0.6, 51: 0.7, 59: 0.7}
BRIGHTNESS |= {53: 0.8, 52: 0.9, 55: 0.9, 49: 1.0, 57: 1.0}


class Player:
    """One who plays what a network of events has learned, on and on, and listens.

    The music does not depend on how it is cut into phrases: the event after the phrase is already
    decided, and begins the next one.
    """

    def __init__(self, path: Path, seed: int):
        from capriccio import Model

        self._model = Model(path, threads=1)  # a step is too small to be shared between cores
        self.card = self._model.card
        self.sounds = [(channel, pitch) for channel, pitch in self.card["sounds"]]
        self.tags: list[str] = self.card["tags"]
        self._heights = np.array([self._height(*sound) for sound in self.sounds])
        self._knobs: tuple = ()
        self._fields = len(self.card["fields"])
        self._sizes = sizes(len(self.sounds), self._fields)
        self._ends = np.cumsum(self._sizes).tolist()
        self._echo = Echo(self._sizes)
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Begin anew with another seed."""
        self._random = np.random.default_rng(seed)
        self._luck = np.empty((0, 0), np.float32)
        self._used = 0
        self._bar = STEPS * 4
        self._due = 0  # the fine place at which the next phrase should begin
        self._step = 0  # that of the last event
        self._forget()

    def generate(self, now, *, heat=0.5, density=0.5, register=0.5, key="", style="", fill=0.0):
        """Write the phrase of the next `now.span` beats; for the knobs see `RNN`."""
        self._turn(now.bpm, heat, density, register, key, style, fill)
        begin, end = (
            math.ceil(beats * TICKS - 1e-6) for beats in (now.beats, now.beats + now.span)
        )
        bar = min(max(STEPS * now.meter, 1), PLACES)
        if begin != self._due or bar != self._bar:  # somebody jumped in time: go on from there
            self._bar = bar
            self._start(begin)
        self._due = end
        while not self._ahead or self._ahead[-1][0] < end:
            self._compose()
        phrase = []
        while self._ahead[0][0] < end:
            tick, (_, _, sound, *rest) = self._ahead.pop(0)
            channel, pitch = self.sounds[sound]
            length = SHORT if channel == DRUMS else LENGTHS[rest[1]]
            start = max(0.0, tick / TICKS - now.beats)
            phrase.append(Note(pitch, start, length, velocity_of(rest[0]), channel))
        return phrase

    def feed(self, notes) -> None:
        """Hear what a human played, and go on from there; see `RNN.feed`."""
        self._turn(120.0)
        heard, length = [], 0.0
        self._start(self._due)
        lead = self._due / TICKS - self._step / STEPS  # beats since the bar began
        for note in notes:
            if not (math.isfinite(note.start) and math.isfinite(note.length) and note.start >= 0):
                raise ValueError(
                    f"{note} has no place in time; give a start of 0 or more, in beats"
                )
            if not 0 <= note.velocity <= 1:
                raise ValueError(f"{note} is neither soft nor loud; give a velocity 0..1")
            end = note.start + max(note.length, 0.0)
            if end > LONGEST:
                raise ValueError(f"a phrase of {end:g} beats; give at most {LONGEST} at once")
            length = max(length, end)
            if sound := self._sound(note):
                channel, pitch = sound
                heard.append(Note(pitch, note.start + lead, note.length, note.velocity, channel))
        passage = passage_of(heard, self.sounds, ((0.0, self._bar / STEPS),), self._fields)
        begin = self._step
        for event, step in zip(passage.events.tolist(), passage.steps.tolist(), strict=True):
            self._step = begin + step - event[0]  # a long rest was shortened
            self._compose(event)
        self._due += math.ceil(length * STEPS - 1e-6) * BINS
        rest = -(-self._due // BINS) - self._step
        if heard and rest < SHIFTS:  # what follows comes after all that was played
            self._ahead.clear()
            self._least, self._earliest = max(rest, 0), self._due
        else:
            self._start(self._due)

    def harmonize(self, melody, *, heat=0.3, key=""):
        """Refuse: what follows a note is known here, what goes with it is not."""
        raise ValueError(
            f"model {self._model.path.stem!r} cannot harmonise a melody; the model 'chorales' can"
        )

    def chances(self) -> list[np.ndarray]:
        """Give what the last event was drawn from: the chances of each field's tokens."""
        found = []
        for field, (size, end) in enumerate(zip(self._sizes, self._ends, strict=True)):
            part = slice(end - size, end)
            bent = self._weights[part] / self._dials[field] + self._bent[part]
            bent[bent < bent.max() + self._dials[-1]] = -np.inf
            bent = np.exp(bent - bent.max())
            found.append(bent / bent.sum())
        return found

    def _forget(self) -> None:
        """Go on as if nothing had been played."""
        self._state = np.zeros(self._model.inputs["state"].shape, np.float32)
        self._echo.clear()
        self._start(self._due)

    def _start(self, tick: int) -> None:
        """Begin a phrase at a fine place: drop what was decided, and count from the bar line."""
        step = -(-tick // BINS)
        self._ahead: list[tuple[int, list[int]]] = []
        self._last = list(self._sizes)
        self._least, self._crowd = step % self._bar, 0
        self._step = step - self._least
        self._earliest = tick

    def _turn(self, bpm, heat=0.5, density=0.5, register=0.5, key="", style="", fill=0.0) -> None:
        """Set the knobs."""
        knobs = (bpm, heat, density, register, pitch_classes(key), style, fill)
        if knobs == self._knobs:
            return
        what, feel = 0.6 + 0.8 * heat, 0.8 + 0.4 * heat
        heats = (what, feel, what, feel, what)
        floor = math.log(0.04) - heat * math.log(16)
        self._dials = np.array([*heats[: self._fields], floor], np.float32)
        self._bias = np.zeros(self._ends[-1], np.float32)
        self._bias[:SHIFTS] = 2 * (EVEN - density) * np.log2(1 + np.arange(SHIFTS))
        off_key = [
            channel != DRUMS and pitch % 12 not in knobs[4] for channel, pitch in self.sounds
        ]
        pull = np.where(off_key, FORBIDDEN, 6 * (register - 0.5) * self._heights)
        self._bias[self._ends[1] : self._ends[2]] = pull
        self._mood = np.zeros(len(self.tags) + 1, np.float32)
        for name in self._styles(style):
            self._mood[self.tags.index(name)] = 1.0
        self._mood *= LEAN / max(self._mood.sum(), 1.0)
        if "fill" in self.tags:
            self._mood[self.tags.index("fill")] = LEAN * fill
        self._mood[-1] = min(max(math.log2(bpm / 120), -1.5), 1.5)  # nobody plays beyond that
        self._knobs = knobs

    def _height(self, channel: int, pitch: int) -> float:
        """Say where a sound lies among those of its channel, from -1 to 1; drums by brightness."""
        if channel == DRUMS:
            return BRIGHTNESS.get(pitch, 0.0) / 2
        pitches = [ours for part, ours in self.sounds if part == channel]
        low, high = min(pitches), max(pitches)
        return (2 * pitch - low - high) / max(high - low, 1)

    def _styles(self, words: str) -> list[str]:
        known = [tag for tag in self.tags if tag != "fill"]
        names = [name for word in words.split(",") if (name := word.strip().lower())]
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                there = f"there are {', '.join(map(repr, known))}" if known else "it has none"
                there = f"did you mean {near[0]!r}?" if near else there
                raise ValueError(f"model {self._model.path.stem!r} has no style {name!r}; {there}")
        return names

    def _sound(self, note) -> tuple[int, int] | None:
        """Give the sound of ours that a human meant by a note."""
        channels = {channel for channel, _ in self.sounds}
        channel, pitch = note.channel, note.pitch
        if channels == {DRUMS} or channel == DRUMS:
            mine = [ours for part, ours in self.sounds if part == DRUMS]
            pitch = pitch if pitch in mine else ROLAND.get(pitch, pitch)
            kind = next((kind for kind in ALIKE if pitch in kind), ())
            return next(((DRUMS, drum) for drum in (pitch, *kind) if drum in mine), None)
        if channel not in channels:
            channel = min(channels - {DRUMS})
        mine = [ours for part, ours in self.sounds if part == channel]
        same = [ours for ours in mine if (ours - pitch) % 12 == 0]
        return (channel, min(same, key=lambda ours: abs(ours - pitch))) if same else None

    def _compose(self, event: list[int] | None = None) -> None:
        """Decide the next event, or hear that it is this one."""
        if self._used == len(self._luck):
            chance = self._random.gumbel(size=(BLOCK, self._ends[-1]))
            self._luck, self._used = chance.astype(np.float32), 0
        noise = self._luck[self._used]
        self._used += 1
        bias = self._bias
        least = max(self._least, self._crowd >= CROWD)
        if event:
            for token, size, end in zip(event, self._sizes, self._ends, strict=True):
                noise[end - size + token] = FORCED
        elif least:
            bias = bias.copy()
            bias[:least] = FORBIDDEN
        made = self._model(
            state=self._state,
            heard=np.array(
                [*self._last, self._step % self._bar, self._bar, *self._echo.hear(self._bar)]
            ),
            mood=self._mood,
            bias=bias,
            dials=self._dials,
            noise=noise,
        )
        self._state, self._weights, self._bent = made["next_state"], made["weights"], bias
        if not math.isfinite(np.vdot(self._state, self._state)):
            self._forget()
            raise FloatingPointError("the music's state is not finite; it was begun anew")
        self._last = made["event"].tolist()
        shift, offset = self._last[:2]
        self._crowd = 1 if shift else self._crowd + 1
        self._least = 0
        self._step += shift
        self._echo.add(self._step, self._last)
        tick = max(self._step * BINS + offset - MIDDLE, self._earliest)
        self._ahead.append((tick, self._last))
