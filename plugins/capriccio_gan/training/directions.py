"""Find directions of change without labels, and calibrate knobs to change pictures evenly.

Directions are those the generator responds to most: the principal components of the style, seen
through the first layer and every modulation (a closed-form factorization as SeFa, arXiv
2007.06600, weighted by how far styles vary, as GANSpace does, arXiv 2004.02546). A flow has no
style; its directions are those in which the codes of captions vary. Each is then walked in small
steps for many pictures; the change from step to step is summed, and the scale of the knob is
warped until every part of it changes the pictures by the same amount.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from .networks import CODE, LATENT, TextEncoder

DIRECTIONS = 4
SAMPLES = 2000  # styles whose variation is measured
POSITIONS = 17  # of a knob that are calibrated; between them it is linear
MAX_DISTANCE = 3.0  # standard deviations of the style along the direction, to either side


@torch.no_grad()
def find_directions(
    generator: Any,
    codes: torch.Tensor,
    *,
    preview: Callable[[torch.Tensor], torch.Tensor] = lambda x: x,
    seed: int = 0,
    pictures: int = 16,
) -> list[dict[str, Any]]:
    """Return the directions of a generator, as they stand in the card under `dials`.

    Args:
        generator: a GeneratorNetwork, or what has its methods, on the CPU.
        codes: of typical prompts, (prompts, CODE).
        preview: returns what the generator paints as pictures, (pictures, 3, rows, rows).
        seed: of the samples.
        pictures: how many the calibration averages over.

    Returns:
        For each direction its STYLE values as `direction`; as `turns` how far along it POSITIONS
        even positions of the knob lie, 0 in the middle; and the effect of the knob on the mean
        `lightness`, `warmth` and `fullness` of pictures, so that a person may name it.
    """
    random = torch.Generator().manual_seed(seed)
    z = torch.randn(SAMPLES, LATENT, generator=random)  # (2000, 64)
    chosen = torch.randint(len(codes), (SAMPLES,), generator=random)  # (2000,)
    styles = generator.mapping(z, codes[chosen])  # (2000, 128)
    # The knobs change what z decides, not what the prompt decides.
    variation = styles - generator.mapping(torch.zeros_like(z), codes[chosen])
    variation = variation - variation.mean(0)  # (2000, 128)
    weights = torch.cat([w / w.norm() for w in generator.style_weights()])  # (outputs, 128)
    covariance = variation.T @ variation / len(variation)  # (128, 128)
    root = torch.linalg.cholesky(covariance + 1e-6 * torch.eye(covariance.shape[1]))
    _, _, components = torch.linalg.svd(weights @ root, full_matrices=False)  # (128, 128)
    directions = (root @ components.T).T[:DIRECTIONS]  # (4, 128), each a standard deviation long
    grain = torch.randn(pictures, generator.grain_size, generator=random)  # (pictures, grain)

    def paint(offset: torch.Tensor) -> torch.Tensor:
        return preview(generator.synthesis(styles[:pictures] + offset, grain))

    return [calibrate(paint, direction) for direction in directions]


@torch.no_grad()
def find_code_directions(codes: torch.Tensor, groups: list[Any]) -> torch.Tensor:
    """Return the directions in which codes of captions vary most within their groups.

    They are principal components (GANSpace, arXiv 2004.02546), a standard deviation long.

    Args:
        codes: (captions, width).
        groups: of each caption: what a knob must leave as it is, such as the kind.

    Returns:
        (DIRECTIONS, width).
    """
    varied = codes.clone()
    for group in set(groups):
        inside = torch.tensor([one == group for one in groups])
        varied[inside] -= codes[inside].mean(0)
    _, deviations, components = torch.linalg.svd(varied, full_matrices=False)
    lengths = deviations / len(codes) ** 0.5
    return (lengths[:, None] * components)[:DIRECTIONS]


def calibrate(
    paint: Callable[[torch.Tensor], torch.Tensor], direction: torch.Tensor
) -> dict[str, Any]:
    """Return one direction as it stands in the card; see `find_directions`.

    Args:
        paint: returns pictures, (pictures, 3, rows, rows) in about 0..1, with an offset along the
            direction.
        direction: (width,).
    """
    distances = torch.linspace(-MAX_DISTANCE, MAX_DISTANCE, 2 * POSITIONS + 1)  # (35,)
    walk = []
    for distance in distances:
        x = paint(distance * direction).clamp(0, 1)
        walk.append(torch.nn.functional.avg_pool2d(x, x.shape[3] // 32))
    shown = torch.stack(walk)  # (35, pictures, 3, 32, 32)
    change = (shown[1:] - shown[:-1]).abs().mean((1, 2, 3, 4)).double().numpy()  # (34,)
    middle = len(distances) // 2
    travelled = np.concatenate([[0.0], np.cumsum(np.maximum(change, 1e-9))])  # (35,)
    travelled -= travelled[middle]
    # As far up as down, or the two halves of the knob would differ in strength.
    reach = min(-travelled[0], travelled[-1])
    wanted = np.linspace(-reach, reach, POSITIONS)  # (17,)
    turns = np.interp(wanted, travelled, distances.numpy())  # (17,)
    low, high = (shown[int(np.abs(distances.numpy() - turn).argmin())] for turn in turns[[0, -1]])
    effect = {
        "lightness": (high - low).mean(),
        "warmth": ((high - low)[:, 0] - (high - low)[:, 2]).mean(),
        "fullness": ((high < 0.7).float().mean() - (low < 0.7).float().mean()),
    }
    return {
        "direction": np.round(direction.numpy(), 4).tolist(),
        "turns": np.round(turns, 4).tolist(),
        **{name: round(float(value), 3) for name, value in effect.items()},
    }


@torch.no_grad()
def encode_captions(text_encoder: TextEncoder, captions: list[list[int]]) -> torch.Tensor:
    """Return the codes of captions, each given as MAX_WORDS numbers: (captions, CODE)."""
    codes = text_encoder(torch.tensor(captions))  # (captions, 128)
    assert codes.shape[1] == CODE
    return codes
