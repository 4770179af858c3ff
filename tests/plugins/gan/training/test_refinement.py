"""The refinement of a student: it comes to make latents that look like those of real pictures."""

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio_gan.training import flow  # noqa: E402
from capriccio_gan.training import refinement as module  # noqa: E402
from capriccio_gan.training.captions import Facts  # noqa: E402
from capriccio_gan.training.flow_network import FlowNetwork, sample  # noqa: E402
from capriccio_gan.training.refinement import (  # noqa: E402
    Refinement,
    SecondStep,
    strengthen_words,
    take_two_steps,
)
from capriccio_gan.training.spaces import LatentSpace  # noqa: E402
from capriccio_gan.vocabulary import Vocabulary  # noqa: E402


@pytest.fixture
def refinement(monkeypatch):
    """Return one whose teacher knows no direction: what a step of the student makes is noise."""
    monkeypatch.setattr(module, "BATCH", 8)
    monkeypatch.setattr(flow, "FlowNetwork", partial(FlowNetwork, widths=(16, 16, 24)))
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    latents = torch.from_numpy(random.normal(2, 0.1, (2, 8, 8, 32, 32)).astype(np.float16))
    facts = [Facts(kind="portrait")] * 8
    training = flow.FlowTraining(
        (latents, facts), (latents, facts), Vocabulary(["portrait", "face"]), LatentSpace()
    )
    for weights in training.net.parameters():  # features that differ from place to place
        if weights.dim() > 1 and not weights.any():
            torch.nn.init.normal_(weights, std=0.05)
    return Refinement(training, training.net, training.net)


def step(refinement, number):
    refinement.optimizer.zero_grad()
    loss = refinement.loss(number)
    loss.backward()
    refinement.optimizer.step()
    return loss


def test_the_student_comes_nearer_to_real_latents(refinement, monkeypatch):
    monkeypatch.setattr(module, "TAUGHT_WEIGHT", 0.0)
    for group in refinement.optimizer.param_groups:
        group["lr"] = 2e-3
    noise = torch.randn(4, 8, 32, 32)
    code = refinement.teacher.encode(torch.zeros(4, 2, dtype=torch.long))

    @torch.no_grad()
    def distance():
        return (sample(refinement.net.student, noise, code).mean() - 2).abs()

    before = distance()
    for number in range(25):
        step(refinement, number)
    assert distance() < 0.8 * before


def test_both_sides_get_their_own_gradients(refinement):
    before = [weights.clone() for weights in refinement.teacher.parameters()]
    assert step(refinement, 0).isfinite()
    assert all(weights.grad is None for weights in refinement.teacher.parameters())
    same = zip(before, refinement.teacher.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in same)
    for part in (refinement.net.student, refinement.net.heads):
        assert any(weights.grad is not None and weights.grad.any() for weights in part.parameters())


def test_the_gradient_of_the_student_is_that_of_its_own_loss(refinement, monkeypatch):
    monkeypatch.setattr(module, "TAUGHT_WEIGHT", 0.0)
    found = []
    monkeypatch.setattr(
        refinement,
        "_compare",
        lambda x, made, code: (0 * x.sum(), found.append(made) or made.sum()),
    )
    refinement.loss(0).backward()
    gradient = refinement.net.student.conv_out.bias.grad
    assert found[0].requires_grad and (gradient > 0).all()  # more of it is a greater loss


def test_it_validates_alike_each_time(refinement):
    one = refinement.validate(refinement.net)
    assert one == refinement.validate(refinement.net) and one["picture distance"] > 0


def test_words_lead_the_student_where_they_count_more(refinement, monkeypatch):
    monkeypatch.setattr(module, "TAUGHT_WEIGHT", 0.0)
    monkeypatch.setattr(module, "SCALE", 0.0)  # the discriminator says nothing
    monkeypatch.setattr(refinement, "_pull", lambda made, t, told: torch.ones_like(made))
    refinement.loss(0).backward()
    bias = refinement.net.student.conv_out.bias
    assert (bias.grad < 0).all()  # the student is to make more of it
    bias.grad = None
    refinement.training.guidance = 1.0
    refinement.loss(0).backward()
    assert not bias.grad.any()


def test_words_lead_from_what_is_made_without_them(refinement):
    made, t = torch.randn(2, 8, 32, 32), torch.tensor([0.0, 0.5])
    nothing = refinement.teacher.encode(torch.zeros(2, 2, dtype=torch.long))
    free = refinement.teacher(made, t, nothing)
    early, late = refinement._pull(made, t, free + 1)
    assert not early.any()  # the first step from noise is not guided
    torch.testing.assert_close(late, torch.full_like(late, 0.5), atol=0.05, rtol=0)


@torch.no_grad()
def test_words_are_strengthened_but_not_the_lack_of_them(refinement):
    net = refinement.net.student
    torch.nn.init.normal_(net.text[0].bias)
    words = torch.tensor([[0, 0, 0], [1, 2, 3]])
    nothing, told = net.encode(words)
    strengthen_words(net, 1.5)
    torch.testing.assert_close(net.encode(words)[0], nothing)
    torch.testing.assert_close(net.encode(words)[1] - nothing, 1.5 * (told - nothing))


@pytest.fixture
def second(refinement, monkeypatch):
    monkeypatch.setattr(module, "DISTILLED_BATCH", 4)
    return SecondStep(refinement.training, refinement.net.student)


def distance_to_two_steps(second):
    torch.manual_seed(1)
    with torch.no_grad():
        return second.loss(1000).item()


def test_one_step_comes_near_where_two_lead(second):
    before = [weights.clone() for weights in second.teacher.parameters()]
    torch.nn.init.constant_(second.net.conv_out.bias, 0.5)
    second.optimizer.param_groups[0]["lr"] = 1e-2
    first = distance_to_two_steps(second)
    for number in range(30):
        step(second, number)
    assert distance_to_two_steps(second) < 0.8 * first
    same = zip(before, second.teacher.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in same)


@torch.no_grad()
def test_the_second_step_begins_a_short_way_back(second):
    net, noise = second.teacher, torch.randn(2, 8, 32, 32)
    code = net.encode(torch.tensor([[2, 0], [3, 2]]))
    first = sample(net, noise, code)
    start = torch.full((2,), 1 - module.BACK)
    again = sample(net, noise, code, source=first, start=start)
    found = take_two_steps(net, noise, torch.zeros(2), code)
    torch.testing.assert_close(found, again)
    assert (found - first).abs().max() > 0.01
    late = take_two_steps(net, noise, torch.ones(2), code)
    torch.testing.assert_close(late, noise)  # nothing is left to go


def test_words_count_more_in_two_steps(refinement, second):
    words = torch.tensor([[0, 0], [2, 3]])
    (nothing, told), (none, more) = (
        net.encode(words) for net in (refinement.net.student, second.teacher)
    )
    torch.testing.assert_close(none, nothing)
    share = 1 + module.SECOND_GAIN * (second.training.guidance - 1)
    torch.testing.assert_close(more - none, share * (told - nothing))
    assert second.validate(second.net) == second.validate(second.net)
