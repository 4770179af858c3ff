"""Fit the heads of a trained critic, calibrate them, and measure how well they name pictures."""

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..metrics import accuracy, calibration_error, fit_temperature, macro_accuracy
from ..preprocess import resize_square
from .dataset import LABELS, Pictures, names_of, sampling_weights
from .network import CODE, ClassificationHead, CriticNetwork, Readout, fit_readout
from .preference import extract_features

Array = np.ndarray[Any, Any]
MIN_WORKS = 8  # pictures of an artist, to be named as such
REGULARIZATIONS = (0.003, 0.01, 0.03, 0.1, 0.3)


class Calibration(NamedTuple):
    """What follows from pictures that were not trained on, with the head that was fitted to it.

    `regularizations` and `heats` have one number for each label; `unseen_heat` is the temperature
    of movements for artists that were not trained on; `share` is the weight of artists in them.
    """

    head: ClassificationHead
    regularizations: list[float]
    heats: list[float]
    unseen_heat: float
    share: float


def fit_calibration(
    net: CriticNetwork,
    pictures: Pictures,
    rows: Array,
    check: Array,
    unseen: Calibration | None = None,
) -> Calibration:
    """Fit the heads to the pictures of `rows`, and what they leave open to those of `check`.

    Args:
        unseen: of a network that was trained without some artists: regularization, the weight of
            artists and the temperature for unknown ones are its own, which `check` cannot tell.
    """
    features, checked = (features_of(net, pictures.pixels, part) for part in (rows, check))
    readouts: list[Readout] = []
    chosen: list[float] = []
    heats: list[float] = []
    is_new = ~np.isin(pictures.artist[check], np.unique(pictures.artist[rows]))
    many = np.bincount(pictures.artist[rows] + 1, minlength=len(pictures.artists) + 1) >= MIN_WORKS
    logits: list[Array] = []
    for index, name in enumerate(LABELS):
        truth = getattr(pictures, name)
        known, tested = truth[rows] >= 0, truth[check] >= 0
        if name == "artist":
            known &= many[truth[rows] + 1]
            tested &= ~is_new & many[truth[check] + 1]
        count = len(names_of(pictures)[index])
        weights = torch.from_numpy(sampling_weights(pictures, rows[known])).float()
        strengths = REGULARIZATIONS if unseen is None else (unseen.regularizations[index],)
        found = []
        if known.sum() < 2:
            readouts.append(Readout.of_nothing(features.shape[1], count))
            chosen.append(strengths[0])
            heats.append(1.0)
            logits.append(np.zeros((len(check), count), np.float32))
            continue
        for strength in strengths:
            readout = fit_readout(features[known], torch.from_numpy(truth[rows][known]), count,
                                  strength, weights)  # fmt: skip
            values = readout(checked)
            loss = weighted_loss(values[tested], truth[check][tested],
                                 pictures.artist[check][tested])  # fmt: skip
            found.append((loss, strength, readout, values.numpy()))
        _, strength, readout, values = min(found, key=lambda one: one[0])
        readouts.append(readout)
        chosen.append(strength)
        logits.append(values)
        by = tested & ~is_new if index < 2 else tested
        heats.append(fit_temperature(values[by], truth[check][by]) if by.any() else 1.0)
    kind, new = pictures.kind[check], is_new & (pictures.kind[check] >= 0)
    if unseen is not None:
        unseen_heat, share = unseen.unseen_heat, unseen.share
    else:
        unseen_heat = fit_temperature(logits[0][new], kind[new]) if new.any() else heats[0]
        share = 0.0
    belong = np.full((len(pictures.artists), len(pictures.kinds)), 1e-6, np.float32)
    owned = (pictures.artist[rows] >= 0) & (pictures.kind[rows] >= 0)
    np.add.at(belong, (pictures.artist[rows][owned], pictures.kind[rows][owned]), 1)
    belong /= belong.sum(1, keepdims=True)

    def head_of(share: float) -> ClassificationHead:
        return ClassificationHead(readouts, heats, unseen_heat, torch.from_numpy(belong), share)

    def loss_of(share: float) -> float:
        known = kind >= 0
        p = head_of(share)(checked[known])[0][0].clamp(min=1e-9).log()
        return weighted_loss(p, kind[known], pictures.artist[check][known])

    if unseen is None:
        share = min((0.0, 0.25, 0.5, 0.75, 1.0), key=loss_of)
    return Calibration(head_of(share), chosen, heats, unseen_heat, share)


def weighted_loss(logits: Tensor, truth: Array, owner: Array) -> float:
    """Return the cross entropy, the mean of artists: each counts as one."""
    if not len(truth):
        return 0.0
    loss = F.cross_entropy(logits, torch.from_numpy(truth), reduction="none").numpy()
    return float(np.mean([loss[owner == one].mean() for one in np.unique(owner)]))


def unseen_figures(
    net: CriticNetwork, head: ClassificationHead, pictures: Pictures
) -> dict[str, float]:
    """Return the figures of pictures by artists that were not trained on, by folder and together.

    A century within one counts, and a movement among the three likeliest.
    """
    test = np.flatnonzero((pictures.artist_split == "test") & (pictures.kind >= 0))
    outputs = [one.numpy() for one in head(features_of(net, pictures.pixels, test))[0]]
    figures: dict[str, float] = {}
    source = pictures.source[test]
    largest = max(set(source), key=list(source).count)
    sets = {largest: source == largest, "others": source != largest, "all": source != ""}
    for name, among in sets.items():
        if not among.any():
            continue
        p, truth = outputs[0][among], pictures.kind[test][among]
        best = np.argsort(-p, axis=1)[:, :3]
        figures[f"unseen artists, {name}: pictures"] = int(among.sum())
        figures[f"unseen artists, {name}: movement"] = accuracy(p, truth)
        figures[f"unseen artists, {name}: movement, macro"] = macro_accuracy(p, truth)
        figures[f"unseen artists, {name}: movement among 3"] = float(
            (best == truth[:, None]).any(1).mean()
        )
        figures[f"unseen artists, {name}: calibration error"] = calibration_error(p, truth)
    for index, name in enumerate(LABELS):
        truth = getattr(pictures, name)[test]
        known = truth >= 0
        if name not in ("kind", "artist") and known.any():
            figures[f"unseen artists: {name}"] = accuracy(outputs[index][known], truth[known])
            figures[f"unseen artists: {name}, macro"] = macro_accuracy(
                outputs[index][known], truth[known]
            )
        if name == "century" and known.any():
            values = np.array([int(one or 0) for one in pictures.centuries])
            gap = np.abs(values[outputs[index][known].argmax(1)] - values[truth[known]])
            figures["unseen artists: century within one"] = float((gap <= 1).mean())
    return figures


def seen_figures(
    head: ClassificationHead, tested: Tensor, pictures: Pictures, test: Array
) -> dict[str, float]:
    """Return the figures of test pictures, of all and of those from the largest folder alone."""
    outputs = [one.numpy() for one in head(tested)[0]]
    figures: dict[str, float] = {}
    source = pictures.source[test]
    largest = max(set(source), key=list(source).count) if len(test) else ""
    among = (source == largest) & (pictures.kind[test] >= 0)
    if largest and not among.all():
        p, truth = outputs[0][among], pictures.kind[test][among]
        figures[f"{largest}: movement"] = accuracy(p, truth)
        figures[f"{largest}: movement, macro"] = macro_accuracy(p, truth)
        figures[f"{largest}: movement, calibration error"] = calibration_error(p, truth)
    for name, values in zip(LABELS, outputs, strict=True):
        truth = getattr(pictures, name)[test]
        known = truth >= 0
        if known.any():
            called, p = "movement" if name == "kind" else name, values[known]
            figures[called] = accuracy(p, truth[known])
            figures[f"{called}, macro"] = macro_accuracy(p, truth[known])
            figures[f"{called}, calibration error"] = calibration_error(p, truth[known])
    return figures


def features_of(net: CriticNetwork, pixels: Array, rows: Array) -> Tensor:
    """Return the features of stored pictures, (rows, 1248 + 256); few are in memory at once."""
    chunks = [rows[at : at + 64] for at in range(0, len(rows), 64)]
    parts = [extract_features(net, squares(pixels[chunk])) for chunk in chunks]
    return torch.cat(parts) if parts else torch.zeros(0, net.trunk.statistics_size + CODE)


def squares(pixels: Array) -> Array:
    """Return stored pictures at the size of the network's input, (pictures, 128, 128, 3) uint8."""
    return np.stack([resize_square(one) for one in pixels])
