"""What OpenCV reads of the shapes in a picture: the analyzer `contours`."""

from typing import NamedTuple

import numpy as np
from capriccio import Analyzer, hookimpl

CONTRACT = 1


class Shapes(NamedTuple):
    """What is read."""

    number: float  # of shapes: 1 is a hundred or more
    jagged: float  # 0 is a circle
    largest: float  # share of the picture


class Contours(Analyzer):
    """Read how many shapes a picture has, and how jagged they are."""

    def analyze(self, image):
        import cv2
        from PIL import Image

        grey = np.asarray(Image.fromarray(image).convert("L"))
        _, parts = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        found, _ = cv2.findContours(parts, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        areas = [cv2.contourArea(one) for one in found]
        if not any(areas):
            return Shapes(0.0, 0.0, 0.0)
        largest = int(np.argmax(areas))
        length = cv2.arcLength(found[largest], True)
        round_ = 4 * np.pi * areas[largest] / length**2
        return Shapes(
            min(1.0, len(found) / 100),
            float(np.clip(1 - round_, 0, 1)),
            float(min(1.0, areas[largest] / grey.size)),
        )


@hookimpl
def analyzers():
    return [Contours]
