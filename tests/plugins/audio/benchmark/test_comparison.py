"""The choir beside other synthesizers."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from capriccio_audio.benchmark.comparison import (
    HEIGHT,
    SOUNDFONT,
    choir,
    life_of,
    main,
    sines,
    spectrogram,
)
from capriccio_audio.instrument_samples import RATE
from capriccio_audio.sound_file import read_sound
from click.testing import CliRunner


def test_a_sine_stands_still_and_the_choir_lives():
    still, alive = life_of(sines((67,))), life_of(choir((67,)))
    assert still.cents < 0.5
    assert still.decibels < 0.1
    assert alive.cents > 10
    assert alive.decibels > 1


def test_a_vibrato_is_measured():
    time = np.arange(5 * RATE) / RATE
    cents = 20 * np.sin(2 * np.pi * 5 * time)
    wave = np.sin(2 * np.pi * np.cumsum(440 * 2 ** (cents / 1200 - 2 / 12)) / RATE)
    assert life_of(np.stack([wave, wave])).cents == pytest.approx(20 / np.sqrt(2), rel=0.1)


def test_a_spectrogram_shows_low_sounds_at_the_bottom():
    picture = spectrogram(sines((48,)))
    assert picture.shape[0] == HEIGHT
    assert picture[-16:].max() > 200
    assert picture[: HEIGHT // 2].max() < 30


def test_all_three_are_written(tmp_path):
    if not (shutil.which("fluidsynth") and Path(SOUNDFONT).is_file()):
        pytest.skip("fluidsynth and its soundfont are not installed")
    told = CliRunner().invoke(main, ["--out", str(tmp_path)])
    assert told.exit_code == 0, told.output
    for name in ("choir", "fluidsynth", "sine"):
        assert read_sound(tmp_path / f"chord-{name}.ogg").shape[1] > 4 * RATE
        assert f"{name}: pitch moves by" in told.output
    assert (tmp_path / "chord-spectrograms.webp").stat().st_size < 150_000
