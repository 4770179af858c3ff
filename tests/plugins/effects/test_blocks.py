import numpy as np
from capriccio import Moment, generator
from helpers.images import scene

NOW = Moment()


def test_a_block_has_one_colour_the_mean_of_its_place():
    image = scene(4, (100, 150))
    result = generator("pixelate")(NOW, over=image, size=1.0)  # blocks of 12
    assert (result[:12, :12] == result[0, 0]).all()
    assert np.abs(result[0, 0] - image[:12, :12].mean((0, 1))).max() <= 1
    assert not (result[0, 12] == result[0, 0]).all() or not (result[12, 0] == result[0, 0]).all()


def test_rows_of_a_mosaic_are_set_aside_and_its_joints_are_dark():
    image = np.full((100, 150, 3), 200, np.uint8)
    result = generator("mosaic")(NOW, over=image, size=1.0, joints=1.0)
    first, second = result[6, :, 0], result[18, :, 0]  # the middles of two rows
    assert first.min() < 100 < first.max()
    assert not np.array_equal(first < 100, second < 100)
    plain = generator("mosaic")(NOW, over=image, size=1.0, joints=0.0)
    assert (plain == 200).all()
