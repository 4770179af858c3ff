"""Tastes that are learned from picks."""

import pickle
import shutil

import numpy as np
import pytest
from capriccio import Model, ModelError
from capriccio_critic.analyzer import Critic
from capriccio_critic.onnx_writer import write_logistic_model
from capriccio_critic.personal_taste import (
    KIND,
    Taste,
    chance_bound,
    cross_validate,
    features_of,
    fit_logistic,
    fit_probability,
    fit_ranking,
    learn,
    open_taste,
)
from helpers.paintings import landscape


def light_and_dark(count, seed=0):
    """Return light and dark landscapes."""
    rng = np.random.default_rng(seed)
    light = [(landscape(seed + n) * rng.uniform(0.8, 1)).astype(np.uint8) for n in range(count)]
    dark = [
        (landscape(seed + 100 + n) * rng.uniform(0.3, 0.5)).astype(np.uint8) for n in range(count)
    ]
    return light, dark


@pytest.fixture(scope="module")
def path(critic, tmp_path_factory):
    """The file of somebody's taste who likes light pictures."""
    path = tmp_path_factory.mktemp("taste") / "anna.onnx"
    learn(critic, *light_and_dark(10), path, owner="Anna")
    return path


def test_what_was_not_seen_is_scored_as_the_picks_were(critic, path):
    taste = Taste(path)
    light, dark = light_and_dark(3, seed=50)
    scores = [[taste.score(critic, image) for image in images] for images in (light, dark)]
    assert min(scores[0]) > 0.5 > max(scores[1])
    readings = critic.analyze(light[0])
    assert taste.score(critic, light[0], readings) == scores[0][0]


def test_the_card_says_whose_taste_it_is_and_how_far_to_trust_it(path):
    card = Model(path).card
    assert (card["owner"], card["liked"], card["disliked"]) == ("Anna", 10, 10)
    assert card["agreement"] > 0.95 and card["enough"] is True
    assert card["chance"] == pytest.approx(chance_bound(10, 10), abs=1e-3)
    words = Taste(path).describe()
    assert "The taste of Anna, learned from 10 liked and 10 disliked pictures" in words
    assert "not enough" not in words
    assert any(name in words for name in ("lightness", "darks", "range", "edges", "contrast"))


def test_picks_by_chance_are_said_not_to_be_enough(critic, tmp_path):
    pictures = [landscape(seed) for seed in range(12)]
    taste = learn(critic, pictures[::2], pictures[1::2], tmp_path / "x.onnx")
    assert taste.card["agreement"] <= taste.card["chance"]
    assert taste.card["enough"] is False
    assert "That is not enough: show it more pictures" in taste.describe()


def test_a_taste_travels_to_workers_by_its_path(critic, path):
    again = pickle.loads(pickle.dumps(Taste(path)))
    assert again.score(critic, landscape()) == Taste(path).score(critic, landscape())


def test_a_taste_belongs_to_the_model_that_it_was_learned_with(path, tmp_path):
    model = tmp_path / "other.onnx"
    shutil.copy(Critic.models["paintings"], model)
    with model.open("ab") as file:
        file.write(b"\x72\x09\x0a\x03key\x12\x02of")  # one more entry of its card
    taste = Taste(path)
    with pytest.raises(ModelError, match="was learned with the critic's model 'paintings', which"):
        taste.score(Critic(model=str(model)), landscape())


def test_features_of_another_version_are_refused(critic, path):
    taste = Taste(path)
    taste.card["features"] = [*taste.card["features"], "more"]
    with pytest.raises(ModelError, match="learned by another version of Capriccio, from other"):
        taste.score(critic, landscape())


def test_what_is_no_taste_is_refused(tmp_path):
    with pytest.raises(ModelError, match="is not a taste; learn one with: capriccio critic learn"):
        open_taste(Critic.models["paintings"])
    half = tmp_path / "half.onnx"
    write_logistic_model(half, np.zeros(1), np.ones(1), np.ones(1), 0.0, {"kind": KIND})
    with pytest.raises(ModelError, match="is not a taste"):
        open_taste(half)
    with pytest.raises(ValueError, match="there is no taste"):
        open_taste(tmp_path / "none.onnx")


def test_too_few_picks_and_contradictions_are_refused(critic, tmp_path):
    light, dark = light_and_dark(5)
    out = tmp_path / "x.onnx"
    with pytest.raises(ValueError, match="needs at least 5 liked pictures, got 1; twenty liked"):
        learn(critic, light[:1], dark, out)
    with pytest.raises(ValueError, match="needs at least 5 disliked pictures, got 0"):
        learn(critic, light, [], out)
    with pytest.raises(ValueError, match="liked picture 2 and disliked picture 6 are the same"):
        learn(critic, light, [*dark, light[1]], out)
    assert not out.exists()


def test_features_have_names_and_the_embedding_may_have_any_length(critic):
    names, values = features_of(critic, landscape())
    length = len(critic.embed(landscape()))
    assert names[-1] == f"embedding of {length}"
    assert len(values) == len(names) - 1 + length


def test_a_ranking_finds_the_feature_that_decides_among_many():
    rng = np.random.default_rng(5)
    features = rng.normal(size=(400, 200))
    picks = rng.permutation(200)[:40]
    likes = features[picks, 3] > np.median(features[picks, 3])
    ranking = fit_ranking(features[picks], likes, 20)
    assert np.abs(ranking.weight).argmax() == 3
    unseen = features[200:]
    assert np.corrcoef(ranking.score(unseen), unseen[:, 3])[0, 1] > 0.6
    scores, agreement = cross_validate(features[picks], likes, 20)
    assert scores.shape == (40,) and agreement > chance_bound(20, 20)


def test_the_weights_are_the_minimum_of_the_loss():
    rng = np.random.default_rng(6)
    rows, signs = rng.normal(size=(50, 4)), np.where(rng.random(50) < 0.6, 1.0, -1.0)
    lasso, ridge = np.array([0.0, 0.05, 0.5, 0.0]), np.full(4, 0.1)

    def loss(weight):
        penalty = (lasso * np.abs(weight) + ridge * weight**2).sum()
        return np.log1p(np.exp(-signs * (rows @ weight))).mean() + penalty

    weight = fit_logistic(rows, signs, lasso=lasso, ridge=ridge)
    assert weight[2] == 0 != weight[0]
    for step in np.eye(4) * 0.01:
        assert loss(weight) < min(loss(weight + step), loss(weight - step))


def test_probabilities_rise_with_the_score_even_where_there_is_nothing_to_learn():
    likes = np.arange(20) < 10
    slope, bias = fit_probability(np.where(likes, 1.0, -1.0), likes)
    assert slope > 0.5 and bias == pytest.approx(0, abs=1e-6)
    assert fit_probability(np.where(likes, -1.0, 1.0), likes)[0] == 0.05


def test_many_picks_are_fitted_on_a_part_of_their_pairs():
    features = np.random.default_rng(7).normal(size=(300, 10))
    ranking = fit_ranking(features, features[:, 0] > 0, 10)
    assert np.abs(ranking.weight).argmax() == 0
