"""What a screen shows."""

import numpy as np


def seen(screen) -> np.ndarray:
    """Return what a window shows as an image."""
    import pygame

    surface = screen.renderer.to_surface()
    return pygame.surfarray.array3d(surface).swapaxes(0, 1)
