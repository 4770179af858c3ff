"""Features of pictures, measured by formulas."""

import numpy as np
import pytest
from capriccio_critic.features import (
    balance,
    complexity,
    contrast,
    harmony,
    luminance,
    saliency,
    sharpness,
)
from capriccio_critic.preprocess import resize_square
from helpers.paintings import landscape, plain
from PIL import Image, ImageFilter


def test_one_hue_and_opposite_hues_are_harmonic_and_all_hues_are_not():
    assert harmony(plain(200, 60, 40)) == pytest.approx(1)
    assert harmony(plain(90, 90, 90)) == 1
    opposite = plain(200, 60, 40)
    opposite[:, 32:] = (40, 180, 200)
    assert harmony(opposite) == pytest.approx(1)
    wheel = np.asarray(
        Image.fromarray(
            np.dstack([np.tile(np.arange(256), (8, 1)), np.full((8, 256, 2), 255)]).astype(
                np.uint8
            ),
            "HSV",
        ).convert("RGB")
    )
    assert harmony(wheel) == pytest.approx(0, abs=0.02)


def test_harmony_does_not_depend_on_the_order_of_the_channels():
    # Steps of 15 leave many hues right on the border of two bins.
    rng = np.random.default_rng(0)
    for _ in range(5):
        picture = (rng.integers(0, 18, (40, 40, 3)) * 15).astype(np.uint8)
        picture[..., 1] //= 3
        turned = picture[..., [2, 0, 1]]
        assert 0 < harmony(picture) < 1
        assert harmony(turned) == pytest.approx(harmony(picture), abs=1e-6)


def test_weight_in_the_centre_is_balanced_and_weight_in_a_corner_is_not():
    middle, corner = np.zeros((65, 65), np.float32), np.zeros((65, 65), np.float32)
    middle[30:35, 30:35] = 1
    corner[:5, :5] = 1
    assert balance(middle) == pytest.approx(1, abs=1e-6)
    assert balance(corner) < 0.4
    assert balance(np.ones((5, 5), np.float32)) == 1


def test_contrast_is_twice_the_standard_deviation():
    halves = np.zeros((10, 10), np.float32)
    assert contrast(halves) == 0
    halves[5:] = 1
    assert contrast(halves) == pytest.approx(1)
    assert contrast(halves / 4) == pytest.approx(0.25)


def test_noise_is_complex_and_one_colour_is_not():
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    assert complexity(noise) > 0.95
    assert complexity(plain(50, 90, 200, size=(128, 128))) < 0.05
    assert 0.05 < complexity(resize_square(landscape())) < 0.95


def test_more_blur_means_less_sharpness():
    picture = Image.fromarray(landscape())
    sharp = [
        sharpness(luminance(np.asarray(picture.filter(ImageFilter.GaussianBlur(radius)))))
        for radius in (0, 1, 2, 4)
    ]
    assert sharp == sorted(sharp, reverse=True)
    assert sharp[0] > sharp[-1] + 0.1
    assert sharpness(np.zeros((9, 9), np.float32)) == 0


def test_saliency_finds_the_only_detailed_place():
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (64, 64)).astype(np.uint8))
    ground = np.asarray(noise.filter(ImageFilter.GaussianBlur(3))) / 255
    lonely = ground.copy()
    lonely[44:52, 12:20] += rng.normal(0, 0.3, (8, 8))
    drawn, held, x, y = saliency(lonely)
    assert drawn.sum() == pytest.approx(1, abs=1e-6)
    assert (x, y) == pytest.approx((0.25, 0.75), abs=0.06)
    assert held > saliency(ground)[1] + 0.1


def test_saliency_equals_that_of_the_full_spectrum():
    grey = luminance(resize_square(landscape(), 64))
    spectrum = np.fft.fft2(grey)
    around = np.log(np.abs(spectrum) + 1e-9)
    for axis in (0, 1):
        around = (np.roll(around, -1, axis) + around + np.roll(around, 1, axis)) / 3
    strength = np.abs(np.fft.ifft2(spectrum * np.exp(-around))) ** 2
    strength[[0, 1, -2, -1]] = strength[:, [0, 1, -2, -1]] = 0
    one = np.exp(-2 * (np.pi * 2.5 * np.fft.fftfreq(64)) ** 2)
    soft = np.fft.ifft2(np.fft.fft2(strength) * np.outer(one, one)).real
    expected = soft.reshape(32, 2, 32, 2).mean(axis=(1, 3))
    assert saliency(grey)[0] == pytest.approx(expected / expected.sum(), abs=1e-6)
