"""The training of the hand: batches, likelihood, and a model that draws."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio import Model  # noqa: E402
from capriccio_draw.generator import Draw  # noqa: E402
from capriccio_draw.pen_moves import features_of, moves_of  # noqa: E402
from capriccio_draw.training import main  # noqa: E402
from capriccio_draw.training.dataset import Sketches  # noqa: E402
from capriccio_draw.training.main import (  # noqa: E402
    SketchBatches,
    evaluate,
    plain,
    train,
)
from capriccio_draw.training.network import PenNetwork  # noqa: E402
from capriccio_draw.training.starting import begin_with  # noqa: E402


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
    features, _, moves, pens, _ = batches.whole("valid")[0]
    for number in range(len(moves)):
        length = int((pens[number] >= 0).sum())
        rows = torch.cat([moves[number, :length], pens[number, :length, None]], 1).numpy()
        assert np.allclose(features_of(rows)[:-1], features[number, :length], atol=1e-5)


def test_lengths_are_in_units_of_the_spread():
    batches = SketchBatches(squares(40), 0.0, 0)
    _, _, moves, pens, _ = batches.whole("valid")[0]
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
        drawn, lifted, _, points = losses(net, batches.train(step, 16))
        optimizer.zero_grad()
        ((drawn + lifted) / points).backward()
        optimizer.step()
    after = evaluate(net, valid)
    assert after["nats per point"] < before["nats per point"] - 0.5
    assert after["nats per point"] == pytest.approx(after["of moves"] + after["of the pen"])


def test_pictures_are_told_in_place_of_words_and_those_of_others_always():
    others = [strokes for strokes, _ in squares(500).drawings["train"]]
    batches = SketchBatches(squares(100, 2), 1.0, 0, pictured=0.6, others=others)
    told = [batches.train(step) for step in range(6)]
    words, pictures = (torch.cat([batch[at] for batch in told]) for at in (1, 4))
    pictured = pictures.flatten(1).any(1)
    assert 0.6 < pictured.float().mean().item() < 0.95  # 0.6 of its own, and as many others
    assert not words[pictured].any() and words[~pictured].sum(1).mean().item() > 0.7
    # Others are as large as its own.
    extents = [torch.cumsum(batch[2], 1).flatten(1).amax(1) for batch in told]
    assert torch.cat(extents).max() < 1.7 * torch.cat(extents).median()
    assert batches.whole("valid", pictured=True)[0][4].flatten(1).any(1).all()
    assert not batches.whole("valid")[0][4].any()


def test_a_trained_model_draws_its_words_and_others_begin_with_its_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(main, "PICTURE_STEPS", 2)
    write_records(tmp_path)
    out = tmp_path / "mine.onnx"
    train(tmp_path, out, steps=2, width=32, latents=3, others=tmp_path / "a.ndjson")
    card = Model(out).card
    assert set(card["words"]) == {"shape 0", "shape 1"} and card["latents"] == 3
    assert card["command"].endswith("--steps 2 --width 32 --latents 3 --others a.ndjson")
    assert {"valid nats per point", "valid nats per point, pictured"} <= set(card["metrics"])
    draw = Draw(model=str(out), seed=1)
    assert draw.words == ["shape 0", "shape 1"]
    one, other = draw.whole(word="shape 1"), draw.whole(1, word="shape 0")
    middle = draw.morph(one, other, 0.5)
    assert middle and all(np.isfinite(stroke.points).all() for stroke in middle)
    for file in (out, out.with_suffix(".best.safetensors")):
        net = PenNetwork(2, 32, latents=3)
        words, before = net.words.clone(), net.memory.weight_hh_l0.clone()
        begin_with(net, file, ["shape 1", "another"])
        assert not torch.equal(net.memory.weight_hh_l0, before)
        assert not torch.equal(net.words[2:], words[2:])  # with the encoder beside it
        assert torch.equal(net.words[1], words[1])
        assert torch.equal(net.words[0], words[0]) == (file != out)  # a model names its words


@pytest.mark.parametrize("options", [{"latents": -1}, {"others": "a.ndjson"}])
def test_an_encoder_must_have_latents(tmp_path, options):
    with pytest.raises(ValueError, match="an encoder must have latents, got"):
        train(tmp_path, tmp_path / "mine.onnx", **options)


def test_a_dry_run_leaves_nothing(tmp_path, capsys):
    write_records(tmp_path)
    train(tmp_path / "a.ndjson", tmp_path / "mine.onnx", dry_run=True, width=16)
    assert [file.name for file in tmp_path.iterdir()] == ["a.ndjson"]
    assert "dry run, not kept" in capsys.readouterr().out


def test_moves_of_a_square_begin_at_its_centre():
    (strokes, _), *_ = squares(2).drawings["train"]
    places = np.cumsum(moves_of(strokes)[:, :2], axis=0)
    assert np.allclose(places.min(0), -places.max(0))


def test_a_step_in_plain_torch_runs():
    assert plain()() is not None
