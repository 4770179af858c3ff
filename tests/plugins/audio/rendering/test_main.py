"""The script that renders the samples."""

import json

import numpy as np
from capriccio_audio import instrument_samples
from capriccio_audio.rendering import main
from capriccio_audio.rendering.main import GAP_SECONDS, RATE, RECIPES, Recipe, render
from capriccio_audio.rendering.tones import Tone


def test_every_instrument_has_a_recipe():
    assert set(RECIPES) == set(instrument_samples.INSTRUMENTS)


def test_an_instrument_is_written_as_one_file_that_plays_where_it_says(tmp_path, monkeypatch):
    def click(pitch, layer):
        sound = np.zeros(4800)
        sound[480:960] = np.sin(np.arange(480) * 0.3) * (layer + 1)
        return Tone(sound)

    monkeypatch.setitem(main.RECIPES, "bells", Recipe(click, [60, 72], 2))
    assert render("bells", tmp_path) == (tmp_path / "bells.ogg").stat().st_size
    notes = json.loads((tmp_path / "bells.json").read_text())
    assert [(note["pitch"], note["layer"]) for note in notes] == [
        (60, 0),
        (60, 1),
        (72, 0),
        (72, 1),
    ]
    sound = instrument_samples.decode(tmp_path / "bells.ogg")
    assert notes[1]["start"] == 4800 + round(GAP_SECONDS * RATE)
    for note in notes:
        piece = np.abs(sound[note["start"] :][: note["frames"]])
        assert abs(np.flatnonzero(piece > 0.3)[0] - 480) < 60
