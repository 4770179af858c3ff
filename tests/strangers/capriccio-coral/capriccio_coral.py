"""Reaction and diffusion, computed by numba: the generator `coral`."""

from functools import cache

import numpy as np
from capriccio import Generator, hookimpl

CONTRACT = 1

SIDE = 96  # cells
STEPS = 12  # of the reaction a call
DEEP, BRIGHT = np.array([10, 30, 60]), np.array([250, 130, 90])


@cache
def _react():
    """Return the compiled reaction of Gray and Scott (Pearson, Science 261, 1993)."""
    from numba import njit

    @njit(cache=True)
    def react(a, b, feed, kill, steps):
        side = a.shape[0]
        for _ in range(steps):
            new_a, new_b = np.empty_like(a), np.empty_like(b)
            for y in range(side):
                up, down = (y - 1) % side, (y + 1) % side
                for x in range(side):
                    left, right = (x - 1) % side, (x + 1) % side
                    here_a, here_b = a[y, x], b[y, x]
                    around_a = a[up, x] + a[down, x] + a[y, left] + a[y, right] - 4 * here_a
                    around_b = b[up, x] + b[down, x] + b[y, left] + b[y, right] - 4 * here_b
                    met = here_a * here_b * here_b
                    new_a[y, x] = here_a + 0.2 * around_a - met + feed * (1 - here_a)
                    new_b[y, x] = here_b + 0.1 * around_b + met - (feed + kill) * here_b
            a, b = new_a, new_b
        return a, b

    return react


class Coral(Generator):
    """Grow coral by reaction and diffusion."""

    def __init__(self, *, seed: int = 0):
        self.reset(seed)

    def reset(self, seed: int = 0) -> None:
        """Begin with a few seeds of coral."""
        chance = np.random.default_rng(seed)
        self.a, self.b = np.ones((SIDE, SIDE)), np.zeros((SIDE, SIDE))
        for y, x in chance.integers(8, SIDE - 8, (12, 2)):
            self.b[y - 3 : y + 3, x - 3 : x + 3] = 0.5

    def generate(self, now, *, feed=0.5, light=0.5):
        """Return an image of the coral a little later.

        Args:
            feed: How much it is fed: from spots to a maze.
            light: How bright it is.
        """
        self.a, self.b = _react()(self.a, self.b, 0.03 + 0.03 * feed, 0.062, STEPS)
        share = np.clip(self.b * 3, 0, 1)[..., None]
        return ((DEEP * (1 - share) + BRIGHT * share) * (0.5 + 0.5 * light)).astype(np.uint8)

    def warm_up(self) -> None:
        """Compile the reaction."""
        _react()(self.a, self.b, 0.04, 0.06, 0)


@hookimpl
def generators():
    return [Coral]
