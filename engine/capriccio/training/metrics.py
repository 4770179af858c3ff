"""Metrics that compare two sets of images by their features, `(images, features)` each."""

from typing import Any

import numpy as np

Features = np.ndarray[Any, Any]


def frechet(real: Features, made: Features) -> float:
    """Return the Fréchet distance of features `real` and `made`, `(n, width)`: arXiv 1706.08500."""
    means = real.mean(0) - made.mean(0)
    one, other = (np.cov(part.astype(np.float64), rowvar=False) for part in (real, made))
    # The trace of the root of a product of covariances: its eigenvalues are real and positive.
    roots = np.sqrt(np.maximum(np.linalg.eigvals(one @ other).real, 0))
    return float(means @ means + np.trace(one) + np.trace(other) - 2 * roots.sum())


def kernel_distance(real: Features, made: Features) -> float:
    """Return the unbiased squared kernel distance (cubic; arXiv 1801.01401) times 1,000.

    `real` and `made` are features, `(n, width)`.
    """
    width = real.shape[1]
    one, other = (part.astype(np.float64) for part in (real, made))
    kernels = [(a @ b.T / width + 1) ** 3 for a, b in ((one, one), (other, other), (one, other))]
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in kernels[:2]]
    return float(1000 * (sum(within) - 2 * kernels[2].mean()))


def precision_recall(real: Features, made: Features, nearest: int = 3) -> tuple[float, float]:
    """Return the share of made images among the real ones, and of real ones among the made.

    An image is among others if it lies within the distance of the `nearest`-th neighbour of any
    of them (arXiv 1904.06991). ValueError: `real` or `made`, `(n, width)`, are too few.
    """
    if min(len(real), len(made)) <= nearest:
        raise ValueError(
            f"precision and recall need at least {nearest + 1} real and made images, "
            f"got {len(real)} and {len(made)}"
        )
    across = _distances(real, made)  # (real, made)
    shares = []
    for own, distances in ((real, across), (made, across.T)):
        # The nearest of all is the image itself.
        reach = np.sort(_distances(own, own), axis=1)[:, nearest]
        shares.append(float((distances <= reach[:, None]).any(axis=0).mean()))
    return shares[0], shares[1]


def spread(features: Features) -> float:
    """Return how much images differ: the variances of their `features`, `(n, width)`, summed."""
    return float(features.var(axis=0).sum())


def nearest_distances(features: Features, others: Features) -> tuple[Features, Features]:
    """Return distance and index of the nearest of `others` to each of `features`, `(n, width)`."""
    indices, distances = [], []
    for part in np.array_split(features, 1 + len(features) // 1000):  # to save memory
        found = _distances(part, others)
        indices.append(found.argmin(axis=1))
        distances.append(found.min(axis=1))
    return np.concatenate(distances), np.concatenate(indices)


def sharpness(images: Features) -> float:
    """Return the mean absolute Laplacian of the luminance of `(images, height, width, 3)` uint8."""
    total = 0.0
    for image in images:
        grey = image.astype(np.float32).mean(axis=2) / 255  # (height, width)
        around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
        total += float(np.abs(around - 4 * grey[1:-1, 1:-1]).mean())
    return total / len(images)


def grid_energy(images: Features, periods: tuple[int, ...] = (2, 4, 8, 16)) -> dict[int, float]:
    """Return how much energy pictures have at the periods of a grid, relative to beside them.

    Upsampling that does not overlap leaves a weave: lines in the spectrum at the periods of its
    strides. 1 is what a picture without one has.

    Args:
        images: `(images, size, size, 3)` uint8; the size is a multiple of all periods.
        periods: in pixels.
    """
    size = images.shape[1]
    window = np.hanning(size)[:, None] * np.hanning(size)[None]
    spectrum = np.zeros((size, size))
    for image in images:
        grey = image.astype(np.float64).mean(axis=2)
        spectrum += np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    profiles = spectrum.sum(axis=0) + spectrum.sum(axis=1)  # by horizontal and vertical frequency
    ratios = {}
    for period in periods:
        at = size // period
        # Two bins to either side belong to the line, since the window spreads it.
        beside = [*range(at - 7, at - 2), *(size - k if k > size // 2 else k
                                            for k in range(at + 3, at + 8))]  # fmt: skip
        line = profiles[[at, at - 1, (at + 1) % size]].mean()
        ratios[period] = float(line / profiles[beside].mean())
    return ratios


def _distances(one: Features, other: Features) -> Features:
    one, other = one.astype(np.float64), other.astype(np.float64)
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    return np.sqrt(np.maximum(squares, 0))  # type: ignore[no-any-return]


def copy_error(image: np.ndarray, copy: np.ndarray) -> float:
    """Return the squared error of a copy at 32 pixels a side, as a share of the image's variance.

    Images are `(side, side, 3)` uint8; both sides are multiples of 32, and may differ.
    """
    small, made = (
        one.reshape(32, one.shape[0] // 32, 32, -1, 3).mean((1, 3)) for one in (image, copy)
    )
    return float(((small - made) ** 2).mean() / max(small.var(), 1.0))
