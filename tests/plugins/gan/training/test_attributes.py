"""Colour, number, size and leaves are measured in pictures."""

import numpy as np
import pytest
from capriccio_gan.training.attributes import (
    COLOURS,
    Attributes,
    colour_names,
    measure_attributes,
)
from capriccio_gan.training.scans import Scan, prepare_scan
from helpers.devices import ROOT
from helpers.sheets import BLUE, GREEN, ORANGE, PAPER, RED, scanned_sheet
from PIL import Image, ImageDraw

WATERCOLORS = ROOT.parent / "shared" / "data" / "watercolors-usda-pomological"


def measured(picture: Image.Image) -> Attributes:
    return measure_attributes(prepare_scan(picture, 128))


@pytest.mark.parametrize(
    ("colour", "name"),
    [(RED, "red"), (BLUE, "blue"), (GREEN, "green"), (ORANGE, "orange"), ((240, 210, 40), "yellow"),
     ((100, 15, 15), "dark red"), ((110, 50, 130), "purple"), ((20, 18, 25), "black"),
     ((120, 75, 35), "brown"), ((240, 160, 170), "pink"), ((250, 248, 240), "white")],
)  # fmt: skip
def test_colours_have_the_names_people_use(colour, name):
    named = colour_names(np.full((2, 2, 3), colour, np.uint8))
    assert {COLOURS[index] for index in named.ravel()} == {name}


def test_whole_cut_two_and_several_fruits_are_distinguished():
    whole = measured(scanned_sheet((60, 90, 30, RED)))
    assert whole == Attributes(("red",), "whole", "", False)
    pair = scanned_sheet((60, 55, 26, RED), (60, 120, 26, (252, 240, 190)))
    ImageDraw.Draw(pair).circle((60, 120), 26, outline=(170, 30, 30), width=3)
    assert measured(pair).view == "whole and cut"
    assert measured(pair).colours == ("red",)
    two = measured(scanned_sheet((60, 55, 26, ORANGE), (60, 120, 26, ORANGE)))
    assert two.view == "two" and two.colours == ("orange",)
    slice_ = scanned_sheet()
    ImageDraw.Draw(slice_).circle((60, 90), 30, fill=ORANGE)  # a cut surface is flat
    assert measured(slice_).view == "cut"
    half = scanned_sheet((60, 55, 26, ORANGE))
    ImageDraw.Draw(half).circle((60, 120), 26, fill=ORANGE)
    assert measured(half).view == "whole and cut"
    many = scanned_sheet(*((x, y, 9, RED) for x in (35, 60, 85) for y in (60, 100)))
    assert measured(many).view == "several"


def test_leaves_are_found_and_do_not_count_as_the_colour_of_the_fruit():
    found = measured(scanned_sheet((60, 80, 26, RED), (88, 66, 10, (40, 90, 35))))
    assert found.leaves and found.colours == ("red",)
    assert not measured(scanned_sheet((60, 80, 26, GREEN))).leaves


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("high, wide", [(1, 30), (30, 1), (2, 2), (9, 3), (13, 6), (14, 4)])
def test_a_line_or_a_speck_has_attributes(high, wide):
    image, subject = np.full((64, 64, 3), PAPER, np.uint8), np.zeros((64, 64), bool)
    subject[20 : 20 + high, 20 : 20 + wide] = True
    image[subject] = RED
    assert measure_attributes(Scan(image, subject, 0.7)).view in ("", "whole", "cut")


def test_small_and_large_subjects_are_distinguished():
    assert measured(scanned_sheet((60, 90, 15, RED))).size == "small"
    assert measured(scanned_sheet((60, 60, 30, RED), (60, 122, 30, RED))).size == "large"


@pytest.mark.skipif(not WATERCOLORS.is_dir(), reason="the watercolours are not on this machine")
def test_the_watercolours_lose_their_borders_and_most_are_whole_and_cut():
    paths = sorted(WATERCOLORS.glob("images/apples/*.jpg"))[:: 3422 // 60]
    scans = [prepare_scan(Image.open(path), 64) for path in paths]
    assert np.median([scan.image[[0, -1]].min() for scan in scans]) > 120
    found = [measure_attributes(scan) for scan in scans if scan.subject is not None]
    assert sum(one.view == "whole and cut" for one in found) > 0.6 * len(paths)
    assert sum("red" in " ".join(one.colours) for one in found) > 0.4 * len(paths)
