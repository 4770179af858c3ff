"""Images for tests of the critic, without model or file."""

import numpy as np


def landscape(seed: int = 0, width: int = 200, height: int = 160) -> np.ndarray:
    """Return something like a landscape: a sky, three hills, a sun."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / height
    picture = np.stack([150 + 60 * y, 180 + 30 * y, 230 - 40 * y], axis=2)
    for number in range(3):
        ridge = 0.45 + 0.15 * number + 0.08 * np.sin(x * rng.uniform(3, 9) + number)
        colour = np.array([60 + 40 * number, 120 - 20 * number, 50.0])
        picture[y > ridge] = colour + rng.normal(0, 12, (int((y > ridge).sum()), 3))
    picture[np.hypot(x - 0.9, y - 0.2) < 0.08] = (250, 220, 120)
    return picture.clip(0, 255).astype(np.uint8)


def stripes(seed: int, upright: bool) -> np.ndarray:
    """Return stripes of a random width and colour, upright or level."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:90, 0:120] / 90
    wave = np.sin((x if upright else y) * rng.uniform(20, 60) + rng.uniform(0, 6))
    colours = rng.uniform(60, 200, (1, 1, 3))
    picture = colours + 50 * wave[..., None] + rng.normal(0, 8, (90, 120, 3))
    return picture.clip(0, 255).astype(np.uint8)


def plain(*colour: int, size: tuple[int, int] = (64, 64)) -> np.ndarray:
    """Return an image of one colour."""
    return np.full((*size, 3), colour, np.uint8)


def labels_of(artist, kind, year):
    """Return labels of pictures for a training, without any pixels."""
    from capriccio_critic.training.dataset import Pictures

    artist, kind, year = (np.array(one) for one in (artist, kind, year))
    names = [[f"{n}" for n in range(one.max() + 1)] for one in (artist, kind)]
    empty = np.zeros(len(artist), int)
    return Pictures(empty, kind, artist, empty, empty, empty, year, *[empty] * 3, names[1],
                    names[0], [""], [""], [""], [], [])  # fmt: skip
