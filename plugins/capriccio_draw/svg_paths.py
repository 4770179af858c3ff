"""Read the strokes of an SVG file: its paths, lines and polygons."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from capriccio import svg_path

from .lines import simplified

Array = np.ndarray[Any, Any]

SAMPLES = 48  # points along a path, before it is simplified
SHARE = 0.004  # of the picture's larger side, that a simplified line may be off
MAX_BYTES = 4_000_000
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def read_svg(file: Path) -> list[Array]:
    """Return the strokes of an SVG file, each (points, 2), in the order in which they stand there.

    Transformations, text and pictures are passed over.

    Raises:
        ValueError: it is no SVG, declares entities, or is too large.
    """
    text = Path(file).read_bytes()
    if len(text) > MAX_BYTES:
        raise ValueError(f"{str(file)!r} has {len(text)} bytes, at most {MAX_BYTES} are read")
    if b"<!ENTITY" in text:
        raise ValueError(f"{str(file)!r} declares entities, which no drawing needs")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"{str(file)!r} is no SVG: {error}") from None
    strokes: list[Array] = []
    for element in root.iter():
        kind = str(element.tag).rpartition("}")[2]
        if kind == "path":
            strokes += path_strokes(element.get("d", ""))
        elif kind in ("polyline", "polygon"):
            numbers = [float(one) for one in NUMBER.findall(element.get("points", ""))]
            points = np.array(numbers[: len(numbers) // 2 * 2]).reshape(-1, 2)
            strokes.append(np.concatenate([points, points[: kind == "polygon"]]))
        elif kind == "line":
            names = ("x1", "y1", "x2", "y2")
            strokes.append(np.array([float(element.get(name, 0)) for name in names]).reshape(2, 2))
    strokes = [points for points in strokes if len(points)]
    if not strokes:
        return []
    extent = np.ptp(np.concatenate(strokes), axis=0).max()
    return [simplified(points, SHARE * extent) for points in strokes]


def path_strokes(data: str) -> list[Array]:
    """Return the contours of path data as points along them."""
    import skia

    measure, found = skia.PathMeasure(svg_path(data), False), []
    while True:
        length = measure.getLength()
        if length > 0:
            shares = np.linspace(0, length, SAMPLES)
            places = [measure.getPosTan(float(share))[0] for share in shares]
            found.append(np.array([(point.x(), point.y()) for point in places]))
        if not measure.nextContour():
            return found
