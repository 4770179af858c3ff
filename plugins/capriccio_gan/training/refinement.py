"""Refine a student: a discriminator teaches it to make in one step what looks like a picture.

A student that was distilled alone gives the mean of what it cannot tell apart, which is pale. Here
a discriminator compares its latents with those of real pictures of the same captions, both with
some noise added, through the features of the flow that the student learned from (latent adversarial
diffusion distillation, arXiv 2403.12015). As in losses.py its scores are paired, and the penalty on
its gradient is a finite difference. Each map of features has one score, the mean of those of its
places: a place alone tells too little of real and made for the two to come apart. Real pictures
obey words as much as captions say; where words are to count more, the student is led as guidance
leads the flow.

A refined student paints better in two steps than in one: the second, which begins a short way back,
adds contrast and what words ask for. In the end one step learns where two lead.
"""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import Trainer, frechet, mixed_precision
from torch import Tensor, nn

from .distillation import BATCH as DISTILLED_BATCH
from .distillation import Distillation, draw_starts, train_student
from .flow_network import CODE, GROUPS, UNGUIDED, FlowNetwork, integrate, sample

BATCH = 16
RATE, DISCRIMINATOR_RATE, BETAS = 5e-5, 5e-4, (0.0, 0.99)  # of Adam
TAUGHT, TAUGHT_WEIGHT = 4, 0.25  # pictures of a batch that are to be those of the flow as well
PENALIZED, PENALTY, STEP = 4, 0.02, 0.15  # pictures of a batch; weight; finite difference
NOISE_MEAN, NOISE_SPREAD = 0.5, 1.2  # of the logit of the time at which pictures are compared
COMPARED = 0.9  # the time at which a validation compares features
# How much more words count in a student's codes, and the weight of the way that they lead, for
# each time that guidance counts them beyond the first.
GAIN, WORDS = 0.05, 4.0
SECOND_GAIN, BACK = 0.06, 0.15  # of the codes in two steps; share of the way before the second
WIDTH, SCALE = 64, 8.0  # of a head: its channels, and of its scores
MAX_GRADIENT = 20.0


class Head(nn.Module):
    """Score a map, (batch, width, rows, rows), under codes, (batch, CODE)."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width, affine=False)
        self.conv_in = nn.Conv2d(width, WIDTH, 1)
        self.conv = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.conv_out = nn.Conv2d(WIDTH, 1, 1)
        self.projection = nn.Linear(CODE, WIDTH)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        x = F.leaky_relu(self.conv_in(self.norm(x)), 0.2)
        x = F.leaky_relu(self.conv(x), 0.2)  # (batch, WIDTH, rows, rows)
        fits = (x * self.projection(code)[:, :, None, None]).mean(1, keepdim=True)
        scores: Tensor = SCALE * (self.conv_out(x) + fits).flatten(1)  # (batch, places)
        return scores.mean(1, keepdim=True)  # (batch, 1)


class RefinementNetworks(nn.Module):
    """The student, and the heads that make a discriminator of the flow, for one checkpoint."""

    def __init__(self, student: FlowNetwork):
        super().__init__()
        self.student = student
        widths = [level[-1].conv_out.out_channels for level in student.down]  # type: ignore[index]
        self.heads = nn.ModuleList(map(Head, [*widths, *reversed(widths)]))


@torch.no_grad()
def strengthen_words(net: FlowNetwork, gain: float) -> None:
    """Let the codes of prompts lie `gain` times as far from that of no words at all."""
    norm: Any = net.text[0]
    linear: Any = net.text[1]
    linear.bias += (1 - gain) * (linear.weight @ norm.bias)
    linear.weight *= gain


class Refinement:
    """Student and discriminator, their optimizer, and what the trainer calls.

    Args:
        training: of the flow, a `FlowTraining`, whose data it draws.
        teacher: the flow.
        student: as it was distilled.
    """

    def __init__(self, training: Any, teacher: FlowNetwork, student: FlowNetwork):
        self.training, self.teacher = training, teacher.eval().requires_grad_(False)
        student = copy.deepcopy(student).train().requires_grad_(True)
        strengthen_words(student, 1 + GAIN * (training.guidance - 1))
        net: Any = RefinementNetworks(student)
        self.net: RefinementNetworks = net.to(training.device, memory_format=torch.channels_last)
        groups = [
            {"params": self.net.student.parameters(), "lr": RATE},
            {"params": self.net.heads.parameters(), "lr": DISCRIMINATOR_RATE},
        ]
        self.optimizer = torch.optim.Adam(groups, betas=BETAS)

    def loss(self, step: int) -> Tensor:
        """Return the loss of one step, (), from which both sides get their own gradients."""
        random = np.random.default_rng([step, 29])
        x, words, t, between = draw_starts(self.training, random, BATCH)
        student, taught = self.net.student, slice(TAUGHT)
        with mixed_precision(self.training.device):
            direction = student(between, t, student.encode(words)).float()
            found = between + (1 - t).view(-1, 1, 1, 1) * direction  # (batch, 8, 32, 32)
            code = self.teacher.encode(words).float()  # (batch, CODE)
            with torch.no_grad():
                end = integrate(self.teacher, between[taught], code[taught], start=t[taught],
                                guidance=self.training.guidance)  # fmt: skip
        # The discriminator sees detached copies; the student's gradient is applied afterwards.
        detached = found.detach().requires_grad_()
        discriminator_loss, student_loss = self._compare(x, detached, code)
        student_loss = student_loss + TAUGHT_WEIGHT * F.mse_loss(detached[taught], end)
        (gradient,) = torch.autograd.grad(student_loss, detached, retain_graph=True)
        surrogate = (found * gradient).sum()  # (), of no value but the student's gradient
        return discriminator_loss + surrogate - surrogate.detach()

    def _compare(self, x: Tensor, found: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        """Return the losses of discriminator and student, () each.

        Args:
            x: latents of real pictures, (batch, 8, 32, 32).
            found: those of the student, under the same captions.
            code: of the captions, (batch, CODE).
        """
        logits = NOISE_MEAN + NOISE_SPREAD * torch.randn(len(x), device=x.device)
        t = torch.sigmoid(logits)  # (batch,)
        share = t.view(-1, 1, 1, 1)  # (batch, 1, 1, 1)
        noise = (1 - share) * torch.randn_like(x)
        real, made = noise + share * x, noise + share * found  # (batch, 8, 32, 32) each
        some = torch.cat([real[:PENALIZED], made[:PENALIZED]]).detach()
        shown = torch.cat([real, made, some + STEP * torch.randn_like(some)])
        counts = [len(x), len(x), PENALIZED, PENALIZED]
        times, codes = (
            torch.cat([one[:count] for count in counts]) for one in (t, code)
        )  # (2 batch + 2 PENALIZED, …)
        with mixed_precision(self.training.device):
            maps = self.teacher.features(
                shown.contiguous(memory_format=torch.channels_last), times, codes
            )
            told = self.teacher.direction(maps[-1][len(x) : 2 * len(x)].detach())
            parts = [head(one, codes) for head, one in zip(self.net.heads, maps, strict=True)]
        scores = torch.cat([part.float() for part in parts], 1)  # (…, maps)
        of_real, of_made, *moved = scores.split(counts)
        penalty = sum(
            ((one[:PENALIZED] - other) / STEP).square().mean()
            for one, other in zip((of_real, of_made), moved, strict=True)
        )
        discriminator_loss = F.softplus(of_made - of_real).mean() + PENALTY / 2 * penalty
        student_loss = F.softplus(of_real.detach() - of_made).mean()
        if self.training.guidance == 1:
            return discriminator_loss, student_loss
        pull = self._pull(made.detach(), t, told.detach().float())  # (batch, 8, 32, 32)
        weight = WORDS * (self.training.guidance - 1)
        return discriminator_loss, student_loss - weight * (found * pull).mean()

    @torch.no_grad()
    def _pull(self, made: Tensor, t: Tensor, told: Tensor) -> Tensor:
        """Return where words lead from made latents, (batch, 8, 32, 32), at times t, (batch,).

        Args:
            told: the direction of the flow with the words, (batch, 8, 32, 32).
        """
        nothing = self.teacher.encode(torch.zeros(len(t), 2, dtype=torch.long, device=t.device))
        with mixed_precision(self.training.device):
            free = self.teacher(made.contiguous(memory_format=torch.channels_last), t, nothing)
        left = (1 - t) * (t >= UNGUIDED)  # (batch,)
        return left.view(-1, 1, 1, 1) * (told - free.float())

    @torch.no_grad()
    def validate(self, net: RefinementNetworks) -> dict[str, float]:
        """Return how far pictures of one step are from validation pictures, always alike.

        The distance is Fréchet's, of the mean features of the flow where it is narrowest.
        """
        real, made = [], []
        for x, noise, words in self.training.validation():
            with mixed_precision(self.training.device):
                found = sample(net.student.eval(), noise, net.student.encode(words))
            real.append(self._pooled(x))
            made.append(self._pooled(found))
        return {"picture distance": frechet(np.concatenate(real), np.concatenate(made))}

    def _pooled(self, x: Tensor) -> np.ndarray:
        """Return features of latents without captions, (batch, width)."""
        t = torch.full((len(x),), COMPARED, device=x.device)
        nothing = self.teacher.encode(torch.zeros(len(x), 2, dtype=torch.long, device=x.device))
        maps = self.teacher.features(x.float(), t, nothing)
        return maps[len(maps) // 2].mean((2, 3)).cpu().numpy()

    def run(self, checkpoint: Path, **options: Any) -> Trainer:
        """Train, as `train_student` does; return the trainer, whose `ema` has the `student`."""
        return train_student(self, checkpoint, clip=MAX_GRADIENT, **options)

    def samples(self, net: Any) -> Any:
        """Return a sheet of pictures by networks that were trained."""
        return self.training.samples(net.student, sample)


class SecondStep(Distillation):
    """What teaches a refined student to reach in one step where two of its steps lead.

    Args:
        training: of the flow, a `FlowTraining`, whose data it draws.
        student: as it was refined.
    """

    figure = "difference from two steps"

    def __init__(self, training: Any, student: FlowNetwork):
        student = copy.deepcopy(student).requires_grad_(False)
        strengthen_words(student, 1 + SECOND_GAIN * (training.guidance - 1))
        super().__init__(training, student)

    def loss(self, step: int) -> Tensor:
        """Return how far a step of the student ends from where two of the refined one end, ()."""
        random = np.random.default_rng([step, 31])
        _, words, t, between = draw_starts(self.training, random, DISTILLED_BATCH)
        with mixed_precision(self.training.device):
            with torch.no_grad():
                end = take_two_steps(self.teacher, between, t, self.teacher.encode(words))
            found = self.net(between, t, self.net.encode(words))
        wanted = (end - between) / (1 - t).view(-1, 1, 1, 1)
        return F.mse_loss(found.float(), wanted)

    def _end(self, noise: Tensor, code: Tensor) -> Tensor:
        return take_two_steps(self.teacher, noise, noise.new_zeros(len(noise)), code)


def take_two_steps(net: FlowNetwork, between: Tensor, t: Tensor, code: Tensor) -> Tensor:
    """Return where two steps of a student lead, (batch, 8, 32, 32).

    Args:
        between: where they begin, (batch, 8, 32, 32).
        t: the time there, (batch,).
        code: of the captions, (batch, CODE).
    """
    left = (1 - t).view(-1, 1, 1, 1)
    later = between + (1 - BACK) * left * net(between, t, code).float()
    later = later.contiguous(memory_format=torch.channels_last)
    return later + BACK * left * net(later, 1 - BACK * (1 - t), code).float()
