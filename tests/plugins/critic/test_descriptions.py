"""Readings in words, with what changed and whose taste it is."""

import re

import numpy as np
from capriccio_critic.comparison import read_works
from capriccio_critic.descriptions import describe, examine, explain, region_name
from capriccio_critic.personal_taste import learn
from helpers.paintings import landscape


def test_an_explanation_states_the_readings_of_the_picture(critic):
    image = landscape()
    readings, words = critic.analyze(image), critic.explain(image)
    assert f"Looks like {readings.movement} ({readings.certainty:.0%}" in words
    stated = dict(re.findall(r"\((\w+) (\d\.\d\d),", words))
    assert stated
    for name, value in stated.items():
        assert f"{getattr(readings, name):.2f}" == value
    assert words != critic.explain(landscape(seed=3)[:, ::-1])


def test_what_is_like_nothing_it_learned_from_is_not_named_with_certainty(critic):
    known = critic.analyze(landscape())._replace(novelty=0.5)
    assert describe(critic, known)[0].startswith("Looks like ")
    rare = describe(critic, known._replace(novelty=0.92))
    assert any("Unlike most of what it learned from (novelty 0.92)" in line for line in rare)
    first = describe(critic, known._replace(novelty=0.99))[0]
    assert "Unlike anything it learned from (novelty 0.99): it does not know" in first
    assert "Looks like" not in first


def test_genre_century_medium_and_the_nearest_are_said_where_they_are_known(critic):
    known = critic.analyze(landscape())._replace(
        novelty=0.5, movement="impressionism", genres=(("landscape", 0.8), ("city", 0.1)),
        centuries=(("17", 0.7),), mediums=(("oil", 0.4),), like_artists=(("Anna", 0.9),),
        like_pictures=(("a mill", 0.8),),
    )  # fmt: skip
    words = "\n".join(describe(critic, known))
    assert "Probably genre landscape (80%), century 17 (70%)." in words
    assert "One of the two is wrong: impressionism is from 18" in words
    assert "Nearest of what it learned from: Anna; 'a mill'." in words
    agreeing = describe(critic, known._replace(centuries=(("19", 0.7),)))
    assert "wrong" not in "\n".join(agreeing)
    bare = known._replace(genres=(), centuries=(), mediums=(), like_artists=(), like_pictures=())
    assert "Probably" not in "\n".join(describe(critic, bare))


def test_an_explanation_says_whose_taste_it_is_and_what_changed(critic, tmp_path):
    image = landscape(3)
    words = critic.explain(image)
    assert "Whose taste: quality compares with old European paintings" in words
    light = [landscape(n) for n in range(5)]
    taste = learn(critic, light, [one // 3 for one in light], tmp_path / "a.onnx", owner="Anna")
    works = read_works(critic, [("one.png", image // 2)])
    found = examine(critic, image, mine=works, taste=taste)
    assert "The taste of Anna, learned from 5 liked" in found.words
    assert re.search(r"It would like this with \d+%", found.words)
    assert "Beside 1 earlier work of yours; the nearest is one.png." in found.lines
    assert "lighter than 1 of 1" in found.words
    assert len(found.suggestions) == found.words.count("Try this:")
    assert explain(critic, image, mine=works, taste=taste) == found.words
    boxes = [one.box for one in found.suggestions if one.box]
    assert found.box == (boxes[0] if boxes else None)


def test_a_critic_explains_and_learns_in_a_sketch(critic, tmp_path):
    image, path = landscape(3), tmp_path / "anna.onnx"
    light = [landscape(n) for n in range(5)]
    taste = critic.learn(light, [one // 3 for one in light], path, owner="Anna")
    assert taste.owner == "Anna"
    words = critic.explain(image, mine=[image // 2, image / 510], taste=path)
    assert "Beside 2 earlier works of yours; the nearest is number" in words
    assert "The taste of Anna" in words


def test_regions_of_a_map_have_names():
    heat = np.zeros((8, 8), np.float32)
    assert region_name(heat) == "all over"
    heat[0, 0] = 1
    assert region_name(heat) == "at the upper left"
    assert region_name(heat[:, ::-1]) == "at the upper right"
    for y, x, words in (
        (4, 3, "in the middle"),
        (7, 3, "in the lower half"),
        (3, 0, "on the left"),
    ):
        heat = np.zeros((8, 8), np.float32)
        heat[y, x] = 1
        assert region_name(heat) == words
