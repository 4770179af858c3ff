"""Train the refiner of a VAE: its blurred pictures become latents of sharp ones."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from capriccio import generator
from capriccio.training import (
    Trainer,
    export,
    find_device,
    join_models,
    mixed_precision,
    seed_everything,
)
from PIL import Image
from torch import Tensor, nn

from ..generator import AUTOENCODER
from .dataset import read_pictures
from .export import quantize_decoder
from .losses import laplacian, patch_distance
from .networks import VAENetwork
from .refiner import BytesRefiner, Refiner, WholeRefiner
from .spaces import LatentSpace

STEPS = 5_000
BATCH = 16
LEARNING_RATE, CRITIC_RATE = 6e-4, 1e-3
MASSES = 2.0  # weight of the error of means of 4 by 4 latents
DEBUT, LEAD_IN = 200, 300  # steps before the discriminator teaches, and until it does so fully
ADVERSARIAL = 1.0  # gradient of the discriminator, as a share of the fidelity's
LIMIT = 0.3  # weight that this may come to, so that a weak gradient is not blown up to noise
SMOOTHNESS, NOISE = 1.0, 0.05  # weight of the penalty of the discriminator, and its step
VALIDATED = 64  # pictures
SHOWN = 8  # validation pictures on a sheet


class Pairs(NamedTuple):
    """What a VAE made of pictures, and their latents, (pictures, 2, 8, 32, 32).

    As they are and mirrored; blurred are pictures, (pictures, 2, 128, 128, 3) uint8, or latents.
    """

    blurred: Tensor
    latents: Tensor


class RefinerTraining:
    """The network, its optimizer, and what the trainer calls."""

    def __init__(self, train: Pairs, val: Pairs, space: LatentSpace, device: str = "cpu"):
        self.train, self.val, self.space, self.device = train, val, space, device
        net: nn.Module = Refiner(latents=train.blurred.is_floating_point())
        net = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        assert isinstance(net, Refiner)
        self.net = net
        groups = [
            {"params": net.net.parameters(), "lr": LEARNING_RATE},
            {"params": net.critic.parameters(), "lr": CRITIC_RATE},
        ]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.5, 0.99), weight_decay=1e-4)

    def run(
        self, checkpoint: Path, *, steps: int, hours: float | None, resume: bool, seed: int,
        dry_run: bool,
    ) -> tuple[Refiner, dict[str, Any]]:  # fmt: skip
        """Train; return the averaged network and what the card of a model says of it."""
        trainer = Trainer(
            self.net, self.optimizer, checkpoint, seed=seed,
            resume=resume and checkpoint.is_file(), dry_run=dry_run,
        )  # fmt: skip
        metrics = trainer.run(
            self.loss, steps=steps, hours=hours, validate=self.validate, every=250,
            schedule=self.schedule, clip=20.0,
            on_snapshot=lambda ema, step: self.samples(ema).save(checkpoint.with_suffix(".png")),
        )  # fmt: skip
        hours_spent = round(trainer.seconds / 3600, 2)
        return trainer.ema.cpu(), {"metrics": metrics, "hours": hours_spent}

    def schedule(self, progress: float) -> float:
        """Return the factor of the learning rate: a short warm-up, then a cosine."""
        return min(1.0, (progress + 0.001) * 30) * max(0.03, 0.5 + 0.5 * np.cos(np.pi * progress))

    def loss(self, step: int) -> Tensor:
        """Return the loss of a random batch."""
        random = np.random.default_rng([step, 6])
        chosen = torch.from_numpy(random.integers(len(self.train.latents), size=BATCH))
        mirrored = torch.from_numpy(random.integers(2, size=BATCH))
        z = self.train.latents[chosen, mirrored].float().to(self.device)  # (batch, 8, 32, 32)
        x = as_input(self.train.blurred[chosen, mirrored]).to(self.device)  # (batch, 3, …)
        with mixed_precision(self.device):
            made = self.net.net(x)  # (batch, 8, 32, 32)
        masses = (F.avg_pool2d(made, 4) - F.avg_pool2d(z, 4)).abs().mean()
        fidelity = (made - z).abs().mean() + MASSES * masses
        if step < DEBUT:
            return fidelity
        return fidelity + self._adversarial_loss(x, z, made, fidelity, step)

    def _adversarial_loss(
        self, x: Tensor, z: Tensor, made: Tensor, fidelity: Tensor, step: int
    ) -> Tensor:
        """Return the discriminator's loss, and the refiner's against it.

        A real and a made picture of the same blur are compared (arXiv 1807.00734); the features of
        both should be alike as well.
        """
        detached = made.detach().requires_grad_()  # (batch, 8, 32, 32)
        both, blurs = torch.cat([z, detached]), torch.cat([x, x])  # (2 batch, …)
        few = both[::4].detach()  # (batch / 2, 8, 32, 32)
        with mixed_precision(self.device):
            logits, features = self.net.critic(both, blurs)
            noisy, _ = self.net.critic(few + NOISE * torch.randn_like(few), blurs[::4])
        gaps = [part[:BATCH] - part[BATCH:] for part in logits]
        learned = sum(F.softplus(-gap).mean() for gap in gaps) / len(gaps)
        pairs = zip(logits, noisy, strict=True)
        smooth = sum((a[::4] - b).square().mean() for a, b in pairs) / len(gaps)
        fooled = sum(F.softplus(gap).mean() for gap in gaps) / len(gaps)
        matched = sum((h[:BATCH].detach() - h[BATCH:]).abs().mean().float() for h in features)
        pull = torch.autograd.grad(torch.as_tensor(fooled + matched), detached, retain_graph=True)
        own = torch.autograd.grad(fidelity, made, retain_graph=True)
        weight = min(LIMIT, ADVERSARIAL * float(own[0].norm() / (pull[0].norm() + 1e-12)))
        carried = (made * (min(1.0, (step - DEBUT) / LEAD_IN) * weight * pull[0])).sum()
        return carried - carried.detach() + learned + SMOOTHNESS * smooth

    def validate(self, ema: Refiner) -> dict[str, float]:
        """Return figures of validation pictures; the first chooses the checkpoint."""
        blurred = self.val.blurred[:VALIDATED, 0]  # (64, 128, 128, 3)
        made = torch.cat([ema.net(as_input(part)) for part in blurred.split(BATCH)])
        real = self.val.latents[:VALIDATED, 0].float()  # (64, 8, 32, 32)
        images = [torch.from_numpy(self.space.images(part)).float() / 255 for part in (made, real)]
        sharpness = [laplacian(one.permute(0, 3, 1, 2)).item() for one in images]
        return {
            "patch distance": patch_distance(real, made),
            "error": (made - real).abs().mean().item(),
            "sharpness": sharpness[0] / sharpness[1],
        }

    def samples(self, ema: Refiner) -> Image.Image:
        """Return validation pictures: as the VAE blurs them, refined, and as they are."""
        rows = torch.linspace(0, len(self.val.latents) - 1, SHOWN).long()
        blurred = self.val.blurred[rows, 0]  # (8, …)
        made = self.space.images(WholeRefiner(ema.net)(as_input(blurred)))  # (8, 256, 256, 3)
        real = self.space.images(self.val.latents[rows, 0])
        if blurred.is_floating_point():
            large = list(self.space.images(blurred))
        else:
            large = [np.asarray(Image.fromarray(one).resize((256, 256))) for one in blurred.numpy()]
        shown = [np.concatenate(list(part), 1) for part in (large, made, real)]
        return Image.fromarray(np.concatenate(shown))


def blur(images: np.ndarray, labels: np.ndarray, styles: list[str], vae: Any) -> Tensor:
    """Return what a VAE paints of latents that it deems likely of pictures, as bytes.

    Returns:
        Pictures in their style and, mirrored, in none: (pictures, 2, 128, 128, 3).
    """
    random = np.random.default_rng(8)
    kept: list[list[np.ndarray]] = []
    for image, label in zip(images, labels, strict=True):
        own = styles[label] if styles[label] in vae.styles else ""
        pair = []
        for one, style in ((image, own), (image[:, ::-1], "")):
            mean, deviation = vae.posterior(np.ascontiguousarray(one), style)
            noise = random.standard_normal(mean.shape, np.float32)
            pair.append(vae.decode(mean + deviation * noise, style))
        kept.append(pair)
    return torch.from_numpy(np.array(kept))


@torch.no_grad()
def blur_latents(net: VAENetwork, kept: Tensor, labels: Tensor, styles: int) -> Tensor:
    """Return what a VAE of latents makes of latents, (pictures, 2, 8, 32, 32), in their style."""
    blurred = []
    for part, own in zip(kept.split(BATCH), labels.split(BATCH), strict=True):
        style = F.one_hot(own, styles).float()  # (batch, styles)
        pair = [net.reconstruct(part[:, one].float(), style)[1].half() for one in range(2)]
        blurred.append(torch.stack(pair, 1))  # (batch, 2, 8, 32, 32)
    return torch.cat(blurred)


def as_input(blurred: Tensor) -> Tensor:
    """Return what the network reads: bytes, (batch, rows, rows, 3), in 0..1; latents as floats."""
    if blurred.is_floating_point():
        return blurred.float()  # (batch, 8, 32, 32)
    x = blurred.permute(0, 3, 1, 2).float() / 255  # (batch, 3, rows, rows)
    return x.contiguous(memory_format=torch.channels_last)


def export_refined(
    net: Refiner,
    model: Path,
    out: Path,
    *,
    autoencoder: Path = AUTOENCODER,
    card: dict[str, Any],
    dry_run: bool = False,
) -> None:
    """Write a VAE's decoder, the refiner and the decoder of the autoencoder to `out`, as one graph.

    Args:
        model: the VAE's decoder, whose card goes on.
    """
    picture = torch.randint(0, 256, (1, 128, 128, 3), dtype=torch.uint8)
    refined = out.with_suffix(".refiner.onnx")
    export(BytesRefiner(net.net), (picture,), refined, input_names=["picture"],
           output_names=["z"], tolerance=1e-2, half=True, joined=("z", autoencoder),
           card=card, dry_run=False)  # fmt: skip
    join_models(model, "image", refined, out, card=card, dry_run=dry_run)
    refined.unlink()


def train(
    data: Path,
    out: Path,
    *,
    model: Path,
    steps: int = STEPS,
    hours: float | None = None,
    resume: bool = False,
    seed: int = 0,
    dry_run: bool = False,
    card: dict[str, Any] | None = None,
) -> Refiner:
    """Train on a folder of pictures; write a VAE that paints 256 sharp pixels to `out`.

    Args:
        data: a folder of pictures, or of such folders.
        out: the `.onnx` file; the checkpoint is written beside it.
        model: a VAE of 128 pixels with its encoder beside it, as `--from-scratch` trains it.
        steps: of the training.
        hours: time limit.
        resume: go on from the checkpoint.
        seed: of everything random.
        dry_run: run every step once and write nothing.
        card: what the card of the model holds besides.
    """
    seed_everything(seed)
    pictures = read_pictures(data, 80 if dry_run else None, size=LatentSpace.size)
    print(f"{len(pictures.train)} pictures to learn, {len(pictures.val)} to check", flush=True)
    vae: Any = generator("vae", model=str(model))
    space = LatentSpace(AUTOENCODER)
    sides = ((pictures.train, pictures.labels), (pictures.val, pictures.val_labels))
    learned, checked = (
        Pairs(blur(images, labels, pictures.styles, vae), space.encode(images))
        for images, labels in sides
    )
    net, told = RefinerTraining(learned, checked, space, find_device()).run(
        out.with_suffix(".safetensors"), steps=steps, hours=hours, resume=resume, seed=seed,
        dry_run=dry_run,
    )  # fmt: skip
    told |= {"data": data.name, "pictures": len(pictures.train)}
    export_refined(net, model, out, card={"refined": told, **(card or {})}, dry_run=dry_run)
    if not dry_run:
        quantize_decoder(out)
    return net
