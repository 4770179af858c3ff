"""Training: seeds, precision, the loop, and its checkpoints."""

import os
import re
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from capriccio.training import (
    Trainer,
    cosine_schedule,
    find_device,
    mixed_precision,
    seed_everything,
    workers,
)
from capriccio.training import trainer as trainer_module
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


def test_the_device_is_a_gpu_where_torch_finds_one(monkeypatch):
    for found, device in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda found=found: found)
        assert find_device() == device


def test_weights_that_change_within_mixed_precision_are_used_as_they_are_now(monkeypatch):
    monkeypatch.setattr(workers.settings, "bf16", True)
    layer = torch.nn.Linear(4, 4)
    with mixed_precision("cpu"):
        layer(torch.ones(1, 4))
        with torch.no_grad():
            layer.weight.zero_()
        assert layer(torch.ones(1, 4))[0].tolist() == layer.bias.bfloat16().tolist()


def test_bfloat16_is_used_only_where_the_processor_has_it():
    flags = Path("/proc/cpuinfo")
    if not flags.exists():
        pytest.skip("only Linux lists what its processor can do")
    able = {"avx512_bf16", "amx_bf16"} & set(flags.read_text().split())
    with mixed_precision("cpu"):
        made = torch.ones(2, 2) @ torch.ones(2, 2)
    assert made.dtype == (torch.bfloat16 if able else torch.float32)


def test_training_learns_and_returns_the_best_metrics(tmp_path):
    one = trainer(tmp_path / "x.safetensors")
    metrics = one.run(loss_of(one.net), steps=200, validate=validate, every=50)
    assert metrics["mse"] < 0.3 and metrics["other"] == 7.0 and metrics["step"] <= 200
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "x.best.safetensors",
        "x.safetensors",
    ]


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path):
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

    def score(model):
        seen.append(weights(model))
        return {"score": next(readings)}

    metrics = one.run(loss_of(one.net), steps=40, validate=score, every=10)
    assert metrics == {"score": 1.0, "step": 20}
    assert torch.equal(weights(one.ema), seen[1])


def test_a_time_budget_ends_the_training_and_the_schedule_follows_it(tmp_path):
    one, progresses = trainer(tmp_path / "x.safetensors"), []

    def schedule(progress):
        progresses.append(progress)
        return 1 - progress

    one.run(loss_of(one.net), steps=10**9, hours=0.5 / 3600, schedule=schedule)
    assert 1 < one.step < 10**6
    assert progresses == sorted(progresses) and 0.5 < progresses[-1] <= 1


def test_snapshots_come_with_every_validation(tmp_path):
    one, steps = trainer(tmp_path / "x.safetensors"), []
    one.run(loss_of(one.net), steps=25, every=10, on_snapshot=lambda ema, step: steps.append(step))
    assert steps == [10, 20, 25]


def test_a_dry_run_leaves_nothing_behind(tmp_path):
    one = trainer(tmp_path / "x.safetensors", dry_run=True, resume=True)
    metrics = one.run(loss_of(one.net), steps=10**9, validate=validate)
    assert one.step == 2 and metrics["mse"] > 0
    assert not list(tmp_path.iterdir())


def test_no_steps_and_no_time_are_refused(tmp_path):
    one = trainer(tmp_path / "x.safetensors")
    for steps in (0, -3):
        with pytest.raises(ValueError, match=f"steps must be at least 1, got {steps}"):
            one.run(loss_of(one.net), steps=steps)
    for hours in (0.0, float("nan")):
        with pytest.raises(ValueError, match=f"hours must be positive, got {hours}"):
            one.run(loss_of(one.net), steps=5, hours=hours)
    one.run(loss_of(one.net), steps=5)
    one.run(loss_of(one.net), steps=0)  # those were taken already
    assert one.step == 5


def test_a_loss_that_is_not_finite_stops_with_advice(tmp_path):
    one = trainer(tmp_path / "x.safetensors")
    with pytest.raises(FloatingPointError, match="loss became nan at step 0; lower the learning"):
        one.run(lambda step: one.net[0].weight.sum() * float("nan"), steps=5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_save_a_checkpoint(tmp_path, number):
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


def test_a_missing_checkpoint_cannot_be_resumed(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing to resume: there is no"):
        trainer(tmp_path / "x.safetensors", resume=True)


def test_the_checkpoint_of_another_network_is_refused(tmp_path):
    one = trainer(tmp_path / "x.safetensors")
    one.run(loss_of(one.net), steps=1)
    other = nn.Linear(2, 3)
    with pytest.raises(ValueError, match="is the checkpoint of another network"):
        Trainer(other, torch.optim.SGD(other.parameters(), 0.1), one.path, resume=True)


def test_a_budget_that_is_too_small_is_told_early_and_at_the_end(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(trainer_module, "FIRST_ESTIMATE", 0.0)
    one = trainer(tmp_path / "x.safetensors")
    one.run(loss_of(one.net), steps=1_000_000, hours=0.2 / 3600, enough=900_000)
    told = " ".join(capsys.readouterr().out.split())
    assert "of 1000000 steps will be taken; a model is worth using from 900000 steps on" in told
    assert "too little time:" in told and "go on with --resume and more --hours" in told


def test_a_training_without_a_budget_is_estimated_as_well(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(trainer_module, "FIRST_ESTIMATE", 0.0)
    one = trainer(tmp_path / "a.safetensors")
    one.run(loss_of(one.net), steps=3)
    assert "at this pace 3 of 3 steps will be taken" in " ".join(capsys.readouterr().out.split())


def test_a_dry_run_predicts_time_and_memory(tmp_path, capsys):
    one = trainer(tmp_path / "x.safetensors", dry_run=True)
    one.run(loss_of(one.net), steps=10_000_000)
    told = capsys.readouterr().out
    assert re.search(r"a training of 10000000 steps takes about \d+\.\d h", told)
    assert sys.platform == "win32" or re.search(r"about \d+\.\d GB of memory", told)


def test_a_rate_rises_for_a_fiftieth_of_the_time_and_falls_to_a_fiftieth():
    rates = [cosine_schedule(progress) for progress in (0.0, 0.01, 0.02, 0.5, 1.0)]
    assert rates[0] < rates[1] < rates[2] and rates[2] > rates[3] > rates[4]
    assert rates[0] == pytest.approx(0.02) and rates[4] == pytest.approx(0.02)
    assert rates[2] > 0.99
