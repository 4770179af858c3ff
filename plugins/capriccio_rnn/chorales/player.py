"""A player of chorales: continues from phrase to phrase, follows a person, and harmonizes."""

from collections.abc import Iterable
from pathlib import Path

from capriccio import Moment, Note

from .model import (
    STEPS_PER_BAR,
    STEPS_PER_BEAT,
    ChoraleModel,
    SamplingControls,
    VoiceAction,
    first_step,
    sampling_controls,
    voice_actions,
)

VELOCITIES = (0.72, 0.62, 0.62, 0.68)  # of the four voices; the outer ones lead


class ChoralePlayer:
    """Turns the steps of a `ChoraleModel` into phrases on the beats of a show.

    Steps composed ahead, to the end of notes that last beyond a phrase, are played next, so the
    music does not depend on how it is cut into phrases.
    """

    unused_knobs = frozenset({"style", "fill"})

    def __init__(self, path: Path, seed: int):
        self.name = path.stem
        self.model = ChoraleModel(path, seed)
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Start again from `seed`."""
        self.model.reset(seed)
        self._ahead: list[list[VoiceAction]] = []  # steps composed and not yet played
        self._next_step = 0  # at which the next phrase is expected to begin
        self._meter = 4

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
        if style.strip():
            raise ValueError(f"model {self.name!r} has no styles, got {style!r}")
        begin, end = first_step(now.beats), first_step(now.beats + now.span)
        if begin != self._next_step:  # time has jumped: continue from there
            self._discard_ahead()
        self._next_step, self._meter = begin, now.meter
        controls = sampling_controls(heat, density, register, key)
        while len(self._ahead) < end - begin:
            self._compose(controls)
        while not self._is_complete(end - begin):
            self._compose(controls)
        phrase = self._notes(end - begin, begin / STEPS_PER_BEAT - now.beats)
        del self._ahead[: end - begin]
        self._next_step = end
        return phrase

    def feed(self, notes: Iterable[Note]) -> None:
        """Continue from notes that a person played; see `RNN.feed`."""
        self._follow(notes, sampling_controls())
        self._next_step += len(self._ahead)
        self._discard_ahead()

    def harmonize(
        self, melody: Iterable[Note], *, heat: float = 0.3, key: str | Iterable[int] = ""
    ) -> list[Note]:
        """Return all voices to `melody`; see `RNN.harmonize`."""
        self._follow(melody, sampling_controls(heat, key=key))
        steps = len(self._ahead)
        phrase = self._notes(steps, 0.0)
        self._next_step += steps
        self._discard_ahead()
        return phrase

    def answer(
        self, now: Moment, notes: list[Note], *, heat: float = 0.3, key: str | Iterable[int] = ""
    ) -> list[Note]:
        """Return a chord under notes played just now; see `RNN.answer`."""
        if not notes:
            return []
        top = max(notes, key=lambda note: note.pitch)
        [given] = voice_actions([top._replace(start=0.0, length=1 / STEPS_PER_BEAT, channel=1)])
        self._discard_ahead()
        # As if on the nearest beat: that is where chorales change their chords.
        step = round(now.beats) * STEPS_PER_BEAT
        position = step % (STEPS_PER_BEAT * now.meter) % STEPS_PER_BAR
        actions = self.model.step(position, sampling_controls(heat, key=key), given)
        self._next_step = first_step(now.beats) + 1
        return [
            Note(pitch, 0.0, now.span, top.velocity * VELOCITIES[voice] / VELOCITIES[0], voice + 1)
            for voice, (pitch, _) in enumerate(actions)
            if voice and pitch
        ]

    def _compose(
        self, controls: SamplingControls, given: dict[int, VoiceAction] | None = None
    ) -> None:
        """Append one step to those composed ahead."""
        step = self._next_step + len(self._ahead)
        position = step % (STEPS_PER_BEAT * self._meter) % STEPS_PER_BAR
        self._ahead.append(self.model.step(position, controls, given))

    def _follow(self, notes: Iterable[Note], controls: SamplingControls) -> None:
        """Compose the voices that `notes` leave open, one step after another."""
        steps = voice_actions(notes)
        self._discard_ahead()
        for given in steps:
            self._compose(controls, given)

    def _discard_ahead(self) -> None:
        """Drop the steps composed ahead and make every voice begin a new note."""
        self._ahead.clear()
        self.model.strike_next()

    def _is_complete(self, steps: int) -> bool:
        """Return whether all notes of the next `steps` are composed to their ends."""
        if not steps:
            return True
        held = [voice for voice, (pitch, _) in enumerate(self._ahead[steps - 1]) if pitch]
        return all(
            any(actions[voice][1] or not actions[voice][0] for actions in self._ahead[steps:])
            for voice in held
        )

    def _notes(self, steps: int, offset: float) -> list[Note]:
        """Return the notes that begin in the next `steps`, the first of which is at `offset`."""
        phrase = []
        for index, actions in enumerate(self._ahead[:steps]):
            for voice, (pitch, struck) in enumerate(actions):
                if not struck:
                    continue
                length = 1
                for later in self._ahead[index + 1 :]:
                    if later[voice] != (pitch, False):
                        break
                    length += 1
                position = (self._next_step + index) % (STEPS_PER_BEAT * self._meter)
                accent = 0.08 if position == 0 else 0.04 if position % STEPS_PER_BEAT == 0 else 0.0
                velocity = round(VELOCITIES[voice] + accent, 2)
                start = max(0.0, index / STEPS_PER_BEAT + offset)
                phrase.append(Note(pitch, start, length / STEPS_PER_BEAT, velocity, voice + 1))
        return phrase
