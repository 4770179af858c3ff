"""SVG that draws itself, and SVG for a plotter."""

from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from capriccio import Stroke
from capriccio_draw.hand import drawing_seconds
from capriccio_draw.plotting import for_plotter
from capriccio_draw.svg_writing import INKSCAPE, SVG, plotter_svg, timed_svg
from helpers.browser import browser, picture_page
from helpers.devices import needs
from PIL import Image

RED = (1.0, 0.0, 0.0)
DRAWING = [
    Stroke(np.array([[0.1, 0.2], [0.9, 0.2], [0.9, 0.3]]), 0.05),
    Stroke(np.array([[0.5, 0.5]]), 0.05, RED),
    Stroke(np.array([[0.1, 0.8], [0.5, 0.9], [0.9, 0.8]]), 0.05),
]
HOSTILE = '</title><script>alert("x")</script>'


def parsed(text):
    return ElementTree.fromstring(text.encode())


def kinds(text):
    return {element.tag.removeprefix(f"{{{SVG}}}") for element in parsed(text).iter()}


def times_of(path):
    """Return when a stroke begins, by what hides it, and when it ends."""
    hidden, grows = path.find(f"{{{SVG}}}set"), path.find(f"{{{SVG}}}animate")
    begin = float(grows.get("begin").rstrip("s"))
    assert (0 if hidden is None else float(hidden.get("dur").rstrip("s"))) == begin
    return begin, begin + float(grows.get("dur").rstrip("s"))


def test_strokes_grow_one_after_another_at_the_pace_of_a_hand():
    paths = list(parsed(timed_svg(DRAWING, (200, 100))).iter(f"{{{SVG}}}path"))
    times = [times_of(path) for path in paths]
    assert times[0][0] == 0
    assert all(end < begin for (_, end), (begin, _) in pairwise(times))
    assert times[-1][1] == pytest.approx(drawing_seconds(DRAWING), abs=2e-3)
    fast = list(parsed(timed_svg(DRAWING, (200, 100), pace=2)).iter(f"{{{SVG}}}path"))
    assert times_of(fast[-1])[1] == pytest.approx(times[-1][1] / 2, abs=2e-3)


def test_without_animation_the_whole_drawing_is_seen():
    for path in parsed(timed_svg(DRAWING, (200, 100))).iter(f"{{{SVG}}}path"):
        assert not {"visibility", "stroke-dasharray", "stroke-dashoffset"} & set(path.attrib)


@pytest.mark.parametrize("pace", [0, -1, float("nan")])
def test_a_pace_is_above_nothing(pace):
    with pytest.raises(ValueError, match=f"a pace must be above 0, got {pace}"):
        timed_svg(DRAWING, (10, 10), pace=pace)


@pytest.mark.parametrize("write", [timed_svg, plotter_svg])
def test_a_hostile_title_stays_a_title(write):
    text = write(DRAWING, (10, 10), HOSTILE)
    assert kinds(text) <= {"svg", "title", "g", "path", "set", "animate"}
    assert parsed(text).find(f"{{{SVG}}}title").text == HOSTILE
    assert kinds(write([], (10, 10))) <= {"svg", "g"}


def test_a_plotter_gets_a_layer_for_each_pen_on_a_sheet_in_millimetres():
    root = parsed(plotter_svg(DRAWING, (210, 148)))
    assert (root.get("width"), root.get("height")) == ("210mm", "148mm")
    assert root.get("viewBox") == "0 0 210 148"
    layers = root.findall(f"{{{SVG}}}g")  # the outermost: vpype knows no others
    assert {one.get(f"{{{INKSCAPE}}}groupmode") for one in layers} == {"layer"}
    assert {one.get("fill") for one in layers} == {"none"}
    assert [one.get(f"{{{INKSCAPE}}}label") for one in layers] == ["1", "2"]
    assert [[path.get("stroke") for path in one] for one in layers] == [
        ["#000000", "#000000"],
        ["#ff0000"],
    ]
    begins = [path.get("d").split("L")[0] for one in layers for path in one]
    assert begins == [
        f"M{x * 210:.2f} {y * 148:.2f}"
        for x, y in (stroke.points[0] for stroke in for_plotter(DRAWING))
    ]


@pytest.mark.system
def test_a_browser_draws_it_stroke_by_stroke(tmp_path):
    needs("chromium")
    # The first second is over before the last stroke begins, whatever the machine does.
    (tmp_path / "timed.svg").write_text(timed_svg(DRAWING, (256, 256), pace=0.001))
    (tmp_path / "ended.svg").write_text(timed_svg(DRAWING, (256, 256), pace=1e6))

    with browser(tmp_path / "profile") as page:
        shown = []
        for name in ("timed", "ended"):
            page.open(picture_page(tmp_path / f"{name}.svg"), 256, 256)
            page.wait("document.images.length && document.images[0].complete")
            picture = page.screenshot(tmp_path / f"{name}.png")
            shown.append(np.asarray(Image.open(picture).convert("L")))

    assert shown[0][210:240].min() > 200  # the last stroke is still to come
    assert shown[1][210:240].min() < 60 and shown[1][128, 128] < 100
