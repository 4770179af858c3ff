import numpy as np
from capriccio import generator
from capriccio.testing import moments


def grey(shape=(60, 90)):
    return np.full((*shape, 3), 128, np.uint8)


def test_grain_of_a_film_moves_and_that_of_paper_stays():
    first, *_, last = moments(beats=2, step=0.5)
    for kind, moves in (("film", True), ("paper", False)):
        grain = generator("grain", seed=1)
        one, other = grain(first, over=grey(), kind=kind), grain(last, over=grey(), kind=kind)
        assert np.array_equal(one, other) is not moves
        assert abs(one.mean() - 128) < 8
        assert one.std() > 3
        stronger = grain(first, over=grey(), kind=kind, amount=1.0)
        assert stronger.std() > 1.5 * one.std()


def test_corners_are_darker_than_the_middle():
    (now,) = moments(beats=1, step=1)
    result = generator("vignette")(now, over=grey(), amount=1.0)
    assert result[0, 0].max() < 10
    assert result[30, 45].min() == 128
    assert result[0, 45, 0] > result[0, 0, 0]
