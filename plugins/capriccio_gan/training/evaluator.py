"""Evaluate a generator during training, on prompts like people's, beside real pictures."""

import numpy as np
import torch
from capriccio.training import frechet, spread

from ..vocabulary import Vocabulary
from .captions import compose
from .dataset import Pictures
from .networks import LATENT, GeneratorNetwork, TextEncoder
from .spaces import LatentSpace, PixelSpace, to_bytes
from .text_image import ImageEncoder, encode_images

MAX_PROMPTS = 1000
MAX_UNPROMPTED = 200  # pictures without a prompt
REPEATS = 4  # of either for each picture for validation, at most
BATCH = 64


class Evaluator:
    """Compares generated with real pictures in the features of the evaluation encoder."""

    def __init__(
        self,
        encoder: ImageEncoder,
        space: PixelSpace | LatentSpace,
        text_encoder: TextEncoder,
        training: Pictures,
        validation: Pictures,
        vocabulary: Vocabulary,
        *,
        device: str,
        seed: int,
    ):
        self.encoder, self.space, self.text_encoder = encoder, space, text_encoder
        self.device, self.seed = device, seed
        sample = np.random.default_rng(0).permutation(len(validation))[:MAX_PROMPTS]
        count = REPEATS * len(validation)
        repeats = -(-min(MAX_PROMPTS, count) // len(validation))
        random = np.random.default_rng(0)  # varied captions, as people would type them
        captions = [compose(validation.facts[i], random) for i in [*sample] * repeats]
        self.prompts = torch.tensor([vocabulary.encode(caption)[0] for caption in captions])
        no_prompt = torch.tensor([vocabulary.encode("")[0]])  # (1, 24)
        self.no_prompts = no_prompt.expand(min(MAX_UNPROMPTED, count), -1)  # (200, 24)
        self.real = self._features(validation.images)
        self.floor = frechet(
            self._features(training.images[:: max(1, len(training) // 2000)]), self.real
        )

    def evaluate(self, generator: GeneratorNetwork) -> dict[str, float]:
        """Return the figures of a generator; a lower Fréchet distance is better."""
        generated = self._features(self.generate(generator, self.prompts))
        unprompted = self._features(self.generate(generator, self.no_prompts))
        return {
            "frechet": frechet(self.real, generated),
            "real frechet": self.floor,
            "spread": spread(generated) / spread(self.real),
            "spread unasked": spread(unprompted) / spread(self.real),
        }

    def generate(
        self, generator: GeneratorNetwork, words: torch.Tensor, *, preview: bool = True
    ) -> np.ndarray:
        """Return pictures of word numbers, (prompts, 24), as (prompts, size, size, 3) uint8.

        The noise is always the same. A preview of latents has 64 pixels and takes no decoder.
        """
        torch.manual_seed(self.seed)
        images = []
        for part in words.split(BATCH):
            z = torch.randn(len(part), LATENT).to(self.device)  # (64, 64)
            grain = torch.randn(len(part), generator.grain_size).to(self.device)  # (64, grain)
            code = self.text_encoder(part.to(self.device))  # (64, 128)
            x = generator(z, code, grain)  # (64, 3, size, size)
            images.append(to_bytes(self.space.preview(x)) if preview else self.space.images(x))
        return np.concatenate(images)

    def _features(self, images: np.ndarray) -> np.ndarray:
        return encode_images(self.encoder, images, self.device)[0]
