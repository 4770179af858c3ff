"""Between two drawings: both ends are the drawings, the middle is between them."""

import numpy as np
import pytest
from capriccio import Stroke
from capriccio_draw.generator import Draw
from capriccio_draw.latents import picture_of
from capriccio_draw.morphing import between, pairs, spread

DOWN = Stroke(np.array([[0.2, 0.2], [0.2, 0.8]]), 0.01, (0.0, 0.0, 0.0), 1.0)
OTHER = Stroke(np.array([[0.4, 0.8], [0.4, 0.2]]), 0.03, (1.0, 0.0, 0.0), 0.5)  # upwards
FAR = Stroke(np.array([[0.8, 0.2], [0.9, 0.2]]))


def test_the_ends_are_the_drawings():
    for position, wanted in ((0.0, [DOWN]), (1.0, [OTHER, FAR])):
        made = between([DOWN], [OTHER, FAR], position)
        assert len(made) == len(wanted)
        for stroke, goal in zip(made, wanted, strict=True):
            ends = {tuple(np.round(end, 6)) for end in stroke.points[[0, -1]]}
            assert ends == {tuple(end) for end in goal.points}
            assert stroke.width == pytest.approx(goal.width)


def test_the_middle_is_between_them_whichever_end_a_stroke_begins_at():
    middle, grown = between([DOWN], [OTHER, FAR], 0.5)
    assert np.allclose(middle.points[:, 0], 0.3)
    assert np.allclose(middle.points[[0, -1], 1], [0.2, 0.8])
    assert (middle.color, middle.opacity) == ((0.5, 0.0, 0.0), 0.75)
    assert middle.width == pytest.approx(0.02)
    assert np.allclose(grown.points[[0, -1], 0], [0.825, 0.875])
    assert grown.opacity == 0.5


def test_the_nearest_strokes_correspond():
    lines = [spread(stroke.points) for stroke in (DOWN, FAR)]
    others = [spread(stroke.points) for stroke in (FAR, OTHER)]
    assert pairs(lines, others) == [(0, 1), (1, 0)]


def test_an_empty_drawing_grows_into_the_other():
    assert between([], [FAR], 0.0) == [] == between([], [], 0.5)
    assert len(between([], [FAR], 0.5)) == 1


def test_a_dot_becomes_a_line():
    dot = Stroke(np.array([[0.5, 0.5]]))
    (middle,) = between([dot], [DOWN], 0.5)
    assert np.isfinite(middle.points).all()


def test_the_shipped_encoder_has_the_ends_look_like_the_drawings():
    part = Draw(model="quickdraw", seed=1)
    turn = np.linspace(0, 2 * np.pi, 40)
    circle = [Stroke(np.stack([0.5 + 0.3 * np.cos(turn), 0.5 + 0.3 * np.sin(turn)], 1))]
    corners = np.array([[0.2, 0.4], [0.8, 0.4], [0.8, 0.6], [0.2, 0.6], [0.2, 0.4]])
    box = [Stroke(corners)]

    def look(drawing):
        return picture_of([stroke.points for stroke in drawing])

    begin, middle, end = (part.morph(circle, box, share) for share in (0.0, 0.5, 1.0))
    for made, own, other in ((begin, circle, box), (end, box, circle)):
        near, far = (np.square(look(made) - look(one)).mean() for one in (own, other))
        assert near < far
    assert np.square(look(middle) - look(begin)).mean() > 0
