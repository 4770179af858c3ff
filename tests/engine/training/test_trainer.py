"""The training side: seeds, the loop and its checkpoints, the export and its card, measures."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from capriccio import Model, ModelError
from capriccio.training import (
    Trainer,
    export,
    frechet,
    gaps,
    kernel_distance,
    licence,
    mixed_precision,
    precision_recall,
    seed_everything,
    spread,
)
from torch import nn


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))


def trainer(path, **options):
    model = net()
    return Trainer(model, torch.optim.AdamW(model.parameters(), 0.02), path, **options)


def loss_of(model):
    def loss(step):
        x = torch.randn(16, 2)  # (batch, 2)
        return (model(x) - x.prod(1, keepdim=True)).square().mean()

    return loss


def validate(model):
    x = torch.randn(64, 2)  # (batch, 2)
    return {"mse": (model(x) - x.prod(1, keepdim=True)).square().mean(), "other": 7.0}


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_seeding_repeats_everything():
    import random

    draws = []
    for _ in range(2):
        seed_everything(5)
        draws.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert draws[0] == draws[1]


def test_bfloat16_is_used_where_the_processor_has_it_and_nowhere_else():
    flags = Path("/proc/cpuinfo")
    if not flags.exists():
        pytest.skip("only Linux lists what its processor can do")
    able = {"avx512_bf16", "amx_bf16"} & set(flags.read_text().split())
    with mixed_precision("cpu"):
        made = torch.ones(2, 2) @ torch.ones(2, 2)
    assert made.dtype == (torch.bfloat16 if able else torch.float32)


def test_training_learns_and_tells_the_best_metrics(tmp_path):
    one = trainer(tmp_path / "x.safetensors")
    metrics = one.run(loss_of(one.net), steps=200, validate=validate, every=50)
    assert metrics["mse"] < 0.3 and metrics["other"] == 7.0 and metrics["step"] <= 200
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "x.best.safetensors",
        "x.safetensors",
    ]


def test_a_resumed_training_goes_on_as_the_unbroken_one(tmp_path):
    whole = trainer(tmp_path / "whole.safetensors")
    whole.run(loss_of(whole.net), steps=60)
    first = trainer(tmp_path / "parts.safetensors")
    first.run(loss_of(first.net), steps=25)
    second = trainer(tmp_path / "parts.safetensors", resume=True)
    assert second.step == 25
    second.run(loss_of(second.net), steps=60)
    assert torch.equal(weights(second.net), weights(whole.net))
    assert torch.equal(weights(second.ema), weights(whole.ema))


def test_the_best_weights_are_kept_when_later_ones_are_worse(tmp_path):
    one = trainer(tmp_path / "x.safetensors")
    readings = iter([3.0, 1.0, 2.0, float("nan")])
    seen = []

    def judge(model):
        seen.append(weights(model))
        return {"score": next(readings)}

    metrics = one.run(loss_of(one.net), steps=40, validate=judge, every=10)
    assert metrics == {"score": 1.0, "step": 20}
    assert torch.equal(weights(one.ema), seen[1])


def test_a_time_budget_ends_the_training_and_the_schedule_follows_it(tmp_path):
    one, told = trainer(tmp_path / "x.safetensors"), []

    def schedule(progress):
        told.append(progress)
        return 1 - progress

    one.run(loss_of(one.net), steps=10**9, hours=0.5 / 3600, schedule=schedule)
    assert 1 < one.step < 10**6
    assert told == sorted(told) and 0.5 < told[-1] <= 1


def test_snapshots_come_with_every_validation(tmp_path):
    one, steps = trainer(tmp_path / "x.safetensors"), []
    one.run(loss_of(one.net), steps=25, every=10, on_snapshot=lambda ema, step: steps.append(step))
    assert steps == [10, 20, 25]


def test_a_dry_run_leaves_nothing_behind(tmp_path):
    one = trainer(tmp_path / "x.safetensors", dry_run=True, resume=True)
    metrics = one.run(loss_of(one.net), steps=10**9, validate=validate)
    assert one.step == 2 and metrics["mse"] > 0
    assert not list(tmp_path.iterdir())


def test_a_training_that_could_learn_nothing_is_told(tmp_path):
    one = trainer(tmp_path / "x.safetensors")
    for steps in (0, -3):
        with pytest.raises(ValueError, match=f"a training of {steps} steps; give at least 1"):
            one.run(loss_of(one.net), steps=steps)
    for hours in (0.0, float("nan")):
        with pytest.raises(ValueError, match=f"training of {hours} hours; give a number above 0"):
            one.run(loss_of(one.net), steps=5, hours=hours)
    one.run(loss_of(one.net), steps=5)
    one.run(loss_of(one.net), steps=0)  # of what was learned already it is the end
    assert one.step == 5


def test_a_loss_that_is_not_finite_stops_with_advice(tmp_path):
    one = trainer(tmp_path / "x.safetensors")
    with pytest.raises(FloatingPointError, match="loss became nan at step 0; lower the learning"):
        one.run(lambda step: one.net[0].weight.sum() * float("nan"), steps=5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_save_before_leaving(tmp_path, number):
    one = trainer(tmp_path / "x.safetensors")
    learn = loss_of(one.net)

    def loss(step):
        if step == 7:
            os.kill(os.getpid(), number)
        return learn(step)

    before = signal.getsignal(number)
    with pytest.raises(SystemExit, match=str(128 + number)):
        one.run(loss, steps=100)
    assert signal.getsignal(number) is before
    assert trainer(tmp_path / "x.safetensors", resume=True).step == 8


def test_there_must_be_something_to_resume(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing to resume: there is no"):
        trainer(tmp_path / "x.safetensors", resume=True)


def test_another_networks_checkpoint_is_not_resumed(tmp_path):
    one = trainer(tmp_path / "x.safetensors")
    one.run(loss_of(one.net), steps=1)
    other = nn.Linear(2, 3)
    with pytest.raises(ValueError, match="was written by a training of another network"):
        Trainer(other, torch.optim.SGD(other.parameters(), 0.1), one.path, resume=True)


# -- export -----------------------------------------------------------------------------------


class Painter(nn.Module):
    """Bytes and a state, as our players have them."""

    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.GRUCell(3, 4), nn.Linear(4, 12)

    def forward(self, x, state):
        state = self.cell(x, state)  # (1, 4)
        levels = self.out(state).sigmoid() * 255  # (1, 12)
        return levels.view(1, 2, 2, 3).to(torch.uint8), state


NAMES = {"input_names": ["x", "state"], "output_names": ["image", "next"]}
TOLERANCE = {"image": 1, "next": 1e-5}


def inputs():
    return torch.zeros(1, 3), torch.zeros(1, 4)


def test_an_exported_network_plays_as_torch_does(tmp_path):
    seed_everything(0)
    painter, path = Painter(), tmp_path / "p.onnx"
    card = {"licence": "MIT", "metrics": {"mse": 0.5}, "seed": 0, "name": "12"}
    error = export(painter, inputs(), path, **NAMES, card=card, tolerance=TOLERANCE)
    assert error <= 1
    x, state = torch.randn(1, 3), torch.randn(1, 4)
    model = Model(path)
    made = model(x=x.numpy(), state=state.numpy())
    wanted = painter(x, state)
    assert made["image"].shape == (1, 2, 2, 3) and made["image"].dtype == np.uint8
    assert np.allclose(made["next"], wanted[1].detach().numpy(), atol=1e-5)
    assert {name: model.card[name] for name in card} == card
    assert set(model.card) >= {"capriccio", "torch", "commit", "machine", "parity"}
    assert [path.name for path in tmp_path.iterdir()] == ["p.onnx"]


def test_nothing_of_this_machine_stands_in_the_file(tmp_path):
    export(Painter(), inputs(), tmp_path / "p.onnx", **NAMES, card={}, tolerance=TOLERANCE)
    content = (tmp_path / "p.onnx").read_bytes()
    assert b"stack_trace" not in content and b".py" not in content
    assert os.getcwd().encode() not in content


class Drifting(nn.Module):
    """Does something else when it is traced: what the parity check is for."""

    def forward(self, x):
        return x + (0.01 if torch.compiler.is_exporting() else 0.0)


def test_a_graph_that_drifts_from_torch_is_not_written(tmp_path):
    options = {"input_names": ["x"], "output_names": ["y"], "card": {}}
    path = tmp_path / "d.onnx"
    path.write_bytes(b"the good one of yesterday")
    with pytest.raises(ModelError, match=r"output 'y' .* is 0\.01 away from torch; at most 0\.001"):
        export(Drifting(), (torch.zeros(2),), path, **options, tolerance=1e-3)
    assert path.read_bytes() == b"the good one of yesterday"
    export(Drifting(), (torch.zeros(2),), path, **options, tolerance=0.02)
    assert json.loads(json.dumps(Model(path).card["parity"]))["y"] == pytest.approx(0.01, abs=1e-6)


def test_a_dry_export_checks_and_keeps_nothing(tmp_path, capsys):
    path = tmp_path / "p.onnx"
    export(Painter(), inputs(), path, **NAMES, card={}, tolerance=TOLERANCE, dry_run=True)
    assert not path.exists()
    assert "dry run, not kept" in capsys.readouterr().out


def test_weights_in_half_precision_play_as_torch_does_with_them_rounded(tmp_path):
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
    before = [weights.clone() for weights in net.parameters()]
    names = {"input_names": ["x"], "output_names": ["y"], "card": {}}
    whole, small = tmp_path / "whole.onnx", tmp_path / "small.onnx"
    export(net, (torch.zeros(1, 64),), whole, **names)
    assert export(net, (torch.zeros(1, 64),), small, **names, half=True) < 1e-5
    assert small.stat().st_size < 0.6 * whole.stat().st_size
    x = np.random.default_rng(0).standard_normal((1, 64), np.float32)
    one, other = (np.asarray(Model(path)(x=x)) for path in (whole, small))
    assert other.dtype == np.float32
    assert 0 < abs(one - other).max() < 5e-3
    assert all((a == b).all() for a, b in zip(before, net.parameters(), strict=True))


def test_rights_are_those_a_folder_states(tmp_path):
    assert licence(tmp_path)["licence"] == "not stated"
    (tmp_path / "LICENSE").write_text("as you like it")
    (tmp_path / "CREDIT.txt").write_text("to whom it is due\n")
    assert licence(tmp_path) == {"licence": "as you like it", "credit": "to whom it is due"}
    assert licence(Path("watercolors-usda-pomological"))["licence"].startswith("public domain")


# -- measures ---------------------------------------------------------------------------------


def test_the_distance_of_two_gaussians_is_the_formula():
    random = np.random.default_rng(0)
    one = random.standard_normal((60_000, 3))
    other = random.standard_normal((60_000, 3)) * [1, 2, 0.5] + [1, 0, 0]
    # |mean|² + Σ (1 - s)², for diagonal covariances
    assert frechet(one, other) == pytest.approx(1 + 1 + 0.25, rel=0.03)
    assert frechet(one, one) == pytest.approx(0, abs=1e-6)


def test_the_kernel_distance_is_nought_for_samples_of_one_thing_and_grows():
    random = np.random.default_rng(0)
    one, same, other = (random.standard_normal((800, 8)) + shift for shift in (0, 0, 0.7))
    assert abs(kernel_distance(one, same)) < 50 < kernel_distance(one, other)


def test_precision_and_recall_tell_beauty_from_variety():
    random = np.random.default_rng(0)
    real = random.standard_normal((500, 4))
    narrow = 0.1 * random.standard_normal((500, 4))
    wide = 4 * random.standard_normal((500, 4))
    precision, recall = precision_recall(real, narrow)
    assert precision > 0.95 and recall < 0.2
    precision, _ = precision_recall(real, wide)
    assert precision < 0.5
    assert spread(narrow) < spread(real) < spread(wide)
    with pytest.raises(ValueError, match="3 real and 500 made; give at least 4 each"):
        precision_recall(real[:3], wide)


def test_the_nearest_is_found():
    these = np.array([[0.0, 0.0], [3.0, 4.0]])
    how_far, which = gaps(np.array([[3.0, 4.0], [0.0, 1.0]]), these)
    assert which.tolist() == [1, 0] and how_far == pytest.approx([0, 1], abs=1e-6)
