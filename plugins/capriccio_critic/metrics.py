"""What a judge is judged by: hits, honesty of its certainty, and which of two lies higher."""

import numpy as np


def accuracy(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Give the share that is named rightly, of (pictures, names) and (pictures,)."""
    return float((probabilities.argmax(axis=1) == truth).mean())


def macro_accuracy(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Give the mean over the names that occur of the share of each that is named rightly."""
    hits = probabilities.argmax(axis=1) == truth
    return float(np.mean([hits[truth == name].mean() for name in np.unique(truth)]))


def calibration_error(probabilities: np.ndarray, truth: np.ndarray, bins: int = 15) -> float:
    """Give the expected calibration error (Guo et al., arXiv 1706.04599) in bins of equal width."""
    sure = probabilities.max(axis=1)
    hits = probabilities.argmax(axis=1) == truth
    places = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = [
        abs(hits[places == place].mean() - sure[places == place].mean()) * (places == place).mean()
        for place in np.unique(places)
    ]
    return float(np.sum(gaps))


def calibration_floor(probabilities: np.ndarray, draws: int = 200, bins: int = 15) -> float:
    """Give the calibration error that perfectly honest certainties would show of so few pictures.

    Truths are drawn from the probabilities themselves; the mean error is due to chance alone.
    """
    chance, rising = np.random.default_rng(0), probabilities.cumsum(axis=1)
    rising /= rising[:, -1:]
    truths = [(rising > chance.random((len(rising), 1))).argmax(axis=1) for _ in range(draws)]
    return float(np.mean([calibration_error(probabilities, truth, bins) for truth in truths]))


def temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """Give the temperature by which logits are most likely (temperature scaling, Guo et al.)."""
    heats = np.exp(np.linspace(np.log(0.25), np.log(4), 241))
    return float(heats[np.argmin([_surprise(logits / heat, truth) for heat in heats])])


def _surprise(logits: np.ndarray, truth: np.ndarray) -> float:
    high = logits - logits.max(axis=1, keepdims=True)
    return float((np.log(np.exp(high).sum(axis=1)) - high[np.arange(len(truth)), truth]).mean())


def auroc(low: np.ndarray, high: np.ndarray) -> float:
    """Give how often one of `high` lies above one of `low`; a tie counts half."""
    order = np.sort(low)
    below = np.searchsorted(order, high, "left") + np.searchsorted(order, high, "right")
    return float(below.mean() / 2 / len(low))


def confusion(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Count what was named (columns) where something was true (rows)."""
    names = probabilities.shape[1]
    pairs = truth * names + probabilities.argmax(axis=1)
    return np.bincount(pairs, minlength=names * names).reshape(names, names)
