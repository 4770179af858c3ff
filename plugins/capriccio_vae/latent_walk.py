"""Closed walks through points of a latent space, at an even pace."""

import numpy as np

WAYPOINTS = 8  # latents that a walk passes; at 16 bars a round each takes two bars
STEPS = 512  # points that are computed; the walk is straight between two of them


def closed_walk(
    classes: dict[str, np.ndarray], mean: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return a walk once round through points of one class, or of all classes in turn.

    Args:
        classes: latents, `(points, numbers)`, by the name of their class.
        mean: of all latents, `(numbers,)`; distances are kept from here.
        random: chooses the points.

    Returns:
        The walk relative to `mean`, `(STEPS + 1, numbers)`, and the share of each class at every
        step, `(STEPS + 1, classes)`, rows summing to 1.
    """
    points, labels = _waypoints(classes, random)
    waypoints = points - mean  # (waypoints, numbers)
    one_hot = np.eye(len(classes))[labels]  # (waypoints, classes)
    radii = np.linalg.norm(waypoints, axis=1)  # (waypoints,)
    # A periodic Catmull-Rom spline: through every waypoint, smooth everywhere.
    position = np.arange(4 * STEPS) / (4 * STEPS) * len(waypoints)
    index, t = position.astype(int), (position % 1)[:, None]
    a, b, c, d = (waypoints[(index + shift) % len(waypoints)] for shift in (-1, 0, 1, 2))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    # A straight line between two latents of many dimensions passes near the mean, where images
    # are grey: the walk keeps the waypoints' distance from it.
    fade = 0.5 - 0.5 * np.cos(np.pi * t[:, 0])
    wanted = radii[index] * (1 - fade) + radii[(index + 1) % len(waypoints)] * fade
    curve *= (wanted / np.maximum(np.linalg.norm(curve, axis=1), 1e-9))[:, None]
    curve = np.concatenate([curve, curve[:1]])
    following = one_hot[(index + 1) % len(one_hot)]
    shares = one_hot[index] * (1 - fade[:, None]) + following * fade[:, None]
    lengths = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    distance = np.concatenate([[0.0], np.cumsum(lengths)])
    if distance[-1] < 1e-9:  # a single waypoint: the walk stands still
        return np.repeat(curve[:1], STEPS + 1, axis=0), np.repeat(shares[:1], STEPS + 1, axis=0)
    even = np.linspace(0, distance[-1], STEPS + 1)
    walk = np.stack([np.interp(even, distance, column) for column in curve.T], axis=1)
    shares = np.concatenate([shares, shares[:1]])  # (4 * STEPS + 1, classes)
    shares = np.stack([np.interp(even, distance, column) for column in shares.T], axis=1)
    walk[-1], shares[-1] = walk[0], shares[0]
    return walk, shares


def _waypoints(
    classes: dict[str, np.ndarray], random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the points to pass, each near the one before, and the index of each one's class."""
    if len(classes) == 1:
        points = random.permutation(next(iter(classes.values())))[:WAYPOINTS]
        labels = np.zeros(len(points), int)
    else:
        names = sorted(classes)
        order = random.permutation(names)
        each = -(-WAYPOINTS // len(names))
        chosen = [(p, list(classes).index(name)) for name in order
                  for p in random.permutation(classes[name])[:each]]  # fmt: skip
        points = np.array([p for p, _ in chosen])[:WAYPOINTS]
        labels = np.array([label for _, label in chosen])[:WAYPOINTS]
    path, left = [0], list(range(1, len(points)))
    while left:
        gaps = [np.linalg.norm(points[i] - points[path[-1]]) for i in left]
        path.append(left.pop(int(np.argmin(gaps))))
    return points[path], labels[path]
