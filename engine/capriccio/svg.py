"""Write a drawing as SVG."""

from collections.abc import Sequence

from .media import Stroke, as_drawing


def as_svg(drawing: Sequence[Stroke], size: tuple[int, int], title: str = "") -> str:
    """Return a drawing as the text of an SVG file with one path a stroke, in order.

    Strokes of two points get flat ends, the others round ones. The `size` is (width, height) in
    pixels, below 1 a ValueError; characters that XML does not allow are left out of `title`.
    """
    width, height = size
    if width < 1 or height < 1:
        raise ValueError(f"the size of an SVG must be at least 1 x 1, got {width} x {height}")
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">'
    ]
    if title:
        from xml.sax.saxutils import escape  # 40 ms to import

        allowed = "".join(c for c in title if c in "\t\n" or c.isprintable())
        rows.append(f"<title>{escape(allowed)}</title>")
    rows.append('<g fill="none" stroke-linejoin="round">')
    for stroke in as_drawing(list(drawing), "as_svg", "was given"):
        points = [(float(x) * width, float(y) * height) for x, y in stroke.points]
        line = "L".join(f"{x:.2f} {y:.2f}" for x, y in points[:1] * (len(points) == 1) + points)
        color = "".join(f"{int(min(max(c, 0.0), 1.0) * 255 + 0.5):02x}" for c in stroke.color)
        thickness = stroke.width * min(width, height)
        cap = "butt" if len(points) == 2 else "round"
        opacity = "" if stroke.opacity >= 1 else f' stroke-opacity="{max(0.0, stroke.opacity):.3f}"'
        rows.append(
            f'<path d="M{line}" stroke="#{color}" stroke-width="{thickness:.2f}" '
            f'stroke-linecap="{cap}"{opacity}/>'
        )
    return "\n".join([*rows, "</g>", "</svg>", ""])
