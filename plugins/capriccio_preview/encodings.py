"""Images as a terminal shows them: half blocks, the graphics of kitty, and sixel."""

import base64
import io
import re
import shutil
from typing import Any

import numpy as np
from capriccio import fit

Array = np.ndarray[Any, Any]
CHUNK = 4096  # characters of one command of the kitty protocol
WIDEST = 640  # pixels of a picture that is sent whole
SIXEL_COLORS = 64
ROWS = 6  # of pixels in one row of sixels
RUN = re.compile(rb"(.)\1{3,}", re.DOTALL)


def as_kitty(image: Array) -> str:
    """Return the commands of kitty's protocol that show an image in place of the last one."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(_reduced(image)).save(file, "png", compress_level=1)
    data = base64.b64encode(file.getvalue()).decode()
    pieces = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
    head = "a=T,f=100,i=1,p=1,q=2,C=1,"
    return "".join(
        f"\x1b_G{head if number == 0 else ''}m={int(number + 1 < len(pieces))};{piece}\x1b\\"
        for number, piece in enumerate(pieces)
    )


def as_sixel(image: Array) -> str:
    """Return an image in 64 colours as sixels: six pixels above each other in one character."""
    from PIL import Image

    small = Image.fromarray(_reduced(image))
    indexed = small.quantize(SIXEL_COLORS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette = np.array(indexed.getpalette(), int).reshape(-1, 3) * 100 // 255  # in percent
    height, width = small.height, small.width
    index = np.full((-(-height // ROWS) * ROWS, width), 255, np.uint8)  # 255 is no colour
    index[:height] = np.asarray(indexed)
    parts = [f'\x1bP0;1q"1;1;{width};{height}'.encode()]
    parts += [b"#%d;2;%d;%d;%d" % (at, *color) for at, color in enumerate(palette.tolist())]
    weights = (1 << np.arange(ROWS, dtype=np.uint8))[:, None]  # of the six pixels of a sixel
    for top in range(0, len(index), ROWS):
        band = index[top : top + ROWS]
        lines = []
        for color in np.unique(band[band < 255]).tolist():
            sixels = ((band == color) * weights).sum(0, dtype=np.uint8) + np.uint8(63)
            runs = RUN.sub(_run, sixels.tobytes().rstrip(b"?"))
            lines.append(b"#%d" % color + runs)
        parts.append(b"$".join(lines) + b"-")
    return b"".join(parts).decode() + "\x1b\\"


def _run(found: re.Match[bytes]) -> bytes:
    return b"!%d%s" % (len(found[0]), found[1])


def _reduced(image: Array) -> Array:
    height, width = image.shape[:2]
    if width <= WIDEST:
        return image
    return fit(image, (WIDEST, max(1, round(height * WIDEST / width))))


def as_blocks(image: Array) -> str:
    """Return an image as lines of half blocks, two pixels above each other in one character."""
    columns, rows = shutil.get_terminal_size()
    height, width = image.shape[:2]
    scale = min(columns / width, 2 * max(1, rows - 1) / height)
    size = max(1, int(width * scale)), max(2, int(height * scale) // 2 * 2)
    small = fit(image, size)
    lines = []
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        cells, last = [], None
        for colors in np.concatenate([upper, lower], axis=1).tolist():
            if colors != last:
                top, bottom = ";".join(map(str, colors[:3])), ";".join(map(str, colors[3:]))
                cells.append(f"\x1b[38;2;{top};48;2;{bottom}m")
                last = colors
            cells.append("▀")
        lines.append("".join(cells) + "\x1b[0m")
    return "\r\n".join(lines)
