"""The training of the hand: batches, likelihood, and a model that draws."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio import Model  # noqa: E402
from capriccio_draw.generator import Draw  # noqa: E402
from capriccio_draw.pen_moves import features_of, moves_of  # noqa: E402
from capriccio_draw.training.dataset import Sketches  # noqa: E402
from capriccio_draw.training.main import (  # noqa: E402
    SketchBatches,
    begin_with,
    evaluate,
    plain,
    train,
)
from capriccio_draw.training.network import PenNetwork  # noqa: E402


def squares(count, words=0):
    """Return drawings of squares of several sizes, and a stroke across."""
    random, found = np.random.default_rng(0), Sketches()
    found.words = [f"word {number}" for number in range(words)]
    for number in range(count):
        side = random.uniform(80, 120)
        square = np.array([[0, 0], [side, 0], [side, side], [0, side], [0, 0]])
        across = np.array([[0, side / 2], [side, side / 2]])
        split = "valid" if number % 5 == 0 else "train"
        found.add(split, [square, across], number % max(1, words))
    return found


def write_records(folder, count=60):
    lines = []
    for number, (strokes, label) in enumerate(squares(count, 2).drawings["train"]):
        record = {"word": f"shape {label}", "key_id": number,
                  "drawing": [points.T.round().tolist() for points in strokes]}  # fmt: skip
        lines.append(json.dumps(record))
    (folder / "a.ndjson").write_text("\n".join(lines))


def test_features_of_a_batch_are_those_of_a_pen():
    batches = SketchBatches(squares(20), 1.0, 0)
    features, _, moves, pens = batches.whole("valid")[0]
    for number in range(len(moves)):
        length = int((pens[number] >= 0).sum())
        rows = torch.cat([moves[number, :length], pens[number, :length, None]], 1).numpy()
        assert np.allclose(features_of(rows)[:-1], features[number, :length], atol=1e-5)


def test_lengths_are_in_units_of_the_spread():
    batches = SketchBatches(squares(40), 0.0, 0)
    _, _, moves, pens = batches.whole("valid")[0]
    inner = moves[:, 1:][pens[:, 1:] >= 0]
    assert inner.std().item() == pytest.approx(1, abs=0.1)
    assert 1.15 * 120 / batches.unit == pytest.approx(batches.side, rel=0.05)


def test_a_step_has_the_same_batch_each_time_and_another_seed_others():
    batches = SketchBatches(squares(200), 1.0, 0)
    again = SketchBatches(squares(200), 1.0, 0)
    assert torch.equal(batches.train(3)[2], again.train(3)[2])
    assert not torch.equal(batches.train(3)[2], SketchBatches(squares(200), 1.0, 1).train(3)[2])


def test_words_are_told_and_sometimes_kept_back():
    batches = SketchBatches(squares(400, 2), 1.0, 0)
    words = torch.cat([batches.train(step)[1] for step in range(4)])
    told = words.sum(1)
    assert set(told.tolist()) == {0.0, 1.0}
    assert 0.8 < told.mean().item() < 0.97


def test_training_lowers_the_nats():
    torch.manual_seed(0)
    batches = SketchBatches(squares(100), 1.0, 0)
    net = PenNetwork(0, 16)
    valid = batches.whole("valid")
    before = evaluate(net, valid)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    from capriccio_draw.training.main import losses

    net.train()
    for step in range(15):
        drawn, lifted, points = losses(net, batches.train(step, 16))
        optimizer.zero_grad()
        ((drawn + lifted) / points).backward()
        optimizer.step()
    after = evaluate(net, valid)
    assert after["nats per point"] < before["nats per point"] - 0.5
    assert after["nats per point"] == pytest.approx(after["of moves"] + after["of the pen"])


def test_a_trained_model_draws_its_words(tmp_path):
    write_records(tmp_path)
    out = tmp_path / "mine.onnx"
    train(tmp_path, out, steps=2, width=32)
    card = Model(out).card
    assert set(card["words"]) == {"shape 0", "shape 1"}
    assert card["command"].endswith("--steps 2 --width 32")
    draw = Draw(model=str(out), seed=1)
    assert draw.words == ["shape 0", "shape 1"]
    assert draw.whole(word="shape 1")
    other = PenNetwork(2, 32)
    words, before = other.words.clone(), other.see.weight.clone()
    begin_with(other, out.with_suffix(".best.safetensors"))
    assert not torch.equal(other.see.weight, before)
    assert torch.equal(other.words, words)  # another collection has other words


def test_a_dry_run_leaves_nothing(tmp_path, capsys):
    write_records(tmp_path)
    train(tmp_path / "a.ndjson", tmp_path / "mine.onnx", dry_run=True, width=16)
    assert [file.name for file in tmp_path.iterdir()] == ["a.ndjson"]
    assert "dry run, not kept" in capsys.readouterr().out


def test_weights_of_another_size_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"ema.see.weight": torch.zeros(1)}, str(tmp_path / "a.safetensors"))
    with pytest.raises(ValueError, match="has no weights of a network of this size"):
        begin_with(PenNetwork(0, 16), tmp_path / "a.safetensors")


def test_moves_of_a_square_begin_at_its_centre():
    (strokes, _), *_ = squares(2).drawings["train"]
    places = np.cumsum(moves_of(strokes)[:, :2], axis=0)
    assert np.allclose(places.min(0), -places.max(0))


def test_a_step_in_plain_torch_runs():
    assert plain()() is not None
