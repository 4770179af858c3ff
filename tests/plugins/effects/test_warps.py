import numpy as np
from capriccio import Moment, generator
from helpers.images import scene

NOW = Moment()


def test_a_kaleidoscope_is_the_same_in_each_mirror():
    image = scene(2, (101, 101))
    result = generator("kaleidoscope")(NOW, over=image, segments=2 / 14)  # four mirrors
    for mirrored in (result[::-1], result[:, ::-1], result.transpose(1, 0, 2)):
        assert (np.abs(mirrored.astype(int) - result).max(2) > 0).mean() < 0.05
    turned = generator("kaleidoscope")(NOW, over=image, segments=2 / 14, turn=0.3)
    assert not np.array_equal(turned, result)


def test_a_lens_enlarges_what_is_under_it_and_leaves_the_rest():
    image = np.zeros((101, 101, 3), np.uint8)
    image[46:55, 46:55] = 255
    lens = generator("lens")
    large = np.count_nonzero(lens(NOW, over=image, amount=0.75)[..., 0])
    small = np.count_nonzero(lens(NOW, over=image, amount=0.25)[..., 0])
    assert small < 81 < large
    beside = scene(1, (101, 101))
    result = lens(NOW, over=beside, x=0.0, y=0.0, size=0.2)
    assert np.array_equal(result[40:, 40:], beside[40:, 40:])
    assert lens(NOW, over=beside, x=1.0, y=1.0, size=1.0).shape == beside.shape


def test_a_picture_is_moved_by_another():
    ramp = np.zeros((64, 64, 3), np.uint8)
    ramp[..., :] = np.arange(64, dtype=np.uint8)[None, :, None]
    light = np.full((8, 8, 3), 255, np.uint8)
    displace = generator("displace")
    moved = displace(NOW, over=ramp, by=light, amount=1.0, angle=0.0)
    assert (moved[:, :50, 0].astype(int) - ramp[:, :50, 0] == moved[0, 0, 0]).all()
    assert 6 <= moved[0, 0, 0] <= 8  # 0.12 of 64
    dark = displace(NOW, over=ramp, by=~light, amount=1.0, angle=0.0)
    assert dark[0, 63, 0] < 63
    down = displace(NOW, over=ramp.transpose(1, 0, 2), by=light, amount=1.0, angle=0.25)
    assert np.array_equal(down[:50].transpose(1, 0, 2), moved[:, :50])
