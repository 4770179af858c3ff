"""What the critic reads of a picture."""

from typing import NamedTuple

import numpy as np


class Readings(NamedTuple):
    """One picture's readings: floats 0..1, and beside them names and a map.

    - `certainty`: how probable the named `movement` is, calibrated: of pictures read as 0.7,
      70 in 100 are named rightly.
    - `novelty`: how unlike the paintings it learned from: the share of paintings it had never
      seen that lie nearer to those.
    - `quality`: how whole the picture is: the share of paintings and spoiled copies of paintings
      that the critic likes less. Its taste was learned from such pairs alone, see `docs/critic.md`.
    - `harmony`: how near the hues lie to a harmonic template (Cohen-Or et al. 2006).
    - `balance`: how near the picture's weight lies to its middle (McManus et al. 2011).
    - `contrast`: how far light lies from dark (root mean square, Peli 1990).
    - `complexity`: how much there is to tell, as the size of a JPEG (Machado and Cardoso 1998).
    - `sharpness`: how much detail a blur would take away (Crete et al. 2007).
    - `focus`: how much one place holds the eye, and `focus_x`, `focus_y`: where, from the top left
      (Hou and Zhang 2007).
    - `hand`: how probable the named `artist` is, among those it knows, calibrated.
    - `movement`, `artist`: the names; `runners_up`: the next three movements with their certainty.
    - `heat`: where the movement was seen, (8, 8) float32 0..1 over the whole picture.
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
    heat: np.ndarray


NUMBERS = tuple(name for name, kind in Readings.__annotations__.items() if kind in (float, "float"))
# Those that a formula gives: they have no better or worse, only more or less.
MEASURED = ("harmony", "balance", "contrast", "complexity", "sharpness", "focus")
