"""Paint a picture stroke by stroke: every pass adds the strokes that help most."""

from typing import Any, NamedTuple

import numpy as np
from capriccio import Stroke

from .refine import ErrorPyramid, distinct, refine
from .strokes import PEN_HALF_WIDTH, SIDE, best_color, hatch_lines, stroke_mask

MANY = 1000  # strokes above which a canvas of twice the side is used
FIRST, ROUNDS = 16, 5  # strokes of the first pass, and part of all that a later pass may add
CANDIDATES = 4  # times the strokes that are due: proposals that are compared with each other
REFINED = 2  # times the strokes that are due: proposals that are refined
REFINE_STEPS = 8
MAX_OVERLAP = 0.5  # share of a stroke that may cover others of its pass, which it has not seen
REPAINTED = 16  # part of its strokes that a moving picture may have repainted in every pass
REPAIRS = 6  # passes over a place that changed: coarse strokes first, then finer ones
COARSE = 80  # strokes: a pass that may add no more sees a large canvas at half its size alone
VISIBLE = 0.02  # of 0..1: a change that an eye would notice
LARGEST = 5.0  # times the canvas divided by its strokes: the greatest area of a stroke
FINE = 1024 + 256  # strokes that are proposed on the two largest canvases of the pyramid


class BrushStroke(NamedTuple):
    """A stroke of a painting.

    Args:
        place: x, y, half length, half width, cosine, sine, in pixels of the target.
        color: (3,) floats 0..1.
        brush: one of `BRUSHES`.
        number: of the stroke in the painting.
    """

    place: tuple[float, ...]
    color: np.ndarray
    brush: str
    number: int

    def paint(self, canvas: np.ndarray, scale: float) -> None:
        """Paint it on a canvas of `scale` times the size, (height, width, 3) float32 0..1."""
        touched = stroke_mask(self.brush, self.place, canvas.shape[:2], scale, self.number)
        if touched is not None:
            region, mask = touched
            canvas[region] += mask * (self.color - canvas[region])

    def as_stroke(self, sides: np.ndarray) -> Stroke:
        """Return it as a stroke of a drawing; `sides` are width and height of its canvas."""
        x, y, half_length, half_width, cosine, sine = self.place
        lines = hatch_lines(half_width, 1.0) if self.brush == "pen" else 1
        thickness = 2 * PEN_HALF_WIDTH if self.brush == "pen" else 2 * half_width
        along = half_length * np.array([cosine, sine])
        across = half_width * np.array([-sine, cosine])
        # Back and forth from edge to edge; a single line goes through the middle.
        points = [
            np.array([x, y]) + end * along + ((2 * line + 1) / lines - 1) * across
            for line in range(lines)
            for end in ((-1, 1) if line % 2 == 0 else (1, -1))
        ]
        opacity = 0.8 if self.brush == "wash" else 1.0
        red, green, blue = map(float, self.color)
        return Stroke(np.array(points) / sides, thickness / min(sides), (red, green, blue), opacity)


class Painting:
    """A painting in progress: its target, its canvas and its strokes so far.

    `wanted`, `brush` and `wildness` may be changed while it is painted.

    Args:
        model: the brush network.
        target: (height, width, 3) float32 0..1, `side_of(wanted)` pixels on its longer side.
        wanted: strokes that the finished painting has.
    """

    def __init__(
        self, model: Any, target: np.ndarray, wanted: int, brush: str = "bristle", seed: int = 0
    ):
        self._model, self.wanted, self.brush, self.wildness = model, wanted, brush, 0.0
        self._random = np.random.default_rng([abs(seed), seed < 0])
        self.strokes: list[BrushStroke] = []
        self.ground = target.mean((0, 1))  # (3,)
        self.canvas = np.empty_like(target)
        self.canvas[:] = self.ground
        self.target, self._followed = target, target.copy()
        self._padded = padded(target, side_of(wanted))
        self._painted = 0  # strokes, those that were dropped as well
        self._top = np.full((*target.shape[:2], 1), -1)  # number of the visible stroke
        self._repairs = np.zeros((*target.shape[:2], 1), np.int8)  # passes that are still due

    def set_target(self, target: np.ndarray) -> bool:
        """Paint on towards another target of the same shape; return whether to call `repaint`."""
        # Compared with the target that was last followed: slow changes add up.
        moved = abs(target - self._followed).max(2) > VISIBLE  # (height, width)
        if moved.any():
            self._repairs[moved] = REPAIRS
            self._followed[moved] = target[moved]
            self.target = target
            self._padded = padded(target, len(self._padded))
        return bool(self._repairs.any())

    def empty_canvas(self, size: int) -> tuple[np.ndarray, float]:
        """Return a canvas whose longer side is `size` pixels, and its scale to the target."""
        height, width = self.target.shape[:2]
        scale = size / max(height, width)
        shape = max(1, round(height * scale)), max(1, round(width * scale)), 3
        return np.broadcast_to(self.ground, shape).astype(np.float32), scale

    def drop(self, count: int) -> int:
        """Drop all hidden strokes, and the oldest until `count` are gone; return how many were."""
        visible = set(np.unique(self._top).tolist())
        kept = [stroke for stroke in self.strokes if stroke.number in visible]
        hidden = len(self.strokes) - len(kept)
        oldest = max(0, count - hidden)
        self.strokes = kept[oldest:]
        return hidden + oldest

    def paint_pass(self) -> int:
        """Add the strokes that help most after one look at the canvas; return how many."""
        # The more strokes there are, the smaller are new ones.
        largest = LARGEST * self._repairs.size / (len(self.strokes) + 1)
        return self._add_best(self._due(), np.zeros_like(self._repairs, bool), largest)

    def repaint(self) -> int:
        """Repaint where the target moved after one look; return how many strokes were added."""
        closed = self._repairs == 0
        count = max(4, self.wanted // REPAINTED)
        added = self._add_best(count, closed, float(np.count_nonzero(~closed)))
        self._repairs = np.maximum(self._repairs - 1, 0)
        return added

    def _add_best(self, count: int, closed: np.ndarray, largest: float) -> int:
        """Add at most `count` proposed strokes, none larger than `largest` nor where `closed`."""
        proposed = self._proposals(fine=count > COARSE or bool(closed.any()))
        if closed.any():
            # What stands is left alone: only strokes whose middle is open are worth a try.
            height, width = closed.shape[:2]
            x, y = (proposed[:, i].astype(int).clip(0, n - 1) for i, n in ((0, width), (1, height)))
            proposed = proposed[~closed[y, x, 0]]
        proposed = proposed[4 * proposed[:, 2] * proposed[:, 3] < largest]
        chosen = distinct(_best(proposed)[: CANDIDATES * count])[: REFINED * count]
        refined = refine(ErrorPyramid(self.target, self.canvas), chosen, REFINE_STEPS, largest)
        taken, added = np.zeros_like(closed), 0
        for stroke in distinct(_best(refined)):
            if added == count:
                break
            added += self.add(self._varied(stroke) if self.wildness else stroke, taken, closed)
        return added

    def _due(self) -> int:
        """Return how many strokes the next pass may add: few at first, on an empty canvas."""
        left = max(1, self.wanted - len(self.strokes))
        return min(left, max(FIRST, min(len(self.strokes), self.wanted // ROUNDS)))

    def _proposals(self, fine: bool) -> np.ndarray:
        """Return the strokes that the network proposes, (strokes, 7), in pixels of the target.

        A large canvas is seen at half its size, and in full as well only if `fine`.
        """
        whole = padded(self.canvas, len(self._padded))
        if len(whole) == SIDE:
            return self._model(target=self._padded[None], canvas=whole[None])
        coarse = self._model(target=halved(self._padded)[None], canvas=halved(whole)[None])
        found = [coarse * np.array([2, 2, 2, 2, 1, 1, 4], np.float32)]
        tiles = range(0, len(whole) if fine else 0, SIDE)
        for top in tiles:
            for left in tiles:
                tile = slice(top, top + SIDE), slice(left, left + SIDE)
                seen = self._model(target=self._padded[tile][None], canvas=whole[tile][None])[:FINE]
                found.append(seen + np.array([left, top, 0, 0, 0, 0, 0], np.float32))
        return np.concatenate(found)

    def _varied(self, stroke: np.ndarray) -> np.ndarray:
        """Return a stroke of random angle and length, as far as `wildness`."""
        angle = np.arctan2(stroke[5], stroke[4])
        angle = angle + 0.9 * self.wildness * self._random.standard_normal()
        varied = stroke.copy()
        varied[2] *= 1 + self.wildness * self._random.random()
        varied[4:6] = np.cos(angle), np.sin(angle)
        return varied

    def add(self, stroke: np.ndarray, taken: np.ndarray, closed: np.ndarray) -> bool:
        """Add a stroke in its best colour, unless it would harm or covers others of its pass."""
        height, width = taken.shape[:2]
        x, y = int(stroke[0]), int(stroke[1])
        if not self.wildness and 0 <= x < width and 0 <= y < height and taken[y, x, 0]:
            return False  # nearly always too much of it is taken, and this is cheap to test
        touched = stroke_mask(self.brush, stroke, (height, width), number=self._painted)
        if touched is None:
            return False
        region, mask = touched
        inside = mask > 0.5
        limit = (MAX_OVERLAP + self.wildness) * np.count_nonzero(inside)
        if np.count_nonzero((taken[region] | closed[region]) & inside) > limit or not limit:
            return False
        canvas, target = self.canvas[region], self.target[region]
        gap = target - canvas
        color = best_color(mask, canvas, target)
        if self.wildness:
            color = color + 0.1 * self.wildness * self._random.standard_normal(3)
        color = color.clip(0, 1).astype(np.float32)
        change = mask * (color - canvas)
        left = gap - change
        if np.vdot(left, left) >= np.vdot(gap, gap) * (1 + self.wildness):
            return False
        self.canvas[region] = canvas + change
        taken[region] |= inside
        self._top[region][inside] = self._painted
        place = tuple(map(float, stroke[:6]))
        self.strokes.append(BrushStroke(place, color, self.brush, self._painted))
        self._painted += 1
        return True


def _best(strokes: np.ndarray) -> np.ndarray:
    """Return the strokes that would help, (strokes, 7), the best first."""
    strokes = strokes[strokes[:, 6] > 0]
    return strokes[np.argsort(-strokes[:, 6])]


def side_of(strokes: int) -> int:
    """Return the side in pixels of the canvas on which that many strokes are computed."""
    return SIDE if strokes <= MANY else 2 * SIDE


def shrunk(image: np.ndarray, side: int) -> np.ndarray:
    """Return an image with `side` pixels on its longer side, (height, width, 3) float32 0..1."""
    from PIL import Image

    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size != (width, height):
        small = Image.fromarray(image).resize(size, Image.Resampling.BOX, reducing_gap=3.0)
        image = np.asarray(small)
    return image.astype(np.float32) / 255


def padded(image: np.ndarray, side: int) -> np.ndarray:
    """Return an image on a square of that side, its last rows and columns repeated."""
    height, width = image.shape[:2]
    if height == side == width:
        return image
    return np.pad(image, ((0, side - height), (0, side - width), (0, 0)), mode="edge")


def halved(image: np.ndarray) -> np.ndarray:
    """Return an image of half the side, each pixel the mean of four."""
    pairs = image[::2] + image[1::2]
    return (pairs[:, ::2] + pairs[:, 1::2]) / np.float32(4)
