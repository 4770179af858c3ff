"""The export: latents of the training pictures are measured, and both networks are written."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import export
from torch import Tensor

from ..generator import encoder_path
from ..images import SIZE
from .losses import mixtures
from .networks import GLOBAL, LATENT, DecoderNetwork, EncoderNetwork, VAENetwork

BATCH = 24
WAYPOINTS = 16  # latents of each style that are kept for the walk


def export_models(
    net: VAENetwork,
    pictures: Tensor,
    labels: Tensor,
    styles: list[str],
    out: Path,
    *,
    card: dict[str, Any],
    dry_run: bool = False,
) -> None:
    """Write the decoder to `out`, with latents of the training pictures, and the encoder beside.

    Args:
        pictures: (pictures, 128, 128, 3) uint8.
        labels: indices of `styles`, (pictures,).
        card: what else the cards of both models hold.
        dry_run: check both and keep no file.
    """
    net = net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    encoder = EncoderNetwork(net)
    latents, traits, errors, typicality = measure(net, encoder, pictures, labels, len(styles))
    mean = latents.mean(0)  # (576,)
    # Ripeness and swell are the average change of a latent with the subject's redness and size.
    slopes = torch.linalg.lstsq(traits, latents - mean).solution  # (2, 576) a standard deviation
    random = np.random.default_rng(0)
    kept = {}
    for index, name in enumerate(styles):
        own = np.flatnonzero(labels.numpy() == index)  # (pictures of the style,)
        chosen = random.permutation(own[representative(errors[own], typicality[own])])[:WAYPOINTS]
        kept[name] = np.round(latents[chosen].numpy(), 2).tolist()
    points, count = latents.float(), len(styles)

    def random_latent() -> tuple[Tensor, Tensor]:
        return mixtures(points[torch.randint(len(points), (1,))], points[:1]), torch.rand(1, count)

    def random_picture() -> tuple[Tensor, Tensor]:
        return pictures[torch.randint(len(pictures), (1,))], torch.rand(1, count)

    # A value on the edge between two of the 256 levels may come out as either.
    export(DecoderNetwork(net.decoder), random_latent(), out, input_names=["z", "style"],
           output_names=["image"], tolerance={"image": 1}, draw=random_latent, half=True,
           dry_run=dry_run, card={
        "part": "vae",
        "inputs": {"z": f"(1, {LATENT}) float32, about standard normal: {GLOBAL} numbers of the "
                   "global latent, then the spatial latent, 0 where it is as expected",
                   "style": f"(1, {count}) float32, shares of the styles; all 0 for none"},
        "latents": {
            "middle": np.round(mean.numpy(), 3).tolist(),
            "ripeness": np.round(slopes[0].numpy(), 3).tolist(),
            "swell": np.round(slopes[1].numpy(), 3).tolist(),
            "kinds": kept,
            "note": f"means of up to {WAYPOINTS} training pictures of each style, {LATENT} numbers "
            "each, of those that the discriminator of the training found typical; the decoder "
            "paints them from memory, not from the pictures",
        },
        "styles": styles,
        **card,
    })  # fmt: skip
    export(encoder, random_picture(), encoder_path(out), input_names=["picture", "style"],
           output_names=["z", "spread"], tolerance=1e-2, draw=random_picture, half=True,
           dry_run=dry_run, card={
        "part": "vae's encoder",
        "inputs": {"picture": f"(1, {SIZE}, {SIZE}, 3) uint8", "style": "as the decoder's"},
        "styles": styles,
        **card,
    })  # fmt: skip


@torch.no_grad()
def measure(
    net: VAENetwork, encoder: EncoderNetwork, pictures: Tensor, labels: Tensor, count: int
) -> tuple[Tensor, Tensor, np.ndarray, np.ndarray]:
    """Measure the training pictures.

    Returns:
        Their latents, (pictures, 576) float64; redness and size of their subjects, (pictures, 2),
        standardised; the relative errors of their reconstructions, and how typical these are of
        their style, (pictures,) each.
    """
    latents, errors, typicality, redness, sizes = [], [], [], [], []
    for part, own in zip(pictures.split(BATCH), labels.split(BATCH), strict=True):
        x = part.permute(0, 3, 1, 2).float() / 255  # (batch, 3, 128, 128)
        style = F.one_hot(own, count).float()  # (batch, styles)
        z, _ = encoder.encode(x, style)
        latents.append(z)
        copies = net.decoder(z, style)  # (batch, 3, 128, 128)
        errors.append((x - copies).square().mean((1, 2, 3)) / x.var((1, 2, 3)))  # (batch,)
        typicality.append(net.critic.typicality(copies, own))
        ground = x.flatten(2).median(2).values[:, :, None, None]  # (batch, 3, 1, 1)
        subject = ((x - ground).abs().amax(1) > 0.2).float()  # (batch, 128, 128)
        area = subject.sum((1, 2)) + 1  # (batch,)
        redness.append(((x[:, 0] - x[:, 1]) * subject).sum((1, 2)) / area)  # (batch,)
        sizes.append(subject.mean((1, 2)))  # (batch,)
    traits = torch.stack([torch.cat(redness), torch.cat(sizes)], 1).double()  # (pictures, 2)
    traits = (traits - traits.mean(0)) / (traits.std(0) + 1e-6)
    return (
        torch.cat(latents).double(),
        traits,
        torch.cat(errors).numpy(),
        torch.cat(typicality).numpy(),
    )


def representative(errors: np.ndarray, typicality: np.ndarray) -> np.ndarray:
    """Return the indices of the pictures of a style that a walk may pass, best first.

    Of the half with the smallest errors (the others are stains, stamps and twigs) the most typical
    quarter, at least as many as are kept.
    """
    faithful = np.argsort(errors)[: (len(errors) + 1) // 2]
    return faithful[np.argsort(-typicality[faithful])][: max(WAYPOINTS, len(faithful) // 4)]
