"""Pictures as they once were, kept as small files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# Levels of 255 that two builds of a library may round apart; a mistake moves whole shapes.
TOLERANCE = 2


def check_golden(image: np.ndarray, path: Path, tolerance: int = TOLERANCE) -> None:
    """Fail unless an image is as it was; a missing file is written, and fails once."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, optimize=True)
        pytest.fail(f"{path.name} was missing and has been written; look at it")
    golden = np.asarray(Image.open(path).convert("RGB"))
    assert image.shape == golden.shape
    gap = np.abs(image.astype(int) - golden)
    assert gap.max() <= tolerance, f"{np.count_nonzero(gap > tolerance)} levels differ"
