"""Pictures as strokes: lines along their middle, edges of others, in a person's order."""

import numpy as np
import pytest
from capriccio import Stroke, rasterise
from capriccio_draw.vectorising import (
    as_drawn,
    edge_pixels,
    line_pixels,
    shrunk,
    thinned,
    traced,
    vectorised,
)

TURN = np.linspace(0, 2 * np.pi, 60)
CIRCLE = np.stack([0.5 + 0.3 * np.cos(TURN), 0.5 + 0.3 * np.sin(TURN)], axis=1)


def disc():
    y, x = np.mgrid[0:120, 0:120] / 120
    inside = np.hypot(x - 0.5, y - 0.5) < 0.3
    return np.where(inside[..., None], np.array([60, 50, 40]), 110).astype(np.uint8)


def off_circle(points):
    return np.abs(np.hypot(*(np.asarray(points) - 0.5).T) - 0.3)


def test_a_drawn_line_comes_back_as_one_line():
    line = np.array([[0.2, 0.3], [0.8, 0.7]])
    image = rasterise([Stroke(line, 0.02)], (192, 192))
    (found,) = vectorised(image, 0.5)
    assert np.abs(found[[0, -1]] - line).max() < 0.02


def test_a_drawn_circle_comes_back_closed():
    image = rasterise([Stroke(CIRCLE, 0.015)], (300, 300))
    found = vectorised(image, 0.5)
    assert len(found) == 1
    assert off_circle(found[0]).max() < 0.02
    assert np.allclose(found[0][0], found[0][-1])


def test_the_edge_of_a_disc_is_drawn_round_it():
    found = vectorised(disc(), 0.5)
    assert off_circle(np.concatenate(found)).max() < 0.04
    assert sum(np.hypot(*np.diff(points, axis=0).T).sum() for points in found) > 0.8 * 0.6 * np.pi


def test_more_detail_finds_more_lines():
    random = np.random.default_rng(0)
    image = np.kron(random.integers(60, 200, (12, 12, 1)), np.ones((10, 10, 3))).astype(np.uint8)
    few, many = (len(vectorised(image, detail)) for detail in (0.0, 1.0))
    assert few < many


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_picture_has_no_strokes(level):
    assert vectorised(np.full((40, 60, 3), level, np.uint8), 0.5) == []


def test_a_picture_of_one_pixel_has_no_strokes():
    assert vectorised(np.zeros((1, 1, 3), np.uint8), 0.5) == []


def test_a_wide_picture_lies_in_the_middle():
    image = np.full((60, 120, 3), 255, np.uint8)
    image[28:32, 20:100] = 0
    (found,) = vectorised(image, 0.5)
    assert np.allclose(found[:, 1], 0.5, atol=0.02)


def test_ink_on_paper_is_told_from_a_painting():
    assert line_pixels(shrunk(rasterise([Stroke(CIRCLE)], (64, 64)).mean(2) / 255)) is not None
    assert line_pixels(disc().mean(2) / 255) is None
    dark = np.where(disc() == 110, 240, disc())  # a shape on paper has an edge, no middle line
    assert line_pixels(dark.mean(2) / 255) is None


def test_edges_are_thin():
    edges = edge_pixels(disc().mean(2) / 255, 0.5)
    assert 100 < edges.sum() < 400


def test_a_thick_line_becomes_thin():
    mask = np.zeros((20, 40), bool)
    mask[8:13, 5:35] = True
    thin = thinned(mask)
    assert thin.sum(0).max() == 1
    assert thin.sum() >= 24


def test_a_line_is_traced_from_end_to_end():
    mask = np.zeros((9, 30), bool)
    mask[4, 3:27] = True
    (line,) = traced(mask)
    assert line[0].tolist() == [3, 4] and line[-1].tolist() == [26, 4]


def test_a_person_begins_with_the_outline_and_goes_on_nearby():
    far, near = np.array([[0.9, 0.9], [0.95, 0.95]]), np.array([[0.6, 0.5], [0.6, 0.6]])
    outline = np.array([[0.5, 0.5], [0.1, 0.1]])
    order = as_drawn([far, near, outline])
    assert order[0].tolist() == [[0.1, 0.1], [0.5, 0.5]]  # to the right and down
    assert order[1] is near
