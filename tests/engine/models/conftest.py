"""Fixtures of the model tests."""

import pytest


@pytest.fixture
def save(tmp_path):
    def write(model, name="tiny.onnx"):
        path = tmp_path / name
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return path

    return write
