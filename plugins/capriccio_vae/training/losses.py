"""Losses and measures of the training."""

import torch
import torch.nn.functional as F
from capriccio.training import mixed_precision
from torch import Tensor, nn

DEBUT = 0.2  # share of the training after which a discriminator of pairs teaches
ADVERSARIAL = 0.4  # its gradient, as a share of the fidelity's
LIMIT = 0.15  # weight that this may come to, so that a weak gradient is not blown up to noise
SMOOTHNESS, NOISE = 20.0, 0.03  # weight of the penalty of the discriminator, and its step


def laplacian_pyramid(x: Tensor) -> list[Tensor]:
    """Split images into three octaves of detail and the rest."""
    levels = []
    for _ in range(3):
        small = F.avg_pool2d(x, 2)  # (batch, 3, rows / 2, rows / 2)
        levels.append(x - F.interpolate(small, scale_factor=2.0))  # (batch, 3, rows, rows)
        x = small
    return [*levels, x]


def mixtures(latents: Tensor, partners: Tensor) -> Tensor:
    """Draw points between pairs of latents, as far from the mean as the pairs are."""
    share = torch.rand(len(latents), 1, device=latents.device)  # (count, 1)
    mixed = latents * (1 - share) + partners * share  # (count, 576)
    return mixed / (share**2 + (1 - share) ** 2).sqrt()  # (count, 576)


def partners(labels: Tensor) -> Tensor:
    """Return for each image of a batch the index of another of its style, or its own, (batch,)."""
    chance = torch.rand(len(labels), len(labels), device=labels.device)  # (batch, batch)
    chance = chance * (labels[:, None] == labels[None]) * (1 - torch.eye(len(labels)).to(chance))
    found = chance.max(1)  # (batch,) twice
    own = torch.arange(len(labels), device=labels.device)  # (batch,)
    return torch.where(found.values > 0, found.indices, own)


def patch_distance(real: Tensor, generated: Tensor, directions: int = 32) -> float:
    """Return the sliced Wasserstein distance of 7 x 7 patches in four octaves, times 1,000.

    Blurred images lack fine detail and so lie far from real ones (Karras et al., arXiv 1710.10196).
    """
    total = 0.0
    octaves = zip(laplacian_pyramid(real), laplacian_pyramid(generated), strict=True)
    for levels in octaves:
        if levels[0].shape[3] < 7:  # the last octave of latents
            continue
        patches = []
        for level in levels:
            found = F.unfold(level, 7, stride=9).transpose(1, 2).flatten(0, 1)  # (patches, 147)
            patches.append(found)
        numbers = 49 * real.shape[1]
        axes = torch.randn(numbers, directions, device=real.device)  # (147, 32)
        axes = F.normalize(axes, dim=0)  # (147, 32)
        projected = [(found @ axes).sort(0).values for found in patches]  # twice (patches, 32)
        total += (projected[0] - projected[1]).abs().mean().item()
    return total * 1000 / 4


def weave(made: Tensor, x: Tensor) -> Tensor:
    """Return how much the four pixels that are painted at once differ, all over a place.

    The last convolution paints them; what one of them has more of than the others, beyond what the
    original has, is a weave of two pixels.
    """
    phases = F.pixel_unshuffle(made - x, 2).unflatten(1, (3, 4))  # (count, 3, 4, …)
    phases = (phases - phases.mean(2, keepdim=True)).flatten(1, 2)  # (count, 12, …)
    return F.avg_pool2d(phases, 8).abs().mean()


def laplacian(x: Tensor) -> Tensor:
    """Return the mean absolute Laplacian of the luminance of pictures."""
    grey = x.mean(1, keepdim=True)  # (count, 1, rows, columns)
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]).view(1, 1, 3, 3).to(x)
    return F.conv2d(grey, kernel).abs().mean()


def paired_adversarial_loss(
    critic: nn.Module, x: Tensor, made: Tensor, fidelity: Tensor, progress: float, device: str,
    first: int = 0,
) -> Tensor:  # fmt: skip
    """Return a discriminator's loss, and that of what made the pictures, at a limited weight.

    Each picture is compared with its own copy (arXiv 1807.00734), with penalties on real and made
    pictures by finite differences (arXiv 2501.08316).

    Args:
        critic: returns a list of logits of `(count, 3, side, side)`.
        x: real pictures, `(count, 3, side, side)`.
        made: their copies.
        fidelity: the loss of the copies, from which the weight is measured.
        progress: of the training, 0..1.
        device: of torch.
        first: pictures that are left out at the beginning.
    """
    (own,) = torch.autograd.grad(fidelity, made, retain_graph=True)
    x, made, own = (part[first:] for part in (x, made, own))
    detached = made.detach().requires_grad_()  # (count, 3, side, side)
    both = torch.cat([x, detached])  # (2 count, 3, side, side)
    with mixed_precision(device):
        logits = critic(both)
        few = both[::4].detach()  # (count / 2, 3, side, side)
        noisy = critic(few + NOISE * torch.randn_like(few))
    gaps = [part[: len(x)] - part[len(x) :] for part in logits]
    learned = sum(F.softplus(-gap).mean() for gap in gaps) / len(gaps)
    pairs = zip(logits, noisy, strict=True)
    smooth = sum((a[::4] - b).square().mean() for a, b in pairs) / len(gaps)
    fooled = sum(F.softplus(gap).mean() for gap in gaps) / len(gaps)
    (pull,) = torch.autograd.grad(torch.as_tensor(fooled), detached, retain_graph=True)
    weight = min(LIMIT, ADVERSARIAL * float(own.norm() / (pull.norm() + 1e-12)))
    weight *= min(1.0, max(0.0, (progress - DEBUT) * 100 - 0.5))  # it learns alone at first
    carried = (made * (weight * pull)).sum()
    return learned + SMOOTHNESS * smooth + carried - (learned + carried).detach()
