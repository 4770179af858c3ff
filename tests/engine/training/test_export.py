"""The export: a graph that computes as torch does, and its card."""

import json
import os

import numpy as np
import pytest
import torch
from capriccio import Model, ModelError
from capriccio.training import export, join_models, seed_everything
from torch import nn


class Network(nn.Module):
    """Returns bytes and a state, as the shipped models do."""

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


def test_an_exported_network_computes_as_torch_does(tmp_path):
    seed_everything(0)
    net, path = Network(), tmp_path / "p.onnx"
    card = {"licence": "MIT", "metrics": {"mse": 0.5}, "seed": 0, "name": "12"}
    error = export(net, inputs(), path, **NAMES, card=card, tolerance=TOLERANCE)
    assert error <= 1
    x, state = torch.randn(1, 3), torch.randn(1, 4)
    model = Model(path)
    made = model(x=x.numpy(), state=state.numpy())
    wanted = net(x, state)
    assert made["image"].shape == (1, 2, 2, 3) and made["image"].dtype == np.uint8
    assert np.allclose(made["next"], wanted[1].detach().numpy(), atol=1e-5)
    assert {name: model.card[name] for name in card} == card
    assert set(model.card) >= {"capriccio", "torch", "commit", "machine", "parity"}
    assert [path.name for path in tmp_path.iterdir()] == ["p.onnx"]


def test_no_paths_of_this_machine_are_in_the_file(tmp_path):
    export(Network(), inputs(), tmp_path / "p.onnx", **NAMES, card={}, tolerance=TOLERANCE)
    content = (tmp_path / "p.onnx").read_bytes()
    assert b"stack_trace" not in content and b".py" not in content
    assert os.getcwd().encode() not in content


class Drifting(nn.Module):
    """Computes something else when it is traced, which the check must find."""

    def forward(self, x):
        return x + (0.01 if torch.compiler.is_exporting() else 0.0)


def test_a_graph_that_differs_from_torch_is_not_written(tmp_path):
    options = {"input_names": ["x"], "output_names": ["y"], "card": {}}
    path = tmp_path / "d.onnx"
    path.write_bytes(b"the good one of yesterday")
    with pytest.raises(ModelError, match=r"output 'y' .* differs from torch by 0\.01, at"):
        export(Drifting(), (torch.zeros(2),), path, **options, tolerance=1e-3)
    assert path.read_bytes() == b"the good one of yesterday"
    export(Drifting(), (torch.zeros(2),), path, **options, tolerance=0.02)
    assert json.loads(json.dumps(Model(path).card["parity"]))["y"] == pytest.approx(0.01, abs=1e-6)


def test_a_dry_export_checks_and_writes_nothing(tmp_path, capsys):
    path = tmp_path / "p.onnx"
    export(Network(), inputs(), path, **NAMES, card={}, tolerance=TOLERANCE, dry_run=True)
    assert not path.exists()
    assert "dry run, not kept" in capsys.readouterr().out


def test_weights_in_half_precision_compute_as_rounded_weights_in_torch(tmp_path):
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


class Sum(torch.nn.Module):
    """Adds what it reads, some of it twice."""

    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return one + 2 * other


class Doubled(torch.nn.Module):
    """Doubles what it reads."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


def test_two_models_become_one_whose_further_inputs_are_zeros(tmp_path):
    x = torch.randn(1, 3)
    names = ("first", "second", "both")
    first, second, both = (tmp_path / f"{name}.onnx" for name in names)
    card = {"part": "it", "numbers": [1, 2], "text": "12"}
    export(Doubled(), (x,), first, input_names=["x"], output_names=["y"], card=card)
    export(
        Sum(),
        (x, torch.randn(1, 3)),
        second,
        input_names=["one", "other"],
        output_names=["z"],
        card={},
    )
    join_models(first, "y", second, both, card={"part": "both"}, dry_run=True)
    assert not both.exists()
    join_models(first, "y", second, both, card={"part": "both"}, dry_run=False)
    model = Model(both)
    assert list(model.inputs) == ["x"] and list(model.outputs) == ["y"]
    assert np.allclose(model(x=x.numpy()), 2 * x.numpy())
    assert model.card["part"] == "both"
    assert model.card["numbers"] == [1, 2] and model.card["text"] == "12"
