"""The critic's features tell how far pictures differ."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from capriccio_vae.training.perceptual import PerceptualLoss  # noqa: E402


def test_a_copy_has_no_loss_and_a_blurred_one_less_than_another_picture():
    torch.manual_seed(0)
    loss, x = PerceptualLoss(), torch.rand(2, 3, 64, 64)
    soft = torch.nn.functional.avg_pool2d(x, 3, 1, 1)
    assert loss(x, x).item() == 0
    assert 0 < loss(x, 0.9 * x + 0.1 * soft).item() < loss(x, soft).item()
    assert [part.shape[2] for part in loss.maps(x)] == [32, 16, 8, 4]
