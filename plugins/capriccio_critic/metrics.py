"""Metrics of a classifier: accuracy, calibration, AUROC, confusion.

`probabilities` are of shape (pictures, names), `truth` holds the indices of the true names,
(pictures,).
"""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def accuracy(probabilities: Array, truth: Array) -> float:
    """Return the share of pictures that are named correctly."""
    return float((probabilities.argmax(axis=1) == truth).mean())


def macro_accuracy(probabilities: Array, truth: Array) -> float:
    """Return the mean accuracy over the names that occur."""
    hits = probabilities.argmax(axis=1) == truth
    return float(np.mean([hits[truth == name].mean() for name in np.unique(truth)]))


def calibration_error(probabilities: Array, truth: Array, bins: int = 15) -> float:
    """Return the expected calibration error in bins of equal width (Guo et al., 1706.04599)."""
    confidence = probabilities.max(axis=1)
    hits = probabilities.argmax(axis=1) == truth
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(hits[places == place].mean() - confidence[places == place].mean())
        * (places == place).mean()
        for place in np.unique(places)
    ]
    return float(np.sum(gaps))


def calibration_floor(probabilities: Array, draws: int = 200, bins: int = 15) -> float:
    """Return the mean calibration error that perfectly calibrated probabilities would show.

    Truths are drawn from the probabilities themselves, so the error is due to sample size alone.
    """
    rng, cumulative = np.random.default_rng(0), probabilities.cumsum(axis=1)
    cumulative /= cumulative[:, -1:]
    truths = [(cumulative > rng.random((len(cumulative), 1))).argmax(axis=1) for _ in range(draws)]
    return float(np.mean([calibration_error(probabilities, truth, bins) for truth in truths]))


def fit_temperature(logits: Array, truth: Array) -> float:
    """Return the temperature in 0.25..4 with the lowest cross entropy (Guo et al., 1706.04599)."""
    candidates = np.exp(np.linspace(np.log(0.25), np.log(4), 241))
    losses = [_cross_entropy(logits / candidate, truth) for candidate in candidates]
    return float(candidates[np.argmin(losses)])


def _cross_entropy(logits: Array, truth: Array) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    true = shifted[np.arange(len(truth)), truth]
    return float((np.log(np.exp(shifted).sum(axis=1)) - true).mean())


def auroc(low: Array, high: Array) -> float:
    """Return how often a value of `high` lies above one of `low`; equal values count half."""
    order = np.sort(low)
    below = np.searchsorted(order, high, "left") + np.searchsorted(order, high, "right")
    return float(below.mean() / 2 / len(low))


def confusion(probabilities: Array, truth: Array) -> Array:
    """Count pictures by their true name (rows) and the predicted one (columns)."""
    names = probabilities.shape[1]
    pairs = truth * names + probabilities.argmax(axis=1)
    return np.bincount(pairs, minlength=names * names).reshape(names, names)
