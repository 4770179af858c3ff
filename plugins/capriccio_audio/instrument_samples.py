"""The instruments that `audio` plays, and the samples they are made of."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

RATE = 48_000
SAMPLES = Path(__file__).with_name("samples")
# Silent frames before and after every sample, which interpolation may read.
PADDING = 8
# Samples rise over this many frames, so that what the codec puts before a stroke is not heard.
RISE = 24


@dataclass(frozen=True, slots=True)
class Instrument:
    """How the samples of an instrument are played.

    Args:
        name: as a sketch calls it, and that of its files.
        level: its loudness beside the others.
        release: seconds in which a released note falls by 60 dB; 0 lets it ring.
        together: whether all layers of a note sound at once, spread over the stereo field, or one
            of them, chosen by velocity.
        spread: how far its notes or layers are spread, 0..1.
        dynamics: by which power of the velocity the level grows.
        reverb: how much of it goes into the room, 0..1.
        vibrato: whether held notes sway a little more, each otherwise.
        chokes: pitches that end each other, as the two halves of a hi-hat.
    """

    name: str
    level: float = 1.0
    release: float = 0.25
    together: bool = False
    spread: float = 0.3
    dynamics: float = 1.4
    reverb: float = 0.25
    vibrato: float = 0.0
    chokes: tuple[frozenset[int], ...] = ()
    percussion: bool = False


INSTRUMENTS = {
    one.name: one
    for one in (
        Instrument("choir", 1.0, 0.45, True, 0.75, 1.0, 0.45, 0.0004),
        Instrument("strings", 1.15, 0.35, True, 0.8, 1.1, 0.4, 0.0003),
        Instrument("organ", 0.7, 0.22, True, 0.5, 0.25, 0.5),
        Instrument("piano", 2, 0.28, False, 0.45, 1.6, 0.22),
        Instrument("electric piano", 1.6, 0.25, False, 0.3, 1.4, 0.2),
        Instrument("guitar", 1.9, 0.35, False, 0.3, 1.4, 0.25),
        Instrument("bass", 1.8, 0.15, False, 0.0, 1.3, 0.05),
        Instrument("bells", 1.3, 3.0, False, 0.5, 1.3, 0.4),
        Instrument(
            "kit",
            2.1,
            0.0,
            False,
            0.5,
            1.2,
            0.14,
            chokes=(frozenset({42, 44, 46}),),
            percussion=True,
        ),
    )
}

# Where a kit has no such drum, the nearest it has: Roland's numbers, and the rest of General MIDI.
NEAREST_DRUMS = {
    22: 42, 26: 46, 27: 75, 28: 39, 29: 70, 30: 70, 31: 37, 32: 37, 33: 75, 34: 53, 35: 36, 40: 38,
    57: 49, 58: 43, 59: 51, 65: 60, 66: 61, 68: 67, 69: 70, 71: 75, 72: 75, 73: 70, 74: 70, 78: 62,
    79: 63, 82: 70, 83: 54, 84: 81, 85: 75, 86: 64, 87: 64,
}  # fmt: skip
# From left to right, where the drums stand.
DRUM_PANS = {
    36: 0.0,
    38: 0.05,
    37: 0.05,
    42: -0.45,
    44: -0.45,
    46: -0.45,
    49: -0.6,
    51: 0.6,
    53: 0.6,
}
DRUM_PANS |= {50: -0.35, 48: -0.2, 47: 0.1, 45: 0.25, 43: 0.4, 41: 0.55, 52: 0.7, 55: -0.2}


@dataclass(frozen=True, slots=True)
class Sample:
    """One note of an instrument, as a place in its sound."""

    pitch: int
    layer: int
    start: int  # of its first frame, behind the padding
    end: int  # one behind its last frame
    gain: float
    loop: tuple[int, int] | None  # counted like start and end


@dataclass
class SampleSet:
    """All samples of an instrument."""

    sound: Array  # (frames,) float32
    samples: list[Sample]
    layers: int
    _found: dict[tuple[int, int], Sample] = field(default_factory=dict)

    def find(self, pitch: int, layer: int) -> Sample:
        """Return the sample of a layer that is nearest to a pitch."""
        key = pitch, layer
        if key not in self._found:
            self._found[key] = min(
                self.samples, key=lambda one: (abs(one.pitch - pitch), abs(one.layer - layer))
            )
        return self._found[key]


@cache
def samples_of(name: str) -> SampleSet:
    """Return the samples of the instrument `name`, decoded on first use."""
    if name in _added:
        return sample_set(*_added[name])
    return sample_set(_decoded(SAMPLES / f"{name.replace(' ', '-')}.ogg"), notes_of(name))


def notes_of(name: str) -> list[dict[str, Any]]:
    """Return what the samples of an instrument of ours are; see `sample_set`."""
    path = SAMPLES / f"{name.replace(' ', '-')}.json"
    notes: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return notes


# The sound and the notes of instruments of other plugins.
_added: dict[str, tuple[Array, list[dict[str, Any]]]] = {}


def add_instrument(instrument: Instrument, sound: Array, notes: list[dict[str, Any]]) -> None:
    """Register another instrument; sound and notes are as in `sample_set`."""
    _added[instrument.name] = sound, notes
    samples_of.cache_clear()
    INSTRUMENTS[instrument.name] = instrument


def sample_set(decoded: Array, notes: list[dict[str, Any]]) -> SampleSet:
    """Return the samples of an instrument.

    Args:
        decoded: all of them, one after the other, with silence between.
        notes: of each its `pitch`, `layer`, `start` and `frames`, the `gain` that makes it as loud
            as others, and perhaps its `loop`, two frames counted from its start.
    """
    pieces: list[Array] = []
    samples: list[Sample] = []
    silence, place = np.zeros(PADDING, np.float32), 0
    rise = (0.5 - 0.5 * np.cos(np.pi * np.arange(RISE) / RISE)).astype(np.float32)
    for note in notes:
        piece = decoded[note["start"] : note["start"] + note["frames"]].copy()
        piece[:RISE] *= rise
        loop = note.get("loop")
        if loop:  # what is read behind the end of the loop is its beginning
            first, last = loop
            piece = np.concatenate([piece[:last], piece[first : first + PADDING]])
        start = place + PADDING
        end = start + (loop[1] if loop else len(piece))
        ends = (start + loop[0], end) if loop else None
        samples.append(Sample(note["pitch"], note["layer"], start, end, note["gain"], ends))
        pieces += [silence, piece]
        place += PADDING + len(piece)
    sound = np.concatenate([*pieces, silence])
    return SampleSet(sound, samples, 1 + max(one.layer for one in samples))


# Where this process keeps what it has decoded for the one that may take its place.
_folder: Path | None = None
_unsaved: list[tuple[Path, Array]] = []


def keep_decoded(folder: Path) -> None:
    """Read decoded samples from a folder where they are; `save_decoded` saves others there."""
    global _folder
    _folder = folder


def save_decoded() -> None:
    """Save what has been decoded since `keep_decoded`, which takes long."""
    while _unsaved:
        kept, sound = _unsaved.pop()
        with suppress(OSError):  # no room: then the next process decodes as well
            part = kept.with_suffix(".part")
            with part.open("wb") as file:
                np.save(file, sound)
            part.replace(kept)


def _decoded(path: Path) -> Array:
    if _folder is None:
        return decode(path)
    kept = _folder / f"{path.stem}.npy"
    try:
        return np.asarray(np.load(kept))
    except (OSError, ValueError):  # it was never written, or not whole
        sound = decode(path)
    _unsaved.append((kept, sound))
    return sound


def decode(path: Path) -> Array:
    """Return a sound file of one channel in Opus, which is always float32 at 48 kHz."""
    import av

    with av.open(str(path)) as file:
        return np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])


# Which instrument plays the programs of each General MIDI family of eight, 1..128.
FAMILIES = (
    "piano", "bells", "organ", "guitar", "bass", "strings", "choir", "organ",
    "organ", "organ", "electric piano", "choir", "bells", "guitar", "kit", "kit",
)  # fmt: skip
# Programs, from 1, that another one plays better than that of their family.
PROGRAMS = {5: "electric piano", 6: "electric piano", 7: "guitar", 8: "guitar",
            46: "guitar", 47: "guitar", 49: "strings", 50: "strings", 51: "strings", 52: "strings",
            53: "choir", 54: "choir", 55: "choir", 56: "strings", 109: "bells"}  # fmt: skip


def instrument_for(name: str | int) -> str:
    """Return which of `INSTRUMENTS` plays a General MIDI program 1..128, or the name itself."""
    if isinstance(name, str):
        return name.replace("-", " ") if name not in INSTRUMENTS else name
    number = int(name)
    return PROGRAMS.get(number, FAMILIES[(number - 1) // 8])
