"""Match pictures: what a student paints gets features with the moments of real pictures'.

A discriminator scores latents one by one. It cannot measure what all pictures lack together, nor
what the decoder takes from each. Here latents become pictures, image encoders of three sizes read
them, and student and decoder learn to give mean and covariance of the features the values that
they have for pictures of the training. Near these the error is the Fréchet distance (arXiv
1706.08500) to second order; unlike a transport it needs no inverse of what few pictures measure, so
their noise averages out. The moments of made pictures are means of the last batches alone, and both
learn slowly: what moves faster than its moments follow swings about its target.
"""

import copy
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import frechet, mixed_precision
from torch import Tensor, nn

from .decoder import GraphDecoder
from .flow_network import GRAIN, FlowNetwork, mixed_noise, noise_fields, sample
from .moments import random_shift
from .networks import LATENT
from .refinement import BETAS as DISCRIMINATOR_BETAS
from .refinement import DISCRIMINATOR_RATE, Refinement
from .spaces import to_bytes

BATCH = 32
RATE, DECODER_RATE, BETA = 3e-6, 1.5e-6, 0.999  # of Adam
SHARE = 0.3  # of a batch in the moments: about the last three count
LAST = 12.0  # weight of an encoder's last map, which tells most of the subject
WEIGHT = 6.0  # of the moments beside the discriminator
KEPT, KEPT_WEIGHT = 8, 1.0  # real pictures that the decoder must still give back
FLOOR = 0.05  # of the mean variance: smaller ones are not worth their noise
BEGUN = 24  # batches from which the moments begin
VALIDATED = 512  # pictures


class MatchedMoments(nn.Module):
    """Running moments of features of made pictures, about the mean of those of real ones.

    Args:
        real: features of real pictures, (pictures, width).
    """

    mean: Tensor
    basis: Tensor
    variances: Tensor
    weights: Tensor
    first: Tensor
    second: Tensor

    def __init__(self, real: Tensor):
        super().__init__()
        variances, basis = torch.linalg.eigh(torch.cov(real.T))  # (width,), (width, width)
        variances = variances.clamp(min=0)
        pairs = 2 * (variances[:, None] + variances) + FLOOR * variances.mean()
        for name, value in {
            "mean": real.mean(0), "basis": basis, "variances": variances, "weights": 1 / pairs,
            "first": torch.zeros_like(variances), "second": variances.diag(),
        }.items():  # fmt: skip
            self.register_buffer(name, value)

    def forward(self, features: Tensor) -> Tensor:
        """Return a loss, (), whose gradient leads the moments to those of real pictures.

        Args:
            features: (batch, width).
        """
        x = (features - self.mean) @ self.basis  # (batch, width)
        wrong = self.weights * (self.second - self.variances.diag())  # (width, width)
        loss = x @ self.first.clone() + ((x @ wrong) * x).sum(1)  # (batch,)
        return 2 * loss.mean() / self.variances.sum()

    @torch.no_grad()
    def update(self, features: Tensor, share: float = SHARE) -> None:
        """Include the features of more pictures, (pictures, width), which have this share."""
        x = (features - self.mean) @ self.basis
        self.first.lerp_(x.mean(0), share)
        self.second.lerp_(x.T @ x / len(x), share)


class MatchingNetworks(nn.Module):
    """What learns, and the moments, for one checkpoint."""

    def __init__(
        self, student: FlowNetwork, heads: nn.Module, decoder: GraphDecoder, levels: list[Tensor]
    ):
        super().__init__()
        self.student, self.heads, self.decoder = student, heads, decoder
        self.moments = nn.ModuleList(map(MatchedMoments, levels))


class Matching(Refinement):
    """A refined student, the decoder and the discriminator, and what the trainer calls.

    Args:
        training: of the flow, a `FlowTraining`, whose captions it draws.
        teacher: the flow.
        student: as it was refined.
        heads: of the discriminator that refined it.
        images: pictures of the training, (pictures, 256, 256, 3) uint8.
        encoders: that read pictures, none of which measures how good they are.
    """

    def __init__(
        self, training: Any, teacher: FlowNetwork, student: FlowNetwork, heads: nn.Module,
        images: np.ndarray, encoders: list[Any],
    ):  # fmt: skip
        self.training, self.teacher = training, teacher.eval().requires_grad_(False)
        self.images, self.encoders, device = images, encoders, training.device
        student = copy.deepcopy(student).train().requires_grad_(True)
        heads = copy.deepcopy(heads).train().requires_grad_(True)
        parts = np.array_split(np.arange(len(images)), -(-len(images) // BATCH))
        levels = self._levels(self._real(part) for part in parts)
        self.real = levels
        decoder = GraphDecoder(training.space.decoder_path)
        net: Any = MatchingNetworks(student, heads, decoder, levels)
        self.net: Any = net.to(device, memory_format=torch.channels_last)
        self.fields = noise_fields().to(device)
        groups = [
            {"params": self.net.student.parameters(), "lr": RATE},
            {"params": self.net.decoder.parameters(), "lr": DECODER_RATE},
            {"params": heads.parameters(), "lr": DISCRIMINATOR_RATE, "betas": DISCRIMINATOR_BETAS},
        ]
        self.optimizer = torch.optim.Adam(groups, betas=(DISCRIMINATOR_BETAS[0], BETA))
        ends = [len(encoder.down) for encoder in encoders]
        shares = torch.cat([torch.tensor([1.0] * (end - 1) + [LAST]) for end in ends])
        self.shares = (shares / shares.sum()).to(device)  # (maps,)
        self.last = np.cumsum(ends) - 1  # which of the maps are the last of their encoder
        begun = np.random.default_rng(43)
        made = self._levels(self._painted(self.net, begun) for _ in range(BEGUN))
        for moments, features in zip(self.net.moments, made, strict=True):
            moments.update(features, 1.0)

    def loss(self, step: int) -> Tensor:
        """Return the loss of one step, ()."""
        random = np.random.default_rng([step, 41])
        features = self._pooled_levels(self._painted(self.net, random))
        found = [one(some) for one, some in zip(self.net.moments, features, strict=True)]
        for moments, some in zip(self.net.moments, features, strict=True):
            moments.update(some.detach())
        kept = random.integers(len(self.images), size=KEPT)
        latents = self.training.train[0][0, torch.from_numpy(kept)]
        given_back = self._decoded(self.net, latents.to(self.training.device).float())
        error = F.l1_loss(given_back, self._real(kept))
        loss = WEIGHT * (torch.stack(found) * self.shares).sum() + KEPT_WEIGHT * error
        # Each second step pays for the discriminator too, which keeps pictures one by one real.
        return loss if step % 2 else loss + super().loss(step)

    @torch.no_grad()
    def validate(self, net: Any) -> dict[str, float]:
        """Return how far made pictures are from real ones, in percent of the features' variance.

        It is Fréchet's distance of what each encoder reads last, the mean of all.
        """
        random, state = np.random.default_rng(7), torch.get_rng_state()
        torch.manual_seed(7)
        net.eval()
        made = self._levels(self._painted(net, random) for _ in range(VALIDATED // BATCH))
        torch.set_rng_state(state)
        found = [
            frechet(self.real[at].cpu().numpy(), made[at].cpu().numpy())
            / net.moments[at].variances.sum().item()
            for at in self.last
        ]
        return {"feature distance": 100 * float(np.mean(found))}

    def samples(self, net: Any) -> Any:
        """Return a sheet of pictures by networks that were trained."""
        net.eval()
        return self.training.samples(
            net.student, sample, lambda x: to_bytes(self._decoded(net, x.float()))
        )

    def _painted(self, net: Any, random: np.random.Generator) -> Tensor:
        """Return pictures by captions of the training, (BATCH, 3, 256, 256) in 0..1."""
        training = self.training
        facts = [training.train[1][at] for at in random.integers(len(self.images), size=BATCH)]
        words = training.told(facts, random, 0.0).to(training.device)
        z = torch.randn(BATCH, LATENT, device=training.device)
        noise = mixed_noise(self.fields, z, torch.randn(BATCH, GRAIN, device=training.device))
        noise = noise.contiguous(memory_format=torch.channels_last)
        with mixed_precision(training.device):
            found = sample(net.student, noise, net.student.encode(words)).float()
        return self._decoded(net, found).clamp(0, 1)

    def _decoded(self, net: Any, latents: Tensor) -> Tensor:
        """Return the pictures of latents, (batch, 3, 256, 256)."""
        with mixed_precision(self.training.device):
            pictures: Tensor = net.decoder(latents.contiguous(memory_format=torch.channels_last))
        return pictures

    def _real(self, index: np.ndarray) -> Tensor:
        """Return pictures of the training, (batch, 3, 256, 256) in 0..1."""
        x = torch.from_numpy(self.images[index]).to(self.training.device)
        return x.permute(0, 3, 1, 2).float() / 255

    def _pooled_levels(self, x: Tensor) -> list[Tensor]:
        """Return features of pictures by all maps of all encoders, (batch, width) each."""
        with mixed_precision(self.training.device):
            x = random_shift(x).contiguous(memory_format=torch.channels_last)
            maps = [one for encoder in self.encoders for one in encoder(x)[0]]
        return [one.float().mean((2, 3)) for one in maps]

    @torch.no_grad()
    def _levels(self, pictures: Iterable[Tensor]) -> list[Tensor]:
        """Return the features of many pictures, which come in batches, (pictures, width) each."""
        found: Iterator[list[Tensor]] = (self._pooled_levels(some) for some in pictures)
        return [torch.cat(level) for level in zip(*found, strict=True)]
