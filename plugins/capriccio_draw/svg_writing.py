"""Drawings as SVG that draws itself in a browser, and as SVG for a plotter."""

from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree

from capriccio import Stroke, as_svg

from .hand import stroke_times
from .plotting import for_plotter, pen_of

SVG = "http://www.w3.org/2000/svg"
INKSCAPE = "http://www.inkscape.org/namespaces/inkscape"
SHORTEST = 0.01  # seconds of a stroke, even of a dot


def timed_svg(
    drawing: Sequence[Stroke], size: tuple[int, int], title: str = "", *, pace: float = 1.0
) -> str:
    """Return the text of an SVG file in which each stroke grows when a hand comes to it.

    Where nothing is animated, as in an editor, it shows the whole drawing.

    Args:
        size: (width, height) in pixels.
        pace: times that of a hand.

    Raises:
        ValueError: the pace is not above 0.
    """
    if not pace > 0:
        raise ValueError(f"a pace must be above 0, got {pace}")
    root = svg_tree(drawing, size, title)
    for path, (_, times) in zip(root.iter("path"), stroke_times(drawing), strict=True):
        begin, end = (round(float(times[at]) / pace, 3) for at in (0, -1))
        path.set("pathLength", "1")
        if begin > 0:  # a duration of 0 would hide it for ever
            add(path, "set", attributeName="visibility", to="hidden", dur=f"{begin:.3f}s")
        growing = {"from": "0 1", "to": "1 0"}
        lasts = f"{max(end - begin, SHORTEST):.3f}s"
        add(path, "animate", attributeName="stroke-dasharray", **growing,
            begin=f"{begin:.3f}s", dur=lasts)  # fmt: skip
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def plotter_svg(drawing: Sequence[Stroke], size: tuple[int, int], title: str = "") -> str:
    """Return the text of an SVG file for a plotter: little travel, and a layer for each pen.

    The layers are those of Inkscape, which vpype reads as well.

    Args:
        size: of the sheet (width, height), in millimetres.
    """
    ordered = for_plotter(drawing)
    root = svg_tree(ordered, size, title)
    root.set("xmlns:inkscape", INKSCAPE)
    for name, millimetres in zip(("width", "height"), size, strict=True):
        root.set(name, f"{millimetres}mm")
    group = root[-1]
    root.remove(group)  # vpype takes the outermost groups for layers
    pairs = zip(ordered, list(group), strict=True)
    for number, (_, own) in enumerate(groupby(pairs, lambda pair: pen_of(pair[0])), 1):
        layer = add(root, "g", **group.attrib, id=f"layer{number}")
        layer.set("inkscape:groupmode", "layer")
        layer.set("inkscape:label", str(number))
        layer.extend(path for _, path in own)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def svg_tree(drawing: Sequence[Stroke], size: tuple[int, int], title: str) -> ElementTree.Element:
    """Return what `as_svg` makes of a drawing as elements; names are of SVG's namespace."""
    root = ElementTree.fromstring(as_svg(drawing, size, title))
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{SVG}}}")
    root.set("xmlns", SVG)
    return root


def add(parent: ElementTree.Element, name: str, **attributes: str) -> ElementTree.Element:
    """Return a new element at the end of another."""
    return ElementTree.SubElement(parent, name, attributes)
