"""ONNX files that are written without the package onnx."""

import numpy as np
import onnx
import pytest
from capriccio import Model
from capriccio_critic.onnx_writer import write_logistic_model


def test_the_file_is_a_valid_model_that_computes_what_it_says(tmp_path):
    path, rng = tmp_path / "one.onnx", np.random.default_rng(1)
    mean, weight = rng.normal(size=(2, 300))
    spread = rng.uniform(0.5, 2, 300)
    card = {"kind": "a taste", "number": 40, "names": ["a", "ü"], "owner": "7"}
    write_logistic_model(path, mean, spread, weight, 0.3, card)
    onnx.checker.check_model(onnx.load(str(path)), full_check=True)
    model = Model(path)
    assert model.card == card
    features = rng.normal(size=(1, 300)).astype(np.float32) * 4
    logit = np.clip((features[0] - mean) / spread, -3, 3) @ weight + 0.3
    assert model(features=features)[0, 0] == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-5)
    assert [file.name for file in tmp_path.iterdir()] == ["one.onnx"]


def test_nothing_is_left_where_it_cannot_be_written(tmp_path):
    folder = tmp_path / "taken.onnx"
    folder.mkdir()
    with pytest.raises(OSError):
        write_logistic_model(folder, np.zeros(1), np.ones(1), np.ones(1), 0.0, {})
    assert list(tmp_path.iterdir()) == [folder]
