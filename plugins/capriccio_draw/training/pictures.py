"""The encoder alone learns first, as that of a variational autoencoder of pictures.

A network that draws hears latents sooner where they already tell one drawing from another.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..latents import PIXELS, picture_of
from .network import PictureEncoder, latent_costs

BATCH_SIZE = 64
STEPS = 1500
LEARNING_RATE = 2e-3  # of Adam; it falls to nothing
HIDDEN = 256  # of the decoder, which is thrown away
MOST_PICTURES = 20_000


def pictures_of(drawings: list[list[np.ndarray]], random: np.random.Generator) -> torch.Tensor:
    """Return pictures of at most MOST_PICTURES of the drawings, (n, 1, PIXELS, PIXELS)."""
    numbers = random.permutation(len(drawings))[:MOST_PICTURES].tolist()
    made = np.array([picture_of(drawings[number]) for number in numbers], np.float32)
    return torch.from_numpy(made).unsqueeze(1)


def learn_pictures(
    encoder: PictureEncoder, pictures: torch.Tensor, *, steps: int = STEPS, seed: int = 0
) -> float:
    """Train an encoder with a decoder of its own; return the nats of the last tenth of the steps.

    They are those of pictures (n, 1, PIXELS, PIXELS) as probabilities of ink, and of latents, as
    by Kingma and Welling (arXiv 1312.6114).
    """
    decoder = nn.Sequential(
        nn.Linear(encoder.latents, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, PIXELS**2)
    )
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    random = torch.Generator().manual_seed(seed)
    encoder.train()
    nats = []
    for _ in range(steps):
        numbers = torch.randint(len(pictures), (BATCH_SIZE,), generator=random)  # (b)
        batch = pictures[numbers]  # (b, 1, PIXELS, PIXELS)
        mean, log_sigma = encoder(batch)  # (b, latents) both
        noise = torch.randn(mean.shape, generator=random)  # (b, latents)
        logits = decoder(mean + torch.exp(log_sigma) * noise)  # (b, PIXELS * PIXELS)
        seen = F.binary_cross_entropy_with_logits(logits, batch.flatten(1), reduction="sum")
        loss = (seen + latent_costs(mean, log_sigma).sum()) / BATCH_SIZE
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        nats.append(loss.item())
    return float(np.mean(nats[-max(1, steps // 10) :]))
