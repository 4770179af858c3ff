"""The part `rnn`: recurrent networks that write chorales or play drums and tunes."""

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from capriccio import Generator, Model, Moment, Note

from .chorales.player import ChoralePlayer
from .events.player import EventPlayer


class RNN(Generator):
    """Write endless music that goes on from call to call, and react to notes a person plays.

    The music does not depend on how it is cut into phrases: a note that lasts beyond the phrase
    is returned whole where it begins, and what was composed ahead for it is played next.

    `chorales` writes four voices, soprano to bass on channels 1 to 4, with notes of at most four
    beats; its knobs take effect within four beats, mostly within one. `groove` plays drums on
    channel 10 with human timing and dynamics at the tempo of the show. `model="mine.onnx"` plays
    a model trained on MIDI files of your own.

    Args:
        model: "chorales", "groove", or the path of an `.onnx` file.
        seed: the same seed plays the same music.
    """

    name = "rnn"
    seekable = "music"
    models = {  # noqa: RUF012
        name: Path(__file__).with_name(f"{name}.onnx") for name in ("chorales", "groove")
    }

    def __init__(self, *, model: str = "chorales", seed: int = 0):
        self._path = self.model_path(model)
        self._player: ChoralePlayer | EventPlayer | None = None
        self._lock = threading.RLock()  # play cues and answer cues run in different threads
        self.reset(seed)

    def reset(self, seed: int = 0) -> None:
        """Forget everything played so far and start again from `seed`."""
        self._seed = seed
        if self._player:
            self._player.reset(seed)

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
        """Return the phrase of the next `now.span` beats.

        Args:
            heat: Sampling temperature, from the safest choices to wild ones.
            density: From long notes or few hits to running notes or many hits.
            register: From the bottom of each range, or kick and toms, to its top, or cymbals.
            key: Key to stay in, such as "d minor", or a set of pitch classes 0..11; "" is any.
            style: Style of the drummer, such as "funk", or a mix, "funk, jazz"; "" is any.
            fill: From the groove to a drum fill.
        """
        with self._lock:
            return self.player.generate(
                now, heat=heat, density=density, register=register, key=key, style=style, fill=fill
            )

    @property
    def instruments(self) -> Mapping[int, str | int]:
        """Four voices of a choir, or a drum kit on channel 10."""
        if isinstance(self.player, ChoralePlayer):
            return dict.fromkeys(range(1, 5), "choir")
        return {10: "kit"}

    @property
    def unused_knobs(self) -> frozenset[str]:
        """Names of the knobs that have no effect on the loaded model."""
        return self.player.unused_knobs

    @property
    def player(self) -> ChoralePlayer | EventPlayer:
        """The player of the model, created on first use according to the model's card."""
        with self._lock:
            if self._player is None:
                plays_events = Model(self._path).card.get("plays") == "events"
                player = EventPlayer if plays_events else ChoralePlayer
                self._player = player(self._path, self._seed)
            return self._player

    def feed(self, notes: Iterable[Note]) -> None:
        """Continue from `notes` that a person played.

        For chorales, channels 1 to 4 are soprano, alto, tenor and bass: voices without notes are
        composed, other channels ignored, times rounded to sixteenths, and pitches moved by octaves
        into the voice's range. A drummer reads General MIDI drums on any channel with their exact
        timing; other models read unknown channels as their first part.

        Raises:
            ValueError: a note has no finite start, length or velocity, or the phrase is longer
                than 256 beats.
        """
        with self._lock:
            self.player.feed(notes)

    def harmonize(
        self, melody: Iterable[Note], *, heat: float = 0.3, key: str | Iterable[int] = ""
    ) -> list[Note]:
        """Return all four voices to `melody`, whose channels 1 to 4 say which voices it is.

        The melody is rounded and moved into range as by `feed`; the music goes on from there.
        """
        with self._lock:
            return self.player.harmonize(melody, heat=heat, key=key)

    def answer(
        self,
        now: Moment,
        notes: list[Note],
        *,
        heat: float = 0.3,
        key: str | Iterable[int] = "",
    ) -> list[Note]:
        """Return a chord of alto, tenor and bass under the highest of `notes`.

        Meant for answer cues: it takes one step of the network, half a millisecond. The chord lasts
        `now.span` beats, is as loud as the note, and follows from the chord before.
        """
        with self._lock:
            return self.player.answer(now, notes, heat=heat, key=key)

    def warm_up(self) -> None:
        """Load the model and run it once, unless it has already played."""
        with self._lock:
            if self._player is None:
                self.player.generate(Moment(span=0.25))
                self.reset(self._seed)

    def close(self) -> None:
        """Release the model."""
        self._player = None
