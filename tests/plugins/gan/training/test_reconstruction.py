"""The decoder learns to give back pictures of which it knows the latents alone."""

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio_gan.training import flow  # noqa: E402
from capriccio_gan.training import reconstruction as module  # noqa: E402
from capriccio_gan.training.captions import Facts  # noqa: E402
from capriccio_gan.training.flow_network import FlowNetwork  # noqa: E402
from capriccio_gan.training.reconstruction import Reconstruction  # noqa: E402
from capriccio_gan.training.spaces import LatentSpace  # noqa: E402
from capriccio_gan.training.text_image import ImageEncoder  # noqa: E402
from capriccio_gan.vocabulary import Vocabulary  # noqa: E402


@pytest.fixture
def stage(monkeypatch):
    """Return one whose pictures are rough, of a light of their own, darker on the left."""
    monkeypatch.setattr(module, "BATCH", 4)
    monkeypatch.setattr(flow, "FlowNetwork", partial(FlowNetwork, widths=(16, 16, 24)))
    torch.manual_seed(0)
    light = np.linspace(60, 240, 6)[:, None, None, None]
    left = np.linspace(0.4, 1, 256)[None, None, :, None]
    rough = np.random.default_rng(0).uniform(0.85, 1, (6, 256, 256, 3))
    images = (light * left * rough).astype(np.uint8)
    space = LatentSpace()
    both = np.stack([
        [space.part.encode(np.ascontiguousarray(one)) for one in side]
        for side in (images, images[:, :, ::-1])
    ])  # fmt: skip
    sides = torch.from_numpy(both.astype(np.float16)), [Facts(kind="portrait")] * 6
    training = flow.FlowTraining(sides, sides, Vocabulary(["portrait"]), space)
    encoder = ImageEncoder(rows=64).eval().requires_grad_(False)
    return Reconstruction(training, images, images, [encoder])


def test_copies_of_the_pictures_come_nearer_to_them(stage):
    before = stage.validate(stage.net)["distance of copies"]
    assert before == stage.validate(stage.net)["distance of copies"] > 0
    for number in range(12):
        stage.optimizer.zero_grad()
        loss = stage.loss(number)
        loss.backward()
        stage.optimizer.step()
    assert stage.validate(stage.net)["distance of copies"] < 0.8 * before
    assert all(one.grad is None for one in stage.features.encoders[0].parameters())


def test_each_copy_is_compared_with_its_own_picture_mirrored_as_its_latents(stage, monkeypatch):
    for name in ("MAPS", "MOMENTS"):
        monkeypatch.setattr(module, name, 0.0)
    with torch.no_grad():
        errors = [stage.loss(step).item() / module.COLOURS for step in range(8)]
    assert max(errors) < 0.04  # the next picture is 0.1 away, its mirror image more


def test_samples_show_each_picture_beside_its_copy(stage):
    with torch.no_grad():
        stage.net.decoder.weights[-1].fill_(-9)  # what is added in the end: black
    made = np.asarray(stage.samples(stage.net))
    assert (made[:256, :256] == stage.checked[0]).all() and not made[:256, 256:512].any()
