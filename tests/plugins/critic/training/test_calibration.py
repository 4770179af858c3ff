"""The heads of a trained critic, and how well they are calibrated."""

import numpy as np
import pytest
from helpers.paintings import labels_of

torch = pytest.importorskip("torch")

from capriccio_critic.training import calibration  # noqa: E402
from capriccio_critic.training.calibration import (  # noqa: E402
    features_of,
    fit_calibration,
    weighted_loss,
)
from capriccio_critic.training.network import CriticNetwork  # noqa: E402


def test_each_artist_counts_as_one_in_a_loss():
    logits = torch.tensor([[5.0, 0.0]] * 8 + [[0.0, 5.0]] * 2)
    truth, owner = np.zeros(10, int), np.array([0] * 8 + [1, 1])
    right, wrong = (weighted_loss(logits[part], truth[part], owner[part])
                    for part in (slice(0, 8), slice(8, 10)))  # fmt: skip
    assert weighted_loss(logits, truth, owner) == pytest.approx((right + wrong) / 2)
    assert weighted_loss(logits[:0], truth[:0], owner[:0]) == 0


def test_the_features_of_stored_pictures_do_not_depend_on_where_they_are_cut():
    pixels = np.random.default_rng(0).integers(0, 255, (70, 160, 160, 3), np.uint8)
    net, rows = CriticNetwork([2, 1, 1, 1, 1]).eval(), np.arange(69, 0, -1)
    found = features_of(net, pixels, rows)
    assert torch.equal(found[64:], features_of(net, pixels, rows[64:]))
    assert features_of(net, pixels, rows[:0]).shape == (0, found.shape[1])  # no test pictures


def test_unknown_artists_have_a_temperature_and_regularization_is_taken_over(monkeypatch):
    rng = np.random.default_rng(0)
    kind = np.arange(240) % 2
    artist = np.where(np.arange(240) < 180, np.arange(240) % 10, 10 + np.arange(240) % 4)
    pictures = labels_of(artist, kind, [1900] * 240)
    features = torch.from_numpy(rng.normal(size=(240, 1504))).float()
    features[:, :60] += torch.from_numpy(np.where(kind == 1, 1.0, -1.0)).float()[:, None]
    pictures = pictures._replace(pixels=np.arange(240))
    monkeypatch.setattr(calibration, "squares", lambda rows: rows)
    monkeypatch.setattr(calibration, "extract_features", lambda net, rows: features[rows])
    net, (rows, check) = CriticNetwork([2, 14, 1, 1, 1]), np.split(np.arange(240), [120])
    found = fit_calibration(net, pictures, rows, check)
    probabilities = found.head(features[check])[0]
    assert [one.shape[1] for one in probabilities] == [2, 14, 1, 1, 1]
    assert (probabilities[0].argmax(1).numpy() == kind[check]).mean() > 0.8
    assert found.unseen_heat > 0
    again = fit_calibration(net, pictures, rows, check, found)
    assert again.regularizations == found.regularizations
    assert (again.unseen_heat, again.share) == (found.unseen_heat, found.share)
