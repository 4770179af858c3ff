"""Train the painterly autoencoder on crops of folders of pictures."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import (
    Trainer,
    export,
    find_device,
    mixed_precision,
    seed_everything,
)
from PIL import Image
from torch import Tensor, nn

from ..autoencoder import encoder_path
from .autoencoder import CHANNELS, FACTOR, Autoencoder, LatentDecoder, LatentEncoder
from .crops import Crops
from .losses import DEBUT, laplacian, paired_adversarial_loss, patch_distance, weave
from .perceptual import PerceptualLoss

STEPS = 60_000
LEARNING_RATE = 6e-4
# Sides of crops and pictures a batch, from shares of the training on: small ones first are cheap.
PHASES = ((0.0, 64, 16), (0.55, 96, 8), (0.85, 128, 6))
KL = 1e-3  # weight of the divergence a latent number, in nats
WEAVE = 2.0  # weight of differences between the four pixels that are painted at once
FEATURES = 0.05  # weight of the relative differences of features
SOFTENED = 0.2  # share of the crops that are encoded from a soft copy, and decoded sharp
TURNED = 0.25  # share of the batches whose latents are turned: so are their pictures (2502.09509)


class AutoencoderTraining:
    """The network, its optimizer, and what the trainer calls."""

    def __init__(self, crops: Crops, device: str = "cpu"):
        self.crops, self.device, self.progress = crops, device, 0.0
        self.net, self.perceptual = Autoencoder().to(device), PerceptualLoss().to(device)
        nets: tuple[nn.Module, ...] = (self.net, self.perceptual)
        for net in nets:
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        painter = [*self.net.encoder.parameters(), *self.net.decoder.parameters()]
        groups: list[dict[str, Any]] = [
            {"params": painter, "betas": (0.9, 0.99)},
            {"params": self.net.critic.parameters(), "betas": (0.5, 0.99)},
        ]
        self.optimizer = torch.optim.AdamW(
            groups,
            lr=LEARNING_RATE,
            weight_decay=1e-4,
        )

    def schedule(self, progress: float) -> float:
        """Return the factor of the learning rates, and keep the progress for the loss."""
        self.progress = progress
        return rate_factor(progress)

    def loss(self, step: int) -> Tensor:
        """Return the loss of a batch of random crops."""
        random = np.random.default_rng([step, 1])
        side, count = next(phase[1:] for phase in reversed(PHASES) if self.progress >= phase[0])
        x = self.crops.batch(count, side, random).to(self.device)  # (count, 3, side, side)
        x = x.contiguous(memory_format=torch.channels_last)
        seen = x.clone()
        soft = max(1, round(SOFTENED * count))
        small = F.interpolate(x[:soft], scale_factor=random.uniform(0.5, 0.8), mode="bilinear",
                              antialias=True)  # fmt: skip
        seen[:soft] = F.interpolate(small, (side, side), mode="bicubic").clamp(0, 1)
        with mixed_precision(self.device):
            mean, log_variance = self.net.encoder(seen)
            z = mean + torch.randn_like(mean) * (log_variance / 2).exp()  # (count, 8, side / 8, …)
            if random.random() < TURNED:
                turns = int(random.integers(1, 4))
                z, x = (torch.rot90(part, turns, (2, 3)) for part in (z, x))
            made = self.net.decoder(z)  # (count, 3, side, side)
            # All that judges reads four pixels as one place: rolled, it sees every pair of them, or
            # the decoder would weave a pattern of its own grid.
            roll = random.integers(8, size=2).tolist()
            x, made = (torch.roll(part, roll, (2, 3)) for part in (x, made))
            features = self.perceptual(x, made)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
        # Half of the error is measured at half the size: the finest octave is not averaged away.
        error = 0.5 * (x - made).abs().mean()
        error = error + 0.5 * (F.avg_pool2d(x, 2) - F.avg_pool2d(made, 2)).abs().mean()
        error = error + WEAVE * weave(made, x)
        fidelity = error + FEATURES * features
        total = fidelity + KL * divergence
        if self.progress < DEBUT:
            return total
        return total + paired_adversarial_loss(
            self.net.critic, x, made, fidelity, self.progress, self.device
        )

    def validate(self, ema: Autoencoder) -> dict[str, float]:
        """Return figures of the copies of validation pictures; the first chooses the checkpoint."""
        x = self.crops.validation(48, 192).to(self.device)  # (48, 3, 192, 192)
        with mixed_precision(self.device):
            mean, log_variance = ema.encoder(x)
            made = torch.cat([ema.decoder(z) for z in mean.split(8)]).clamp(0, 1)
            features = self.perceptual(x, made)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
        distance = patch_distance(x, made)
        return {
            # Neither blur nor noise is a copy: the patches must be alike, and in their places.
            "choice": distance / 100 + features.item(),
            "patch distance": distance,
            "features": features.item(),
            "mse": (x - made).square().mean().item(),
            "sharpness": (laplacian(made) / laplacian(x)).item(),
            "kl nats a number": divergence.item(),
        }

    def samples(self, ema: Autoencoder) -> Image.Image:
        """Return ten validation pictures above their copies."""
        x = self.crops.validation(10, 256)  # (10, 3, 256, 256)
        made = torch.cat([ema.decoder(ema.encoder(one[None])[0]) for one in x]).clamp(0, 1)
        rows = [torch.cat(list(part), 2) for part in (x[:5], made[:5], x[5:], made[5:])]
        sheet = torch.cat(rows, 1).permute(1, 2, 0)  # (1024, 1280, 3)
        return Image.fromarray((sheet * 255).round().byte().numpy())


def rate_factor(progress: float) -> float:
    """Return the factor of a learning rate: a warm-up, then a cosine to a twentieth."""
    warm_up = min(1.0, 0.02 + progress * 100)
    return warm_up * (0.05 + 0.95 * (0.5 + 0.5 * math.cos(math.pi * progress)))


def export_autoencoder(
    net: Autoencoder, mean: Tensor, deviation: Tensor, out: Path, *, card: dict[str, Any],
    dry_run: bool = False,
) -> None:  # fmt: skip
    """Write the decoder to `out` and the encoder beside it, for pictures of any size.

    Args:
        mean: of the latents of the training pictures, in each channel, (8,).
        deviation: the same, (8,).
        card: what the cards of both models hold.
    """
    rows, columns = (torch.export.Dim(name, min=2, max=256) for name in ("rows", "columns"))
    export(LatentDecoder(net, mean, deviation), (torch.randn(1, CHANNELS, 32, 24),), out,
           input_names=["z"], output_names=["image"], tolerance=1, half=True,
           dynamic={"z": {2: rows, 3: columns}}, dry_run=dry_run, card={
        "part": "vae",
        "inputs": {"z": "(1, 8, rows, columns) float32, a place for 8 x 8 pixels"},
        **card,
    })  # fmt: skip
    picture = torch.randint(0, 256, (1, 256, 192, 3), dtype=torch.uint8)
    export(LatentEncoder(net, mean, deviation), (picture,), encoder_path(out),
           input_names=["picture"], output_names=["z"], tolerance=1e-2, half=True,
           dynamic={"picture": {1: FACTOR * rows, 2: FACTOR * columns}}, dry_run=dry_run, card={
        "part": "vae's encoder",
        "inputs": {"picture": "(1, height, width, 3) uint8, sides are multiples of 8"},
        **card,
    })  # fmt: skip


@torch.no_grad()
def latent_statistics(net: Autoencoder, crops: Crops, batches: int = 64) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of the latents of random crops in each channel, (8,) each."""
    random, found = np.random.default_rng(2), []
    for _ in range(batches):
        mean, _ = net.encoder(crops.batch(8, 128, random))  # (8, 8, 16, 16)
        found.append(mean[:, :, 2:-2, 2:-2].transpose(0, 1).flatten(1))  # (8, places)
    latents = torch.cat(found, 1)  # (8, places)
    return latents.mean(1), latents.std(1)


def train(
    folders: list[Path],
    out: Path,
    *,
    steps: int = STEPS,
    hours: float | None = None,
    resume: bool = False,
    seed: int = 0,
    dry_run: bool = False,
) -> Autoencoder:
    """Train on crops of folders of pictures; keep the state in `out`, a safetensors file."""
    seed_everything(seed)
    crops = Crops(folders, 40 if dry_run else None)
    print(f"{len(crops.train)} pictures to learn, {len(crops.val)} to check", flush=True)
    training = AutoencoderTraining(crops, find_device())
    trainer = Trainer(
        training.net, training.optimizer, out, seed=seed, resume=resume, dry_run=dry_run
    )
    trainer.run(
        training.loss,
        steps=steps,
        hours=hours,
        validate=training.validate,
        every=1500,
        schedule=training.schedule,
        on_snapshot=lambda ema, step: training.samples(ema).save(out.with_suffix(".png")),
    )
    return trainer.ema
