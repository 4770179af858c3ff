"""The preference of pictures to their degraded copies."""

import pytest
from capriccio_critic.training.degradations import DEGRADATIONS

torch = pytest.importorskip("torch")

from capriccio.training import PictureFile  # noqa: E402
from capriccio_critic.training.network import CriticNetwork  # noqa: E402
from capriccio_critic.training.preference import fit_weights, train_preference  # noqa: E402


def test_weights_are_large_for_features_that_separate_pictures_from_copies():
    torch.manual_seed(0)
    gaps = torch.randn(400, 20) + torch.tensor([1.5, -1.5] + 18 * [0.0])
    weight = fit_weights(gaps, 0.01)
    assert weight[0] > 3 * weight[2:].abs().max()
    assert weight[1] < -3 * weight[2:].abs().max()
    fresh = torch.randn(400, 20) + torch.tensor([1.5, -1.5] + 18 * [0.0])
    assert (fresh @ weight > 0).float().mean() > 0.95  # 0.98 is the most there is
    counts = (gaps[:, 0] > 1).float()  # the others do not count
    assert abs(fit_weights(gaps, 0.01, counts)[1]) < abs(weight[1])
    assert fit_weights(gaps, 1.0).norm() < weight.norm() / 3  # the stricter, the smaller


@pytest.mark.slow
def test_the_head_prefers_pictures_to_their_copies(folder):
    torch.manual_seed(0)
    paths = sorted((folder / "upright").glob("*.png"))
    files = [PictureFile(path.name, path) for path in paths]
    _, scores = train_preference(CriticNetwork([2, 1]).eval(), files[:30], files[30:], seed=0)
    assert scores.shape == (10, 8)
    assert (scores[:, :1] > scores[:, 1 : 1 + len(DEGRADATIONS)]).mean() > 0.7
