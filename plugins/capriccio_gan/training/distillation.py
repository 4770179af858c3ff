"""Distil a flow: a student learns to reach in one step where the many steps of the flow end.

The student is a copy of the network. It begins at noise, or anywhere between noise and a picture,
and learns where guided steps lead from there (distillation of guided models, arXiv 2210.03142, for
the sampling of consistency models, arXiv 2303.01469). So a picture takes one call of the network,
and one that is there already can be painted again under other words.
"""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import Trainer, cosine_schedule, mixed_precision
from torch import Tensor

from .flow_network import FlowNetwork, integrate, sample, trajectory

RATE, BATCH = 2e-4, 16  # of Adam; trajectories, of each of which two places are learned
FROM_NOISE = 0.5  # share of the batch; the others begin between noise and a picture
LATEST = 0.9  # time at which one begins
UNTOLD = 0.1  # share of pictures whose caption is not told
STEPS, EVERY = 20_000, 250
ENOUGH = 1_000  # steps after which the student paints nearly as the flow does


def draw_starts(
    training: Any, random: np.random.Generator, size: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return places from which a student goes to the end, half of them noise alone.

    Returns:
        Latents of pictures, (size, 8, 32, 32), the words of their captions, (size, MAX_WORDS),
        times, (size,), and what lies between noise and the latents at these times.
    """
    x, words = training.batch(random, UNTOLD, size)
    t = LATEST * torch.rand(size, device=x.device)  # (size,)
    t[: round(FROM_NOISE * size)] = 0.0
    place = t.view(-1, 1, 1, 1)  # (size, 1, 1, 1)
    between = (1 - place) * torch.randn_like(x) + place * x  # (size, 8, 32, 32)
    return x, words, t, between.contiguous(memory_format=torch.channels_last)


class Distillation:
    """The student, its optimizer, and what the trainer calls.

    Args:
        training: of the flow, a `FlowTraining`, whose data it draws.
        teacher: the flow.
    """

    figure = "difference from the flow"  # what a validation measures

    def __init__(self, training: Any, teacher: FlowNetwork):
        self.training, self.teacher = training, teacher.eval()
        self.net: FlowNetwork = copy.deepcopy(teacher).train().requires_grad_(True)
        self.optimizer = torch.optim.Adam(self.net.parameters(), RATE, betas=(0.9, 0.99))

    def loss(self, step: int) -> Tensor:
        """Return how far a step of the student ends from where the flow ends."""
        random = np.random.default_rng([step, 13])
        _, words, t, between = draw_starts(self.training, random, BATCH)
        with mixed_precision(self.training.device):
            with torch.no_grad():
                states = trajectory(
                    self.teacher, between, self.teacher.encode(words), start=t,
                    guidance=self.training.guidance,
                )  # fmt: skip
            later = torch.randint(1, len(states) - 1, (BATCH,))  # a second place of each way
            x = torch.cat([between, torch.stack(states)[later, torch.arange(BATCH)]])
            t = torch.cat([t, t + (1 - t) * later.to(t) / (len(states) - 1)])  # (2 batch,)
            x = x.contiguous(memory_format=torch.channels_last)
            found = self.net(x, t, self.net.encode(words).repeat(2, 1))
        wanted = (states[-1].repeat(2, 1, 1, 1) - x) / (1 - t).view(-1, 1, 1, 1)
        return F.mse_loss(found.float(), wanted)

    @torch.no_grad()
    def validate(self, net: FlowNetwork) -> dict[str, float]:
        """Return how far one step from noise ends from where the flow ends, always alike."""
        errors = []
        for noise, words in self.training.examples():
            with mixed_precision(self.training.device):
                end = self._end(noise, self.teacher.encode(words))
                found = sample(net.eval(), noise, net.encode(words))
            errors.append(F.mse_loss(found, end).item())
        return {self.figure: float(np.mean(errors))}

    def _end(self, noise: Tensor, code: Tensor) -> Tensor:
        """Return the latents that the student is to reach from noise, (batch, 8, 32, 32) each."""
        return integrate(self.teacher, noise, code, guidance=self.training.guidance)

    def run(self, checkpoint: Path, **options: Any) -> Trainer:
        """Train, as `train_student` does; return the trainer, with the student in `ema`."""
        return train_student(self, checkpoint, clip=1.0, **options)

    def samples(self, net: FlowNetwork) -> Any:
        """Return a sheet of pictures by a student that was trained."""
        return self.training.samples(net, sample)


def train_student(
    stage: Any, checkpoint: Path, *, clip: float, every: int = EVERY,
    steps: int = STEPS, hours: float | None, resume: bool, seed: int, dry_run: bool = False,
) -> Trainer:  # fmt: skip
    """Train a stage of the student; return the trainer, with averaged networks in `ema`.

    Args:
        stage: a `Distillation`, a `Refinement` and so on: its `net`, `optimizer`, `loss`,
            `validate` and `samples`.
        checkpoint: the file; a sheet of samples is written beside it.
        clip: the greatest norm of a gradient.
        every: steps after which it is validated and the best state kept.
        steps: at most.
        hours: at most.
        resume: go on from the checkpoint, if there is one.
        seed: of everything random.
        dry_run: run every step once and write nothing.
    """
    trainer = Trainer(stage.net, stage.optimizer, checkpoint, seed=seed, decay=0.998,
                      resume=resume and checkpoint.is_file(), dry_run=dry_run)  # fmt: skip
    trainer.run(
        stage.loss, steps=steps, hours=hours, validate=stage.validate, every=every,
        schedule=cosine_schedule, clip=clip,
        on_snapshot=lambda ema, step: stage.samples(ema).save(checkpoint.with_suffix(".png")),
        enough=ENOUGH,
    )  # fmt: skip
    return trainer
