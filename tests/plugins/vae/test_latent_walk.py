"""Closed walks through a latent space."""

import numpy as np
import pytest
from capriccio import Model
from capriccio_vae.generator import VAE
from capriccio_vae.latent_walk import STEPS, closed_walk


@pytest.fixture(scope="module")
def latents():
    card = Model(VAE.models["watercolors"]).card["latents"]
    return {name: np.array(points) for name, points in card["kinds"].items()}, card["middle"]


def walk_of(latents, seed=2):
    classes, mean = latents
    return closed_walk(classes, np.array(mean), np.random.default_rng(seed))


def test_a_walk_is_closed_smooth_and_even(latents):
    walk, _ = walk_of(latents)
    assert len(walk) == STEPS + 1 and (walk[0] == walk[-1]).all()
    steps = np.linalg.norm(np.diff(walk, axis=0), axis=1)
    assert steps.max() / steps.min() < 1.2
    turns = np.diff(np.concatenate([walk, walk[1:2]]), axis=0)
    cosines = (turns[1:] * turns[:-1]).sum(1) / (steps * np.roll(steps, -1))
    assert cosines.min() > 0.9


def test_shares_of_classes_sum_to_one_and_change_slowly(latents):
    walk, shares = walk_of(latents)
    assert shares.shape == (STEPS + 1, len(latents[0]))
    assert shares.sum(1) == pytest.approx(np.ones(len(walk)))
    assert abs(np.diff(shares, axis=0)).max() < 0.05


def test_a_walk_of_one_class_passes_its_points_alone():
    points = np.random.default_rng(0).standard_normal((4, 3))
    walk, shares = closed_walk({"one": points}, np.zeros(3), np.random.default_rng(0))
    gaps = np.linalg.norm(walk[:, None] - points[None], axis=2).min(0)
    assert gaps.max() < 0.05
    assert (shares == 1).all()


def test_a_walk_through_a_single_point_stands_still():
    walk, shares = closed_walk({"one": np.ones((1, 3))}, np.zeros(3), np.random.default_rng(0))
    assert (walk == 1).all() and walk.shape == (STEPS + 1, 3)
    assert (shares == 1).all()
