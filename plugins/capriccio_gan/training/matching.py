"""Match pictures: what a student paints gets features with the moments of real pictures'.

A discriminator scores latents one by one. It cannot measure what all pictures lack together, nor
what the decoder takes from each. Here latents become pictures, image encoders read them, and
student and decoder learn to give mean and covariance of the features the values that they have for
pictures of the training, and the features as much to do with the words of captions as there. The
moments of made pictures are means of the last batches alone, and both learn slowly: what moves
faster than its moments follow swings about its target. The decoder goes on giving pictures back.
"""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from capriccio.training import Trainer, mixed_precision
from torch import Tensor, nn

from .captions import Facts
from .decoder import GraphDecoder
from .distillation import train_student
from .flow_network import GRAIN, FlowNetwork, mixed_noise, noise_fields, sample
from .moments import MatchedMoments
from .networks import LATENT
from .reconstruction import Reconstruction
from .refinement import BETAS as DISCRIMINATOR_BETAS
from .refinement import DISCRIMINATOR_RATE, MAX_GRADIENT, Refinement
from .spaces import to_bytes

STEPS, EVERY = 3_000, 60  # it swings, so the best state is sought often
BATCH = 32
RATE, DECODER_RATE, BETA = 4e-6, 2e-6, 0.999  # of Adam
# Share of a batch in the moments: SHARE (about five batches count) at step 0, half of it after
# HALVED steps, and at least LEAST_SHARE (twenty batches): small errors need more pictures.
SHARE, LEAST_SHARE, HALVED = 0.2, 0.05, 500
LAST = 12.0  # weight of an encoder's last map, which tells most of the subject
WEIGHT = 6.0  # of the moments beside the discriminator
WORDS_WEIGHT, WORDS_SHARE = 1.0, 0.1  # of what words tell beside moments; of a batch in it
COMPONENTS, LEAST = 48, 1e-3  # of the words of captions, and the least variance of one
CAPTIONS = 3  # of each real picture
KEPT = 8  # pictures of the training that the decoder gives back in each step
BEGUN = 24  # batches from which the moments begin
VALIDATED = 512  # pictures


class WordComponents:
    """Principal components of the words of captions, each of variance 1.

    Args:
        words: of many captions, (captions, MAX_WORDS) numbers.
        count: of all words that there are.
    """

    def __init__(self, words: Tensor, count: int):
        self.count = count
        bags = self._bags(words)
        self.mean = bags.mean(0)
        variances, basis = torch.linalg.eigh(torch.cov(bags.T))  # (words,), (words, words)
        variances, basis = variances[-COMPONENTS:], basis[:, -COMPONENTS:]
        kept = variances > LEAST
        self.basis = basis[:, kept] * variances[kept].rsqrt()

    def __call__(self, words: Tensor) -> Tensor:
        """Return the components of captions, (captions, components)."""
        return (self._bags(words) - self.mean) @ self.basis

    def _bags(self, words: Tensor) -> Tensor:
        """Return which words captions have, (captions, words) 0 or 1."""
        bags = torch.zeros(len(words), self.count, device=words.device).scatter_(1, words, 1.0)
        bags[:, :2] = 0  # the numbers of no words
        return bags


class WordMoments(nn.Module):
    """Running covariance of features of made pictures with the words of their captions.

    Args:
        moments: of the features.
        real: features of real pictures, (pictures, width).
        told: components of the words of their captions, (pictures, components).
    """

    wanted: Tensor
    found: Tensor

    def __init__(self, moments: MatchedMoments, real: Tensor, told: Tensor):
        super().__init__()
        wanted = moments.centred(real).T @ told / len(real)
        self.register_buffer("wanted", wanted)  # (width, components)
        self.register_buffer("found", wanted.clone())

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Return a loss, (), whose gradient leads features to tell as much of words as real ones.

        Args:
            x: features about their mean, in the basis of the moments, (batch, width).
            told: components of the words, (batch, components).
        """
        return 2 * (x * (told @ (self.found - self.wanted).T)).sum(1).mean()

    @torch.no_grad()
    def update(self, x: Tensor, told: Tensor, share: float) -> None:
        """Include more pictures, which have this share."""
        self.found.lerp_(x.T @ told / len(x), share)


class MatchingNetworks(nn.Module):
    """What learns, and the moments, for one checkpoint."""

    def __init__(self, student: FlowNetwork, heads: nn.Module, reconstructed: Any):
        super().__init__()
        self.student, self.heads = student, heads
        self.decoder: GraphDecoder = reconstructed.decoder
        self.pairs: nn.ModuleList = reconstructed.pairs
        self.register_buffer("scales", reconstructed.scales)


class Matching(Refinement):
    """A refined student, the decoder and the discriminator, and what the trainer calls.

    Args:
        training: of the flow, a `FlowTraining`, whose captions it draws.
        teacher: the flow.
        student: as it was refined.
        heads: of the discriminator that refined it.
        reconstruction: what taught the decoder.
        reconstructed: what it taught, its networks.
    """

    def __init__(
        self, training: Any, teacher: FlowNetwork, student: FlowNetwork, heads: nn.Module,
        reconstruction: Reconstruction, reconstructed: Any,
    ):  # fmt: skip
        self.training, self.teacher = training, teacher.eval().requires_grad_(False)
        self.reconstruction, self.features = reconstruction, reconstruction.features
        device, levels = training.device, reconstruction.levels
        random = np.random.default_rng(77)
        facts = training.train[1]
        self.order = self.order_of(facts)
        words = [training.told(facts, random, 0.0).to(device) for _ in range(CAPTIONS)]
        self.components = WordComponents(torch.cat(words), len(training.vocabulary))
        told = torch.stack([self.components(some) for some in words]).mean(0)
        net: Any = copy.deepcopy(MatchingNetworks(student, heads, reconstructed))
        net = net.train().requires_grad_(True)
        net.moments = nn.ModuleList(map(MatchedMoments, levels))
        net.words = nn.ModuleList(
            WordMoments(net.moments[at], levels[at], told) for at in self.features.last
        )
        self.net: Any = net.to(device, memory_format=torch.channels_last)
        self.fields = noise_fields().to(device)
        learning = {"lr": DISCRIMINATOR_RATE, "betas": DISCRIMINATOR_BETAS}
        groups = [
            {"params": self.net.student.parameters(), "lr": RATE},
            {"params": self.net.decoder.parameters(), "lr": DECODER_RATE},
            {"params": self.net.heads.parameters(), **learning},
        ]
        self.optimizer = torch.optim.Adam(groups, betas=(DISCRIMINATOR_BETAS[0], BETA))
        self.shares = self.features.shares(LAST)
        self._begin()

    @torch.no_grad()
    def _begin(self) -> None:
        """Begin the moments with those of some pictures."""
        random = np.random.default_rng(43)
        words = [self._words(random) for _ in range(BEGUN)]
        made = self.features.of_many(self._paint(self.net, some) for some in words)
        for moments, features in zip(self.net.moments, made, strict=True):
            moments.update(features, 1.0)
        told = self.components(torch.cat(words))
        for at, one in zip(self.features.last, self.net.words, strict=True):
            one.update(self.net.moments[at].centred(made[at]), told, 1.0)

    def loss(self, step: int) -> Tensor:
        """Return the loss of one step, ()."""
        random = np.random.default_rng([step, 41])
        share = self.share_of(step)
        words = self._words(random)
        told = self.components(words)
        features = self.features.pooled(self._paint(self.net, words))
        found = [one(some) for one, some in zip(self.net.moments, features, strict=True)]
        loss = WEIGHT * (torch.stack(found) * self.shares).sum()
        last = self.features.last
        for at, one in zip(last, self.net.words, strict=True):
            moments = self.net.moments[at]
            x = moments.centred(features[at])
            wrong = one(x, told) / moments.variances.sum()
            loss = loss + WEIGHT * WORDS_WEIGHT / len(last) * wrong
            one.update(x.detach(), told, WORDS_SHARE)
        for moments, some in zip(self.net.moments, features, strict=True):
            # A mean is measured well by fewer pictures than a covariance, so it may lag less.
            moments.update(some.detach(), share, min(SHARE, 2 * share))
        loss = loss + self.reconstruction.error(self.net, random, KEPT)
        # Each second step pays for the discriminator too, which keeps pictures one by one real.
        return loss if step % 2 else loss + super().loss(step)

    @torch.no_grad()
    def validate(self, net: Any) -> dict[str, float]:
        """Return how far made pictures are from real ones, in percent of the features' variance."""
        random, state = np.random.default_rng(7), torch.get_rng_state()
        torch.manual_seed(7)
        net.eval()
        made = self.features.of_many(
            self._paint(net, self._words(random)) for _ in range(VALIDATED // BATCH)
        )
        torch.set_rng_state(state)
        return {"feature distance": self.features.distance(self.reconstruction.levels, made)}

    def run(self, checkpoint: Path, **options: Any) -> Trainer:
        """Train, as `train_student` does; return the trainer, whose `ema` has what learned."""
        return train_student(self, checkpoint, clip=MAX_GRADIENT, every=EVERY, **options)

    @staticmethod
    def share_of(step: int) -> float:
        """Return the share of a step's batch in the moments."""
        return max(LEAST_SHARE, SHARE / (1 + step / HALVED))

    @staticmethod
    def order_of(facts: list[Facts]) -> list[int]:
        """Return the numbers of pictures in an order in which those of one subject are together."""
        subjects = [str((one.movement, one.kind, one.attributes.colours)) for one in facts]
        return sorted(range(len(facts)), key=subjects.__getitem__)

    def samples(self, net: Any) -> Any:
        """Return a sheet of pictures by networks that were trained."""
        net.eval()
        decode = self.reconstruction.decode
        return self.training.samples(
            net.student, sample, lambda x: to_bytes(decode(net.decoder, x.float()))
        )

    def _words(self, random: np.random.Generator) -> Tensor:
        """Return the words of captions of the training, (BATCH, MAX_WORDS).

        A batch has each subject as often as the training does. Of one that it has too rarely, what
        learns would put some into all other pictures.
        """
        facts = self.training.train[1]
        places = (np.arange(BATCH) + random.random(BATCH)) / BATCH * len(facts)
        chosen = [facts[self.order[int(at)]] for at in places]
        words: Tensor = self.training.told(chosen, random, 0.0).to(self.training.device)
        return words

    def _paint(self, net: Any, words: Tensor) -> Tensor:
        """Return pictures by the words of captions, (batch, 3, 256, 256) in 0..1."""
        device, count = self.training.device, len(words)
        z = torch.randn(count, LATENT, device=device)
        noise = mixed_noise(self.fields, z, torch.randn(count, GRAIN, device=device))
        noise = noise.contiguous(memory_format=torch.channels_last)
        with mixed_precision(device):
            found = sample(net.student, noise, net.student.encode(words)).float()
        return self.reconstruction.decode(net.decoder, found).clamp(0, 1)
