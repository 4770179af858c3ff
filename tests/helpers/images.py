"""Images to paint, and how far two images are apart."""

import numpy as np


def scene(seed: int = 1, shape: tuple[int, int] = (96, 128)) -> np.ndarray:
    """Return a landscape with a sun, (height, width, 3) uint8."""
    random = np.random.default_rng(seed)
    height, width = shape
    y, x = np.mgrid[0:height, 0:width] / max(shape)
    image = np.empty((height, width, 3))
    image[:] = np.array([0.5, 0.7, 0.9]) - 0.3 * y[..., None]
    image[y > 0.4 + 0.1 * np.sin(6 * x + seed)] = random.uniform(0.1, 0.6, 3)
    image[np.hypot(x - random.uniform(0.2, 0.8), y - 0.2) < 0.08] = (1, 0.9, 0.5)
    return (image * 255).astype(np.uint8)


def squared_error(image: np.ndarray, target: np.ndarray) -> float:
    """Return the mean squared error of two images of one shape, levels 0..1."""
    return float(((image / 255.0 - target / 255.0) ** 2).mean())


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean absolute difference of two images in levels 0..255."""
    return float(np.abs(one.astype(float) - other).mean())


def halved(image: np.ndarray) -> np.ndarray:
    """Return an image at half its sides."""
    height, width = image.shape[:2]
    return image.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
