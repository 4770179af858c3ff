"""The training of the brush: gains of strokes, and a model that paints."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio import Model  # noqa: E402
from capriccio_strokes import evaluate  # noqa: E402
from capriccio_strokes.strokes import SIDE, coverage  # noqa: E402
from capriccio_strokes.training import main  # noqa: E402
from capriccio_strokes.training.canvases import begun_canvases, random_targets  # noqa: E402
from capriccio_strokes.training.main import command, stroke_gain  # noqa: E402
from capriccio_strokes.training.network import BrushNetwork, stroke_parameters  # noqa: E402
from click.testing import CliRunner  # noqa: E402


def test_the_gain_is_what_painting_the_stroke_takes_away():
    random = np.random.default_rng(3)
    target = random_targets(1, random)
    canvas = begun_canvases(target, random)
    torch.manual_seed(0)
    strokes = stroke_parameters(torch.randn(1, 16, 16, 7))
    gain, before, color, _ = stroke_gain(target, canvas, strokes)

    x, y, half_length, half_width, cosine, sine = (float(m[0, 8, 5]) for m in strokes[:6])
    across = torch.arange(64) + 0.5
    dx, dy = across.view(1, -1) - (5 * 4 + 2 + x), across.view(-1, 1) - (8 * 4 + 2 + y)
    mask = coverage(dx * cosine + dy * sine, dy * cosine - dx * sine, half_length, half_width)
    after = canvas + mask * (color[0, 8, 5].view(1, 3, 1, 1) - canvas)
    gained = (target - canvas).square().sum() - (target - after).square().sum()

    assert gain[0, 8, 5].item() == pytest.approx(gained.item(), abs=1e-3)
    assert (before >= gain).all()


def test_no_other_colour_gains_more():
    random = np.random.default_rng(4)
    target = random_targets(1, random) * 0.5 + 0.25
    canvas = begun_canvases(target, random)
    torch.manual_seed(0)
    gain, before, color, mask = stroke_gain(
        target, canvas, stroke_parameters(torch.randn(1, 16, 16, 7))
    )
    at = slice(9 * 4 + 2 - 11, 9 * 4 + 2 + 11), slice(7 * 4 + 2 - 11, 7 * 4 + 2 + 11)
    there, under = target[0, :, *at], canvas[0, :, *at]
    for nudge in (-0.05, 0.05):
        other = (color[0, 9, 7] + nudge).view(3, 1, 1)
        left = (there - under - mask[0, 9, 7] * (other - under)).square().sum()
        assert before[0, 9, 7] - left < gain[0, 9, 7]


@pytest.mark.slow
def test_a_network_learns_to_gain_more():
    torch.manual_seed(0)
    net, target = BrushNetwork(), random_targets(4, np.random.default_rng(5))
    canvas = target.mean((2, 3), keepdim=True).expand_as(target).contiguous()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    gained = []
    for _ in range(12):
        gain, before, _, _ = stroke_gain(target, canvas, stroke_parameters(net(target, canvas)))
        share = (gain / (before + 0.5)).mean()
        gained.append(share.item())
        optimizer.zero_grad()
        (-share).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()

    assert gained[-1] > gained[0] + 0.02


@pytest.mark.slow
def test_a_dry_run_takes_every_step_and_keeps_no_file(tmp_path):
    done = CliRunner().invoke(command, ["--out", str(tmp_path / "mine.onnx"), "--dry-run"])

    assert done.exit_code == 0, done.output
    assert "dry run, not kept" in done.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_trained_model_paints(tmp_path, monkeypatch):
    monkeypatch.setattr(main, "POOL", 32)
    main.train(None, tmp_path / "mine.onnx", hours=0.0005)
    model = Model(tmp_path / "mine.onnx")
    target = np.random.default_rng(0).random((SIDE, SIDE, 3), np.float32)

    assert model(target=target[None], canvas=target[None]).shape == (1364, 7)
    assert model.card["part"] == "painter"
    image = (target * 255).astype(np.uint8)
    for count in (12, 1001):
        assert evaluate.paint(model, image, count).shape == target.shape
