"""The export: latents of the training pictures are measured, and both networks are written."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio import Model
from capriccio.training import export, quantize_model
from torch import Tensor

from ..autoencoder import encoder_path, statistics_of
from .dataset import SIZE
from .losses import mixtures
from .networks import GLOBAL, LATENT, DecoderNetwork, EncoderNetwork, VAENetwork
from .spaces import LatentSpace, PixelSpace

BATCH = 24
TOUCHES = 24  # pictures of each style that lend another their palette and touch
EXAMPLES = 40  # with which the ranges of convolutions are measured
WAYPOINTS = 16  # latents of each style that are kept for the walk


def export_models(
    net: VAENetwork,
    space: PixelSpace | LatentSpace,
    pictures: np.ndarray,
    kept: Tensor,
    labels: Tensor,
    styles: list[str],
    out: Path,
    *,
    card: dict[str, Any],
    refiner: torch.nn.Module | None = None,
    dry_run: bool = False,
) -> None:
    """Write the decoder to `out`, with latents of the training pictures, and the encoder beside.

    Args:
        pictures: (pictures, size, size, 3) uint8.
        kept: the same pictures as the space keeps them.
        labels: indices of `styles`, (pictures,).
        card: what else the cards of both models hold.
        refiner: of what the decoder makes of latents.
        dry_run: check both and keep no file.
    """
    net = net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    encoder = EncoderNetwork(net)
    latents, traits, errors, typicality = measure(
        net, encoder, space, pictures, kept, labels, len(styles)
    )
    mean = latents.mean(0)  # (576,)
    # Ripeness and swell are the average change of a latent with the subject's redness and size.
    slopes = torch.linalg.lstsq(traits, latents - mean).solution  # (2, 576) a standard deviation
    random = np.random.default_rng(0)
    waypoints = {}
    for index, name in enumerate(styles):
        own = np.flatnonzero(labels.numpy() == index)  # (pictures of the style,)
        chosen = random.permutation(own[representative(errors[own], typicality[own])])[:WAYPOINTS]
        waypoints[name] = np.round(latents[chosen].numpy(), 2).tolist()
    points, count = latents.float(), len(styles)

    def random_latent() -> tuple[Tensor, Tensor]:
        return mixtures(points[torch.randint(len(points), (1,))], points[:1]), torch.rand(1, count)

    def random_picture() -> tuple[Tensor, Tensor]:
        return kept[torch.randint(len(kept), (1,))], torch.rand(1, count)

    joined = None
    if isinstance(space, LatentSpace):
        joined = "image", space.path
        card = {"autoencoder": space.path.stem, "touch": touches(kept, labels, styles), **card}
    # A value on the edge between two of the 256 levels may come out as either.
    export(DecoderNetwork(net.decoder, refiner), random_latent(), out, input_names=["z", "style"],
           output_names=["image"], tolerance={"image": 1e-2 if space.latents else 1},
           draw=random_latent, half=True, joined=joined, dry_run=dry_run, card={
        "part": "vae",
        "inputs": {"z": f"(1, {LATENT}) float32, about standard normal: {GLOBAL} numbers of the "
                   "global latent, then the spatial latent, 0 where it is as expected",
                   "style": f"(1, {count}) float32, shares of the styles; all 0 for none"},
        "latents": {
            "middle": np.round(mean.numpy(), 3).tolist(),
            "ripeness": np.round(slopes[0].numpy(), 3).tolist(),
            "swell": np.round(slopes[1].numpy(), 3).tolist(),
            "kinds": waypoints,
            "note": f"means of up to {WAYPOINTS} training pictures of each style, {LATENT} numbers "
            "each, of those that the discriminator of the training found typical; the decoder "
            "paints them from memory, not from the pictures",
        },
        "styles": styles,
        **card,
    })  # fmt: skip
    if not dry_run:
        quantize_decoder(out)
    if space.latents:
        return  # the autoencoder's encoder serves all models
    export(encoder, random_picture(), encoder_path(out), input_names=["picture", "style"],
           output_names=["z", "spread"], tolerance=1e-2, draw=random_picture, half=True,
           dry_run=dry_run, card={
        "part": "vae's encoder",
        "inputs": {"picture": f"(1, {SIZE}, {SIZE}, 3) uint8", "style": "as the decoder's"},
        "styles": styles,
        **card,
    })  # fmt: skip


def quantize_decoder(path: Path) -> None:
    """Quantize the convolutions of a VAE's decoder, calibrated with latents from its card."""
    card: Any = Model(path).card
    styles, kinds = list(card["styles"]), card["latents"]["kinds"]
    known = [(name, z) for name in kinds for z in kinds[name]]
    places = np.random.default_rng(0).integers(len(known), size=EXAMPLES).tolist()
    examples = []
    for name, z in (known[place] for place in places):
        style = np.zeros((1, len(styles)), np.float32)
        style[0, styles.index(name)] = 1
        examples.append({"z": np.array([z], np.float32), "style": style})
    quantize_model(path, examples)


@torch.no_grad()
def measure(
    net: VAENetwork,
    encoder: EncoderNetwork,
    space: PixelSpace | LatentSpace,
    pictures: np.ndarray,
    kept: Tensor,
    labels: Tensor,
    count: int,
) -> tuple[Tensor, Tensor, np.ndarray, np.ndarray]:
    """Measure the training pictures.

    Returns:
        Their latents, (pictures, 576) float64; redness and size of their subjects, (pictures, 2),
        standardised; the relative errors of their reconstructions, and how typical these are of
        their style, (pictures,) each.
    """
    latents, errors, typicality, redness, sizes = [], [], [], [], []
    for part, own in zip(torch.arange(len(kept)).split(BATCH), labels.split(BATCH), strict=True):
        x = space.draw(kept, part)  # (batch, 3, 128, 128)
        style = F.one_hot(own, count).float()  # (batch, styles)
        z, _ = encoder.encode(x, style)
        latents.append(z)
        copies = net.decoder(z, style)  # (batch, 3, 128, 128)
        errors.append((x - copies).square().mean((1, 2, 3)) / x.var((1, 2, 3)))  # (batch,)
        typicality.append(net.critic.typicality(copies, own))
        x = torch.from_numpy(pictures[part.numpy()]).permute(0, 3, 1, 2).float() / 255
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


def touches(kept: Tensor, labels: Tensor, styles: list[str]) -> dict[str, list[Any]]:
    """Return for each style what some of its pictures have in their latents, whatever they show.

    For each of up to TOUCHES pictures: the mean of every channel, and the deviation of its coarse
    and of its fine part, (3, channels) numbers. With them another picture takes on palette and
    touch (after Huang and Belongie, arXiv 1703.06868).
    """
    random, found = np.random.default_rng(1), {}
    for index, style in enumerate(styles):
        own = random.permutation(np.flatnonzero(labels.numpy() == index))[:TOUCHES]
        found[style] = [np.round(statistics_of(kept[one, 0].float().numpy()), 3).tolist()
                        for one in own]  # fmt: skip
    return found
