"""Save what is on a canvas: as vectors in SVG and PDF, or as a PNG."""

import io
from pathlib import Path
from typing import Any

from ..atomic_file import replacing
from .drawing_surface import DrawingSurface
from .skia_library import load_skia


def as_svg_text(surface: DrawingSurface) -> str:
    """Return a drawing surface as the text of an SVG file."""
    skia = load_skia()
    stream = skia.DynamicMemoryWStream()
    flags = skia.SVGCanvas.kConvertTextToPaths_Flag
    canvas = skia.SVGCanvas.Make(skia.Rect(0, 0, *surface.size), stream, flags)
    surface.play(canvas)
    del canvas  # which writes the end of the file
    return _bytes(stream).decode()


def as_pdf_bytes(surface: DrawingSurface) -> bytes:
    """Return a drawing surface as a PDF of one page, a point for each pixel."""
    skia = load_skia()
    stream = skia.DynamicMemoryWStream()
    document = skia.PDF.MakeDocument(stream)
    surface.play(document.beginPage(*surface.size))
    document.endPage()
    document.close()
    return _bytes(stream)


def as_png_bytes(surface: DrawingSurface) -> bytes:
    """Return a drawing surface as a PNG with alpha."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(surface.rgba()).save(file, "png")
    return file.getvalue()


def save(surface: DrawingSurface, path: Path) -> None:
    """Write a drawing surface to a file, by its ending."""
    ending = path.suffix.lower()
    if ending == ".svg":
        content = as_svg_text(surface).encode()
    elif ending == ".pdf":
        content = as_pdf_bytes(surface)
    elif ending == ".png":
        content = as_png_bytes(surface)
    else:
        raise ValueError(f"a canvas is saved as .svg, .pdf or .png, got {path.name!r}")
    with replacing(path) as part:
        part.write_bytes(content)


def _bytes(stream: Any) -> bytes:
    return bytes(stream.detachAsData())
