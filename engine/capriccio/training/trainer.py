"""Seeds, precision, and a training loop that can be stopped and resumed."""

import copy
import json
import math
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ..atomic_file import write_bytes
from . import workers

Tensors = dict[str, torch.Tensor]
FIRST_ESTIMATE = 45.0  # seconds of training, after which its end is estimated


def seed_everything(seed: int) -> None:
    """Seed the random numbers of Python, numpy and torch with `seed`."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def find_device() -> str:
    """Return "cuda" where torch finds a GPU, else "cpu"; join the other workers, if any."""
    workers.join_workers()
    return "cuda" if torch.cuda.is_available() else "cpu"


def mixed_precision(device: str) -> torch.autocast:
    """Return a context in which a device ("cpu", "cuda") computes in bfloat16 where it is fast.

    Weights may be changed within it: none is kept in bfloat16 from one use to the next.
    """
    able = device != "cpu" or workers.settings.bf16
    if not able and hasattr(torch.cpu, "get_capabilities"):  # torch 2.10 has it
        has = torch.cpu.get_capabilities()
        able = bool(has.get("avx512_bf16") or has.get("amx_bf16"))
    return torch.autocast(device, torch.bfloat16, enabled=able, cache_enabled=False)


class Trainer:
    """Trains a network: progress, time budget, validation, averaged weights, checkpoints.

    `net` is trained; `ema` is its exponential moving average, which is validated and exported,
    since averaged weights give better images and likelihoods. The random numbers of each step
    follow from seed and step, so a resumed training continues exactly as if never stopped.

    The newest state is written to `checkpoint`, the best one beside it as `.best.safetensors`. A
    `decay` of 0.999 averages over about the last 1,000 steps; `resume` goes on from `checkpoint`; a
    `dry_run` takes two steps, and writes no file. The `optimizer` is stepped and saved too.

    Where torchrun has started several workers, each takes batches of its own, and all step
    together: see workers.py. The first one writes; the checkpoint is the same for any number.
    """

    def __init__(
        self,
        net: nn.Module,
        optimizer: torch.optim.Optimizer,
        checkpoint: Path | str,
        *,
        seed: int = 0,
        decay: float = 0.999,
        resume: bool = False,
        dry_run: bool = False,
    ):
        workers.join_workers()
        self.net, self.optimizer, self.seed, self.decay = net, optimizer, seed, decay
        self.ema: Any = copy.deepcopy(net).eval().requires_grad_(False)
        self.path = Path(checkpoint)
        self.best_path = self.path.with_suffix(".best.safetensors")
        self.dry_run = dry_run
        self.step, self.seconds = 0, 0.0
        self.metrics: dict[str, float] = {}  # of the best checkpoint so far
        restarted = workers.was_restarted() and self.path.is_file()
        if (resume or restarted) and not dry_run:
            self.load()
        elif workers.count_workers() > 1:
            workers.share_weights([*net.state_dict().values(), *self.ema.state_dict().values()])
            self.save()  # before any worker can be lost: an older file is of another training
        if workers.settings.compile:
            for part in net.children():  # losses call these, and not always the whole
                part.compile()

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
        enough: int = 0,
    ) -> dict[str, float]:
        """Train until `steps` or `hours` are used up; return the metrics of the best checkpoint.

        Afterwards `ema` holds the best weights. Ctrl-C and SIGTERM end the training by SystemExit
        with a checkpoint to resume from. ValueError: `steps` or `hours` are not positive.

        Args:
            loss: returns the loss of the batch of this number: that of the step, where one worker
                takes one batch a step.
            hours: at most, those before a resume included.
            validate: returns named metrics of `ema`; the first decides which checkpoint is best,
                lower is better.
            every: steps between validations.
            schedule: returns a factor for the learning rates at a progress of 0..1.
            clip: the largest norm of all gradients together.
            on_snapshot: called with `ema` and the step after each validation.
            enough: steps from which on a model is worth using; a budget that will not reach them
                is told after the first minute, and at the end.
        """
        from rich import progress as ui

        if steps < 1 and not self.step:
            raise ValueError(f"steps must be at least 1, got {steps}")
        if hours is not None and not hours > 0:  # nan is refused as well
            raise ValueError(f"hours must be positive, got {hours}")
        whole = steps
        if self.dry_run:
            steps, hours, every = self.step + 2, None, 2
        budget = float("inf") if hours is None else hours * 3600
        for group in self.optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        resumed = self.seconds
        begun = time.monotonic() - self.seconds
        smooth, begun_at, estimated = None, self.step, self.dry_run
        columns = ui.BarColumn(), ui.MofNCompleteColumn(), ui.TimeElapsedColumn()
        figures_column = ui.TextColumn("{task.fields[figures]}")
        bar = ui.Progress(ui.TextColumn("{task.description}"), *columns, figures_column)
        with _stop_signals() as signals, bar:
            # Several workers stop at the same step, to which all of them have agreed.
            caught: list[int] = signals if workers.count_workers() == 1 else []
            task = bar.add_task("training", total=steps, completed=self.step, figures="")
            while self.step < steps and self.seconds < budget and not caught:
                progress = max(self.step / steps, self.seconds / budget)
                for group in self.optimizer.param_groups:
                    group["lr"] = group["initial_lr"] * (schedule(progress) if schedule else 1.0)
                try:
                    value, stop = self._take_step(loss, clip, begun, bool(signals))
                except ConnectionError:  # all that are left know the same
                    self.save(lost=True)
                    raise
                if stop and not caught:
                    caught.append(signal.SIGTERM)
                smooth = value if smooth is None else 0.98 * smooth + 0.02 * value
                progress = max(self.step / steps, self.seconds / budget)
                left = max(0.0, self.seconds / progress - self.seconds)
                if not estimated and time.monotonic() - begun - resumed > FIRST_ESTIMATE:
                    estimated = True
                    taken = (self.step - begun_at) / (self.seconds - resumed)
                    bar.console.print(_estimate(self, taken, steps, budget, enough))
                figures = f"loss {smooth:.4f}, {left / 60:.1f} min left"
                bar.update(task, completed=self.step, figures=figures)
                is_last = self.step >= steps or self.seconds >= budget
                if (self.step % every == 0 or is_last) and not caught:
                    metrics = self._validate(validate)
                    bar.console.print(f"step {self.step}: {figures}{metrics}", highlight=False)
                    self.save()
                    if on_snapshot and not self.dry_run and workers.leads():
                        with torch.no_grad():
                            on_snapshot(self.ema, self.step)
        if self.dry_run:
            print(_predict(self.seconds - resumed, self.step - begun_at, whole), flush=True)
        elif self.step < enough and not caught:
            print(
                f"too little time: {self.step} of the {enough} steps were taken from which on a "
                "model is worth using; go on with --resume and more --hours",
                flush=True,
            )
        if caught:
            self.save()
            print(f"stopped at step {self.step}; continue with --resume", flush=True)
            raise SystemExit(128 + caught[-1])
        if self.metrics and not self.dry_run:
            if workers.leads():
                tensors, _ = _read(self.best_path)
                self.ema.load_state_dict(_with_prefix(tensors, "ema."))
            workers.share_weights(self.ema.state_dict().values())
        return self.metrics

    def save(self, lost: bool = False) -> None:
        """Write the newest state to the checkpoint; each worker does where others are `lost`."""
        if lost and not self.dry_run:  # in a file of its own, since all write at once
            own = self.path.with_suffix(f".{workers.rank()}.safetensors")
            self._write(own)
            own.replace(self.path)
        elif workers.leads():
            self._write(self.path)

    def load(self) -> None:
        """Restore networks, optimizer, step, time; FileNotFoundError, ValueError: not its own."""
        if not self.path.is_file():
            raise FileNotFoundError(f"nothing to resume: there is no {str(self.path)!r}")
        tensors, state = _read(self.path)
        try:
            self.net.load_state_dict(_with_prefix(tensors, "model."))
            self.ema.load_state_dict(_with_prefix(tensors, "ema."))
        except RuntimeError:
            raise ValueError(
                f"{str(self.path)!r} is the checkpoint of another network; "
                "train without --resume, or resume where it belongs"
            ) from None
        entries: dict[int, Tensors] = {}
        for key, tensor in _with_prefix(tensors, "optimizer.").items():
            index, _, name = key.partition(".")
            entries.setdefault(int(index), {})[name] = tensor
        self.optimizer.load_state_dict({"state": entries, "param_groups": state["groups"]})
        self.step, self.seconds, self.metrics = state["step"], state["seconds"], state["metrics"]

    def _take_step(
        self, loss: Callable[[int], torch.Tensor], clip: float, begun: float, stops: bool
    ) -> tuple[float, bool]:
        self.net.train()
        self.optimizer.zero_grad(set_to_none=True)
        numbers, total = workers.batch_numbers(self.step), 0.0
        for number in numbers:
            torch.manual_seed(self.seed * 1_000_003 + number)
            value = loss(number)
            total += value.item() / len(numbers)
            if math.isfinite(total):
                (value / len(numbers)).backward()  # type: ignore[no-untyped-call]
        self.seconds = time.monotonic() - begun
        if (count := workers.count_workers()) > 1:
            leading = self.seconds if workers.leads() else 0.0
            figures = [total / count, leading, float(stops)]
            total, self.seconds, stopping = workers.average(self.net, figures)
            stops = stopping > 0
        if not math.isfinite(total):
            raise FloatingPointError(
                f"the loss became {total} at step {self.step}; "
                "lower the learning rate and resume from the last checkpoint"
            )
        nn.utils.clip_grad_norm_(self.net.parameters(), clip)
        self.optimizer.step()
        self.step += 1
        # Young averages forget faster, or the first random weights would remain for long.
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            average(tuple(self.ema.parameters()), tuple(self.net.parameters()), self.step)
            for buffer, new in zip(self.ema.buffers(), self.net.buffers(), strict=True):
                buffer.copy_(new)
        return total, stops

    def _validate(self, validate: Callable[[Any], dict[str, float]] | None) -> str:
        if validate is None:
            return ""
        torch.manual_seed(self.seed)
        with torch.no_grad():
            metrics = {name: float(value) for name, value in validate(self.ema).items()}
        first = next(iter(metrics))
        is_best = metrics[first] < self.metrics.get(first, math.inf)  # never for NaN
        if is_best:
            self.metrics = {**metrics, "step": self.step}
            if workers.leads():
                self._write(self.best_path)
        words = [f"{name} {value:.4f}" for name, value in metrics.items()]
        words[0] += " (lower is better; best so far)" if is_best else " (lower is better)"
        return f" | {', '.join(words)}"

    def _write(self, path: Path) -> None:
        if self.dry_run:
            return
        from safetensors.torch import save

        tensors = {f"model.{name}": tensor for name, tensor in self.net.state_dict().items()}
        tensors |= {f"ema.{name}": tensor for name, tensor in self.ema.state_dict().items()}
        optimizer = self.optimizer.state_dict()
        for index, entry in optimizer["state"].items():
            for name, value in entry.items():
                tensors[f"optimizer.{index}.{name}"] = torch.as_tensor(value)
        state = {"step": self.step, "seconds": self.seconds, "metrics": self.metrics}
        state["groups"] = optimizer["param_groups"]
        # Cloned, because safetensors refuses tensors that share memory (tied weights).
        tensors = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
        write_bytes(path, save(tensors, metadata={"capriccio": json.dumps(state)}))


def cosine_schedule(progress: float) -> float:
    """Return the factor of a learning rate: a warm-up over 2 % of the time, a cosine to 2 %.

    Args:
        progress: of the training, 0 to 1.
    """
    return min(progress * 50 + 0.02, 0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * progress)))


def _estimate(trainer: Trainer, pace: float, steps: int, budget: float, enough: int) -> str:
    """Return what a training will reach, at `pace` steps a second of a `budget` of seconds."""
    left = min(steps - trainer.step, pace * max(0.0, budget - trainer.seconds))  # may be endless
    within = trainer.step + round(left)
    text = f"at this pace {within} of {steps} steps will be taken"
    if within < enough:
        hours = (enough - trainer.step) / pace + trainer.seconds
        text += (
            f"; a model is worth using from {enough} steps on, which take {hours / 3600:.1f} h: "
            "stop with Ctrl-C, then --resume with more --hours"
        )
    return text


def _predict(seconds: float, taken: int, steps: int) -> str:
    """Return how long a training of `steps` will take, and its memory so far."""
    text = f"a training of {steps} steps takes about {seconds / max(1, taken) * steps / 3600:.1f} h"
    try:
        import resource
    except ImportError:  # not on Windows
        return text
    unit = 1024**3 if sys.platform == "darwin" else 1024**2  # bytes on macOS, else kilobytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return f"{text}, and about {peak:.1f} GB of memory for this much data"


def _read(path: Path) -> tuple[Tensors, dict[str, Any]]:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        state = json.loads(file.metadata()["capriccio"])
    return tensors, state


def _with_prefix(tensors: Tensors, prefix: str) -> Tensors:
    return {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Catch Ctrl-C and SIGTERM in a block, so that the state can be saved; yield their numbers."""
    caught: list[int] = []
    old: dict[int, Any] = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                old[number] = signal.signal(number, lambda number, frame: caught.append(number))
        yield caught
    finally:
        for signum, handler in old.items():
            signal.signal(signum, handler)
