"""Renders the instruments of `audio` into its folder `samples`.

    python -m capriccio_audio.rendering.main
    python -m capriccio_audio.rendering.main choir kit

Every instrument becomes one Ogg file of Opus, all its notes one after the other, and one JSON file
that says where they are. The same versions of numpy and PyAV render the same files.
"""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import drums, struck, sustained
from .loudness import loudest
from .tones import RATE, Array, Tone

FOLDER = Path(__file__).parents[1] / "samples"
# Silence between two notes of a file, in seconds: the codec looks so far back.
GAP_SECONDS = 0.04
# The weighted RMS that every note has when it is played at full velocity.
LEVEL = 0.1
# Files hold notes at this peak; what is missing to their level is in the JSON file.
PEAK = 0.7


class Recipe(NamedTuple):
    """How an instrument is rendered: which pitches, how many layers, how many bits a second."""

    render: Callable[[int, int], Tone]
    pitches: Iterable[int]
    layers: int
    bits: int = 56_000


RECIPES = {
    "choir": Recipe(sustained.choir, range(38, 87, 4), 2, 44_000),
    "strings": Recipe(sustained.strings, range(30, 97, 6), 2, 44_000),
    "organ": Recipe(sustained.organ, range(36, 97, 5), 2, 44_000),
    "piano": Recipe(struck.piano, range(24, 109, 6), 2, 48_000),
    "electric piano": Recipe(struck.electric_piano, range(30, 103, 8), 2, 40_000),
    "guitar": Recipe(struck.guitar, range(38, 96, 5), 1),
    "bass": Recipe(struck.bass, range(26, 62, 5), 1, 48_000),
    "bells": Recipe(struck.bells, range(50, 98, 6), 1),
    "kit": Recipe(drums.kit, sorted(drums.DRUMS), 4, 64_000),
}
# What rings so long that two strokes do for four.
LONG_DRUMS = {46, 49, 51, 52, 53, 55, 81}
# How loud the drums are beside each other, in dB; the others are 0.
DRUM_LEVELS = {
    36: 3, 38: 2, 37: -5, 39: -2, 42: -9, 44: -10, 46: -8, 49: -4, 51: -9, 52: -5, 53: -8, 54: -8,
    55: -6, 56: -5, 67: -8, 70: -12, 75: -8, 76: -7, 77: -7, 80: -12, 81: -11,
}  # fmt: skip


def render(name: str, folder: Path = FOLDER) -> int:
    """Render one instrument into `folder`, and return the size of its file in bytes."""
    recipe = RECIPES[name]
    pieces: list[Array] = []
    notes, place = [], 0
    for pitch in recipe.pitches:
        for layer in range(recipe.layers):
            if name == "kit" and pitch in LONG_DRUMS and layer % 2:
                continue
            tone = recipe.render(pitch, layer)
            sound = tone.samples * PEAK / np.max(np.abs(tone.samples))
            level = LEVEL
            if name == "kit":
                level *= 10 ** (DRUM_LEVELS.get(pitch, 0) / 20)
            gain = level / loudest(sound)
            if name == "organ" and layer == 1:
                gain *= 0.55  # what crowns a chorus is softer than its foundations
            note: dict[str, Any] = {
                "pitch": pitch,
                "layer": layer,
                "start": place,
                "frames": len(sound),
            }
            if tone.loop:
                note["loop"] = list(tone.loop)
            notes.append({**note, "gain": round(gain, 5)})
            gap = np.zeros(round(GAP_SECONDS * RATE))
            pieces += [sound, gap]
            place += len(sound) + len(gap)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.replace(' ', '-')}.ogg"
    encode(path, np.concatenate(pieces).astype(np.float32), recipe.bits)
    path.with_suffix(".json").write_text(
        "[\n" + ",\n".join(json.dumps(note) for note in notes) + "\n]\n", encoding="utf-8"
    )
    return path.stat().st_size


def encode(path: Path, sound: Array, bits: int) -> None:
    """Write a mono sound as Opus in an Ogg file."""
    import av

    with av.open(str(path), "w", format="ogg") as file:
        stream = file.add_stream("libopus", rate=RATE, layout="mono")
        stream.bit_rate = bits
        stream.options = {"application": "audio", "vbr": "on", "frame_duration": "60"}
        for start in range(0, len(sound), RATE):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound[None, start : start + RATE]), "flt", "mono"
            )
            frame.sample_rate, frame.pts = RATE, start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def main(names: list[str]) -> None:
    """Render the named instruments, or all."""
    for name in names or RECIPES:
        print(f"{name}: {render(name) / 1024:.0f} KiB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
