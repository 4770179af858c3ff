"""Writes a drawing as SVG, for browsers, plotters and whoever draws on."""

from collections.abc import Sequence

from .media import Stroke, as_drawing


def as_svg(drawing: Sequence[Stroke], size: tuple[int, int], title: str = "") -> str:
    """Give a drawing as the text of an SVG file, `size` (width, height) in pixels.

    One path a stroke, in the order in which they lie upon one another. Strokes of two points end
    flat, as marks of a brush do; others round. `title` may be any words: what could be taken for
    markup is escaped, and characters that XML has no place for are left out.
    """
    width, height = size
    if width < 1 or height < 1:
        raise ValueError(f"an SVG of {width} x {height} pixels shows nothing; give 1 or more")
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">'
    ]
    if title:
        rows.append(f"<title>{_escaped(title)}</title>")
    rows.append('<g fill="none" stroke-linejoin="round">')
    for stroke in as_drawing(list(drawing), "the drawing"):
        points = [(float(x) * width, float(y) * height) for x, y in stroke.points]
        line = "L".join(f"{x:.2f} {y:.2f}" for x, y in points)
        color = "".join(f"{int(min(max(c, 0.0), 1.0) * 255 + 0.5):02x}" for c in stroke.color)
        thick = stroke.width * min(width, height)
        end = "butt" if len(points) == 2 else "round"
        clear = "" if stroke.opacity >= 1 else f' stroke-opacity="{max(0.0, stroke.opacity):.3f}"'
        rows.append(
            f'<path d="M{line}" stroke="#{color}" stroke-width="{thick:.2f}" '
            f'stroke-linecap="{end}"{clear}/>'
        )
    return "\n".join([*rows, "</g>", "</svg>", ""])


def _escaped(words: str) -> str:
    from xml.sax.saxutils import escape

    return escape("".join(c for c in words if c in "\t\n" or c.isprintable()))
