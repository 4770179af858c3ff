"""Scans are cropped to their subject and lose border, frame and writing."""

import numpy as np
import pytest
from capriccio_gan.training.attributes import Attributes, measure_attributes
from capriccio_gan.training.scans import dilate, label_regions, prepare_scan
from helpers.sheets import PAPER, RED, scanned_sheet
from PIL import Image, ImageDraw


def test_the_dark_border_of_a_scan_is_removed():
    scan = prepare_scan(scanned_sheet((60, 80, 25, RED)), 64)
    assert scan.image.shape == (64, 64, 3) and scan.image.dtype == np.uint8
    assert scan.image.max(axis=2).min() > 60  # nowhere as dark as the lid


def test_the_subject_is_centred_and_keeps_its_relative_size():
    small, large = (prepare_scan(scanned_sheet((45, 110, r, RED)), 64) for r in (12, 40))
    for scan in (small, large):
        ys, xs = np.nonzero(scan.subject)
        assert abs(ys.mean() - 32) < 3 and abs(xs.mean() - 32) < 3
    assert small.subject.sum() < 0.7 * large.subject.sum()
    assert small.extent < 0.35 < 0.6 < large.extent


def test_writing_and_frames_are_removed_and_pale_halves_are_not():
    scan = prepare_scan(scanned_sheet((60, 60, 25, RED), writing=True, frame=True), 128)
    far = np.abs(scan.image.astype(int) - PAPER).max(axis=2)
    assert far[~dilate(scan.subject, 4)].max() < 60
    half = scanned_sheet((60, 50, 25, RED))
    ImageDraw.Draw(half).circle((60, 115), 25, fill=(250, 244, 225), outline=(190, 60, 50), width=2)
    scan = prepare_scan(half, 128)
    assert label_regions(scan.subject).max() == 2


def test_the_mount_around_a_sheet_is_removed():
    picture = Image.new("RGB", (160, 190), (190, 180, 170))
    picture.paste(scanned_sheet((60, 75, 25, RED), size=(110, 140), border=0), (25, 20))
    assert np.abs(prepare_scan(picture, 64).image[0, 0].astype(int) - PAPER).max() < 12


@pytest.mark.parametrize("horizon", [60, 100, 140])
def test_a_painting_with_a_pale_sky_is_no_sheet(horizon):
    painting = np.full((160, 200, 3), (215, 220, 225), np.uint8)
    random = np.random.default_rng(0)
    painting[horizon:] = random.integers(20, 160, (160 - horizon, 200, 3))  # grass
    painting[40:horizon, 60:110] = 60  # a tower
    scan = prepare_scan(Image.fromarray(painting), 64)
    assert scan.subject is None and scan.extent == 1.0
    middle = Image.fromarray(painting[:, 20:180]).resize((64, 64), Image.Resampling.LANCZOS)
    assert np.abs(scan.image.astype(int) - np.asarray(middle)).mean() < 5


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (64, 64), (300, 200)])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "CMYK", "I;16", "P", "1"])
def test_any_picture_becomes_a_square_with_attributes(shape, mode):
    scan = prepare_scan(Image.new(mode, shape), 64)
    assert scan.image.shape == (64, 64, 3)
    assert isinstance(measure_attributes(scan), Attributes)


def test_noise_and_empty_sheets_become_squares():
    random = np.random.default_rng(0)
    for seed in range(30):
        pixels = random.integers(0, 256, (80 + seed, 120, 3), np.uint8)
        pixels[: seed * 2] = 250
        measure_attributes(prepare_scan(Image.fromarray(pixels), 64))
    scan = prepare_scan(Image.new("RGB", (100, 100), "white"), 64)
    assert scan.subject is None and measure_attributes(scan).colours == ("white",)


def test_regions_are_numbered_in_reading_order():
    mask = np.zeros((6, 8), bool)
    mask[0, 1] = mask[2:5, 0:3] = mask[3, 3:6] = mask[5, 7] = True
    mask[1:3, 5] = True
    found = label_regions(mask)
    assert found.max() == 3 and found[0, 1] == 1 and found[5, 7] == 3
    assert found[2, 0] == found[3, 4] == found[1, 5] == 2  # two arms that meet below are one
    assert found[1, 1] == 0
    assert label_regions(np.zeros((3, 3), bool)).max() == 0
    assert label_regions(np.ones((3, 3), bool)).max() == 1
    ring = np.ones((5, 5), bool)
    ring[2, 2] = False
    assert (label_regions(ring) == ring).all()
