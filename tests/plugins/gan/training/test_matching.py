"""Pictures get features with the moments of real ones, by the student and by the decoder."""

from functools import partial

import numpy as np
import pytest
from capriccio.training import frechet

torch = pytest.importorskip("torch")

from capriccio_gan.training import flow  # noqa: E402
from capriccio_gan.training import matching as module  # noqa: E402
from capriccio_gan.training import refinement as refined  # noqa: E402
from capriccio_gan.training.captions import Facts  # noqa: E402
from capriccio_gan.training.flow_network import FlowNetwork  # noqa: E402
from capriccio_gan.training.matching import MatchedMoments, Matching  # noqa: E402
from capriccio_gan.training.refinement import Refinement  # noqa: E402
from capriccio_gan.training.spaces import LatentSpace  # noqa: E402
from capriccio_gan.training.text_image import ImageEncoder  # noqa: E402
from capriccio_gan.vocabulary import Vocabulary  # noqa: E402


def test_features_that_follow_the_gradient_come_nearer_to_real_ones():
    random = np.random.default_rng(0)
    shape = random.standard_normal((6, 6))
    real, made = (
        torch.from_numpy(strength * random.standard_normal((4000, 6)) @ shape + mean).float()
        for strength, mean in ((1.0, 1.0), (1.3, 0.0))
    )
    moments, before = MatchedMoments(real), frechet(real.numpy(), made.numpy())
    for _ in range(60):
        made = made.detach().requires_grad_()
        moments.update(made, 1.0)
        moments(made).backward()
        made = made - 2000 * moments.variances.sum() / 5 * made.grad
    assert frechet(real.numpy(), made.detach().numpy()) < 0.05 * before


def test_real_moments_have_no_gradient():
    real = torch.randn(500, 5) * torch.arange(1, 6)
    moments = MatchedMoments(real)
    moments.update(real, 1.0)
    features = real.clone().requires_grad_()
    moments(features).backward()
    assert features.grad.abs().max() < 1e-4
    assert moments(real).abs() < 0.02


@pytest.fixture
def stage(monkeypatch):
    """Return one that is to paint nearly white pictures."""
    monkeypatch.setattr(refined, "BATCH", 4)
    for name, value in {"BATCH": 4, "BEGUN": 2, "VALIDATED": 8, "KEPT": 2}.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(flow, "FlowNetwork", partial(FlowNetwork, widths=(16, 16, 24)))
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    images = random.integers(230, 256, (8, 256, 256, 3)).astype(np.uint8)
    space = LatentSpace()
    latents = np.stack([space.part.encode(one) for one in images]).astype(np.float16)
    facts = [Facts(kind="portrait")] * 8
    both = torch.from_numpy(np.stack([latents, latents]))
    training = flow.FlowTraining(
        (both, facts), (both, facts), Vocabulary(["portrait", "face"]), space
    )
    heads = Refinement(training, training.net, training.net).net.heads
    reader = ImageEncoder(rows=64).eval().requires_grad_(False)
    return Matching(training, training.net, training.net, heads, images, [reader])


def test_student_and_decoder_come_nearer_to_the_pictures(stage, monkeypatch):
    before = stage.validate(stage.net)["feature distance"]
    assert before == stage.validate(stage.net)["feature distance"] > 0
    for group, rate in zip(stage.optimizer.param_groups, (1e-3, 1e-4, 1e-4), strict=True):
        group["lr"] = rate
    moved = [one.detach().clone() for one in stage.net.decoder.parameters()]
    for number in range(12):
        stage.optimizer.zero_grad()
        loss = stage.loss(number)
        assert loss.isfinite()
        loss.backward()
        stage.optimizer.step()
    assert stage.validate(stage.net)["feature distance"] < 0.8 * before
    now = stage.net.decoder.parameters()
    assert any(not torch.equal(one, other) for one, other in zip(moved, now, strict=True))
    assert all(weight.grad is None for weight in stage.encoders[0].parameters())


def test_samples_are_painted_by_the_decoder_that_learns(stage, monkeypatch):
    monkeypatch.setattr(flow, "SHEET", 1)
    with torch.no_grad():
        stage.net.decoder.weights[-1].fill_(-9)  # what is added in the end: black
    assert not np.asarray(stage.samples(stage.net))[:, :256].any()


def test_the_decoder_is_to_give_back_the_picture_of_the_latents_it_gets(stage, monkeypatch):
    monkeypatch.setattr(module, "WEIGHT", 0.0)
    light = np.linspace(60, 240, 8, dtype=np.uint8)  # each picture has its own
    stage.images = np.broadcast_to(light[:, None, None, None], (8, 256, 256, 3)).copy()
    latents = np.stack([stage.training.space.part.encode(one) for one in stage.images])
    stage.training.train = torch.from_numpy(latents)[None], stage.training.train[1]
    with torch.no_grad():  # a step without the discriminator: the error alone
        errors = [stage.loss(step).item() for step in (1, 3, 5, 7)]
    assert max(errors) < 0.04  # another picture is 0.1 away at least
