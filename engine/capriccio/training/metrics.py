"""Compares two sets of pictures by their features: distance, precision, recall, nearest."""

import numpy as np


def frechet(real: np.ndarray, made: np.ndarray) -> float:
    """Give the Fréchet distance of two sets of features, `(pictures, features)` each.

    The distance of Heusel et al. (arXiv 1706.08500), of whatever features these are; only
    Inception's would make it the published one.
    """
    means = real.mean(0) - made.mean(0)
    one, other = (np.cov(part.astype(np.float64), rowvar=False) for part in (real, made))
    # The trace of the root of a product of covariances: its eigenvalues are real and positive.
    roots = np.sqrt(np.maximum(np.linalg.eigvals(one @ other).real, 0))
    return float(means @ means + np.trace(one) + np.trace(other) - 2 * roots.sum())


def kernel_distance(real: np.ndarray, made: np.ndarray) -> float:
    """Give the unbiased squared kernel distance, cubic kernel (arXiv 1801.01401), times 1,000."""
    width = real.shape[1]
    one, other = (part.astype(np.float64) for part in (real, made))
    near = [(a @ b.T / width + 1) ** 3 for a, b in ((one, one), (other, other), (one, other))]
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in near[:2]]
    return float(1000 * (sum(within) - 2 * near[2].mean()))


def precision_recall(real: np.ndarray, made: np.ndarray, nearest: int = 3) -> tuple[float, float]:
    """Give the share of made pictures among the real ones, and of real ones among the made.

    One is among others where it lies within the `nearest`-th neighbour's distance of any of them
    (arXiv 1904.06991). Raises ValueError where either are no more than `nearest`.
    """
    if min(len(real), len(made)) <= nearest:
        raise ValueError(f"{len(real)} real and {len(made)} made; give at least {nearest + 1} each")
    across = _distances(real, made)  # (real, made)
    inside = []
    for own, nearest_distances in ((real, across), (made, across.T)):
        reach = np.sort(_distances(own, own), axis=1)[:, nearest]  # the nearest of all is itself
        inside.append(float((nearest_distances <= reach[:, None]).any(axis=0).mean()))
    return inside[0], inside[1]


def spread(features: np.ndarray) -> float:
    """Give how much pictures differ: the sum of their features' variances."""
    return float(features.var(axis=0).sum())


def nearest_distances(those: np.ndarray, from_these: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give for each of `those` the distance to the nearest of `from_these`, and which it is."""
    which, how_far = [], []
    for part in np.array_split(those, 1 + len(those) // 1000):
        distances = _distances(part, from_these)
        which.append(distances.argmin(axis=1))
        how_far.append(distances.min(axis=1))
    return np.concatenate(how_far), np.concatenate(which)


def _distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = one.astype(np.float64), other.astype(np.float64)
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    return np.sqrt(np.maximum(squares, 0))
