"""Teach the decoder to give back the pictures of a training, by what image encoders read of them.

The decoder of the part `vae` learned from paintings. Of other pictures, such as plates on paper,
its copies are so far from the real ones that no model of its latents can be near them. Copies have
their picture to be compared with, so a few minutes are enough.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import Trainer, mixed_precision
from torch import Tensor, nn

from .decoder import GraphDecoder
from .distillation import train_student
from .image_features import ImageFeatures
from .moments import MatchedMoments
from .sheets import sheet
from .spaces import to_bytes, to_pictures

STEPS, EVERY = 1_000, 60
BATCH = 12
RATE, BETAS = 1e-5, (0.5, 0.99)  # of Adam
LAST = 6.0  # weight of an encoder's last map
# Weights of the maps place by place, of the moments of their means, and of the colours.
MAPS, MOMENTS, COLOURS = 1.0, 3.0, 2.0
SHARE = 0.1  # of a batch in the moments
SCALED = 0.01  # of a batch in what the maps are divided by
PART = 32  # pictures that are read together
VALIDATED, SHEET = 384, 16  # pictures
MAX_GRADIENT = 20.0


class ReconstructionNetworks(nn.Module):
    """The decoder, and how its copies differ from their pictures, for one checkpoint."""

    scales: Tensor

    def __init__(self, decoder: GraphDecoder, levels: list[Tensor]):
        super().__init__()
        self.decoder = decoder
        self.pairs = nn.ModuleList(map(MatchedMoments, levels))
        self.register_buffer("scales", torch.zeros(len(levels)))  # mean of the real maps


class Reconstruction:
    """The decoder, its optimizer, and what the trainer calls.

    Args:
        training: of the flow, a `FlowTraining`, whose latents become pictures again.
        images: pictures of the training, (pictures, 256, 256, 3) uint8.
        checked: those to validate with.
        encoders: that read pictures, none of which measures how good they are.
    """

    def __init__(self, training: Any, images: np.ndarray, checked: np.ndarray, encoders: list[Any]):
        self.training, self.images, self.checked = training, images, checked
        self.features = ImageFeatures(encoders, training.device)
        self.levels = self.features.of_many(self._parts(images))
        decoder = GraphDecoder(training.space.decoder_path)
        net: Any = ReconstructionNetworks(decoder, self.levels)
        self.net: Any = net.to(training.device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.net.decoder.parameters(), RATE, betas=BETAS)
        self.shares = self.features.shares(LAST)

    def loss(self, step: int) -> Tensor:
        """Return the loss of one step, ()."""
        return self.error(self.net, np.random.default_rng([step, 51]), BATCH)

    def error(self, net: Any, random: np.random.Generator, count: int) -> Tensor:
        """Return how far copies are from their pictures, ().

        Args:
            net: with a `decoder`, and the `pairs` and `scales` of `ReconstructionNetworks`.
            random: chooses the pictures.
            count: of pictures.
        """
        latents = self.training.train[0]
        index = np.sort(random.choice(len(self.images), count, replace=len(self.images) < count))
        mirrored = int(random.integers(len(latents)))
        images = self.images[index]
        pictures = to_pictures(images[:, :, ::-1] if mirrored else images, self.training.device)
        copies = self.decode(net.decoder, latents[mirrored, torch.from_numpy(index)])
        errors, found = [], []
        maps = self.features.maps(torch.cat([pictures, copies.clamp(0, 1)]), 2)
        for at, (both, moments) in enumerate(zip(maps, net.pairs, strict=True)):
            real, made = both.float().split(count)  # (count, width, rows, columns) each
            real = real.detach()
            scale = real.abs().mean()
            net.scales[at] = net.scales[at].lerp(scale, SCALED) if net.scales[at] else scale
            errors.append((made - real).abs().mean() / net.scales[at].item())
            real, made = real.mean((2, 3)), made.mean((2, 3))  # (count, width) each
            found.append(moments(made))
            moments.update_pairs(made.detach(), real, SHARE)
        return (
            MAPS * torch.stack(errors).mean()
            + MOMENTS * (torch.stack(found) * self.shares).sum()
            + COLOURS * F.l1_loss(copies, pictures)
        )

    @torch.no_grad()
    def validate(self, net: Any) -> dict[str, float]:
        """Return how far copies of pictures that are not learned from are from them, in percent."""
        state = torch.get_rng_state()
        torch.manual_seed(5)
        latents = self.training.val[0][0, :VALIDATED]
        sides: tuple[list[Any], list[Any]] = [], []
        for z, real in zip(latents.split(PART), self._parts(self.checked[:VALIDATED]), strict=True):
            copies = self.decode(net.decoder, z).clamp(0, 1)
            maps = self.features.maps(torch.cat([real, copies]), 2)
            means = [one.float().mean((2, 3)) for one in maps]
            sides[0].append([one[: len(real)] for one in means])
            sides[1].append([one[len(real) :] for one in means])
        torch.set_rng_state(state)
        real, made = ([torch.cat(one) for one in zip(*side, strict=True)] for side in sides)
        return {"distance of copies": self.features.distance(real, made)}

    @torch.no_grad()
    def samples(self, net: Any) -> Any:
        """Return a sheet of pictures that are not learned from, each beside its copy."""
        images = self.checked[:SHEET]
        copies = to_bytes(self.decode(net.decoder, self.training.val[0][0, : len(images)]))
        return sheet(np.stack([images, copies], 1).reshape(-1, *images.shape[1:]), 8)

    def run(self, checkpoint: Path, **options: Any) -> Trainer:
        """Train, as `train_student` does; return the trainer, whose `ema` has the `decoder`."""
        return train_student(self, checkpoint, clip=MAX_GRADIENT, every=EVERY, **options)

    def decode(self, decoder: nn.Module, latents: Tensor) -> Tensor:
        """Return the pictures of latents, (batch, 3, 256, 256)."""
        latents = latents.to(self.training.device).float()
        with mixed_precision(self.training.device):
            pictures: Tensor = decoder(latents.contiguous(memory_format=torch.channels_last))
        return pictures.float()

    def _parts(self, images: np.ndarray) -> Any:
        """Yield pictures in parts, (part, 3, 256, 256) in 0..1."""
        for at in range(0, len(images), PART):
            yield to_pictures(images[at : at + PART], self.training.device)
