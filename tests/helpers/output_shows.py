"""Images and shows for tests of outputs."""

import resource
from contextlib import contextmanager

import numpy as np
from capriccio import Performance
from capriccio.clock import LiveClock, OfflineClock

COLORS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (250, 240, 10), (20, 30, 40)]
RED, BLUE = (255, 0, 0), (0, 0, 255)


def plain(color, width=64, height=48):
    """Return an image of one colour."""
    return np.full((height, width, 3), color, np.uint8)


def halves(width=64, height=48):
    """Return an image that is red on the left and blue on the right."""
    image = plain(RED, width, height)
    image[:, width // 2 :] = BLUE
    return image


def performance(*, live=False, size=(64, 48), fps=25.0, bpm=90.0, meter=3, title="étude"):
    clock = (LiveClock if live else OfflineClock)(bpm, meter)
    return Performance(clock, size, fps, title)


def show_all(output, images, facts, seconds=None):
    """Start the output, show it the images one after the other, and close it."""
    output.start(facts)
    for number, image in enumerate(images):
        at = number / facts.fps if seconds is None else seconds[number]
        output.show(image, facts.clock.moment(seconds=at, span=0.1))
    output.close()


@contextmanager
def files_at_most(size: int):
    """Let no file of this process grow beyond `size` bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
