"""The music player: recurrent networks that write chorales, drum, listen, and harmonise."""

from pathlib import Path

from capriccio import Generator, Model, Note, hookimpl

from .choir import PLACES, STEPS, Bend, Choir, Deed, deeds_of, first_step
from .ear import Ear
from .events.player import Player

LOUDNESS = (0.72, 0.62, 0.62, 0.68)  # the outer voices lead


class RNN(Generator):
    """Write four-voice chorales that go on and on, and answer what a human played.

    Soprano, alto, tenor and bass sing on the channels 1 to 4. The music goes on from call to
    call and does not depend on how it is cut into phrases: a note that lasts beyond the phrase is
    given whole where it begins, at most four beats long, and what had to be composed ahead for it
    is played next. The knobs therefore act within four beats, mostly within one.

    `heat` goes from the safest choices (temperature 0.3) to wild ones (1.4), `density` from long
    notes to running ones, `register` from the bottom of each voice's range to its top. `key` is a
    key to keep to, such as "d minor", or a set of pitch classes 0..11; "" is any.

    The model `groove` is a drummer on channel 10, with the timing and the touch of a human at the
    tempo of the show. It knows a `style` ("funk", or "funk, jazz" for one between them; "" is
    any), and `fill` leads from the groove to a fill. `density` goes from few hits to many,
    `register` from kick and toms to hi-hats and cymbals. A model that you have trained on MIDI
    files of your own, `model="mine.onnx"`, is played likewise.
    """

    name = "rnn"
    models = {  # noqa: RUF012
        name: Path(__file__).with_name(f"{name}.onnx") for name in ("chorales", "groove")
    }

    def __init__(self, *, model: str = "chorales", seed: int = 0):
        self._path = self.model_path(model)
        self.reset(seed)

    def reset(self, seed: int = 0) -> None:
        """Forget all that was played and begin again; the same seed plays the same music."""
        self._seed = seed
        self._player: Player | None = None  # of a model that plays other music than chorales
        self._choir: Choir | None = None
        self._ahead: list[list[Deed]] = []  # steps composed and not yet played
        self._due = 0  # the step at which the next phrase should begin
        self._meter = 4

    def generate(self, now, *, heat=0.5, density=0.5, register=0.5, key="", style="", fill=0.0):
        """Write the phrase of the next `now.span` beats."""
        if player := self._other():
            return player.generate(
                now, heat=heat, density=density, register=register, key=key, style=style, fill=fill
            )
        begin, end = first_step(now.beats), first_step(now.beats + now.span)
        if begin != self._due:  # somebody jumped in time: go on from there
            self._pause()
        self._due, self._meter = begin, now.meter
        bend = Bend(heat, density, register, key)
        while not self._complete(end - begin):
            self._compose(bend)
        phrase = self._notes(end - begin, begin / STEPS - now.beats)
        del self._ahead[: end - begin]
        self._due = end
        return phrase

    def feed(self, notes) -> None:
        """Hear what a human played, and go on from there.

        Notes on the channels 1 to 4 are soprano, alto, tenor and bass; voices that were not
        played are imagined, other channels are not heard. Times are rounded to sixteenths, pitches
        moved by octaves into the voice's range. Raises ValueError where a note has no place in
        time, or the phrase is longer than 256 beats.
        """
        if player := self._other():
            player.feed(notes)
            return
        self._hear(notes, Bend())
        self._due += len(self._ahead)
        self._pause()

    def harmonize(self, melody, *, heat=0.3, key=""):
        """Write the other voices to `melody`, whose channels 1 to 4 say which voices it is.

        Gives all four voices, the melody as `feed` would hear it. The music goes on from there.
        """
        if player := self._other():
            return player.harmonize(melody, heat=heat, key=key)
        self._hear(melody, Bend(heat, key=key))
        steps = len(self._ahead)
        phrase = self._notes(steps, 0.0)
        self._due += steps
        self._pause()
        return phrase

    def close(self) -> None:
        """Let the model go."""
        self._choir = self._player = None

    def _other(self) -> Player | None:
        """Give the player of a model that plays other music than chorales."""
        known = self._choir or self._player
        if not known and Model(self._path).card.get("plays") == "events":
            self._player = Player(self._path, self._seed)
        return self._player

    def _compose(self, bend: Bend, given: dict[int, Deed] | None = None) -> None:
        if self._choir is None:
            self._choir = Choir(self._path, self._seed)
        place = (self._due + len(self._ahead)) % (STEPS * self._meter) % PLACES
        self._ahead.append(self._choir.sing(place, bend, given))

    def _hear(self, notes, bend: Bend) -> None:
        deeds = deeds_of(notes)
        self._pause()
        for given in deeds:
            self._compose(bend, given)

    def _pause(self) -> None:
        """Drop what was composed ahead, and let every voice begin with a stroke."""
        self._ahead.clear()
        if self._choir:
            self._choir.breathe()

    def _complete(self, steps: int) -> bool:
        """Say whether the next `steps` are composed, and all notes in them to their ends."""
        if len(self._ahead) < steps:
            return False
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


@hookimpl
def generators():
    return [RNN]


@hookimpl
def analyzers():
    return [Ear]
