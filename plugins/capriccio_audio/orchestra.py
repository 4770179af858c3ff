"""The instruments as parts: those that come with Capriccio, and those of other plugins."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import Instrument as InstrumentPart
from capriccio import instrument, program_of

from .instrument_samples import RATE, Instrument, add_instrument, notes_of, samples_of
from .rendering.loudness import loudest

Array = np.ndarray[Any, Any]

# The weighted RMS at which all instruments are equally loud, and the silence between samples.
LEVEL, GAP = 0.1, np.zeros(round(0.04 * RATE), np.float32)
SENTENCES = {
    "choir": "Sing an open vowel: three singers to the left and three to the right of every note",
    "strings": "Bow two desks of strings",
    "organ": "Sound principals from 16' to 1', with a mixture",
    "piano": "Play an upright piano",
    "electric piano": "Strike tines before a pickup",
    "guitar": "Pluck strings: guitar, harp, harpsichord",
    "bass": "Pluck an electric bass",
    "bells": "Ring bells, and what else is struck and rings",
    "kit": "Play a drum kit on the General MIDI map",
}


class Recorded(InstrumentPart):
    """Play samples that come with Capriccio."""

    source = ""

    def sample(self, pitch: int) -> Array:
        samples = samples_of(self.source)
        found = samples.find(pitch, 0)
        return samples.sound[found.start : found.end]


def _part(name: str, sentence: str) -> type[InstrumentPart]:
    pitches = sorted({note["pitch"] for note in notes_of(name)})
    fields: dict[str, Any] = {"name": name.replace(" ", "-"), "source": name, "pitches": pitches}
    fields |= {"program": program_of(name) or 1, "__module__": __name__}
    return type(name.title().replace(" ", ""), (Recorded,), {**fields, "__doc__": f"{sentence}."})


ORCHESTRA = [_part(name, sentence) for name, sentence in SENTENCES.items()]
# Of each instrument of another plugin its release, its sound and its notes.
_added: dict[str, tuple[float, Array, list[dict[str, Any]]]] = {}


def add_plugin_instruments(names: Iterable[str | int], folder: Path | None = None) -> None:
    """Sample what other plugins bring of these instruments; keep it in a folder for a process.

    Raises:
        PartError: there is no such instrument.
        ValueError: its sound is none.
    """
    for name in names:
        if not isinstance(name, str) or name.replace("-", " ") in SENTENCES:
            continue
        if name not in _added:
            part = instrument(name)
            _add(name, part.release, *sampled(part))
        if folder:
            release, sound, notes = _added[name]
            facts = json.dumps({"name": name, "release": release, "notes": notes})
            np.savez(folder / f"{name}.npz", sound=sound, facts=np.array(facts))


def add_kept_instruments(folder: Path) -> None:
    """Add the instruments that another process has kept in a folder."""
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as kept:
            facts, sound = json.loads(str(kept["facts"])), kept["sound"]
        _add(facts["name"], facts["release"], sound, facts["notes"])


def _add(name: str, release: float, sound: Array, notes: list[dict[str, Any]]) -> None:
    _added[name] = release, sound, notes
    add_instrument(Instrument(name, release=release), sound, notes)


def sampled(part: InstrumentPart) -> tuple[Array, list[dict[str, Any]]]:
    """Return all samples of an instrument one after the other, and the notes that they are."""
    pieces: list[Array] = []
    notes, place = [], 0
    for pitch in part.pitches:
        sound = np.asarray(part.sample(pitch))
        if sound.ndim != 1 or not len(sound) or not np.isfinite(sound).all():
            raise ValueError(f"{part} returned no (frames,) floats for pitch {pitch}")
        sound = np.clip(sound, -1, 1).astype(np.float32)
        gain = LEVEL / max(1e-6, loudest(sound))
        note: dict[str, Any] = {"pitch": int(pitch), "layer": 0, "gain": gain}
        note |= {"start": place, "frames": len(sound)}
        if part.loop:
            begin, end = (min(len(sound), round(seconds * RATE)) for seconds in part.loop)
            note["loop"] = [begin, end]
        notes.append(note)
        pieces += [sound, GAP]
        place += len(sound) + len(GAP)
    return np.concatenate(pieces), notes
