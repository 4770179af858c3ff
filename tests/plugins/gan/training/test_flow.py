"""The training of a flow: it learns, validates alike each time, and shows samples."""

import numpy as np
import pytest
import torch
from capriccio_gan.training import flow as module
from capriccio_gan.training.captions import Facts
from capriccio_gan.training.spaces import LatentSpace
from capriccio_gan.vocabulary import Vocabulary


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


def test_samples_are_pictures_of_prompts(training, monkeypatch):
    monkeypatch.setattr(module, "SHEET_STEPS", 1)
    sheet = training.samples(training.net, ["a cubist portrait", ""])
    assert sheet.size == (512, 256) or sheet.size[0] % 256 == 0


def test_the_rate_rises_and_falls(training):
    rates = [training.schedule(progress) for progress in (0.0, 0.02, 0.5, 1.0)]
    assert rates[0] < 0.1 < rates[2] < rates[1] and rates[3] < 0.05
