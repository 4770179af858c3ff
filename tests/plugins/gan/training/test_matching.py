"""Pictures get features with the moments of real ones, by the student and by the decoder."""

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio_gan.training import flow  # noqa: E402
from capriccio_gan.training import matching as module  # noqa: E402
from capriccio_gan.training import refinement as refined  # noqa: E402
from capriccio_gan.training.captions import Facts  # noqa: E402
from capriccio_gan.training.flow_network import FlowNetwork  # noqa: E402
from capriccio_gan.training.matching import (  # noqa: E402
    Matching,
    WordComponents,
    WordMoments,
)
from capriccio_gan.training.moments import MatchedMoments  # noqa: E402
from capriccio_gan.training.reconstruction import Reconstruction  # noqa: E402
from capriccio_gan.training.refinement import Refinement  # noqa: E402
from capriccio_gan.training.spaces import LatentSpace  # noqa: E402
from capriccio_gan.training.text_image import ImageEncoder  # noqa: E402
from capriccio_gan.vocabulary import Vocabulary  # noqa: E402


def test_components_of_words_have_variance_one_and_are_not_correlated():
    words = torch.tensor([[1, 2, 3], [1, 2, 0], [1, 4, 0], [1, 3, 0]])
    components = WordComponents(words, 6)
    told = components(words)  # three words that vary, one that never comes
    assert told.shape == (4, 3)
    assert torch.allclose(torch.cov(told.T), torch.eye(3), atol=1e-4)


def test_features_come_to_tell_as_much_of_words_as_real_ones():
    torch.manual_seed(0)
    told, real = torch.randn(400, 2), torch.randn(400, 4)
    real[:, 0] += 3 * told[:, 0]
    moments = MatchedMoments(real)
    words = WordMoments(moments, real, told)
    made = torch.randn(400, 4).requires_grad_()
    before = None
    for _ in range(40):
        x = moments.centred(made)
        words.update(x.detach(), told, 1.0)
        (gradient,) = torch.autograd.grad(words(x, told), made)
        made = (made - 40 * gradient).detach().requires_grad_()
        missing = (words.found - words.wanted).norm().item()
        before = before or missing
    assert before > 2 and missing < 0.1


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
    reconstruction = Reconstruction(training, images, images, [reader])
    return Matching(training, training.net, training.net, heads, reconstruction, reconstruction.net)


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
    assert all(weight.grad is None for weight in stage.features.encoders[0].parameters())


def test_samples_are_painted_by_the_decoder_that_learns(stage, monkeypatch):
    monkeypatch.setattr(flow, "SHEET", 1)
    with torch.no_grad():
        stage.net.decoder.weights[-1].fill_(-9)  # what is added in the end: black
    assert not np.asarray(stage.samples(stage.net))[:, :256].any()


def test_a_batch_has_each_subject_as_often_as_the_training(stage, monkeypatch):
    kinds = np.random.default_rng(0).permutation(["portrait"] * 12 + ["sea"] * 4)
    facts = [Facts(kind=str(kind)) for kind in kinds]
    training = stage.training
    training.train = training.train[0], facts
    stage.order = stage.order_of(facts)
    monkeypatch.setattr(
        training, "told", lambda chosen, *_: torch.tensor([one.kind == "sea" for one in chosen])
    )
    random = np.random.default_rng(1)
    assert all(stage._words(random).sum() == 1 for _ in range(8))  # of 4 captions


@pytest.mark.parametrize("wrong", [0.0, 3.0])
def test_words_and_copies_of_pictures_count_beside_the_moments(stage, monkeypatch, wrong):
    monkeypatch.setattr(MatchedMoments, "forward", lambda self, features: features.new_zeros(()))
    variance = stage.net.moments[stage.features.last[0]].variances.sum().item()
    monkeypatch.setattr(WordMoments, "forward", lambda *_: torch.tensor(wrong * variance))
    monkeypatch.setattr(stage.reconstruction, "error", lambda *_: torch.tensor(5.0))
    loss = stage.loss(1).item()  # of a step without the discriminator
    assert loss == pytest.approx(5 + module.WEIGHT * module.WORDS_WEIGHT * wrong)


def test_more_and_more_batches_count_in_the_moments(stage, monkeypatch):
    shares = []
    monkeypatch.setattr(MatchedMoments, "update", lambda self, x, *some: shares.append(some))
    for step in (0, 500, 10_000):
        stage.loss(step)
    each = len(stage.net.moments)
    assert shares[0] == (0.2, 0.2)
    assert shares[each] == (0.1, 0.2)
    assert shares[-1] == (0.05, 0.1)
