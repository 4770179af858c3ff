"""Paints a picture mark by mark: looks at what is there, and lays what helps most."""

from typing import NamedTuple

import numpy as np
from capriccio import Stroke

from .refine import Ground, distinct, refine
from .strokes import LINE, SIDE, best_colour, hatches, mask_of

LARGE = 1000  # marks from which on a canvas of twice the side is worked at
FIRST, ROUNDS = 16, 5  # marks that the first look lays, and what part of all a later one may
WEIGHED = 4  # times the marks that are due: so many proposals are weighed against each other
TRIED = 2  # times the marks that are due: so many proposals are bettered, and laid if they help
STEPS = 8  # by which a proposal is bettered
OVERLAP = 0.5  # share of a mark that may lie on others of the same look, which it has not seen
REPAINTED = 16  # part of its marks that a moving picture may have repainted at every look
REPAIRS = 6  # looks at a place that changed: coarse marks first, then finer
AFAR = 80  # marks: a look that may lay no more takes only what is seen from afar
SEEN = 0.02  # of 0..1: a change that an eye would notice
LARGEST = 5.0  # times the canvas divided by the marks on it: a mark's greatest area
FINE = 1024 + 256  # marks proposed on the two largest canvases of the pyramid


class Mark(NamedTuple):
    """One mark: its place in pixels of the canvas that is worked at, its colour 0..1, its brush."""

    place: tuple[float, ...]
    colour: np.ndarray
    brush: str
    grain: int  # its number in the painting, and so which of the brush's hairs

    def lay(self, canvas: np.ndarray, scale: float) -> None:
        """Lay it on a canvas of `scale` times the size, (height, width, 3) float32 0..1."""
        touched = mask_of(self.brush, self.place, canvas.shape[:2], scale, self.grain)
        if touched is not None:
            at, mask = touched
            canvas[at] += mask * (self.colour - canvas[at])

    def stroke(self, sides: np.ndarray) -> Stroke:
        """Give it as a stroke of a drawing; `sides` are width and height of its canvas."""
        x, y, long, wide, cosine, sine = self.place
        lines = hatches(wide, 1.0) if self.brush == "pen" else 1
        thick = 2 * LINE if self.brush == "pen" else 2 * wide
        along, across = long * np.array([cosine, sine]), wide * np.array([-sine, cosine])
        # Back and forth from edge to edge; a single line goes through the middle.
        points = [
            np.array([x, y]) + end * along + ((2 * line + 1) / lines - 1) * across
            for line in range(lines)
            for end in ((-1, 1) if line % 2 == 0 else (1, -1))
        ]
        opacity = 0.8 if self.brush == "wash" else 1.0
        red, green, blue = map(float, self.colour)
        return Stroke(np.array(points) / sides, thick / min(sides), (red, green, blue), opacity)


class Painting:
    """A painting under way: what it is to become, what it is now, and the marks so far.

    `target`, (height, width, 3) float32 0..1, has `side_of(wanted)` pixels on its longer side;
    `wanted` is how many marks the painting is to have. Marks are in the target's pixels. Number,
    brush and wildness may be changed while it is painted.
    """

    def __init__(self, model, target: np.ndarray, wanted: int, brush: str = "bristle", seed=0):
        self._model, self.wanted, self.brush, self.wildness = model, wanted, brush, 0.0
        self._chance = np.random.default_rng([abs(seed), seed < 0])
        self.marks: list[Mark] = []
        self.paper = target.mean((0, 1))  # (3,)
        self.canvas = np.empty_like(target)
        self.canvas[:] = self.paper
        self.target, self._known = target, target.copy()
        self._padded = padded(target, side_of(wanted))
        self._laid = 0  # marks, those that were forgotten as well
        self._top = np.full((*target.shape[:2], 1), -1)  # the mark that is seen at each place
        self._stale = np.zeros((*target.shape[:2], 1), np.int8)  # looks that a place is still due

    def turn_to(self, target: np.ndarray) -> bool:
        """Paint on towards another target of the same shape; say whether there is to `follow`."""
        # What changed is measured since it was last followed: slow changes add up.
        moved = abs(target - self._known).max(2) > SEEN  # (height, width)
        if moved.any():
            self._stale[moved] = REPAIRS
            self._known[moved] = target[moved]
            self.target = target
            self._padded = padded(target, len(self._padded))
        return bool(self._stale.any())

    def blank(self, size: int) -> tuple[np.ndarray, float]:
        """Give an empty canvas whose longer side is `size` pixels, and how much larger it is."""
        height, width = self.target.shape[:2]
        scale = size / max(height, width)
        shape = max(1, round(height * scale)), max(1, round(width * scale)), 3
        return np.broadcast_to(self.paper, shape).astype(np.float32), scale

    def forget(self, most: int) -> int:
        """Let go of marks that nothing is seen of any more, and of the oldest; give how many."""
        seen = set(np.unique(self._top).tolist())
        kept = [mark for mark in self.marks if mark.grain in seen]
        gone = len(self.marks) - len(kept)
        extra = max(0, most - gone)
        self.marks = kept[extra:]
        return gone + extra

    def look(self) -> int:
        """Look once, and lay the marks that help most; give how many were laid."""
        # As a person works: the more there is, the smaller what is added.
        largest = LARGEST * self._stale.size / (len(self.marks) + 1)
        return self._lay_best(self._due(), np.zeros_like(self._stale, bool), largest)

    def follow(self) -> int:
        """Look once, and repaint where the target moved; give how many marks were laid."""
        closed = self._stale == 0
        most = max(4, self.wanted // REPAINTED)
        laid = self._lay_best(most, closed, float(np.count_nonzero(~closed)))
        self._stale = np.maximum(self._stale - 1, 0)
        return laid

    def _lay_best(self, most: int, closed: np.ndarray, largest: float) -> int:
        """Lay the proposed marks that help most, none larger, nor on what is closed."""
        proposed = self._proposed(near=most > AFAR or bool(closed.any()))
        if closed.any():
            # What stands is left alone: only marks whose middle is open are worth a try.
            height, width = closed.shape[:2]
            x, y = (proposed[:, i].astype(int).clip(0, n - 1) for i, n in ((0, width), (1, height)))
            proposed = proposed[~closed[y, x, 0]]
        proposed = proposed[4 * proposed[:, 2] * proposed[:, 3] < largest]
        chosen = distinct(_best(proposed)[: WEIGHED * most])[: TRIED * most]
        found = refine(Ground(self.target, self.canvas), chosen, STEPS, largest)
        taken, laid = np.zeros_like(closed), 0
        for mark in distinct(_best(found)):
            if laid == most:
                break
            laid += self._lay(self._turned(mark) if self.wildness else mark, taken, closed)
        return laid

    def _due(self) -> int:
        """Say how many marks the next look may lay: few at first, since nothing stands yet."""
        left = max(1, self.wanted - len(self.marks))
        return min(left, max(FIRST, min(len(self.marks), self.wanted // ROUNDS)))

    def _proposed(self, near: bool) -> np.ndarray:
        """Give the marks that the network proposes, (marks, 7), in pixels of the target.

        A large canvas is seen from afar, and only where fine marks are due from `near` as well.
        """
        whole = padded(self.canvas, len(self._padded))
        if len(whole) == SIDE:
            return self._model(target=self._padded[None], canvas=whole[None])
        afar = self._model(target=halved(self._padded)[None], canvas=halved(whole)[None])
        found = [afar * np.array([2, 2, 2, 2, 1, 1, 4], np.float32)]
        tiles = range(0, len(whole) if near else 0, SIDE)
        for top in tiles:
            for left in tiles:
                at = slice(top, top + SIDE), slice(left, left + SIDE)
                fine = self._model(target=self._padded[at][None], canvas=whole[at][None])[:FINE]
                found.append(fine + np.array([left, top, 0, 0, 0, 0, 0], np.float32))
        return np.concatenate(found)

    def _turned(self, mark: np.ndarray) -> np.ndarray:
        """Let a mark go its own way."""
        turn = np.arctan2(mark[5], mark[4]) + 0.9 * self.wildness * self._chance.standard_normal()
        wild = mark.copy()
        wild[2] *= 1 + self.wildness * self._chance.random()
        wild[4:6] = np.cos(turn), np.sin(turn)
        return wild

    def _lay(self, mark: np.ndarray, taken: np.ndarray, closed: np.ndarray) -> bool:
        """Lay a mark in its best colour, unless it would harm, or has not seen what lies there."""
        height, width = taken.shape[:2]
        x, y = int(mark[0]), int(mark[1])
        if not self.wildness and 0 <= x < width and 0 <= y < height and taken[y, x, 0]:
            return False  # nearly always too much of it is taken, and this costs nothing to see
        touched = mask_of(self.brush, mark, (height, width), grain=self._laid)
        if touched is None:
            return False
        at, mask = touched
        inside = mask > 0.5
        most = (OVERLAP + self.wildness) * np.count_nonzero(inside)
        if np.count_nonzero((taken[at] | closed[at]) & inside) > most or not most:
            return False
        under, wanted = self.canvas[at], self.target[at]
        gap = wanted - under
        colour = best_colour(mask, under, wanted)
        if self.wildness:
            colour = colour + 0.1 * self.wildness * self._chance.standard_normal(3)
        colour = colour.clip(0, 1).astype(np.float32)
        change = mask * (colour - under)
        left = gap - change
        if np.vdot(left, left) >= np.vdot(gap, gap) * (1 + self.wildness):
            return False
        self.canvas[at] = under + change
        taken[at] |= inside
        self._top[at][inside] = self._laid
        self.marks.append(Mark(tuple(map(float, mark[:6])), colour, self.brush, self._laid))
        self._laid += 1
        return True


def _best(marks: np.ndarray) -> np.ndarray:
    """Give the marks that would help, (marks, 7), the best first."""
    marks = marks[marks[:, 6] > 0]
    return marks[np.argsort(-marks[:, 6])]


def side_of(marks: int) -> int:
    """Give the side in pixels of the canvas on which so many marks are worked out."""
    return SIDE if marks <= LARGE else 2 * SIDE


def padded(image: np.ndarray, side: int) -> np.ndarray:
    """Give an image on a square of that side, its last rows and columns going on."""
    height, width = image.shape[:2]
    if height == side == width:
        return image
    return np.pad(image, ((0, side - height), (0, side - width), (0, 0)), mode="edge")


def halved(image: np.ndarray) -> np.ndarray:
    """Give an image of half the side, each pixel the mean of four."""
    pairs = image[::2] + image[1::2]
    return (pairs[:, ::2] + pairs[:, 1::2]) / np.float32(4)
