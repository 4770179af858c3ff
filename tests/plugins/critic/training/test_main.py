"""The training: every step runs, and the exported model can be used."""

import numpy as np
import pytest
from capriccio import Generator
from capriccio.models.model import read_card
from capriccio_critic.analyzer import Critic
from capriccio_critic.live_eval import second_opinion
from helpers.paintings import labels_of, stripes
from PIL import Image

torch = pytest.importorskip("torch")

from capriccio_critic.training import preference  # noqa: E402
from capriccio_critic.training.main import (  # noqa: E402
    CUTMIX,
    accuracy_by_artist,
    augmented_crops,
    cutmix,
    invariance_loss,
    masked_cross_entropy,
    smoothed_targets,
    train,
    whole_pictures,
)


class Stripes(Generator):
    """Paint stripes, upright or level."""

    def generate(self, now, *, slope=0.5):
        return stripes(round(100 * slope), slope > 0.5)


def test_crops_and_whole_pictures_have_the_requested_size():
    pixels = np.stack([np.asarray(Image.fromarray(stripes(n, True)).resize((160, 160)))
                       for n in range(8)])  # fmt: skip
    x = augmented_crops(pixels, np.arange(8), 64, np.random.default_rng(0))
    assert x.shape == (8, 3, 64, 64)
    assert 0 <= x.min() <= x.max() <= 1
    assert whole_pictures(pixels).shape == (8, 3, 128, 128)


def test_more_is_left_to_movements_of_the_same_time():
    pictures = labels_of([0, 1, 2], [0, 1, 2], [1500, 1520, 1900])
    targets = smoothed_targets(pictures, np.arange(3))
    assert targets.sum(1).tolist() == pytest.approx([1, 1, 1])
    assert targets.argmax(1).tolist() == [0, 1, 2]
    assert targets[0, 1] > 2 * targets[0, 2]


def test_what_is_not_known_is_not_trained():
    logits, truth = torch.randn(4, 3), torch.tensor([0, -1, 2, -1])
    loss = masked_cross_entropy(logits, truth, None)
    assert loss[1] == loss[3] == 0
    assert (loss[[0, 2]] > 0).all()
    exact = masked_cross_entropy(logits, truth, torch.eye(3))
    assert exact[2] == pytest.approx(-logits.log_softmax(1)[2, 2].item())


def test_views_of_a_picture_are_pulled_together_and_pictures_apart():
    torch.manual_seed(0)
    z = torch.randn(64, 16)
    alike, apart = invariance_loss(z, z), invariance_loss(z, torch.randn(64, 16))
    collapsed = invariance_loss(torch.ones(64, 16), torch.ones(64, 16))
    assert alike < apart
    assert alike < collapsed


def test_each_artist_counts_as_one():
    pictures = labels_of([0] * 8 + [1, 1], [0] * 10, [0] * 10)
    predicted = np.eye(2)[[0] * 8 + [1, 1]]
    assert accuracy_by_artist(predicted, pictures, np.arange(10), "kind") == 0.5


def test_a_share_of_the_batches_is_mixed_and_the_share_of_the_own_picture_is_true():
    torch.manual_seed(0)
    mixed = 0
    for seed in range(60):
        x = torch.arange(8.0)[:, None, None, None].expand(8, 3, 32, 32).clone()
        y, other, share = cutmix(x, np.random.default_rng(seed))
        own = (y == torch.arange(8.0)[:, None, None, None]).float().mean((1, 2, 3))
        moved = other != torch.arange(8)
        assert own[moved].tolist() == pytest.approx([share] * int(moved.sum()))
        mixed += share < 1
    assert mixed / 60 == pytest.approx(CUTMIX, abs=0.15)


@pytest.mark.slow
def test_a_dry_run_takes_every_step_and_writes_nothing(folder, tmp_path):
    train(folder, tmp_path / "mine.onnx", dry_run=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_trained_model_can_be_used(tmp_path, monkeypatch):
    monkeypatch.setattr(preference, "MAX_TRAIN", 20)  # its training has a test of its own
    for number in range(160):
        kind = tmp_path / "data" / ("upright" if number % 2 else "level")
        kind.mkdir(exist_ok=True, parents=True)
        Image.fromarray(stripes(number, bool(number % 2))).save(kind / f"{number}.png")
    train(tmp_path / "data", tmp_path / "mine.onnx", hours=0.001, half=1)
    card = read_card(tmp_path / "mine.onnx")
    assert card["half"] == 1 and card["command"].endswith("--seed 0 --half 1")
    assert 40 < card["pictures"] < 90  # of the half, some are checked and tested on
    critic = Critic(model=str(tmp_path / "mine.onnx"))
    readings = critic(stripes(3, True))
    assert critic.movements == ["level", "upright"]
    assert readings.movement in critic.movements
    assert (readings.artist, readings.hand) == ("", 1.0)
    assert (tmp_path / "mine.safetensors").exists()
    assert "Looks like" in critic.explain(stripes(3, True))
    assert second_opinion(critic, critic, Stripes(), count=3, trials=2)["trials"] == 4
