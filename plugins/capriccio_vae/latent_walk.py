"""Lays out closed walks through points of a latent space, at an even pace."""

import numpy as np

STATIONS = 8  # pictures on a walk; at 16 bars a round each has two bars to unfold
STEPS = 512  # points of the walk that are worked out; between two of them it is straight


def closed_walk(
    kinds: dict[str, np.ndarray], middle: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Walk once round through points of one kind, or of all in turn.

    Gives the walk around the middle, `(STEPS + 1, numbers)`, and of which kinds it is at each
    step, `(STEPS + 1, kinds)`, in shares that sum to 1.
    """
    points, which = _stations(kinds, random)
    stations = points - middle  # (stations, numbers)
    told = np.eye(len(kinds))[which]  # (stations, kinds)
    radii = np.linalg.norm(stations, axis=1)  # (stations,)
    # A periodic Catmull-Rom spline: through every station, smooth everywhere.
    fine = np.arange(4 * STEPS) / (4 * STEPS) * len(stations)
    index, t = fine.astype(int), (fine % 1)[:, None]
    a, b, c, d = (stations[(index + shift) % len(stations)] for shift in (-1, 0, 1, 2))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    # Between two latents of many dimensions lies the emptiness near the middle, where the
    # pictures are grey: the walk keeps the stations' distance from it.
    fade = 0.5 - 0.5 * np.cos(np.pi * t[:, 0])
    wanted = radii[index] * (1 - fade) + radii[(index + 1) % len(stations)] * fade
    curve *= (wanted / np.maximum(np.linalg.norm(curve, axis=1), 1e-9))[:, None]
    curve = np.concatenate([curve, curve[:1]])
    ahead = told[(index + 1) % len(told)]
    shares = told[index] * (1 - fade[:, None]) + ahead * fade[:, None]  # (4 * STEPS, kinds)
    lengths = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    if along[-1] < 1e-9:  # one station alone: the walk stands still
        return np.repeat(curve[:1], STEPS + 1, axis=0), np.repeat(shares[:1], STEPS + 1, axis=0)
    even = np.linspace(0, along[-1], STEPS + 1)
    walk = np.stack([np.interp(even, along, column) for column in curve.T], axis=1)
    shares = np.concatenate([shares, shares[:1]])  # (4 * STEPS + 1, kinds)
    shares = np.stack([np.interp(even, along, column) for column in shares.T], axis=1)
    walk[-1], shares[-1] = walk[0], shares[0]
    return walk, shares


def _stations(kinds: dict[str, np.ndarray], random: np.random.Generator):
    """Choose the points to pass, each near the one before, and the number of each one's kind."""
    if len(kinds) == 1:
        points = random.permutation(next(iter(kinds.values())))[:STATIONS]
        which = np.zeros(len(points), int)
    else:
        names = sorted(kinds)
        order = random.permutation(names)
        rounds = -(-STATIONS // len(names))
        chosen = [(p, list(kinds).index(name)) for name in order
                  for p in random.permutation(kinds[name])[:rounds]]  # fmt: skip
        points = np.array([p for p, _ in chosen])[:STATIONS]
        which = np.array([number for _, number in chosen])[:STATIONS]
    near, left = [0], list(range(1, len(points)))
    while left:
        gaps = [np.linalg.norm(points[i] - points[near[-1]]) for i in left]
        near.append(left.pop(int(np.argmin(gaps))))
    return points[near], which[near]
