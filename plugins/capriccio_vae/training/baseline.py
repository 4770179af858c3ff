"""Measure a plain VAE on a folder, the yardstick: `python -m capriccio_vae.plain.train --data …`.

The autoencoder of Kingma and Welling (arXiv 1312.6114, appendix C): one hidden layer of 500 tanh
units on either side of as many latents as the dreamer has, and the ELBO alone. Its likelihood is
the dreamer's, so that both may be compared in nats.
"""

import json
from pathlib import Path

import click
import numpy as np
import torch
from capriccio.training import Trainer, seed_everything
from torch import nn

from .dataset import SIZE, read_pictures
from .networks import LATENT, kl

HIDDEN = 500
BATCH = 100  # as in the paper
RATE = 1e-3
NUMBERS = 3 * SIZE * SIZE


class Plain(nn.Module):
    """Encode a flat picture, (batch, 49152) in 0..1, and decode it again."""

    def __init__(self):
        super().__init__()
        self.read, self.cloud = nn.Linear(NUMBERS, HIDDEN), nn.Linear(HIDDEN, 2 * LATENT)
        self.think, self.paint = nn.Linear(LATENT, HIDDEN), nn.Linear(HIDDEN, NUMBERS)
        self.log_width = nn.Parameter(torch.tensor(-2.0))  # of the Laplace; 0.14 to begin with

    def forward(self, x):
        """Give the copy and the two halves of the negative ELBO in nats, (batch,) each."""
        mean, log_variance = self.cloud(self.read(x - 0.5).tanh()).chunk(2, 1)  # (batch, 576)
        log_variance = log_variance.clamp(-10, 4)  # (batch, 576)
        z = mean + torch.randn_like(mean) * (log_variance / 2).exp()  # (batch, 576)
        copy = self.paint(self.think(z).tanh()) + 0.5  # (batch, 49152)
        nats = (x - copy).abs() / self.log_width.exp() + self.log_width + np.log(2)
        return copy, nats.sum(1), kl(mean, log_variance)


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True),
              help="The folder the dreamer learned from.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("plain.safetensors"),
              help="The checkpoint.")  # fmt: skip
@click.option("--hours", type=float, default=0.25, show_default=True)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint.")
@click.option("--dry-run", is_flag=True, help="Go through it once, on a few pictures.")
def measure(data: Path, out: Path, hours: float, resume: bool, dry_run: bool) -> None:
    """Train the yardstick and print its figures on the validation pictures as JSON."""
    seed_everything(0)
    pictures = read_pictures(data, 80 if dry_run else None)
    often = np.sqrt(np.bincount(pictures.kinds))  # sampled as the dreamer does
    chance = torch.from_numpy(1 / often[pictures.kinds])  # (pictures,)
    net = Plain()
    trainer = Trainer(
        net, torch.optim.Adam(net.parameters(), RATE), out, resume=resume, dry_run=dry_run
    )

    def flat(pixels):
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).flatten(1).float() / 255

    def loss(step: int):
        chosen = torch.multinomial(chance, BATCH, replacement=True)  # (batch,)
        x = flat(pictures.train[chosen.numpy()])  # (batch, 49152)
        _, nats, cost = net(x)
        return (nats + cost).mean() / NUMBERS

    def validate(ema: Plain) -> dict[str, float]:
        figures = []
        for at in range(0, len(pictures.val), BATCH):
            x = flat(pictures.val[at : at + BATCH])  # (batch, 49152)
            copy, nats, cost = ema(x)
            figures.append(torch.stack([nats, cost, (x - copy).square().mean(1)], 1))
        nats, cost, error = torch.cat(figures).mean(0).tolist()
        bits = ((nats + cost) / NUMBERS + np.log(256)) / np.log(2)
        return {"bits per dimension": bits, "reconstruction nats": nats, "kl nats": cost,
                "mse": error}  # fmt: skip

    figures = trainer.run(loss, steps=1_000_000, hours=hours, validate=validate, every=200)
    click.echo(json.dumps({name: round(value, 4) for name, value in figures.items()}, indent=2))


if __name__ == "__main__":
    measure(prog_name="python -m capriccio_vae.plain.train")
