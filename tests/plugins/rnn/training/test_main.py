"""Tests of `capriccio train rnn`, which chooses the kind of model."""

import json

import numpy as np
import pytest
from helpers.music import tune, write_midi

torch = pytest.importorskip("torch")

from capriccio_rnn.chorales.training import network as net  # noqa: E402
from capriccio_rnn.training import main as trainer  # noqa: E402


def test_a_folder_of_chorales_trains_the_chorale_model(tmp_path):
    tune = np.tile([[72, 67, 60, 48]] * 4 + [[74, 67, 59, 43]] * 4, (4, 1)).tolist()
    splits = {"train": [tune] * 3, "valid": [tune], "test": [tune]}
    (tmp_path / "Jsb16thSeparated.json").write_text(json.dumps(splits))

    trainer.train(tmp_path, tmp_path / "mine.onnx", dry_run=True)

    assert not (tmp_path / "mine.onnx").exists()  # a dry run keeps nothing


def test_any_other_folder_of_midi_files_trains_a_model_of_events(tmp_path, capsys):
    write_midi(tmp_path / "only.mid", tune(1))

    trainer.train(tmp_path, tmp_path / "mine.onnx", dry_run=True)

    assert [path.name for path in tmp_path.iterdir()] == ["only.mid"]
    assert "dry run, not kept" in capsys.readouterr().out


def test_plain_torch_takes_a_step():
    state, _, tokens, weights = trainer.plain()()

    assert state.shape == (net.LAYERS, net.WIDTH)
    assert tokens.shape == (4,)
    assert weights.shape == (1, 4 * net.TOKENS)


def test_plain_torch_takes_a_step_of_events():
    state, event, _ = trainer.plain("groove")()

    assert len(state) == 2 and event.shape == (4,)
