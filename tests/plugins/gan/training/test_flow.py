"""The training of a flow: it learns, validates alike each time, and shows samples."""

from functools import partial

import numpy as np
import pytest
from capriccio import Model, Moment

torch = pytest.importorskip("torch")

from capriccio_gan.generator import GAN  # noqa: E402
from capriccio_gan.training import flow as module  # noqa: E402
from capriccio_gan.training import main, networks  # noqa: E402
from capriccio_gan.training.captions import Facts  # noqa: E402
from capriccio_gan.training.flow_network import FlowModel, FlowNetwork  # noqa: E402
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


def test_samples_are_pictures_of_prompts(training):
    sheet = training.samples(training.net, ["a cubist portrait", ""])
    assert sheet.size == (512, 256) or sheet.size[0] % 256 == 0


@pytest.fixture
def small(monkeypatch):
    """A training that takes seconds."""
    for name, value in {"BATCH": 2, "VALIDATED": 2, "SHEET": 1}.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(networks, "EXAMPLES", 4)
    monkeypatch.setattr(module, "FlowModel", partial(FlowModel, steps=1, guided=1))
    monkeypatch.setattr(module, "FlowNetwork", partial(FlowNetwork, widths=(16, 16, 16)))


def test_a_folder_becomes_a_model_of_the_part(folder, tmp_path, small):
    out = tmp_path / "mine.onnx"
    main.train(folder, out, flow=True, steps=2)
    card = Model(out).card
    assert card["steps"] == 2 and card["convolutions"].startswith("8 bits")
    assert "--flow" in card["command"] and card["vocabulary"]
    part = GAN(model=out, seed=1)
    one, other = (part(Moment(), prompt=card["vocabulary"][0], drift=at) for at in (0.0, 0.5))
    assert one.shape == (256, 256, 3) and (one != other).any()
    assert part.sources == []
    assert out.with_suffix(".png").is_file() and out.with_suffix(".safetensors").is_file()
