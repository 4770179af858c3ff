import numpy as np
from capriccio import Moment, generator

NOW = Moment()


def test_edges_are_drawn_where_the_picture_changes():
    image = np.zeros((30, 40, 3), np.uint8)
    image[:, 20:] = 255
    edges = generator("edges")
    ink = edges(NOW, over=image, width=0.0)[15, :, 0]
    assert ink.min() == 0
    assert set(np.flatnonzero(ink < 128)) == {19, 20}
    assert np.array_equal(255 - ink, edges(NOW, over=image, width=0.0, ground="night")[15, :, 0])
    wide = edges(NOW, over=image, width=1.0)[15, :, 0]
    assert np.count_nonzero(wide < 128) > 2
    over = edges(NOW, over=image, width=0.0, ground="picture")[15, :, 0]
    assert over[20] == 0
    assert over[30] == 255
    across = edges(NOW, over=image.transpose(1, 0, 2), width=0.0)
    assert np.array_equal(across[:, 15, 0], ink)
