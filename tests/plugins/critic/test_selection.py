"""Selecting among the pictures of a generator, and evolving them."""

import numpy as np
import pytest
from capriccio import Generator, Moment
from capriccio_critic import selection
from capriccio_critic.personal_taste import learn
from capriccio_critic.readings import Readings
from capriccio_critic.selection import Lineage
from helpers.paintings import landscape
from helpers.workers import LocalWorkers

NOW = Moment()


class Lights(Generator):
    """Return a landscape as light as `light`, and as red as `red`."""

    def generate(self, now, *, light=0.5, red=0.0, over=None):
        image = landscape() * light
        image[..., 0] += 100 * red
        return image.clip(0, 255).astype(np.uint8)


def contrast_of(readings: Readings) -> float:
    return readings.contrast


def test_the_best_of_more_is_not_worse_and_its_knobs_make_it_again(critic):
    part = Lights()
    few = critic.best_of(part, 2, NOW, toward="contrast", seed=1)
    many = critic.best_of(part, 8, NOW, toward="contrast", seed=1)
    assert many.score >= few.score
    assert (part(NOW, **many.knobs) == many.image).all()
    assert many.score == critic.analyze(many.image).contrast
    assert critic.best_of(part, 8, NOW, toward=contrast_of, seed=1).knobs == many.knobs
    held = critic.best_of(part, 3, NOW, toward=critic.movements[0], seed=1, red=0.2)
    assert set(held.knobs) == {"light"}
    assert held.score == pytest.approx(
        critic.movement_probabilities(held.image)[critic.movements[0]]
    )


def test_pictures_are_selected_by_a_taste(critic, tmp_path):
    path = tmp_path / "dark.onnx"
    light = [landscape(seed) for seed in range(5)]
    taste = learn(critic, [image // 4 for image in light], light, path)
    part = Lights()
    by_path = critic.best_of(part, 6, NOW, toward=str(path), seed=1, red=0.0)
    assert by_path.score == taste.score(critic, by_path.image)
    assert critic.best_of(part, 6, NOW, toward=taste, seed=1, red=0.0).knobs == by_path.knobs
    lightest = critic.best_of(part, 6, NOW, toward=lambda one: one.contrast, seed=1, red=0.0)
    assert by_path.knobs["light"] < lightest.knobs["light"]
    best = critic.evolve(part, NOW, toward=path, generations=2, size=4, seed=2, red=0.0)
    assert best.knobs["light"] < 0.5
    with pytest.raises(ValueError, match="there is no taste 'none"):
        critic.best_of(part, 1, NOW, toward="none.onnx")


def test_a_lineage_evolves_toward_what_is_requested(critic):
    lineage = critic.lineage(Lights(), 6, toward="contrast", seed=2)
    first = max(choice.score for choice in lineage.make(NOW))
    assert lineage.make(NOW) is lineage.pictures
    scores = [max(choice.score for choice in lineage.grow(NOW)) for _ in range(3)]
    assert scores == sorted(scores)
    assert scores[-1] >= first
    assert lineage.generation == 3
    best = critic.evolve(Lights(), NOW, toward="contrast", generations=3, size=6, seed=2)
    assert best.score == scores[-1]


def test_workers_evolve_the_same_pictures(critic, monkeypatch):
    asked = []
    monkeypatch.setattr(
        selection, "cluster_workers", lambda *words: asked.append(words) or LocalWorkers()
    )
    options = {"toward": "contrast", "generations": 2, "size": 4, "seed": 2}
    here = critic.evolve(Lights(), NOW, **options)
    there = critic.evolve(Lights(), NOW, cluster="local", workers=3, **options)
    assert asked == [("local", 3)]
    assert there.knobs == here.knobs and there.score == here.score
    assert (there.image == here.image).all()


def test_picked_pictures_are_the_parents_of_the_next_generation(critic):
    lineage = Lineage(critic, Lights(), 6, toward="contrast", seed=4)
    first = lineage.make(NOW)
    worst = min(range(6), key=lambda i: first[i].score)
    grown = lineage.grow(NOW, picks=[worst])
    assert grown[worst] is first[worst]  # it stays at its place
    near = [abs(c.knobs["light"] - first[worst].knobs["light"]) for c in grown]
    assert sorted(near)[2] < 0.3


def test_an_impossible_selection_is_refused(critic):
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        critic.best_of(Lights(), 0, NOW)
    with pytest.raises(ValueError, match="no reading or movement 'beauty', and it is no "):
        critic.best_of(Lights(), 1, NOW, toward="beauty")
    with pytest.raises(ValueError, match="needs a number knob that is not held, got none"):
        critic.best_of(Lights(), 1, NOW, light=0.5, red=0.5)
    with pytest.raises(ValueError, match="size must be at least 2, got 1"):
        critic.lineage(Lights(), 1)
