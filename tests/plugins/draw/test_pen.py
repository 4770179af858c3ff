"""The pen: what the network is given, what it makes of luck, and words."""

import numpy as np
import pytest
from capriccio import ModelError, generator_class
from capriccio_draw.generator import Draw
from capriccio_draw.pen import GUIDANCE, Pen, PenModel
from capriccio_draw.pen_moves import END, LIFT, moves_of

SQUARE = [np.array([[-0.2, -0.2], [0.2, -0.2], [0.2, 0.2], [-0.2, 0.2], [-0.2, -0.2]])]


@pytest.fixture(scope="module")
def model():
    return PenModel(Draw.models["kanji"])


def pen(model, seed=0):
    return Pen(model, [seed], model.word_weights([("", 1.0)]))


def drawn(pen, heat=0.4):
    while not pen.ended:
        pen.move(heat)
    return np.array(pen.moves)


def test_the_same_seed_moves_the_same(model):
    one, again, other = (drawn(pen(model, seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_drawing_ends_and_stays_on_the_paper(model):
    for seed in range(8):
        for heat in (0.0, 1.0):
            moves = drawn(pen(model, seed), heat)
            places = np.cumsum(moves[:, :2], axis=0)
            assert moves[-1, 2] == END and (moves[:-1, 2] != END).all()
            assert np.abs(places).max() <= 0.5 + 1e-6
            assert len(moves) <= model.most_points


def test_it_does_not_end_where_it_may_not(model):
    one = pen(model)
    for _ in range(200 if model.most_points > 200 else model.most_points - 1):
        assert one.move(0.4, may_end=False)[2] != END


def test_what_a_person_drew_decides_how_it_goes_on(model):
    begun, fresh = pen(model), pen(model)
    begun.feed(moves_of(SQUARE, np.zeros(2)))
    assert begun.moves[-1][2] == LIFT and not begun.ended
    assert [round(sum(move[axis] for move in begun.moves), 6) for axis in (0, 1)] == [-0.2, -0.2]
    assert begun.move(0.4) != fresh.move(0.4)


def test_a_model_of_another_part_is_refused():
    path = generator_class("rnn").models["groove"]
    with pytest.raises(ModelError, match="does not draw; train one with capriccio train draw"):
        PenModel(path)


def test_moves_that_are_no_numbers_are_refused(model, monkeypatch):
    one = pen(model)
    monkeypatch.setattr(model, "step", lambda **arrays: (arrays["state"], np.full(3, np.nan)))
    with pytest.raises(FloatingPointError, match=r"the network moved the pen by \(nan, nan\)"):
        one.move(0.5)
    monkeypatch.undo()
    assert one.moves == []


def test_words_are_weighed():
    model = PenModel(Draw.models["quickdraw"])
    weights = model.word_weights([("cat", 0.25), ("Bus", 0.75)])
    assert weights.shape == (1, len(model.words) + model.latents)
    assert weights[0, model.words.index("cat")] == 0.25 * GUIDANCE
    assert weights[0, model.words.index("bus")] == 0.75 * GUIDANCE
    assert not model.word_weights([("", 1.0)]).any()
    for word in model.words:  # among them "The Eiffel Tower"
        assert model.word_weights([(word, 1.0)])[0, model.words.index(word)] == GUIDANCE


def test_an_unknown_word_is_named_with_the_nearest():
    model = PenModel(Draw.models["quickdraw"])
    with pytest.raises(ValueError, match=r"no word 'bycicle' to draw; the nearest.*'bicycle'"):
        model.word_weights([("bycicle", 1.0)])
    with pytest.raises(ValueError, match=r"knows no word 'qqqq' to draw$"):
        model.word_weights([("qqqq", 1.0)])


def test_a_model_without_words_passes_them_over(model):
    assert not model.word_weights([("cat", 1.0)]).any()
