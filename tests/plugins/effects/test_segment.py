"""A drawn person in a room with noise and light that changes: how well the mask fits."""

import numpy as np
import pytest
from capriccio import Canvas, generator
from capriccio.testing import moments
from helpers.images import scene

SIZE = (192, 144)


def room(random, light=1.0):
    """Return a room as a camera sees it: a picture with noise, in some light."""
    wall = scene(3, (SIZE[1], SIZE[0])).astype(np.float32)
    noisy = wall * light + random.normal(0, 4, wall.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def person(x, color=("tomato", "#f0c0a0")):
    """Return who stands at x, and the mask of them."""
    canvas = Canvas(*SIZE)
    canvas.no_stroke()
    canvas.fill(color[0])
    canvas.rect(x - 0.08, 0.45, 0.16, 0.55, 0.05)
    canvas.fill(color[1])
    canvas.circle(x, 0.32, 0.22)
    return canvas.rgba[..., :3], canvas.rgba[..., 3] > 127


def show(segment, now, random, x=None, light=1.0, **knobs):
    """Return the mask that is found, and the right one."""
    image = room(random, light)
    right = np.zeros((SIZE[1], SIZE[0]), bool)
    if x is not None:
        figure, right = person(x)
        image = np.where(right[..., None], figure, image)
    return segment(now, over=image, **knobs)[..., 0], right


def overlap(mask, right):
    """Return the intersection of two masks over their union."""
    found = mask > 127
    return float((found & right).sum() / max(1, (found | right).sum()))


def test_a_person_who_walks_is_found_and_the_empty_room_is_not():
    segment, random = generator("segment"), np.random.default_rng(1)
    shares = []
    for number, now in enumerate(moments(bpm=60, beats=4, step=0.1)):
        x = None if number < 20 else 0.1 + 0.04 * (number - 20)
        mask, right = show(segment, now, random, x)
        if number < 20:
            assert mask.max() == 0
        else:
            shares.append(overlap(mask, right))
    print(f"overlap {min(shares):.2f} to {max(shares):.2f}")
    assert min(shares) > 0.8


def test_light_that_changes_slowly_is_no_person():
    segment, random = generator("segment"), np.random.default_rng(2)
    for number, now in enumerate(moments(bpm=60, beats=6, step=0.1)):
        mask, _ = show(segment, now, random, light=1 - 0.002 * number)
    assert (mask > 127).mean() < 0.01


@pytest.mark.parametrize(("memory", "seen"), [(0.0, False), (1.0, True)])
def test_who_stands_still_is_forgotten_or_not(memory, seen):
    segment, random = generator("segment"), np.random.default_rng(3)
    for number, now in enumerate(moments(bpm=60, beats=25, step=0.5)):
        x = 0.5 if number > 4 else None
        mask, right = show(segment, now, random, x, memory=memory)
    assert (overlap(mask, right) > 0.7) is seen


def test_a_border_is_as_soft_as_is_wished():
    segment, random = generator("segment"), np.random.default_rng(4)
    for number, now in enumerate(moments(bpm=60, beats=2, step=0.1)):
        hard, _ = show(segment, now, random, 0.5 if number > 12 else None, softness=0.0)
    soft, _ = show(segment, now, random, 0.5, softness=1.0)
    between = lambda mask: np.count_nonzero((mask > 0) & (mask < 255))  # noqa: E731
    assert between(soft) > 2 * between(hard)
