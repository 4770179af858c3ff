"""The training of a flow: it learns, validates alike each time, and shows samples."""

from functools import partial

import numpy as np
import onnx
import pytest
from capriccio import Model, Moment

torch = pytest.importorskip("torch")

from capriccio_gan.generator import GAN  # noqa: E402
from capriccio_gan.training import flow as module  # noqa: E402
from capriccio_gan.training import main, matching, networks, reconstruction  # noqa: E402
from capriccio_gan.training.captions import Facts  # noqa: E402
from capriccio_gan.training.flow_network import FlowNetwork  # noqa: E402
from capriccio_gan.training.pretrained import read_constants  # noqa: E402
from capriccio_gan.training.spaces import LatentSpace  # noqa: E402
from capriccio_gan.vocabulary import Vocabulary  # noqa: E402


@pytest.fixture(scope="module")
def training():
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    latents = torch.from_numpy(random.normal(1.5, 0.1, (2, 4, 8, 32, 32)).astype(np.float16))
    facts = [Facts(kind="portrait", movement=("cubism", "baroque")[at % 2]) for at in range(4)]
    vocabulary = Vocabulary(["portrait", "face", "cubism", "cubist", "baroque"])
    return module.FlowTraining((latents, facts), (latents, facts), vocabulary, LatentSpace())


def test_it_learns(training, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 4)
    before = training.validate(training.net)["picture error"]
    for step in range(12):
        training.optimizer.zero_grad()
        training.loss(step).backward()
        training.optimizer.step()
    after = training.validate(training.net)["picture error"]
    assert after < 0.9 * before


def test_it_validates_alike_each_time(training):
    assert training.validate(training.net) == training.validate(training.net)


def test_some_captions_are_not_told(training):
    random = np.random.default_rng(0)
    facts = training.train[1]
    assert (training.told(facts, random, 1.0) > 1).sum() == 0
    assert (training.told(facts, random, 0.0) > 1).any(1).all()


def test_samples_are_pictures_in_rows_of_eight(training, monkeypatch):
    monkeypatch.setattr(module, "SHEET", 9)
    assert training.samples(training.net).size == (2048, 512)


def test_rare_movements_are_drawn_more_often_than_they_are_common():
    facts = [Facts(movement="baroque")] * 16 + [Facts(movement="cubism")] * 4 + [Facts(kind="sea")]
    shares = module.balanced_shares(facts)
    assert shares.sum() == pytest.approx(1)
    baroque, cubism, sea = (shares[part].sum() for part in np.split(np.arange(21), [16, 20]))
    assert baroque == pytest.approx(2 * cubism) and cubism == pytest.approx(2 * sea)


@pytest.fixture
def small(monkeypatch):
    """A training that takes seconds."""
    for name, value in {"BATCH": 2, "VALIDATED": 2, "SHEET": 1, "CALIBRATION_PICTURES": 1}.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(module, "READERS", ((64, 0, 1, 2),))
    for name, value in {
        "BATCH": 2,
        "BEGUN": 2,
        "VALIDATED": 4,
        "KEPT": 1,
        "DECODER_RATE": 0.024,
    }.items():
        monkeypatch.setattr(matching, name, value)
    for name, value in {"BATCH": 2, "SHEET": 1}.items():
        monkeypatch.setattr(reconstruction, name, value)
    monkeypatch.setattr(networks, "EXAMPLES", 4)
    monkeypatch.setattr(module, "FlowNetwork", partial(FlowNetwork, widths=(16, 16, 24)))


def test_a_training_begins_with_salon_unless_from_scratch(folder, tmp_path, small, monkeypatch):
    begun = []
    monkeypatch.setattr(module, "begin_with", lambda net, words, *known: begun.append(known) or 0)
    main.train(folder, tmp_path / "mine.onnx", flow=True, steps=1)
    card = Model(tmp_path / "mine.onnx").card
    assert len(begun) == 1 and "--start salon" in card["command"]
    main.train(folder, tmp_path / "mine.onnx", flow=True, steps=2, resume=True)
    assert len(begun) == 1  # it goes on with its own weights
    assert card["begun_with"]["name"] == "salon" and "StyleSleuths" in card["begun_with"]["credit"]


def test_a_start_without_a_flow_is_refused(folder, tmp_path):
    for options in ({}, {"flow": True, "from_scratch": True}):
        with pytest.raises(ValueError, match="--start needs --flow"):
            main.train(folder, tmp_path / "mine.onnx", start=tmp_path / "a.onnx", **options)


def test_a_folder_becomes_a_model_of_the_part(folder, tmp_path, small):
    out = tmp_path / "mine.onnx"
    main.train(folder, out, flow=True, from_scratch=True, steps=2)
    card = Model(out).card
    assert "begun_with" not in card and "--from-scratch" in card["command"]
    stored = {one.name: one.data_type for one in onnx.load(str(out)).graph.initializer}
    assert stored["net.down.2.0.modulation.weight"] == onnx.TensorProto.INT8
    assert card["steps"] == 2 and card["convolutions"].startswith("8 bits")
    assert "--flow" in card["command"] and card["vocabulary"]
    part = GAN(model=out, seed=1)
    one, other = (part(Moment(), prompt=card["vocabulary"][0], drift=at) for at in (0.0, 0.5))
    assert one.shape == (256, 256, 3) and (one != other).any()
    assert not part.unused_knobs and len(card["dials"]) == 4
    assert "the ends of the decoder" in card["convolutions"]
    name = "decoder.grain.0.strength"  # the decoder that has learned is in the graph
    learned, known = (
        read_constants(onnx.load(str(path)).graph) for path in (out, LatentSpace().decoder_path)
    )
    assert np.abs(learned[f"joined/{name}"] - known[name]).max() > 0.01
    stages = ("student", "refined", "doubled", "reader0", "copied", "matched")
    assert all(out.with_suffix(f".{one}.safetensors").is_file() for one in stages)
    source = np.full((60, 80, 3), 200, np.uint8)
    kept, less = (part(Moment(), source=source, amount=amount) for amount in (0.0, 1.0))
    assert kept.shape == (256, 256, 3) and abs(kept.mean() - 200) < abs(less.mean() - 200)
    assert out.with_suffix(".png").is_file() and out.with_suffix(".safetensors").is_file()
