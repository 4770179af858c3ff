"""Renders the sound of a performance by its own time, for files and films."""

import threading
from typing import Any

import numpy as np
from capriccio import Note, Performance

from .instrument_samples import RATE
from .settings import settings_of
from .soundfont import synthesizer_for
from .synthesizer import Synthesizer

Array = np.ndarray[Any, Any]

# Frames over which a sound that is cut at its end fades.
FADE = 1440
# Blocks that are rendered at once, 0.17 s: few calls of numpy, and arrays that stay in the cache.
BLOCKS = 32


class Renderer:
    """Turns the notes of a performance into samples; their times are seconds of the show.

    Any thread may add notes while another renders.
    """

    rate = RATE

    def __init__(self, performance: Performance):
        self._synthesizer = synthesizer_for(performance.instruments, performance.soundfont, BLOCKS)
        self._parameters = performance.parameters
        self._lock = threading.Lock()
        # The limiter is late, so that much is left out at the beginning.
        self._skipped = False
        self.frames = 0  # returned so far
        settings_of(performance).listen(self._set)

    def note_on(self, note: Note, seconds: float) -> None:
        """Start a note."""
        with self._lock:
            frame = round(seconds * RATE)
            self._synthesizer.note_on(frame, note.channel, note.pitch, note.velocity)

    def note_off(self, note: Note, seconds: float) -> None:
        """Release a note."""
        with self._lock:
            self._synthesizer.note_off(round(seconds * RATE), note.channel, note.pitch)

    def control(self, change: tuple[int, float, int], seconds: float) -> None:
        """Set a controller: `(controller, value, channel)`."""
        with self._lock:
            self._synthesizer.control(round(seconds * RATE), *change)

    def panic(self) -> None:
        """Silence everything within one block, from where the show is now."""
        with self._lock:
            self._synthesizer.panic(round(self._parameters.seconds * RATE))

    def render(self, seconds: float) -> Array:
        """Return what follows, `(2, frames)` float32, up to some time before `seconds`.

        All notes before `seconds` must have been added.
        """
        blocks = []
        with self._lock:
            synthesizer = self._synthesizer
            while synthesizer.frame + synthesizer.frames <= seconds * RATE:
                blocks.append(synthesizer.render())
        return self._taken(blocks)

    def finish(self, seconds: float, tail: float = 0.0) -> Array:
        """Return the rest up to `seconds` exactly, and up to `tail` seconds of what still rings."""
        end = round(seconds * RATE)
        last = end + round(tail * RATE)
        sound = self.render((last + self._synthesizer.frames + Synthesizer.LATENCY) / RATE)
        before = self.frames - sound.shape[1]
        sound = sound[:, : last - before].copy()
        if tail:  # as long as it is heard
            loud = np.flatnonzero(np.abs(sound).max(axis=0) > 1e-4)
            heard = before + int(loud[-1]) + 1 if len(loud) else 0
            sound = sound[:, : max(end, heard) - before]
        fade = min(FADE, sound.shape[1])
        if fade:
            sound[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        self.frames = before + sound.shape[1]
        return sound

    def _taken(self, blocks: list[Array]) -> Array:
        if not blocks:
            return np.zeros((2, 0), np.float32)
        sound = np.concatenate(blocks, axis=1)
        if not self._skipped:
            self._skipped, sound = True, sound[:, Synthesizer.LATENCY :]
        self.frames += sound.shape[1]
        return sound

    def _set(self, what: str, channel: int, value: float) -> None:
        with self._lock:
            frame = round(self._parameters.seconds * RATE)
            self._synthesizer.set(frame, what, channel, value)
