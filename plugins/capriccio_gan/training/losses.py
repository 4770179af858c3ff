"""The losses of generator and discriminator: a conditional GAN for few pictures.

Goodfellow et al. (arXiv 1406.2661) let a discriminator D and a generator G play

    min_G max_D V(D, G) = E[log D(x)] + E[log(1 - D(G(z)))],

that is, with D = sigmoid(v): the discriminator lowers softplus(-v(x)) + softplus(v(G(z))). Here it
compares a generated and a real picture of one caption c and lowers

    softplus(v(G(z, c), c) - v(x, c)),                                     (relativistic pairing)

and the generator lowers the same with the two exchanged. It is the same game, log-sigmoid and all,
played on the difference of two scores in place of each: a score of one half no longer suffices when
every generated picture has a real one beside it, so modes are not dropped (arXiv 1807.00734, and
R3GAN, arXiv 2501.05441, which proves convergence if the discriminator's gradient is penalized at
real *and* generated pictures). That penalty, gamma/2 (|grad v(x)|^2 + |grad v(G(z))|^2), is
computed as a finite difference in a random direction (as in arXiv 2501.08316): one more forward
pass in place of a second derivative.

Two terms make the words count: a real picture with a caption that is wrong for it counts as
generated (matching-aware, arXiv 1605.05396), and the generator also raises the image encoder's
odds that its picture fits the caption. Words could then replace the noise, so two pictures of one
caption are kept apart, up to half the distance between two real pictures (mode seeking, arXiv
1903.05628, with a limit).

No score of a single picture measures what all of them lack. So in the second phase mean and
covariance of features of recent generated pictures, in the image encoder and two auxiliary ones,
are to be those of real pictures (as in McGan, arXiv 1702.08398), and each generated picture is
moved to where the optimal transport between the two takes it. Both sides see pictures through one
differentiable augmentation (arXiv 2006.10738), since a few thousand pictures can be memorized.
"""

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import mixed_precision
from torch import nn

from ..vocabulary import Vocabulary
from .captions import compose
from .dataset import Pictures
from .moments import FeatureMoments, mean_transport_cost, random_shift, similarity
from .networks import LATENT, Discriminator, GeneratorNetwork
from .spaces import LatentSpace, PixelSpace
from .text_image import AUXILIARY_WIDTHS, WIDTHS, ImageEncoder, TextImageModel, true_words

FEATURE_WIDTHS = [width for encoder in (WIDTHS, *AUXILIARY_WIDTHS) for width in encoder[1:]]
MISMATCH_WEIGHT = 0.5  # of wrong captions in the discriminator's loss
GUIDANCE_WEIGHT = 0.15  # of the image encoder in the generator's loss in the first phase,
LATE_GUIDANCE_WEIGHT = 0.05  # and in the second
DIVERSITY_WEIGHT = 1.0  # of the similarity of two pictures of one caption
TRANSPORT_WEIGHT = 6.0  # of the transport cost in the second phase
SECOND_PHASE = 0.6  # progress at which it starts: earlier, pictures change faster than the moments
PHASE_IN = 20  # the second phase fades in within a twentieth of the training
KEPT_ON_GPU = 2**34  # bytes of pictures; more are fetched from the disk, batch by batch
NO_CAPTION = 0.15  # share of pictures without a caption, so that noise alone learns to vary them
OBJECTIVE = (
    "relativistic pairing softplus(v(generated) - v(real)), zero-centred penalties on both (gamma "
    f"{PixelSpace.gamma:g} for pixels, {LatentSpace.gamma:g} for latents), wrong captions "
    f"{MISMATCH_WEIGHT:g}, image encoder's guidance {GUIDANCE_WEIGHT:g}, later "
    f"{LATE_GUIDANCE_WEIGHT:g}, diversity of one caption {DIVERSITY_WEIGHT:g}, moments of features "
    f"{TRANSPORT_WEIGHT:g}"
)


class AdversarialNetworks(nn.Module):
    """Generator, discriminator and the moments of generated pictures, for one checkpoint."""

    def __init__(self, space: PixelSpace | LatentSpace):
        super().__init__()
        # Named as in the checkpoints that exist.
        self.painter, self.judge = space.networks(WIDTHS[1:])
        self.made = nn.ModuleList(map(FeatureMoments, FEATURE_WIDTHS))

    @property
    def generator(self) -> GeneratorNetwork:
        return self.painter

    @property
    def discriminator(self) -> Discriminator:
        return self.judge


class AdversarialTraining:
    """Computes one loss a step, from which generator and discriminator get their own gradients.

    `progress` is the share of the training that is over, 0..1; the second phase depends on it.
    """

    progress = 0.0

    def __init__(
        self,
        networks: AdversarialNetworks,
        space: PixelSpace | LatentSpace,
        kept: torch.Tensor,
        text_image: TextImageModel,
        auxiliary: list[ImageEncoder],
        training: Pictures,
        vocabulary: Vocabulary,
        *,
        device: str,
        seed: int,
        batch: int,
    ):
        self.generator, self.discriminator = networks.generator, networks.discriminator
        self.generated_moments = networks.made
        self.space, self.kept = space, kept
        self.text_image, self.auxiliary = text_image, auxiliary
        self.training, self.vocabulary = training, vocabulary
        self.device, self.seed, self.batch = device, seed, batch
        self.part = max(1, batch // 4)  # pictures a side for the penalty, and pairs kept apart
        self.true_words = torch.from_numpy(true_words(training, vocabulary))  # (pictures, words)
        if device == "cuda" and self.kept.nbytes < KEPT_ON_GPU:
            self.kept = self.kept.to(device)
        with torch.no_grad():
            parts = torch.arange(len(training)).split(100)
            levels = [self._pooled_features(space.draw(self.kept, part, device)) for part in parts]
        self.real_moments = [FeatureMoments(width).to(device) for width in FEATURE_WIDTHS]
        for moments, features in zip(self.real_moments, zip(*levels, strict=True), strict=True):
            moments.update(torch.cat(features))

    def schedule(self, progress: float) -> float:
        """Remember the progress, 0..1, and return its share of the learning rates."""
        self.progress = progress
        # 2 % warm-up, then a cosine down to a twentieth, where it stays for the second phase.
        phase = min(1.0, progress / max(SECOND_PHASE, 1e-9))
        return min(1.0, 0.02 + 50 * progress) * (0.525 + 0.475 * np.cos(np.pi * phase))

    def loss(self, step: int) -> torch.Tensor:
        """Return the loss of one step, ()."""
        x, words, mismatch = self._draw_batch(step)
        code = self.text_image.text_encoder(words)  # (batch, 128)
        generated, similar = self._generate(x, code)
        # The discriminator sees detached copies; the generator's gradient is applied to the
        # pictures afterwards, so that one forward pass serves both sides.
        detached = generated.detach().requires_grad_()  # (batch, 3, size, size)
        discriminator_loss, generator_loss, guidance = self._score(x, detached, code, mismatch)
        late = min(1.0, PHASE_IN * max(0.0, self.progress - SECOND_PHASE))
        weight = GUIDANCE_WEIGHT + late * (LATE_GUIDANCE_WEIGHT - GUIDANCE_WEIGHT)
        generator_loss = generator_loss + weight * guidance
        if late:
            features = self._pooled_features(detached)
            cost = mean_transport_cost(features, self.generated_moments, self.real_moments)
            generator_loss = generator_loss + TRANSPORT_WEIGHT * late * cost
        (gradient,) = torch.autograd.grad(generator_loss, detached, retain_graph=True)
        surrogate = (generated * gradient).sum()  # (), of no value but the generator's gradient
        return discriminator_loss + DIVERSITY_WEIGHT * similar + surrogate - surrogate.detach()

    def _draw_batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return a step's pictures, their captions, and where the neighbour's caption is wrong.

        As (batch, 3, size, size), word numbers, (batch, 24), and (batch,) of 0 and 1.
        """
        random = np.random.default_rng([self.seed, step])
        chosen = random.integers(len(self.training), size=self.batch)
        without = random.random(self.batch) < NO_CAPTION  # (batch,)
        captions = [
            "" if empty else compose(self.training.facts[i], random)
            for i, empty in zip(chosen, without, strict=True)
        ]
        words = torch.tensor([self.vocabulary.encode(caption)[0] for caption in captions])
        index = torch.from_numpy(chosen)  # (batch,)
        mismatch = ~self.true_words[index].gather(1, torch.roll(words, 1, 0)).all(1)  # (batch,)
        x = self.space.draw(self.kept, index, self.device)  # (batch, 3, size, size)
        return x, words.to(self.device), mismatch.float().to(self.device)

    def _generate(self, x: torch.Tensor, code: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return pictures of codes, and the similarity of two pictures of one code, ()."""
        generator, part = self.generator, self.part
        with mixed_precision(self.device):
            z = torch.randn(len(code), LATENT, device=self.device)  # (batch, 64)
            grain = torch.randn(len(code), generator.grain_size, device=self.device)
            generated = generator(z, code, grain)  # (batch, 3, size, size)
            again = generator(torch.randn_like(z[:part]), code[:part], grain[:part])
            shown = [self.space.preview(one) for one in (generated[:part], again, x)]
        return generated, similarity(*shown)

    def _score(
        self, x: torch.Tensor, generated: torch.Tensor, code: torch.Tensor, mismatch: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the losses of discriminator, generator and image encoder, () each."""
        discriminator, batch, part = self.discriminator, self.batch, self.part
        random = torch.rand(2 * batch, 8, device=self.device)
        shown = self.space.augment(torch.cat([x, generated]), random)  # (2 batch, 3, size, size)
        penalized = torch.cat([shown[:part], shown[batch : batch + part]]).detach()
        moved = penalized + self.space.step * torch.randn_like(penalized)  # (batch / 2, …)
        shown = torch.cat([shown, moved])  # (batch * 5 / 2, 3, size, size)
        codes = torch.cat([code, code, code[:part], code[:part]])  # (batch * 5 / 2, 128)
        with mixed_precision(self.device):
            features, _, image_codes = self.text_image.image_encoder(self.space.preview(shown))
            unconditional, pooled = discriminator(shown, features)
        scores = unconditional + discriminator.conditional_scores(pooled, codes)
        real, fake, shifted = scores[:batch], scores[batch : 2 * batch], scores[2 * batch :]
        neighbours = torch.roll(code, 1, 0)  # (batch, 128)
        wrong = discriminator.conditional_scores([one[:batch] for one in pooled], neighbours)
        mismatched = unconditional[:batch] + wrong  # (batch, scores)
        base = torch.cat([real[:part], fake[:part]])  # (batch / 2, scores)
        penalty = ((base - shifted) / self.space.step).square().mean()
        discriminator_loss = F.softplus(fake - real).mean() + self.space.gamma / 2 * penalty
        mismatch_loss = F.softplus(mismatched - real).mean(1)  # (batch,)
        discriminator_loss = (
            discriminator_loss + MISMATCH_WEIGHT * (mismatch_loss * mismatch).mean()
        )
        generator_loss = F.softplus(real.detach() - fake).mean()
        # The log odds that each generated picture fits its own caption.
        image_codes = image_codes[batch : 2 * batch].float()  # (batch, 128)
        logits = self.text_image.logits(image_codes, code)  # (batch,)
        return discriminator_loss, generator_loss, F.softplus(-logits).mean()

    def _pooled_features(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the pooled features of all image encoders, (batch, width) a level."""
        with mixed_precision(self.device):
            x = random_shift(self.space.preview(x))  # (batch, 3, size, size)
            encoders = (self.text_image.image_encoder, *self.auxiliary)
            maps = [level for encoder in encoders for level in encoder(x)[0]]
        return [level.float().mean((2, 3)) for level in maps]  # (batch, width) each
