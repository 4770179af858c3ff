"""Compares the choir with FluidSynth and with sines, for docs/sound-comparison.md:

    python -m capriccio_audio.benchmark.comparison --out docs

plays one chord on each, writes it as Opus, draws spectrograms, and measures how a note alone lives.
It needs the program fluidsynth and a General MIDI soundfont.
"""

import math
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click
import numpy as np

from ..instrument_samples import RATE
from ..sound_file import read_sound
from ..synthesizer import Synthesizer

Array = np.ndarray[Any, Any]

SOUNDFONT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
CHORD, ALONE, SECONDS, TAIL = (48, 55, 64, 72), 67, 4.0, 1.0
CHOIR_AAHS = 53
# The highest frequency of a spectrogram, in Hz; its window, its step, its height in pixels.
HIGHEST, WINDOW, STEP, HEIGHT = 4000.0, 4096, 400, 256
# Black, blue, orange, white: from -80 to -10 dB of the loudest.
COLOURS = np.array([(0, 0, 0), (40, 40, 120), (220, 110, 40), (255, 250, 220)], float)
QUIET, LOUD = -75.0, -5.0
SOFT_BITS = 56_000


class Life(NamedTuple):
    """How a held note lives: deviations of its pitch in cents, and of its overtones in dB."""

    cents: float
    decibels: float


def choir(pitches: tuple[int, ...]) -> Array:
    """Return a chord as the choir sings it, `(2, frames)`."""
    synthesizer = Synthesizer(dict.fromkeys(range(1, 5), "choir"), 32)
    for channel, pitch in enumerate(pitches, 1):
        synthesizer.note_on(0, channel, pitch, 0.8)
        synthesizer.note_off(round(SECONDS * RATE), channel, pitch)
    blocks = math.ceil((SECONDS + TAIL) * RATE / synthesizer.frames)
    return np.concatenate([synthesizer.render() for _ in range(blocks)], axis=1)


def fluidsynth(pitches: tuple[int, ...], soundfont: str = SOUNDFONT) -> Array:
    """Return a chord as FluidSynth plays it."""
    import mido

    file = mido.MidiFile(ticks_per_beat=480)  # two beats a second
    track = file.add_track()
    for channel, pitch in enumerate(pitches):
        track.append(mido.Message("program_change", channel=channel, program=CHOIR_AAHS - 1))
        track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=100))
    for number, pitch in enumerate(pitches):
        wait = 0 if number else round(960 * SECONDS)
        track.append(mido.Message("note_off", channel=number, note=pitch, time=wait))
    with TemporaryDirectory() as folder:
        score, sound = Path(folder, "chord.mid"), Path(folder, "chord.wav")
        file.save(str(score))
        words = [
            "fluidsynth",
            "-ni",
            "-q",
            "-r",
            str(RATE),
            "-F",
            str(sound),
            soundfont,
            str(score),
        ]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return read_sound(sound)[:, : round((SECONDS + TAIL) * RATE)]


def sines(pitches: tuple[int, ...]) -> Array:
    """Return a chord of bare sines."""
    time = np.arange(round((SECONDS + TAIL) * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time) for pitch in pitches)
    edge = np.clip(np.minimum(time, SECONDS - time) / 0.02, 0, 1)
    return np.tile((wave * edge).astype(np.float32), (2, 1))


def spectrogram(sound: Array) -> Array:
    """Return a picture `(HEIGHT, columns, 3)` of a sound, low frequencies at the bottom."""
    mono = sound.mean(axis=0)
    windows = np.lib.stride_tricks.sliding_window_view(mono, WINDOW)[::STEP]
    bins = round(HIGHEST * WINDOW / RATE)
    levels = 20 * np.log10(np.abs(np.fft.rfft(windows * np.hanning(WINDOW)))[:, :bins] + 1e-9)
    share = np.clip((levels - levels.max() - QUIET) / (LOUD - QUIET), 0, 1).T[::-1]
    rows = np.linspace(0, bins - 1, HEIGHT).round().astype(int)
    place = share[rows] * (len(COLOURS) - 1)
    stops = np.arange(len(COLOURS))
    return np.stack([np.interp(place, stops, COLOURS[:, one]) for one in range(3)], axis=-1).astype(
        np.uint8
    )


def life_of(sound: Array, pitch: int = ALONE, overtones: int = 4) -> Life:
    """Return how much pitch and overtones of a held note move, from 1 s to 3.5 s."""
    mono = sound.mean(axis=0)[RATE : round(3.5 * RATE)].astype(float)
    spectrum, hertz = np.fft.fft(mono), np.fft.fftfreq(len(mono), 1 / RATE)
    base, cents, levels = 440 * 2 ** ((pitch - 69) / 12), 0.0, []
    for number in range(1, overtones + 1):
        near = np.abs(hertz / (number * base) - 1) < 0.04
        wave = np.fft.ifft(np.where(near, 2 * spectrum, 0))[RATE // 8 : -RATE // 8]
        if number == 1:
            turns = np.diff(np.unwrap(np.angle(wave))) * RATE / (2 * np.pi)
            smooth = np.convolve(turns, np.full(960, 1 / 960), "valid")
            cents = float(np.std(1200 * np.log2(np.maximum(smooth, 1.0) / base)))
        level = np.convolve(np.abs(wave), np.full(2400, 1 / 2400), "valid")
        if level.mean() > 1e-4 * np.abs(mono).max():
            levels.append(float(np.std(20 * np.log10(level + 1e-9))))
    return Life(round(cents, 1), round(float(np.mean(levels)), 1))


def write_opus(path: Path, sound: Array) -> None:
    """Write a sound as a small Opus file, at the same loudness as the others."""
    import av

    sound = 0.1 * sound / max(1e-9, float(np.sqrt((sound**2).mean())))
    sound = np.clip(sound, -0.95, 0.95).astype(np.float32)
    with av.open(str(path), "w", format="ogg") as file:
        stream: Any = file.add_stream("libopus", rate=RATE, layout="stereo")
        stream.bit_rate = SOFT_BITS
        packed = np.ascontiguousarray(sound.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, "flt", "stereo")
        frame.sample_rate, frame.pts = RATE, 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--soundfont", default=SOUNDFONT, show_default=True)
def main(out: Path, soundfont: str) -> None:
    """Write sounds and spectrograms to a folder, and print how alive each sound is."""
    from PIL import Image

    players: dict[str, Callable[[tuple[int, ...]], Array]] = {
        "choir": choir,
        "fluidsynth": partial(fluidsynth, soundfont=soundfont),
        "sine": sines,
    }
    pictures = []
    for name, play in players.items():
        sound = play(CHORD)
        write_opus(out / f"chord-{name}.ogg", sound)
        pictures.append(spectrogram(sound))
        life = life_of(play((ALONE,)))
        click.echo(f"{name}: pitch moves by {life.cents} cents, overtones by {life.decibels} dB")
    width = min(picture.shape[1] for picture in pictures)
    first, second, third = (picture[:, :width] for picture in pictures)
    line = np.full((6, width, 3), 90, np.uint8)
    whole = np.concatenate([first, line, second, line, third])
    Image.fromarray(whole).save(out / "chord-spectrograms.webp", quality=80)


if __name__ == "__main__":
    main()
