"""Who plays chorales: four singers who go on from phrase to phrase, listen, and harmonise."""

from pathlib import Path

from capriccio import Note

from .model import PLACES, STEPS, Bend, Choir, Deed, bent, deeds_of, first_step

LOUDNESS = (0.72, 0.62, 0.62, 0.68)  # the outer voices lead


class Consort:
    """A choir that writes down what it sings, and keeps to the beats of the show.

    The music does not depend on how it is cut into phrases: what had to be composed ahead, to the
    end of the notes that last beyond a phrase, is played next.
    """

    def __init__(self, path: Path, seed: int):
        self.name = path.stem
        self.choir = Choir(path, seed)
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Begin anew with another seed."""
        self.choir.begin(seed)
        self._ahead: list[list[Deed]] = []  # steps composed and not yet played
        self._due = 0  # the step at which the next phrase should begin
        self._meter = 4

    def generate(self, now, *, heat=0.5, density=0.5, register=0.5, key="", style="", fill=0.0):
        """Write the phrase of the next `now.span` beats; for the knobs see `RNN`."""
        if style.strip():
            raise ValueError(f"model {self.name!r} has no style {style!r}; it has none")
        begin, end = first_step(now.beats), first_step(now.beats + now.span)
        if begin != self._due:  # somebody jumped in time: go on from there
            self._pause()
        self._due, self._meter = begin, now.meter
        bend = bent(heat, density, register, key)
        while len(self._ahead) < end - begin:
            self._compose(bend)
        while not self._complete(end - begin):
            self._compose(bend)
        phrase = self._notes(end - begin, begin / STEPS - now.beats)
        del self._ahead[: end - begin]
        self._due = end
        return phrase

    def feed(self, notes) -> None:
        """Hear what a human played, and go on from there; see `RNN.feed`."""
        self._hear(notes, bent())
        self._due += len(self._ahead)
        self._pause()

    def harmonize(self, melody, *, heat=0.3, key=""):
        """Write the other voices to `melody`; see `RNN.harmonize`."""
        self._hear(melody, bent(heat, key=key))
        steps = len(self._ahead)
        phrase = self._notes(steps, 0.0)
        self._due += steps
        self._pause()
        return phrase

    def answer(self, now, notes, *, heat=0.3, key=""):
        """Write a chord under what was played just now; see `RNN.answer`."""
        if not notes:
            return []
        top = max(notes, key=lambda note: note.pitch)
        [given] = deeds_of([top._replace(start=0.0, length=1 / STEPS, channel=1)])
        self._pause()
        # As on the nearest beat, whenever it was: that is where the chorales change their chords.
        beat = round(now.beats) * STEPS
        place = beat % (STEPS * now.meter) % PLACES
        deeds = self.choir.sing(place, bent(heat, key=key), given)
        self._due = first_step(now.beats) + 1
        return [
            Note(pitch, 0.0, now.span, top.velocity * LOUDNESS[voice] / LOUDNESS[0], voice + 1)
            for voice, (pitch, _) in enumerate(deeds)
            if voice and pitch
        ]

    def _compose(self, bend: Bend, given: dict[int, Deed] | None = None) -> None:
        place = (self._due + len(self._ahead)) % (STEPS * self._meter) % PLACES
        self._ahead.append(self.choir.sing(place, bend, given))

    def _hear(self, notes, bend: Bend) -> None:
        deeds = deeds_of(notes)
        self._pause()
        for given in deeds:
            self._compose(bend, given)

    def _pause(self) -> None:
        """Drop what was composed ahead, and let every voice begin with a stroke."""
        self._ahead.clear()
        self.choir.breathe()

    def _complete(self, steps: int) -> bool:
        """Say whether all notes in the next `steps`, which are composed, are so to their ends."""
        if not steps:
            return True
        held = [voice for voice, (pitch, _) in enumerate(self._ahead[steps - 1]) if pitch]
        return all(
            any(deeds[voice][1] or not deeds[voice][0] for deeds in self._ahead[steps:])
            for voice in held
        )

    def _notes(self, steps: int, offset: float) -> list[Note]:
        """Give the notes that begin in the next steps; the first of them is at `offset` beats."""
        phrase = []
        for index, deeds in enumerate(self._ahead[:steps]):
            for voice, (pitch, struck) in enumerate(deeds):
                if not struck:
                    continue
                length = 1
                for later in self._ahead[index + 1 :]:
                    if later[voice] != (pitch, False):
                        break
                    length += 1
                place = (self._due + index) % (STEPS * self._meter)
                accent = 0.08 if place == 0 else 0.04 if place % STEPS == 0 else 0.0
                velocity = round(LOUDNESS[voice] + accent, 2)
                start = max(0.0, index / STEPS + offset)
                phrase.append(Note(pitch, start, length / STEPS, velocity, voice + 1))
        return phrase
