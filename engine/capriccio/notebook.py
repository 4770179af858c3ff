"""Show images, drawings and films in a notebook, or wherever rich objects are displayed."""

import base64
from pathlib import Path
from typing import Any

from .canvas.pixels import is_drawing, opaque
from .media import as_image
from .recording.provenance import as_png
from .svg import as_svg


def show(thing: Any, size: tuple[int, int] = (512, 512)) -> "Picture":
    """Return a picture of `thing` for a notebook: an image, a canvas, a PIL image, a drawing.

    A drawing is shown as SVG of a `size` (width, height), at any scale.

    Raises:
        TypeError, ValueError: it is none of these.
    """
    if is_drawing(thing):
        return Picture(svg=as_svg(thing, size))
    return Picture(png=as_png(as_image(opaque(thing), "show", "was given")))


class Picture:
    """A picture as a notebook shows it: a PNG or an SVG."""

    def __init__(self, png: bytes = b"", svg: str = ""):
        self.png, self.svg = png, svg

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        return {"image/svg+xml": self.svg} if self.svg else {"image/png": self.png}


class Film:
    """A film as a notebook shows it, within the page.

    Args:
        path: of an MP4, which is read at once.
        size: (width, height) in pixels.
    """

    def __init__(self, path: Path, size: tuple[int, int]):
        self.data, self.size = path.read_bytes(), size

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        width, height = self.size
        source = f"data:video/mp4;base64,{base64.b64encode(self.data).decode()}"
        return {
            "text/html": f'<video controls loop autoplay width="{width}" height="{height}" '
            f'src="{source}"></video>',
            "text/plain": f"a film of {width} x {height}, {len(self.data)} bytes",
        }
