"""Sheets of samples."""

import numpy as np
from PIL import Image


def sheet(images: np.ndarray, columns: int) -> Image.Image:
    """Return images, `(pictures, size, size, 3)` uint8, on one sheet, row by row."""
    rows = -(-len(images) // columns)
    size = images.shape[1]
    blank = np.full((rows * columns - len(images), *images.shape[1:]), 255, np.uint8)
    grid = np.concatenate([images, blank]).reshape(rows, columns, size, size, 3)
    return Image.fromarray(grid.transpose(0, 2, 1, 3, 4).reshape(rows * size, columns * size, 3))
