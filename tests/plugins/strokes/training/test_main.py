"""The brush learns from canvases of random strokes: what it is told to gain is what is gained."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio import Model  # noqa: E402
from capriccio_strokes import evaluate  # noqa: E402
from capriccio_strokes.strokes import SIDE, cover  # noqa: E402
from capriccio_strokes.training.main import (
    Brush,
    begun,
    command,
    judge,
    marks_of,
    pyramid,
    synthetic,
    train,
)
from click.testing import CliRunner  # noqa: E402


def test_canvases_follow_from_the_seed_and_are_pictures():
    one, same, other = (synthetic(2, np.random.default_rng(seed)) for seed in (1, 1, 2))

    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.shape == (2, 3, 64, 64)
    assert 0 <= one.min() < one.max() <= 1
    assert one.std() > 0.02


def test_the_gain_is_what_laying_the_mark_takes_away():
    chance = np.random.default_rng(3)
    target = synthetic(1, chance)
    canvas = begun(target, chance)
    torch.manual_seed(0)
    marks = marks_of(torch.randn(1, 16, 16, 7))
    gain, before, colour, _ = judge(target, canvas, marks)

    x, y, long, wide, cosine, sine = (float(m[0, 8, 5]) for m in marks[:6])
    across = torch.arange(64) + 0.5
    dx, dy = across.view(1, -1) - (5 * 4 + 2 + x), across.view(-1, 1) - (8 * 4 + 2 + y)
    mask = cover(dx * cosine + dy * sine, dy * cosine - dx * sine, long, wide)
    laid = canvas + mask * (colour[0, 8, 5].view(1, 3, 1, 1) - canvas)
    gained = (target - canvas).square().sum() - (target - laid).square().sum()

    assert gain[0, 8, 5].item() == pytest.approx(gained.item(), abs=1e-3)
    assert (before >= gain).all()


def test_no_other_colour_would_gain_more():
    chance = np.random.default_rng(4)
    target = synthetic(1, chance) * 0.5 + 0.25
    canvas = begun(target, chance)
    torch.manual_seed(0)
    gain, before, colour, mask = judge(target, canvas, marks_of(torch.randn(1, 16, 16, 7)))
    at = slice(9 * 4 + 2 - 11, 9 * 4 + 2 + 11), slice(7 * 4 + 2 - 11, 7 * 4 + 2 + 11)
    there, under = target[0, :, *at], canvas[0, :, *at]
    for nudge in (-0.05, 0.05):
        other = (colour[0, 9, 7] + nudge).view(3, 1, 1)
        left = (there - under - mask[0, 9, 7] * (other - under)).square().sum()
        assert before[0, 9, 7] - left < gain[0, 9, 7]


def test_marks_keep_to_what_a_network_may_propose():
    x, y, long, wide, cosine, sine, _ = marks_of(100 * torch.randn(64, 7))

    assert x.abs().max() <= 4 and y.abs().max() <= 4
    assert long.min() >= 0.7 and long.max() <= 9
    assert wide.min() >= 0.8 - 1e-5 and wide.max() <= 6 + 1e-4
    assert torch.allclose(cosine.square() + sine.square(), torch.ones(64))


def test_a_network_that_learns_gains_more():
    torch.manual_seed(0)
    net, target = Brush(), synthetic(4, np.random.default_rng(5))
    canvas = target.mean((2, 3), keepdim=True).expand_as(target).contiguous()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    gained = []
    for _ in range(25):
        gain, before, _, _ = judge(target, canvas, marks_of(net(target, canvas)))
        share = (gain / (before + 0.5)).mean()
        gained.append(share.item())
        optimizer.zero_grad()
        (-share).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()

    assert gained[-1] > gained[0] + 0.02
    assert [len(level[0, 0]) for level in pyramid(target)] == [64, 32, 16, 8]


def test_a_dry_run_takes_every_step_and_keeps_nothing(tmp_path):
    done = CliRunner().invoke(command, ["--out", str(tmp_path / "mine.onnx"), "--dry-run"])

    assert done.exit_code == 0, done.output
    assert "dry run, not kept" in done.output
    assert list(tmp_path.iterdir()) == []


def test_what_was_trained_paints(tmp_path):
    train(tmp_path / "mine.onnx", hours=0.002)
    model = Model(tmp_path / "mine.onnx")
    target = np.random.default_rng(0).random((SIDE, SIDE, 3), np.float32)

    assert model(target=target[None], canvas=target[None]).shape == (1364, 7)
    assert model.card["part"] == "painter"
    image = (target * 255).astype(np.uint8)
    for count in (12, 1001):
        assert evaluate.painted(model, image, count).shape == target.shape


def test_the_yardstick_comes_nearer_with_more_patience():
    target = synthetic(1, np.random.default_rng(6))[0].permute(1, 2, 0).numpy()
    errors = [float(((evaluate.greedy(target, 12, tries) - target) ** 2).mean())
              for tries in (2, 40)]  # fmt: skip

    assert errors[1] < errors[0] < target.var((0, 1)).mean()
