"""A plain VAE to compare with: `python -m capriccio_vae.training.baseline --data FOLDER`.

The autoencoder of Kingma and Welling (arXiv 1312.6114, appendix C): one hidden layer of 500 tanh
units on either side of the latent, which has as many dimensions as the one of `vae`, and the ELBO
alone. The likelihood is the same, so that both can be compared in nats.
"""

import json
from pathlib import Path

import click
import numpy as np
import torch
from capriccio.training import Trainer, seed_everything
from torch import Tensor, nn

from .dataset import SIZE, read_pictures
from .networks import LATENT, kl

HIDDEN = 500
BATCH = 100  # as in the paper
LEARNING_RATE = 1e-3
NUMBERS = 3 * SIZE * SIZE


class PlainVAE(nn.Module):
    """Encode flat pictures, (batch, 49152) in 0..1, and decode them again."""

    def __init__(self):
        super().__init__()
        self.read, self.cloud = nn.Linear(NUMBERS, HIDDEN), nn.Linear(HIDDEN, 2 * LATENT)
        self.think, self.paint = nn.Linear(LATENT, HIDDEN), nn.Linear(HIDDEN, NUMBERS)
        self.log_width = nn.Parameter(torch.tensor(-2.0))  # of the Laplace; 0.14 to begin with

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return reconstructions, (batch, 49152), and both terms of the negative ELBO, (batch,)."""
        mean, log_variance = self.cloud(self.read(x - 0.5).tanh()).chunk(2, 1)  # (batch, 576)
        log_variance = log_variance.clamp(-10, 4)  # (batch, 576)
        z = mean + torch.randn_like(mean) * (log_variance / 2).exp()  # (batch, 576)
        copy = self.paint(self.think(z).tanh()) + 0.5  # (batch, 49152)
        nats = (x - copy).abs() / self.log_width.exp() + self.log_width + np.log(2)
        return copy, nats.sum(1), kl(mean, log_variance)


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True),
              help="The folder that the model learned from.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("plain.safetensors"),
              help="The checkpoint.")  # fmt: skip
@click.option("--hours", type=float, default=0.25, show_default=True, help="Time budget.")
@click.option("--resume", is_flag=True, help="Resume from the checkpoint.")
@click.option("--dry-run", is_flag=True, help="Take two steps on a few pictures, and keep no file.")
def measure(data: Path, out: Path, hours: float, resume: bool, dry_run: bool) -> None:
    """Train the plain VAE and print its figures on the validation pictures as JSON."""
    seed_everything(0)
    pictures = read_pictures(data, 80 if dry_run else None)
    counts = np.sqrt(np.bincount(pictures.labels))  # weighted as in the training of `vae`
    weights = torch.from_numpy(1 / counts[pictures.labels])  # (pictures,)
    net = PlainVAE()
    trainer = Trainer(
        net, torch.optim.Adam(net.parameters(), LEARNING_RATE), out, resume=resume, dry_run=dry_run
    )

    def flat(pixels: np.ndarray) -> Tensor:
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).flatten(1).float() / 255

    def loss(step: int) -> Tensor:
        chosen = torch.multinomial(weights, BATCH, replacement=True)  # (batch,)
        x = flat(pictures.train[chosen.numpy()])  # (batch, 49152)
        _, nats, cost = net(x)
        return (nats + cost).mean() / NUMBERS

    def validate(ema: PlainVAE) -> dict[str, float]:
        figures = []
        for start in range(0, len(pictures.val), BATCH):
            x = flat(pictures.val[start : start + BATCH])  # (batch, 49152)
            copy, nats, cost = ema(x)
            figures.append(torch.stack([nats, cost, (x - copy).square().mean(1)], 1))
        nats, cost, error = torch.cat(figures).mean(0).tolist()
        bits = ((nats + cost) / NUMBERS + np.log(256)) / np.log(2)
        return {"bits per dimension": bits, "reconstruction nats": nats, "kl nats": cost,
                "mse": error}  # fmt: skip

    figures = trainer.run(loss, steps=1_000_000, hours=hours, validate=validate, every=200)
    click.echo(json.dumps({name: round(value, 4) for name, value in figures.items()}, indent=2))


if __name__ == "__main__":
    measure(prog_name="python -m capriccio_vae.training.baseline")
