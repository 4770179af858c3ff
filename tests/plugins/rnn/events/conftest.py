"""A small model that was trained on invented tunes."""

from pathlib import Path

import pytest
from helpers.music import tune, write_midi


@pytest.fixture(scope="session")
def learned(tmp_path_factory) -> Path:
    """A small model that was trained for a few seconds on invented tunes."""
    pytest.importorskip("torch")
    from capriccio_rnn.events.training import main as script
    from capriccio_rnn.events.training import network as net

    folder = tmp_path_factory.mktemp("tunes")
    for number in range(12):
        write_midi(folder / ("up" if number % 2 else "down") / f"{number}.mid", tune(number))
    (folder / "bad.mid").write_bytes(b"MThd")
    out = folder / "mine.onnx"
    small = {
        "INPUT": 32,
        "WIDTH": 48,
        "HEAD": 32,
        "BATCH_SIZE": 8,
        "EXCERPT_EVENTS": 64,
        "MAX_STEPS": 60,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, size in small.items():
            patch.setattr(script if hasattr(script, name) else net, name, size)
        script.train(folder, out)
    return out
