"""Metrics of a classifier."""

import numpy as np
import pytest
from capriccio_critic.metrics import (
    auroc,
    calibration_error,
    calibration_floor,
    confusion,
    fit_temperature,
    macro_accuracy,
)


def test_calibration_error_is_low_for_true_probabilities_and_high_for_overconfident_ones():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 20_000)
    truth = (rng.random(20_000) > sure).astype(int)
    honest = np.stack([sure, 1 - sure], 1)
    assert calibration_error(honest, truth) < 0.02
    boastful = np.stack([np.full(20_000, 0.99), np.full(20_000, 0.01)], 1)
    assert calibration_error(boastful, truth) == pytest.approx(0.24, abs=0.02)


def test_the_calibration_floor_falls_with_the_number_of_pictures():
    rng = np.random.default_rng(0)
    sure = rng.dirichlet([0.5] * 5, 40_000)
    floors = [calibration_floor(sure[:count], 20) for count in (400, 4000, 40_000)]
    assert floors[0] > 2 * floors[1] > 4 * floors[2]
    truth = (sure[:400].cumsum(1) > rng.random((400, 1))).argmax(1)
    assert calibration_error(sure[:400], truth) == pytest.approx(floors[0], abs=0.03)


def test_the_temperature_of_scaled_logits_is_recovered():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 5))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = np.array([rng.choice(5, p=row) for row in chances])
    assert fit_temperature(logits * 2.5, truth) == pytest.approx(2.5, rel=0.1)


def test_every_name_has_the_same_weight_in_macro_accuracy():
    probabilities = np.eye(2)[[0, 0, 0, 0]]
    assert macro_accuracy(probabilities, np.array([0, 0, 0, 1])) == 0.5


def test_auroc_is_one_for_separated_values_and_half_for_equal_ones():
    assert auroc(np.array([1, 2]), np.array([3, 4])) == 1
    assert auroc(np.array([1, 2]), np.array([1, 2])) == 0.5
    assert auroc(np.array([3, 4]), np.array([1, 2])) == 0


def test_confusion_counts_true_and_predicted_names():
    named = np.eye(3)[[0, 1, 1, 2]]
    assert confusion(named, np.array([0, 1, 0, 2])).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
