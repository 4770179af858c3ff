"""Distil a flow: a student learns to reach in one step where the many steps of the flow end.

The student is a copy of the network. It begins at noise, or anywhere between noise and a picture,
and learns where guided steps lead from there (distillation of guided models, arXiv 2210.03142, for
the sampling of consistency models, arXiv 2303.01469). So a picture takes two calls of the network,
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


class Distillation:
    """The student, its optimizer, and what the trainer calls.

    Args:
        training: of the flow, a `FlowTraining`, whose data it draws.
        teacher: the flow.
    """

    def __init__(self, training: Any, teacher: FlowNetwork):
        self.training, self.teacher = training, teacher.eval()
        self.net: FlowNetwork = copy.deepcopy(teacher).train().requires_grad_(True)
        self.optimizer = torch.optim.Adam(self.net.parameters(), RATE, betas=(0.9, 0.99))

    def loss(self, step: int) -> Tensor:
        """Return how far a step of the student ends from where the flow ends."""
        random = np.random.default_rng([step, 13])
        x, words = self.training.batch(random, UNTOLD, BATCH)
        t = LATEST * torch.rand(len(x), device=x.device)  # (batch,)
        t[: round(FROM_NOISE * len(x))] = 0.0
        place = t.view(-1, 1, 1, 1)  # (batch, 1, 1, 1)
        between = (1 - place) * torch.randn_like(x) + place * x  # (batch, 8, 32, 32)
        with mixed_precision(self.training.device):
            with torch.no_grad():
                states = trajectory(
                    self.teacher, between, self.teacher.encode(words), start=t,
                    guidance=self.training.guidance,
                )  # fmt: skip
            later = torch.randint(1, len(states) - 1, (len(x),))  # a second place of each way
            x = torch.cat([between, torch.stack(states)[later, torch.arange(len(x))]])
            t = torch.cat([t, t + (1 - t) * later.to(t) / (len(states) - 1)])  # (2 batch,)
            x = x.contiguous(memory_format=torch.channels_last)
            found = self.net(x, t, self.net.encode(words).repeat(2, 1))
        wanted = (states[-1].repeat(2, 1, 1, 1) - x) / (1 - t).view(-1, 1, 1, 1)
        return F.mse_loss(found.float(), wanted)

    @torch.no_grad()
    def validate(self, net: FlowNetwork) -> dict[str, float]:
        """Return how far one step from noise ends from where the flow ends, always alike.

        With a second step pictures have more contrast than those of the flow, and more of what
        words say, so the difference of those would tell nothing.
        """
        errors = []
        for noise, words in self.training.examples():
            with mixed_precision(self.training.device):
                code = self.teacher.encode(words)
                end = integrate(self.teacher, noise, code, guidance=self.training.guidance)
                found = sample(net.eval(), noise, net.encode(words), times=(0.0,))
            errors.append(F.mse_loss(found, end).item())
        return {"difference from the flow": float(np.mean(errors))}

    def run(
        self, checkpoint: Path, *, steps: int = STEPS, hours: float | None, resume: bool, seed: int,
        dry_run: bool = False,
    ) -> Trainer:  # fmt: skip
        """Train; return the trainer, with the averaged network in `ema`."""
        trainer = Trainer(self.net, self.optimizer, checkpoint, seed=seed, decay=0.998,
                          resume=resume and checkpoint.is_file(), dry_run=dry_run)  # fmt: skip
        trainer.run(
            self.loss, steps=steps, hours=hours, validate=self.validate, every=EVERY,
            schedule=cosine_schedule, clip=1.0,
            on_snapshot=lambda ema, step: self.training.samples(ema, sample).save(
                checkpoint.with_suffix(".png")
            ),
            enough=ENOUGH,
        )  # fmt: skip
        return trainer
