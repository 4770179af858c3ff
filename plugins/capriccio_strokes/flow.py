"""The directions of the forms in a picture, along which a painter moves the brush."""

import numpy as np

CELL = 4  # pixels: one direction is kept for each 4 x 4 of them
FAINTER = 0.2  # how much less a form counts that is half as near
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # how light red, green and blue are


def directions(target: np.ndarray) -> np.ndarray:
    """Return cosine and sine of twice the angle of the forms, (rows, columns, 2).

    Edges say where forms go (the structure tensor); where there are none, the nearest do.

    Args:
        target: (height, width, 3) float32 0..1.
    """
    light = target @ LUMA
    light = np.pad(light, ((1, 1 + -len(light) % CELL), (1, 1 + -len(light[0]) % CELL)), "edge")
    across = light[1:-1, 2:] - light[1:-1, :-2]
    down = light[2:, 1:-1] - light[:-2, 1:-1]
    # A form goes at right angles to the way in which its light changes.
    tensor = np.stack([down * down - across * across, -2 * across * down], 2)
    levels = [_pooled(tensor, CELL)]
    while min(levels[-1].shape[:2]) > 1:
        level = levels[-1]
        odd = len(level) % 2, level.shape[1] % 2
        levels.append(_pooled(np.pad(level, ((0, odd[0]), (0, odd[1]), (0, 0)), "edge"), 2))
    total = levels.pop() + np.array([1e-6, 0], np.float32)  # a plain picture: from side to side
    for level in reversed(levels):
        wide = total.repeat(2, 0).repeat(2, 1)[: len(level), : level.shape[1]]
        total = _blurred(level + np.float32(FAINTER) * _blurred(wide))
    return total / (np.hypot(total[..., :1], total[..., 1:]) + np.float32(1e-12))


def _pooled(field: np.ndarray, size: int) -> np.ndarray:
    rows, columns = len(field) // size, field.shape[1] // size
    return field.reshape(rows, size, columns, size, -1).mean((1, 3))


def _blurred(field: np.ndarray) -> np.ndarray:
    """Return a field whose cells have a quarter of their neighbours on each side."""
    wide = np.pad(field, ((1, 1), (0, 0), (0, 0)), "edge")
    field = (wide[:-2] + 2 * wide[1:-1] + wide[2:]) / np.float32(4)
    wide = np.pad(field, ((0, 0), (1, 1), (0, 0)), "edge")
    return (wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]) / np.float32(4)
