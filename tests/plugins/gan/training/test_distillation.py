"""The distillation of a flow: the student comes to paint in one step as the flow does in many."""

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio_gan.training import distillation as distillation_module  # noqa: E402
from capriccio_gan.training import flow  # noqa: E402
from capriccio_gan.training.captions import Facts  # noqa: E402
from capriccio_gan.training.distillation import Distillation  # noqa: E402
from capriccio_gan.training.flow_network import FlowNetwork  # noqa: E402
from capriccio_gan.training.spaces import LatentSpace  # noqa: E402
from capriccio_gan.vocabulary import Vocabulary  # noqa: E402


@pytest.fixture
def distillation(monkeypatch):
    monkeypatch.setattr(distillation_module, "BATCH", 4)
    monkeypatch.setattr(flow, "SHEET", 4)
    monkeypatch.setattr(flow, "FlowNetwork", partial(FlowNetwork, widths=(16, 16, 24)))
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    latents = torch.from_numpy(random.normal(0, 1, (2, 4, 8, 32, 32)).astype(np.float16))
    facts = [Facts(kind="portrait", movement=("cubism", "baroque")[at % 2]) for at in range(4)]
    vocabulary = Vocabulary(["portrait", "face", "cubism", "cubist", "baroque"])
    training = flow.FlowTraining((latents, facts), (latents, facts), vocabulary, LatentSpace())
    for weights in training.net.parameters():  # a flow whose directions change on the way
        if weights.dim() > 1 and not weights.any():
            torch.nn.init.normal_(weights, std=0.05)
    return Distillation(training, training.net)


def error(distillation):
    """Return how far one step of the student ends from where the flow ends, always alike."""
    torch.manual_seed(1)
    with torch.no_grad():
        return distillation.loss(1000).item()


def test_a_step_of_the_student_comes_near_where_the_flow_ends(distillation):
    before = error(distillation)
    for step in range(30):
        distillation.optimizer.zero_grad()
        distillation.loss(step).backward()
        distillation.optimizer.step()
    assert error(distillation) < 0.9 * before


def test_it_validates_alike_each_time(distillation):
    assert distillation.validate(distillation.net) == distillation.validate(distillation.net)


def test_the_teacher_is_left_as_it_was(distillation):
    before = [weights.clone() for weights in distillation.teacher.parameters()]
    distillation.loss(0).backward()
    distillation.optimizer.step()
    same = zip(before, distillation.teacher.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in same)
    assert all(weights.grad is None for weights in distillation.teacher.parameters())
