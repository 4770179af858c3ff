"""What every train.py shares: seeds, a training loop, and an export that is checked and signed.

Torch lives here and in files named train.py, nowhere else. A network with its data and loss
stays in the plugin's own script, so that one file tells how an instrument was made.
"""

import copy
import json
import logging
import math
import os
import platform
import random
import signal
import subprocess
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .errors import ModelError

# ONNX Runtime 1.20, the oldest we install with, reads opset 21 and file version 10.
OPSET, IR_VERSION = 20, 10


def seed_everything(seed: int) -> None:
    """Make Python, numpy and torch draw the same numbers again."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


class Trainer:
    """Train a network: progress, time budget, validation, averaged weights, checkpoints.

    `checkpoint` is a `.safetensors` path; the newest state is kept there and the best one beside
    it as `.best.safetensors`. `net` learns; `ema` holds its exponential moving average, which is
    what is validated and exported, since averaged weights give steadier pictures and likelihoods.
    Every step's random numbers follow from seed and step, so a resumed training goes on as the
    unbroken one would have. A dry run takes two steps and leaves no file behind.
    """

    def __init__(
        self,
        net: nn.Module,
        optimizer: torch.optim.Optimizer,
        checkpoint: Path | str,
        *,
        seed: int = 0,
        decay: float = 0.999,  # averages over about the last 1,000 steps
        resume: bool = False,
        dry_run: bool = False,
    ):
        self.net, self.optimizer, self.seed, self.decay = net, optimizer, seed, decay
        self.ema: Any = copy.deepcopy(net).eval().requires_grad_(False)
        self.path = Path(checkpoint)
        self.best_path = self.path.with_suffix(".best.safetensors")
        self.dry_run = dry_run
        self.step, self.seconds = 0, 0.0
        self.metrics: dict[str, float] = {}  # of the best checkpoint so far
        if resume and not dry_run:
            self.load()

    def run(
        self,
        loss: Callable[[int], torch.Tensor],
        *,
        steps: int,
        hours: float | None = None,
        validate: Callable[[Any], dict[str, float]] | None = None,
        every: int = 500,
        schedule: Callable[[float], float] | None = None,
        clip: float = 1.0,
        on_snapshot: Callable[[Any, int], None] | None = None,
    ) -> dict[str, float]:
        """Train until `steps` or `hours` are used up; give the metrics of the best checkpoint.

        `loss(step)` gives the loss of that step's batch. `validate(ema)` gives named numbers, of
        which the first says which checkpoint is best: lower is better. `schedule(progress)`,
        progress rising from 0 to 1, scales the optimizer's learning rates; gradients are clipped
        to the norm `clip`. `hours` counts those before a resume as well. Afterwards `ema` holds
        the best weights. Ctrl-C and SIGTERM end the training with a checkpoint to resume from.
        """
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        if self.dry_run:
            steps, hours, every = self.step + 2, None, 1
        budget = float("inf") if hours is None else hours * 3600
        rates = [group.get("initial_lr", group["lr"]) for group in self.optimizer.param_groups]
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["initial_lr"] = rate
        begun, parameters = time.monotonic() - self.seconds, list(self.net.parameters())
        smooth = None
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[figures]}"),
        )
        with _Stop() as stop, Progress(*columns) as bar:
            task = bar.add_task("training", total=steps, completed=self.step, figures="")
            while self.step < steps and self.seconds < budget and not stop.signal:
                progress = max(self.step / steps, self.seconds / budget)
                for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * (schedule(progress) if schedule else 1.0)
                torch.manual_seed(self.seed * 1_000_003 + self.step)
                self.net.train()
                value = loss(self.step)
                if not torch.isfinite(value):
                    raise FloatingPointError(
                        f"the loss became {value.item()} at step {self.step}; "
                        "lower the learning rate and resume from the last checkpoint"
                    )
                self.optimizer.zero_grad(set_to_none=True)
                value.backward()
                nn.utils.clip_grad_norm_(parameters, clip)
                self.optimizer.step()
                self.step += 1
                self._average()
                self.seconds = time.monotonic() - begun
                smooth = value.item() if smooth is None else 0.98 * smooth + 0.02 * value.item()
                progress = max(self.step / steps, self.seconds / budget)
                left = self.seconds / progress - self.seconds
                figures = f"loss {smooth:.4f}, {left / 60:.1f} min left"
                bar.update(task, completed=self.step, figures=figures)
                ends = self.step >= steps or self.seconds >= budget
                if (self.step % every == 0 or ends) and not stop.signal:
                    line = self._validate(validate)
                    bar.console.print(f"step {self.step}: {figures}{line}", highlight=False)
                    self.save()
                    if on_snapshot and not self.dry_run:
                        with torch.no_grad():
                            on_snapshot(self.ema, self.step)
        if stop.signal:
            self.save()
            print(f"stopped at step {self.step}; go on with --resume", flush=True)
            raise SystemExit(128 + stop.signal)
        if self.metrics and not self.dry_run:
            tensors, _ = self._read(self.best_path)
            self.ema.load_state_dict(_under(tensors, "ema."))
        return self.metrics

    def save(self) -> None:
        """Write the newest state to the checkpoint."""
        self._write(self.path)

    def load(self) -> None:
        """Take up the newest state again: both networks, the optimizer, step and time."""
        if not self.path.is_file():
            raise FileNotFoundError(f"nothing to resume: there is no {str(self.path)!r}")
        tensors, state = self._read(self.path)
        try:
            self.net.load_state_dict(_under(tensors, "model."))
            self.ema.load_state_dict(_under(tensors, "ema."))
        except RuntimeError:
            raise ValueError(
                f"{str(self.path)!r} was written by a training of another network; "
                "train from the beginning, or resume where it belongs"
            ) from None
        entries: dict[int, dict] = {}
        for key, tensor in _under(tensors, "optimizer.").items():
            index, _, what = key.partition(".")
            entries.setdefault(int(index), {})[what] = tensor
        self.optimizer.load_state_dict({"state": entries, "param_groups": state["groups"]})
        self.step, self.seconds, self.metrics = state["step"], state["seconds"], state["metrics"]

    def _average(self) -> None:
        # Young averages forget faster, or the first random weights would linger for long.
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            mine, theirs = tuple(self.ema.parameters()), tuple(self.net.parameters())
            torch._foreach_lerp_(mine, theirs, 1 - decay)
            for mine_, theirs_ in zip(self.ema.buffers(), self.net.buffers(), strict=True):
                mine_.copy_(theirs_)

    def _validate(self, validate) -> str:
        if validate is None:
            return ""
        torch.manual_seed(self.seed)
        with torch.no_grad():
            metrics = {name: float(value) for name, value in validate(self.ema).items()}
        first = next(iter(metrics))
        best = self.metrics.get(first, math.inf)
        better = metrics[first] < best  # never so for NaN
        if better:
            self.metrics = {**metrics, "step": self.step}
            self._write(self.best_path)
        words = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        return f" | {words}{' (best)' if better else ''}"

    def _write(self, path: Path) -> None:
        if self.dry_run:
            return
        from safetensors.torch import save

        tensors = {f"model.{name}": tensor for name, tensor in self.net.state_dict().items()}
        tensors |= {f"ema.{name}": tensor for name, tensor in self.ema.state_dict().items()}
        optimizer = self.optimizer.state_dict()
        for index, entry in optimizer["state"].items():
            for what, value in entry.items():
                tensors[f"optimizer.{index}.{what}"] = torch.as_tensor(value)
        state = {"step": self.step, "seconds": self.seconds, "metrics": self.metrics}
        state["groups"] = optimizer["param_groups"]
        # Cloned, because safetensors refuses tensors that share memory (tied weights).
        tensors = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
        _place(path, save(tensors, metadata={"capriccio": json.dumps(state)}))

    def _read(self, path: Path):
        from safetensors import safe_open

        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            state = json.loads(file.metadata()["capriccio"])
        return tensors, state


def export(
    net: nn.Module,
    inputs: tuple[torch.Tensor, ...],
    path: Path | str,
    *,
    input_names: list[str],
    output_names: list[str],
    card: dict,
    tolerance: float | dict[str, float] = 1e-4,
    draw: Callable[[], tuple[torch.Tensor, ...]] | None = None,
    trials: int = 8,
    dry_run: bool = False,
) -> float:
    """Write a network as one ONNX file that does what torch does, with its card; give the error.

    Shapes are those of the example `inputs`. The file is put into place only when ONNX Runtime,
    on `trials` inputs made by `draw` (by default: normal floats, integers within the range of the
    example's), stays within `tolerance` of torch in every output, at most (a dictionary bounds
    each output by name). The card, a dictionary of whatever JSON can say, goes into the metadata,
    with commit, machine, versions and the error found. A dry run checks all and keeps nothing.
    """
    import onnx

    path, net = Path(path), net.eval()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, we do not
    draw = draw or (lambda: tuple(_random_like(example) for example in inputs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, about torch's own code
        program: Any = torch.onnx.export(
            net,
            inputs,
            input_names=input_names,
            output_names=output_names,
            opset_version=OPSET,
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    model = program.model_proto
    _forget_sources(model.graph)
    model.ir_version = min(model.ir_version, IR_VERSION)
    error = _parity(net, model.SerializeToString(), input_names, output_names, draw, trials,
                    tolerance)  # fmt: skip
    signed = {**_circumstances(), "parity": error, **card}
    del model.metadata_props[:]
    for key, value in signed.items():
        model.metadata_props.add(key=key, value=_plain(value))
    onnx.checker.check_model(model, full_check=True)
    if not dry_run:
        _place(path, model.SerializeToString())
    print(
        f"{path.name}: {model.ByteSize() / 1e6:.2f} MB, {len(model.graph.node)} nodes, largest "
        f"difference from torch {max(error.values()):.3g}{' (dry run, not kept)' * dry_run}"
    )
    return max(error.values())


def _parity(net, model: bytes, input_names, output_names, draw, trials, tolerance) -> dict:
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    error = dict.fromkeys(output_names, 0.0)
    for _ in range(trials):
        arrays = draw()
        with torch.no_grad():
            wanted = net(*arrays)
        wanted = (wanted,) if isinstance(wanted, torch.Tensor) else wanted
        feeds = {n: a.numpy() for n, a in zip(input_names, arrays, strict=True)}
        given = session.run(output_names, feeds)
        for name, want, give in zip(output_names, wanted, given, strict=True):
            gap = np.abs(want.numpy().astype(np.float64) - give.astype(np.float64)).max()
            error[name] = max(error[name], float(gap)) if gap == gap else float("inf")
    for name, gap in error.items():
        bound = tolerance[name] if isinstance(tolerance, dict) else tolerance
        if not gap <= bound:
            raise ModelError(
                f"output {name!r} of the exported graph is {gap:.3g} away from torch; at most "
                f"{bound:g} is allowed, so the file was not written"
            )
    return error


def _forget_sources(graph) -> None:
    """Drop where on this machine each node's source stood: that is nobody's business."""
    del graph.value_info[:]
    for thing in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del thing.metadata_props[:]
        thing.doc_string = ""
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [attribute.g] * attribute.HasField("g") + list(attribute.graphs):
                _forget_sources(inner)


def _random_like(example: torch.Tensor) -> torch.Tensor:
    if example.dtype.is_floating_point:
        return torch.randn_like(example)
    low, high = int(example.min()), int(example.max())
    return torch.randint(low, high + 1, example.shape).to(example.dtype)


def _circumstances() -> dict:
    """Say where and with what this was made; a card may overrule any of it."""
    from . import __version__

    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    except OSError:  # no git on this machine
        commit = ""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.split(":")[1].strip() for line in lines if "model name" in line), cpu)
    machine = f"{cpu}, {os.cpu_count()} cores"
    if torch.cuda.is_available():
        machine += f", {torch.cuda.get_device_name()}"
    return {
        "capriccio": __version__,
        "torch": torch.__version__,
        "commit": commit or "not known",
        "machine": machine,
    }


def _plain(value) -> str:
    """Write text as it is and the rest as JSON; text that looks like JSON is quoted as JSON."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, default=str)


def _place(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)


def _under(tensors: dict, prefix: str) -> dict:
    return {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}


class _Stop:
    """Remember Ctrl-C and SIGTERM instead of dying of them, so that the state can be saved."""

    signal = 0

    def __enter__(self):
        self._old = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._old[number] = signal.signal(number, self._heard)
        return self

    def _heard(self, number, frame):
        self.signal = int(number)

    def __exit__(self, *failure):
        for number, handler in self._old.items():
            signal.signal(number, handler)
