"""Train the painterly upscaler on crops of folders of pictures and their halves."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio import generator
from capriccio.training import (
    Trainer,
    export,
    find_device,
    mixed_precision,
    quantize_model,
    seed_everything,
)
from PIL import Image
from torch import Tensor, nn

from .crops import Crops
from .losses import DEBUT, laplacian, paired_adversarial_loss, patch_distance, weave
from .perceptual import PerceptualLoss
from .train_autoencoder import rate_factor
from .upscaler import BytesUpscaler, Upscaler, enlarge

STEPS = 12_000
LEARNING_RATE = 8e-4
SIDE, COUNT = 96, 12  # of the crops of a batch, at the size to reach
EXAMPLES = 24  # with which the ranges of convolutions are measured
COPIED = 0.5  # share of the halves that the autoencoder has copied, as generators paint them
WEAVE = 2.0  # weight of differences between the four pixels that are painted at once
FEATURES = 0.05  # weight of the relative differences of features


class UpscalerTraining:
    """The network, its optimizer, and what the trainer calls."""

    def __init__(self, crops: Crops, device: str = "cpu"):
        self.crops, self.device, self.progress = crops, device, 0.0
        self.autoencoder: Any = generator("vae", model="painterly")
        self.net, self.perceptual = Upscaler().to(device), PerceptualLoss().to(device)
        nets: tuple[nn.Module, ...] = (self.net, self.perceptual)
        for net in nets:
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        groups: list[dict[str, Any]] = [
            {"params": self.net.net.parameters(), "betas": (0.9, 0.99)},
            {"params": self.net.critic.parameters(), "betas": (0.5, 0.99)},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, weight_decay=1e-4)

    def schedule(self, progress: float) -> float:
        """Return the factor of the learning rates, and keep the progress for the loss."""
        self.progress = progress
        return rate_factor(progress)

    def halves(self, x: Tensor, copied: int) -> Tensor:
        """Return pictures of half the side, the first of them copied by the autoencoder."""
        small = F.interpolate(x, scale_factor=0.5, mode="bicubic", antialias=True).clamp(0, 1)
        bytes_of = (small[:copied] * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        for index, one in enumerate(bytes_of):
            copy = self.autoencoder.decode(self.autoencoder.encode(np.ascontiguousarray(one)))
            small[index] = torch.from_numpy(copy).permute(2, 0, 1).to(x) / 255
        return small  # (count, 3, side / 2, side / 2)

    def loss(self, step: int) -> Tensor:
        """Return the loss of a batch of random crops."""
        random = np.random.default_rng([step, 4])
        x = self.crops.batch(COUNT, SIDE, random).to(self.device)  # (count, 3, side, side)
        copied = round(COPIED * COUNT)
        small = self.halves(x, copied)
        small = small.contiguous(memory_format=torch.channels_last)
        with mixed_precision(self.device):
            made = self.net.net(small)  # (count, 3, side, side)
            # Rolled, so that what judges sees every pair of pixels.
            roll = random.integers(8, size=2).tolist()
            x, made = (torch.roll(part, roll, (2, 3)) for part in (x, made))
            features = self.perceptual(x, made)
        error = (x - made).abs().mean() + WEAVE * weave(made, x)
        fidelity = error + FEATURES * features
        if self.progress < DEBUT:
            return fidelity
        # What the autoencoder has copied is cleaned: made to look sharp, its grain would become a
        # weave.
        return fidelity + paired_adversarial_loss(
            self.net.critic, x, made, fidelity, self.progress, self.device, first=copied
        )

    def validate(self, ema: Upscaler) -> dict[str, float]:
        """Return figures of enlarged validation pictures; the first chooses the checkpoint."""
        x = self.crops.validation(32, 192).to(self.device)  # (32, 3, 192, 192)
        small = self.halves(x, len(x) // 2)
        with mixed_precision(self.device):
            made = torch.cat([ema.net(part) for part in small.split(8)]).clamp(0, 1)
            plain = enlarge(small)  # (32, 3, 192, 192)
            features, blurred = self.perceptual(x, made), self.perceptual(x, plain)
        distance = patch_distance(x, made)
        return {
            # Sharp like a painting, and like this one: either alone would choose noise or blur.
            "choice": distance / 5 + features.item(),
            "patch distance": distance,
            "patch distance, bilinear": patch_distance(x, plain),
            "features": features.item(),
            "features, bilinear": blurred.item(),
            "mse": (x - made).square().mean().item(),
            "mse, bilinear": (x - plain).square().mean().item(),
            "sharpness": (laplacian(made) / laplacian(x)).item(),
        }

    def samples(self, ema: Upscaler) -> Image.Image:
        """Return four validation pictures: enlarged bilinearly, by the network, and as they are."""
        x = self.crops.validation(4, 256)  # (4, 3, 256, 256)
        small = self.halves(x, 2)
        rows = [torch.cat(list(part), 2) for part in (enlarge(small), ema.net(small), x)]
        sheet = torch.cat(rows, 1).clamp(0, 1).permute(1, 2, 0)  # (768, 1024, 3)
        return Image.fromarray((sheet * 255).round().byte().numpy())


def export_upscaler(
    net: Upscaler, out: Path, *, examples: np.ndarray, card: dict[str, Any], dry_run: bool = False
) -> None:
    """Write the network to `out`, for pictures of any even size.

    Args:
        examples: pictures as it will be given, (n, height, width, 3) uint8.
    """
    rows, columns = (torch.export.Dim(name, min=8, max=1024) for name in ("rows", "columns"))
    picture = torch.randint(0, 256, (1, 256, 192, 3), dtype=torch.uint8)
    export(BytesUpscaler(net.net), (picture,), out, input_names=["picture"],
           output_names=["image"], tolerance=1, half=True,
           dynamic={"picture": {1: 2 * rows, 2: 2 * columns}}, dry_run=dry_run, card={
        "part": "upscale",
        "inputs": {"picture": "(1, height, width, 3) uint8, sides are even"},
        **card,
    })  # fmt: skip
    if not dry_run:
        quantize_model(out, [{"picture": example[None]} for example in examples])


def train(
    folders: list[Path],
    out: Path,
    *,
    steps: int = STEPS,
    hours: float | None = None,
    resume: bool = False,
    seed: int = 0,
    dry_run: bool = False,
    card: dict[str, Any] | None = None,
) -> Upscaler:
    """Train on crops of folders of pictures; write the model to `out`, an `.onnx` file.

    Args:
        folders: of pictures.
        out: the file; the checkpoint is written beside it.
        steps: of the training.
        hours: time limit.
        resume: go on from the checkpoint.
        seed: of everything random.
        dry_run: run every step once and write nothing.
        card: what the card of the model holds besides, such as the licence.
    """
    seed_everything(seed)
    crops = Crops(folders, 40 if dry_run else None)
    print(f"{len(crops.train)} pictures to learn, {len(crops.val)} to check", flush=True)
    training = UpscalerTraining(crops, find_device())
    trainer = Trainer(
        training.net, training.optimizer, out.with_suffix(".safetensors"), seed=seed,
        resume=resume, dry_run=dry_run,
    )  # fmt: skip
    metrics = trainer.run(
        training.loss,
        steps=steps,
        hours=hours,
        validate=training.validate,
        every=500,
        schedule=training.schedule,
        on_snapshot=lambda ema, step: training.samples(ema).save(out.with_suffix(".png")),
    )
    card = {
        "data": ", ".join(folder.name for folder in folders),
        "metrics": metrics,
        "seed": seed,
        "hours": round(trainer.seconds / 3600, 2),
        "pictures": len(crops.train),
        **(card or {}),
    }
    halves = training.halves(crops.validation(EXAMPLES, 256), EXAMPLES // 2)  # (n, 3, 128, 128)
    examples = (halves * 255).round().byte().permute(0, 2, 3, 1).numpy()
    export_upscaler(trainer.ema.cpu(), out, examples=examples, card=card, dry_run=dry_run)
    return trainer.ema
