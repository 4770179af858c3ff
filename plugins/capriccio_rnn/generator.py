"""The music player: recurrent networks that write chorales, drum, listen, and harmonise."""

import threading
from pathlib import Path

from capriccio import Generator, Model, Moment

from .chorales.player import Consort
from .events.player import Player


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
        self._player: Consort | Player | None = None
        self._turn = threading.RLock()  # cues that play and those that answer are in other threads
        self.reset(seed)

    def reset(self, seed: int = 0) -> None:
        """Forget all that was played and begin again; the same seed plays the same music."""
        self._seed = seed
        if self._player:
            self._player.reset(seed)

    def generate(self, now, *, heat=0.5, density=0.5, register=0.5, key="", style="", fill=0.0):
        """Write the phrase of the next `now.span` beats."""
        with self._turn:
            return self._played().generate(
                now, heat=heat, density=density, register=register, key=key, style=style, fill=fill
            )

    def feed(self, notes) -> None:
        """Hear what a human played, and go on from there.

        For chorales notes on the channels 1 to 4 are soprano, alto, tenor and bass; voices that
        were not played are imagined, other channels are not heard. Times are rounded to sixteenths,
        pitches moved by octaves into the voice's range. A drummer hears the drums of General MIDI
        on any channel, as early and as late as they were played; a model of your own hears what
        it has no part for as its first part. Raises ValueError where a note has no place in time
        or no velocity, or the phrase is longer than 256 beats.
        """
        with self._turn:
            self._played().feed(notes)

    def harmonize(self, melody, *, heat=0.3, key=""):
        """Write the other voices to `melody`, whose channels 1 to 4 say which voices it is.

        Gives all four voices, the melody as `feed` would hear it. The music goes on from there.
        """
        with self._turn:
            return self._played().harmonize(melody, heat=heat, key=key)

    def answer(self, now, notes, *, heat=0.3, key=""):
        """Write a chord, alto, tenor and bass, under the highest of `notes`, for `now.span` beats.

        For a cue that answers what is played: it takes one step of the network, half a millisecond.
        The chord is as loud as the note, and leads on from the one before.
        """
        with self._turn:
            player = self._played()
            if isinstance(player, Player):
                return player.harmonize(notes)  # which says that it cannot
            return player.answer(now, notes, heat=heat, key=key)

    def warm_up(self) -> None:
        """Load the model and run it once, unless it has played already."""
        with self._turn:
            if self._player is None:
                self._played().generate(Moment(span=0.25))
                self.reset(self._seed)

    def close(self) -> None:
        """Let the model go."""
        self._player = None

    def _played(self) -> Consort | Player:
        """Give whoever plays the music of the model, by what its card says."""
        if self._player is None:
            events = Model(self._path).card.get("plays") == "events"
            self._player = (Player if events else Consort)(self._path, self._seed)
        return self._player
