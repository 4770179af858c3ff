"""Image encoders read pictures, all of them moved, and those that belong together alike."""

import pytest

torch = pytest.importorskip("torch")

from capriccio_gan.training import image_features as module  # noqa: E402
from capriccio_gan.training.image_features import ImageFeatures  # noqa: E402
from capriccio_gan.training.text_image import ImageEncoder  # noqa: E402


@pytest.fixture
def features():
    torch.manual_seed(0)
    return ImageFeatures([ImageEncoder(rows=rows).eval() for rows in (64, 128)])


@pytest.mark.parametrize("varied", [0.0, 1.0])
def test_groups_are_moved_alike_and_each_time_anew(features, monkeypatch, varied):
    monkeypatch.setattr(module, "VARIED", varied)
    x = torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        for one in features.maps(torch.cat([x, x]), 2):
            assert torch.equal(one[:2], one[2:]) and not torch.equal(one[:1], one[1:2])
        one, other = features.pooled(x), features.pooled(x)
    assert any(not torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_last_map_of_each_encoder_counts_more(features):
    assert features.last.tolist() == [2, 6]
    shares = features.shares(5.0)
    assert shares.sum() == pytest.approx(1)
    assert shares[2] == shares[6] == pytest.approx(5 * shares[0])


def test_many_pictures_are_read_in_batches(features):
    batches = torch.rand(5, 3, 64, 64).split(2)
    levels = features.of_many(batches)
    assert len(levels) == 7 and levels[2].shape == (5, 160) and not levels[0].requires_grad


def test_the_distance_is_that_of_the_last_maps_in_percent(features):
    torch.manual_seed(0)
    real = [torch.randn(5000, 2) for _ in range(7)]
    made = [one + 9 for one in real]  # of maps that are not the last
    made[2], made[6] = real[2] + torch.tensor([0.2, 0.0]), real[6]
    assert features.distance(real, made) == pytest.approx(1, rel=0.1)  # 0.04 of 2, and 0
