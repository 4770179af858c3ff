"""Find dials without labels and calibrate them, so that equal turns change the picture equally.

The directions are those the painter itself listens to most: the style's principal components,
seen through the first layer and every tint (a closed-form factorisation as SeFa, arXiv
2007.06600, weighted by how far the styles really vary, as GANSpace does, arXiv 2004.02546). Each
is then walked in small steps over many pictures; the change from step to step is summed up, and
the dial's scale is stretched until every part of it changes the pictures by the same amount.
"""

import numpy as np
import torch

from .networks import CODE, LATENT, Painter

DIALS = 6
POSITIONS = 17  # points of a dial's scale that are measured; in between it is straight
FARTHEST = 3.0  # standard deviations of the style along the direction, to either side


@torch.no_grad()
def find_dials(painter: Painter, codes: torch.Tensor, *, seed: int = 0, pictures: int = 16) -> list:
    """Give the dials of a painter that paints prompts with these codes, (prompts, CODE).

    Each is a dictionary: `direction`, STYLE numbers; `turns`, how far along it each of POSITIONS
    even positions of the dial lies, 0 in the middle; and what turning it up does to the picture's
    mean `lightness`, `warmth` and `fullness`, so that a person may name it.
    """
    dice = torch.Generator().manual_seed(seed)
    z = torch.randn(2000, LATENT, generator=dice)  # (2000, 64)
    chosen = torch.randint(len(codes), (2000,), generator=dice)
    styles = painter.style(z, codes[chosen])  # (2000, 128)
    # What the prompt decides is the prompt's; the dials turn what chance decides.
    own = styles - painter.style(torch.zeros_like(z), codes[chosen])
    own = own - own.mean(0)  # (2000, 128)
    weights = painter.tints()
    heard = torch.cat([weight / weight.norm() for weight in weights])  # (outputs, 128)
    root = torch.linalg.cholesky(own.T @ own / len(own) + 1e-6 * torch.eye(own.shape[1]))
    _, _, turns = torch.linalg.svd(heard @ root, full_matrices=False)  # (128, 128)
    directions = (root @ turns.T).T[:DIALS]  # (dials, 128), each as long as it varies
    grain = torch.randn(pictures, painter.grains, generator=dice)
    return [_calibrated(painter, styles[:pictures], grain, one) for one in directions]


def _calibrated(painter, styles, grain, direction) -> dict:
    fine = torch.linspace(-FARTHEST, FARTHEST, 2 * POSITIONS + 1)  # (35,)
    walk = []
    for along in fine:
        painted = painter.paint(styles + along * direction, grain).clamp(0, 1)
        walk.append(torch.nn.functional.avg_pool2d(painted, painter.size // 32))
    shown = torch.stack(walk)  # (35, pictures, 3, 32, 32)
    change = (shown[1:] - shown[:-1]).abs().mean((1, 2, 3, 4)).double().numpy()  # (34,)
    middle = len(fine) // 2
    travelled = np.concatenate([[0.0], np.cumsum(np.maximum(change, 1e-9))])
    travelled -= travelled[middle]
    # As far up as down, or one half of the dial would feel different from the other.
    reach = min(-travelled[0], travelled[-1])
    wanted = np.linspace(-reach, reach, POSITIONS)
    turns = np.interp(wanted, travelled, fine.numpy())  # (17,)
    low, high = (shown[int(np.abs(fine.numpy() - turn).argmin())] for turn in turns[[0, -1]])
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
def codes_of(listener, captions: list[list[int]]) -> torch.Tensor:
    """Hear captions, each as LONGEST numbers: (captions, CODE)."""
    codes = listener(torch.tensor(captions))
    assert codes.shape[1] == CODE
    return codes
