"""Make a sheet of paintings: python -m capriccio_strokes.gallery painter.webp PICTURE PICTURE…"""

import sys
from pathlib import Path

import numpy as np
from capriccio import Moment, read_image

from .generator import MIN_STROKES, RANGE, Painter

STAGE = 1280  # pixels: width of the first painting, all of 16:9
WAYS = [(30, "bristle"), (300, "bristle"), (600, "wash"), (600, "pen")]  # strokes and brushes


def painted(picture: np.ndarray, width: int, strokes: int, brush: str) -> np.ndarray:
    """Return a picture painted on a canvas of 16:9."""
    detail = float(np.log(strokes / MIN_STROKES) / np.log(RANGE))
    painter = Painter(size=(width, width * 9 // 16))
    canvas = painter(Moment(), target=picture, detail=detail, brush=brush)
    painter.close()
    return canvas


def sheet(pictures: list[np.ndarray], stage: int = STAGE) -> np.ndarray:
    """Return the first picture as it is painted for a stage, and the others in four ways each."""
    width = stage // len(WAYS)
    rows = [painted(pictures[0], stage, 3000, "bristle")]
    for picture in pictures[1:]:
        rows.append(np.concatenate([painted(picture, width, *way) for way in WAYS], 1))
    return np.concatenate(rows)


def main(file: str, *pictures: str) -> None:
    """Paint pictures, and write the sheet."""
    from PIL import Image

    made = Image.fromarray(sheet([read_image(picture) for picture in pictures]))
    made.save(Path(file), quality=88, method=6)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python -m capriccio_strokes.gallery FILE PICTURE [PICTURE…]")
    main(*sys.argv[1:])
