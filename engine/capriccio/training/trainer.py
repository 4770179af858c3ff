"""Seeds, precision, and a training loop that can be stopped and resumed."""

import copy
import json
import math
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..atomic_file import write_bytes


def seed_everything(seed: int) -> None:
    """Make Python, numpy and torch draw the same numbers again."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def mixed_precision(device: str):
    """Compute in bfloat16 where the device has it in hardware; elsewhere that is far slower."""
    able = device != "cpu"
    if not able and hasattr(torch.cpu, "get_capabilities"):  # torch 2.10 has it
        has = torch.cpu.get_capabilities()
        able = bool(has.get("avx512_bf16") or has.get("amx_bf16"))
    return torch.autocast(device, torch.bfloat16, enabled=able)


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
        Raises ValueError where nothing could be learned in `steps` or `hours`.
        """
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        if steps < 1 and not self.step:
            raise ValueError(f"a training of {steps} steps; give at least 1")
        if hours is not None and not hours > 0:  # nan is refused as well
            raise ValueError(f"a training of {hours} hours; give a number above 0")
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
        write_bytes(path, save(tensors, metadata={"capriccio": json.dumps(state)}))

    def _read(self, path: Path):
        from safetensors import safe_open

        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            state = json.loads(file.metadata()["capriccio"])
        return tensors, state


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
