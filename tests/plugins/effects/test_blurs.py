import numpy as np
from capriccio import Moment, generator
from capriccio_effects.blurs import blurred, enlarged, reduced

NOW = Moment()


def dot(side=120):
    image = np.zeros((side, side, 3), np.uint8)
    image[side // 2 - 3 : side // 2 + 3, side // 2 - 3 : side // 2 + 3] = 255
    return image


def spread(image):
    level = image[..., 0].astype(float)
    x = np.arange(image.shape[1])
    mean = (level.sum(0) * x).sum() / level.sum()
    return float(np.sqrt((level.sum(0) * (x - mean) ** 2).sum() / level.sum()))


def test_more_blur_spreads_further_and_keeps_the_light():
    image = dot()
    widths = [spread(blurred(image, radius)) for radius in (1, 3, 7, 12)]
    assert widths == sorted(widths)
    assert abs(widths[-1] - 12) < 3
    light = blurred(image, 7).sum() / image.sum()
    assert 0.85 < light < 1.15


def test_a_flat_picture_stays_flat():
    image = np.full((50, 70, 3), 99, np.uint8)
    assert np.abs(blurred(image, 9).astype(int) - 99).max() <= 1
    small, factor = reduced(image, 4.7)
    assert (factor, small.shape) == (4, (13, 18, 3))
    assert (enlarged(small, image, factor) == 99).all()
    assert reduced(image, 1.0)[0] is image


def test_light_shines_into_the_dark_and_the_dark_does_not():
    glow, image = generator("glow"), dot()
    result = glow(NOW, over=image, amount=1.0, threshold=0.3)
    assert result[60, 70, 0] > 0
    assert (result >= image).all()
    dim = image // 4
    assert np.array_equal(glow(NOW, over=dim, amount=1.0, threshold=0.3), dim)
