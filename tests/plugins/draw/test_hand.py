"""The hand: when it comes to each point, and what is to be seen meanwhile."""

import numpy as np
import pytest
from capriccio import Stroke
from capriccio_draw.generator import Draw
from capriccio_draw.hand import Hand, cut, drawing_of, drawing_seconds, grown
from capriccio_draw.lines import SPEED
from capriccio_draw.pen import Pen, PenModel


@pytest.fixture(scope="module")
def model():
    return PenModel(Draw.models["kanji"])


@pytest.fixture
def hand(model):
    return Hand(Pen(model, [3], model.word_weights([("", 1.0)])))


def ink(hand):
    drawing = drawing_of(hand.lines(), 0.5, 0.5, 0.01)
    return sum(np.hypot(*np.diff(stroke.points, axis=0).T).sum() for stroke in drawing)


def test_a_drawing_grows_and_ends(hand):
    seen = []
    for _ in range(300):
        hand.advance(0.1, 0.4)
        seen.append(ink(hand))
        if hand.ended_before is not None:
            break
    assert seen == sorted(seen)
    assert seen[-1] > 0.5
    assert 1 < len(seen) * 0.1 < 25  # seconds, as a person takes


def test_many_small_steps_draw_what_one_large_one_does(model):
    def after(steps):
        hand = Hand(Pen(model, [3], model.word_weights([("", 1.0)])))
        for _ in range(steps):
            hand.advance(2.0 / steps, 0.4)
        return hand.lines()

    for (one, pieces), (other, others) in zip(after(1), after(50), strict=True):
        assert np.allclose(one[: int(pieces) + 1], other[: int(pieces) + 1])
        assert pieces == pytest.approx(others, abs=1e-6)


def test_strokes_that_are_drawn_stay_where_they_are(hand):
    hand.advance(1.0, 0.4)
    before = drawing_of(hand.lines(), 0.5, 0.5, 0.01)
    hand.advance(0.5, 0.4)
    after = drawing_of(hand.lines(), 0.5, 0.5, 0.01)
    for one, other in zip(before[:-1], after, strict=False):
        assert np.array_equal(one.points, other.points)


def test_a_finished_hand_shows_all(hand):
    while not hand.pen.ended:
        hand.pen.move(0.4)
    hand.finish()
    assert sum(len(points) for points, _ in hand.lines()) == len(hand.pen.moves)
    assert hand.ended_before == 0


def test_nothing_is_seen_before_it_begins(hand):
    assert hand.lines() == []
    hand.finish()
    assert hand.lines() == [] and hand.ended_before is None


def test_a_line_is_cut_within_a_piece():
    line = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    assert cut(line, 1.5).tolist() == [[0, 0], [1, 0], [1.5, 0]]
    assert cut(line, 0.25).tolist() == [[0, 0], [0.25, 0]]
    assert cut(line, 2.0) is line


def test_a_finished_drawing_grows_as_a_hand_would_draw_it():
    line = np.array([[0.0, 0.0], [0.5, 0.0], [1.0, 0.0]])
    drawing = [Stroke(line), Stroke(line + np.array([0.0, 0.5]))]
    half = grown(drawing, 0.75 / SPEED)
    assert len(half) == 1 and half[0].points[-1] == pytest.approx([0.75, 0])
    whole = drawing_seconds(drawing)
    assert whole > 2 / SPEED
    assert [len(stroke.points) for stroke in grown(drawing, whole)] == [3, 3]
    assert grown(drawing, -1.0) == [] and drawing_seconds([]) == 0
    # Pieces of one line take as long as the line.
    assert drawing_seconds([Stroke(line[:2]), Stroke(line[1:])]) == pytest.approx(1 / SPEED)


def test_strokes_that_are_kept_are_those_that_would_be_drawn(hand):
    for _ in range(8):
        hand.advance(0.5, 0.4)
        for look in ((0.5, 0.5, 0.01, "brush"), (0.2, 0.9, 0.02, "pen")):
            kept, drawn = hand.drawing(*look), drawing_of(hand.lines(), *look)
            assert [s.width for s in kept] == [s.width for s in drawn]
            assert all(np.array_equal(a.points, b.points) for a, b in zip(kept, drawn, strict=True))
