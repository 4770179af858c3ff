"""Drawings as SVG: a browser shows what the engine draws, and no title breaks out of its tag."""

from xml.etree import ElementTree

import numpy as np
import pytest
from capriccio import Stroke, as_svg, rasterise
from helpers.browser import browser, picture_page
from helpers.devices import needs
from PIL import Image

SPACE = "{http://www.w3.org/2000/svg}"


def line(y, width=0.2, color=(1.0, 0.0, 0.0), opacity=1.0, points=2):
    return Stroke(np.column_stack([np.linspace(0.1, 0.9, points), np.full(points, y)]),
                  width, color, opacity)  # fmt: skip


def paths(text):
    return list(ElementTree.fromstring(text).iter(f"{SPACE}path"))


def test_every_stroke_is_a_path_in_order():
    drawing = [line(0.2, color=(1, 0, 0)), line(0.5, color=(0, 1, 0), opacity=0.5)]

    first, second = paths(as_svg(drawing, (200, 100)))

    assert first.get("d") == "M20.00 20.00L180.00 20.00"
    assert (first.get("stroke"), second.get("stroke")) == ("#ff0000", "#00ff00")
    assert first.get("stroke-width") == "20.00"  # a fifth of the shorter side
    assert (first.get("stroke-opacity"), second.get("stroke-opacity")) == (None, "0.500")


def test_strokes_of_two_points_end_flat_and_longer_ones_round():
    flat, round_ = paths(as_svg([line(0.5), line(0.5, points=5)], (100, 100)))

    assert (flat.get("stroke-linecap"), round_.get("stroke-linecap")) == ("butt", "round")


def test_a_dot_is_a_round_line_of_no_length_which_browsers_show():
    (dot,) = paths(as_svg([line(0.5, points=1)], (100, 100)))

    assert (dot.get("d"), dot.get("stroke-linecap")) == ("M10.00 50.00L10.00 50.00", "round")


@pytest.mark.parametrize(
    "title",
    [
        "</title><script>alert(1)</script>",
        "]]><!-- & -->",
        "a\"b'c",
        "bad\x00\x1b\ud800characters",
        "<!DOCTYPE x [<!ENTITY y 'z'>]>&y;",
    ],
)
def test_a_hostile_title_stays_a_title(title):
    tree = ElementTree.fromstring(as_svg([line(0.5)], (10, 10), title).encode())

    assert [part.tag for part in tree.iter()] == [
        f"{SPACE}{name}" for name in ("svg", "title", "g", "path")
    ]
    shown = tree.find(f"{SPACE}title").text
    assert shown == "".join(c for c in title if c.isprintable())


def test_an_svg_needs_a_size():
    with pytest.raises(ValueError, match="the size of an SVG must be at least 1 x 1, got 0 x 5"):
        as_svg([line(0.5)], (0, 5))


def test_only_a_drawing_becomes_an_svg():
    with pytest.raises(
        TypeError, match="as_svg was given a list with an int, expected a list of Stroke"
    ):
        as_svg([3], (10, 10))


def test_colours_and_opacity_are_clipped():
    (path,) = paths(as_svg([line(0.5, color=(2.0, -1.0, 0.5), opacity=-1)], (10, 10)))

    assert (path.get("stroke"), path.get("stroke-opacity")) == ("#ff0080", "0.000")


@pytest.mark.system
def test_a_browser_shows_what_the_engine_draws(tmp_path):
    needs("chromium")
    drawing = [
        line(0.25, width=0.3, color=(0.8, 0.2, 0.1), points=5),
        line(0.4, width=0.2, color=(0.1, 0.3, 0.9), opacity=0.5, points=5),
    ]
    (tmp_path / "two.svg").write_text(as_svg(drawing, (320, 240)))

    with browser(tmp_path / "profile") as page:
        page.open(picture_page(tmp_path / "two.svg"), 320, 240)
        page.wait("document.images.length && document.images[0].complete")
        shown = np.asarray(Image.open(page.screenshot(tmp_path / "two.png")).convert("RGB"))
        assert page.errors() == []

    gap = (shown / 255.0 - rasterise(drawing, (320, 240)) / 255.0) ** 2
    assert gap.mean() < 0.001
