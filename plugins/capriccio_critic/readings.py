"""The readings of the critic."""

from typing import Any, NamedTuple

import numpy as np


class Readings(NamedTuple):
    """Readings of one picture: floats 0..1, and beside them names and a map.

    - `certainty`: the calibrated probability of `movement`: of pictures read as 0.7, 70 in 100 are
      named correctly.
    - `novelty`: how unlike the training paintings: the share of unseen paintings that lie nearer
      to those.
    - `quality`: how intact the picture is: the share of paintings and degraded copies of paintings
      with a lower score. Trained on such pairs alone, see `docs/critic.md`.
    The next six are ranks among real paintings: 0.95 is more than in 95 of 100 of them.

    - `harmony`: how close the hues are to one, or to two opposite or at a right angle.
    - `balance`: how close the visual weight is to the centre (McManus et al. 2011).
    - `contrast`: root mean square contrast (Peli 1990).
    - `complexity`: the size as a JPEG (Machado and Cardoso 1998).
    - `sharpness`: how much detail a blur would remove (Crete et al. 2007).
    - `focus`: how much one place attracts the eye; `focus_x`, `focus_y`: where that place is, from
      the top left (Hou and Zhang 2007).
    - `hand`: the calibrated probability of `artist` among the known ones.
    - `movement`, `artist`: the most probable names; `runners_up`: the next three movements with
      their probabilities.
    - `genres`, `centuries`, `mediums`: the three likeliest names with their probabilities; none
      where the model has not learned any.
    - `like_artists`, `like_pictures`: the nearest ones that were trained on, with their likeness.
    - `heat`: where evidence of the movement is, (8, 8) float32 0..1 over the whole picture.
    """

    certainty: float
    novelty: float
    quality: float
    harmony: float
    balance: float
    contrast: float
    complexity: float
    sharpness: float
    focus: float
    focus_x: float
    focus_y: float
    hand: float
    movement: str
    artist: str
    runners_up: tuple[tuple[str, float], ...]
    genres: tuple[tuple[str, float], ...]
    centuries: tuple[tuple[str, float], ...]
    mediums: tuple[tuple[str, float], ...]
    like_artists: tuple[tuple[str, float], ...]
    like_pictures: tuple[tuple[str, float], ...]
    heat: np.ndarray[Any, Any]


NUMBERS = tuple(name for name, kind in Readings.__annotations__.items() if kind in (float, "float"))
# Computed by a formula: neither better nor worse, only more or less.
MEASURED = ("harmony", "balance", "contrast", "complexity", "sharpness", "focus")
