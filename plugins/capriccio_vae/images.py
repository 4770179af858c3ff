"""The size of the model's images, and the crop that brings any image to it."""

import numpy as np

SIZE = 128  # pixels: the watercolors are thumbnails 192 high whose subject fills about 120 rows


def center_crop(image: np.ndarray, size: int = SIZE) -> np.ndarray:
    """Return the middle square of an image `(height, width, 3)` uint8, resized to size x size."""
    height, width = image.shape[:2]
    if height == width == size:
        return image
    from PIL import Image

    side = min(height, width)
    y, x = (height - side) // 2, (width - side) // 2
    box = (x, y, x + side, y + side)
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS, box))
