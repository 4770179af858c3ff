"""Several workers that train together: their batches, the average, and the way they are started."""

import os
import subprocess
import sys

import pytest
import torch
from capriccio.training import Trainer, mixed_precision, workers
from torch import nn

WORKERS = 4
# Trains a small network, of which the worker with a mark beside it is killed once; prints the
# gradients, and the weights at the end.
SCRIPT = """
import os, signal, sys
from pathlib import Path
import torch
from torch import nn
from capriccio.training import Trainer, workers

folder, kill = Path(sys.argv[1]), int(sys.argv[2])
workers.settings.accumulate = int(sys.argv[3])
torch.manual_seed(3)
# No bias before the normalization: it has no gradient but rounding, which Adam would enlarge.
body = nn.Sequential(nn.Linear(2, 8, bias=False), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1))
net = nn.ModuleDict({"body": body, "unused": nn.Linear(2, 2)})
trainer = Trainer(net, torch.optim.AdamW(net.parameters(), 0.02), folder / "x.safetensors")
rank, mark = os.environ.get("RANK", "0"), folder / "mark"

def loss(number):
    if trainer.step == kill and rank == "1" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    x = torch.randn(16, 2)  # (batch, 2)
    return (body(x) - x.prod(1, keepdim=True)).square().mean()

def validate(ema):
    return {"size": ema["body"][0].weight.square().sum()}

trainer.run(loss, steps=40, validate=validate, every=25)
grads = [one.grad for one in net.parameters()]
assert grads[-1] is None and grads[0] is not None
torch.save([one for one in grads if one is not None], folder / f"{rank}.grads")
torch.save(net.state_dict(), folder / f"{rank}.weights")
torch.save(trainer.ema.state_dict(), folder / f"{rank}.ema")
"""


def run(folder, workers=1, *, kill=-1, accumulate=1):
    """Train in `workers` processes; return the weights, gradients and averages of each."""
    folder.mkdir()
    (folder / "script.py").write_text(SCRIPT)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--max-restarts=1"]
    launcher += ["--local-addr=127.0.0.1"]  # asks no name server, which may not answer
    launcher += [f"--nproc-per-node={workers}"]
    words = [folder / "script.py", folder, kill, accumulate]
    done = subprocess.run(
        [sys.executable, *(launcher if workers > 1 else []), *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return [
        {kind: torch.load(folder / f"{rank}.{kind}") for kind in ("weights", "grads", "ema")}
        for rank in range(workers)
    ]


def flat(tensors):
    if isinstance(tensors, dict):  # without what a batch norm counts, which differs
        tensors = [value for name, value in tensors.items() if "body.1.r" not in name]
        tensors = [value for value in tensors if value.is_floating_point()]
    values = tensors
    return torch.cat([value.flatten().double() for value in values])


@pytest.mark.slow
def test_four_workers_train_as_one_does_that_accumulates_and_outlive_a_lost_one(tmp_path):
    one = run(tmp_path / "one", accumulate=WORKERS)[0]
    many = run(tmp_path / "many", WORKERS, kill=20)
    assert (tmp_path / "many" / "mark").exists()
    for kind in ("weights", "grads", "ema"):
        first, *others = (flat(worker[kind]) for worker in many)
        assert all(torch.equal(first, other) for other in others)
        assert torch.allclose(first, flat(one[kind]), atol=1e-4), kind
    # The checkpoint of several workers is resumed by one.
    body = nn.Sequential(nn.Linear(2, 8, bias=False), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1))
    net = nn.ModuleDict({"body": body, "unused": nn.Linear(2, 2)})
    path = tmp_path / "many" / "x.safetensors"
    trainer = Trainer(net, torch.optim.AdamW(net.parameters(), 0.02), path, resume=True)
    assert trainer.step == 40


@pytest.mark.parametrize("count", [1, 4])
def test_accumulated_gradients_are_those_of_all_batches(tmp_path, monkeypatch, count):
    net, seen, grads = nn.Linear(2, 1), [], []
    monkeypatch.setattr(workers.settings, "accumulate", count)
    trainer = Trainer(net, torch.optim.SGD(net.parameters(), 0.0), tmp_path / "x.safetensors")

    def loss(number):
        seen.append(number)
        x = torch.randn(8, 2)  # (batch, 2)
        value = (net(x) - 1).square().mean()
        grads.append(torch.autograd.grad(value, net.weight, retain_graph=True)[0])
        return value

    trainer.run(loss, steps=2, clip=1e9)
    assert seen == list(range(2 * count))
    torch.testing.assert_close(net.weight.grad, torch.stack(grads[count:]).mean(0))


def test_no_two_workers_take_the_same_batch(monkeypatch):
    monkeypatch.setattr(workers.settings, "accumulate", 2)
    monkeypatch.setattr(workers, "count_workers", lambda: 3)
    monkeypatch.setattr(workers.dist, "is_initialized", lambda: True)
    taken = []
    for step in range(4):
        for rank in range(3):
            monkeypatch.setattr(workers.dist, "get_rank", lambda rank=rank: rank)
            taken += workers.batch_numbers(step)
            assert workers.leads() is (rank == 0)
    assert taken == list(range(24))


def test_one_worker_joins_nobody(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    workers.join_workers()
    assert workers.count_workers() == 1 and workers.leads() and not workers.was_restarted()
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "2")
    assert workers.was_restarted()


def test_a_lost_worker_is_an_error_with_a_checkpoint(tmp_path, monkeypatch):
    net = nn.Linear(2, 1)
    trainer = Trainer(net, torch.optim.SGD(net.parameters(), 0.1), tmp_path / "x.safetensors")

    def lose(tensor):
        raise RuntimeError("connection closed by peer")

    monkeypatch.setattr(workers, "count_workers", lambda: 2)
    monkeypatch.setattr(workers.dist, "all_reduce", lose)
    with pytest.raises(ConnectionError, match="another worker is lost: connection closed"):
        trainer.run(lambda number: net(torch.ones(1, 2)).mean(), steps=3)
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_workers_that_are_left_do_not_write_to_the_same_file(tmp_path, monkeypatch):
    net, written = nn.Linear(2, 1), []
    trainer = Trainer(net, torch.optim.SGD(net.parameters(), 0.1), tmp_path / "x.safetensors")
    write = trainer._write
    monkeypatch.setattr(trainer, "_write", lambda path: written.append(path) or write(path))
    for number in (2, 3):
        monkeypatch.setattr(workers, "rank", lambda number=number: number)
        trainer.save(lost=True)
    assert len({*written, trainer.path}) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_bfloat16_and_compilation_can_be_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(workers.settings, "bf16", True)
    with mixed_precision("cpu"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.bfloat16
    compiled = []
    monkeypatch.setattr(nn.Module, "compile", lambda self: compiled.append(type(self)))
    monkeypatch.setattr(workers.settings, "compile", True)
    net = nn.Sequential(nn.Linear(2, 1), nn.Tanh())
    Trainer(net, torch.optim.SGD(net.parameters(), 0.1), tmp_path / "x.safetensors")
    assert compiled == [nn.Linear, nn.Tanh]
