"""Paint a picture stroke by stroke: every pass adds the strokes that help most."""

from typing import Any

import numpy as np

from .flow import CELL, LUMA, directions
from .paint_surface import BrushStroke, PaintSurface
from .refine import ErrorPyramid, distinct, refine
from .strokes import SIDE, best_color, stroke_mask

MANY = 1000  # strokes above which a canvas of twice the side is used
FIRST, ROUNDS = 16, 5  # strokes of the first pass, and part of all that a later pass may add
SPARE = 6  # times the strokes that are due: proposals that are refined, where they are few; twice
# as many are compared with each other
REFINE_STEPS = 20
QUICK_SPARE, QUICK_STEPS = 2, 5  # the same while a moving picture is followed
UNDECIDED = 2.0  # times its width: what is shorter is turned along the forms of the picture
LOOKS = 2  # times that strokes are chosen from what the network proposed
MAX_OVERLAP = 0.35  # share of a stroke that may cover others of its pass, which it has not seen
MAX_CLOSED = 0.5  # share of a stroke that may cover what is not to be repainted, or was just now
REPAINTED = 16  # part of its strokes that a moving picture may have repainted in every pass
REPAIRS = 6  # passes over a place that changed: coarse strokes first, then finer ones
HARDLY = 16  # part of the strokes that a pass may add, with which a painting is finished
COARSE = 80  # strokes: a pass that may add no more sees a large canvas at half its size alone
VISIBLE = 0.02  # of 0..1: a change that an eye would notice
LARGEST = 1.8  # times the canvas divided by its strokes: the greatest area of a stroke
FINE = 1024 + 256  # strokes that are proposed on the two largest canvases of the pyramid
PAPER = np.array([0.97, 0.96, 0.93], np.float32)  # of watercolours
LAID_ON = 1.2  # pixels: half width of the accents, which take up no other paint
WILDEST = 0.25  # squared error that a stroke of the greatest wildness may add where it lies
TURNED = np.array([1, 1, 1, 1, -1, -1, -1, 1], np.float32)  # the same stroke from its other end
ALMOST = 1.2  # times what the network sees: a shorter side that is made to fit
Touched = tuple[tuple[slice, slice], np.ndarray, np.ndarray]


class Painting:
    """A painting in progress: its target, its canvas and its strokes so far.

    `wanted`, `brush`, `wildness`, `wetness` and `relief` may be changed while it is painted. In oil
    the strokes of a pass go from dark to light, in watercolour from light to dark.

    Args:
        model: the brush network.
        target: (height, width, 3) float32 0..1, `side_of(wanted)` pixels on its longer side.
        wanted: strokes that the finished painting has.
    """

    def __init__(
        self, model: Any, target: np.ndarray, wanted: int, brush: str = "bristle", seed: int = 0
    ):
        self._model, self.wanted, self.brush = model, wanted, brush
        self.wildness = self.wetness = self.relief = 0.0
        self._random = np.random.default_rng([abs(seed), seed < 0])
        self.strokes: list[BrushStroke] = []
        self.ground = PAPER if brush == "wash" else target.mean((0, 1))  # (3,)
        self.canvas = np.empty_like(target)
        self.canvas[:] = self.ground
        self.target, self._followed = target, target.copy()
        self._padded = padded(target, side_of(wanted))
        self._forms = directions(target)
        # What the strokes look like from afar is seen at twice the size, and averaged.
        self._surface = PaintSurface((2 * target.shape[0], 2 * target.shape[1]), self.ground)
        self._finished: object = None  # what was asked for when there was nothing left to add
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
            self.target, self._finished = target, None
            self._padded = padded(target, len(self._padded))
            self._forms = directions(target)
        return bool(self._repairs.any())

    def empty_surface(self, shape: tuple[int, int]) -> tuple[PaintSurface, float]:
        """Return a canvas of (height, width) pixels, and its scale to the target."""
        height, width = self.target.shape[:2]
        return PaintSurface(shape, self.ground), max(shape[0] / height, shape[1] / width)

    def drop(self, count: int) -> int:
        """Drop all hidden strokes, and the oldest until `count` are gone; return how many were."""
        visible = set(np.unique(self._top).tolist())
        kept = [stroke for stroke in self.strokes if stroke.number in visible]
        hidden = len(self.strokes) - len(kept)
        oldest = max(0, count - hidden)
        self.strokes = kept[oldest:]
        return hidden + oldest

    def paint_pass(self) -> int:
        """Add the strokes that help most after one look at the canvas; return how many.

        Where they are hardly any, the painting is finished.
        """
        asked = self.wanted, self.wildness, self.brush
        if self._finished == (*asked, len(self.strokes)):
            return 0
        # The more strokes there are, the smaller are new ones.
        largest = LARGEST * self._repairs.size / (len(self.strokes) + FIRST)
        due = self._due()
        added = self._add_best(due, np.zeros_like(self._repairs, bool), largest)
        if added <= due // HARDLY:
            self._finished = (*asked, len(self.strokes))
        return added

    def repaint(self) -> int:
        """Repaint where the target moved after one look; return how many strokes were added."""
        closed = self._repairs == 0
        count = max(4, self.wanted // REPAINTED)
        added = self._add_best(count, closed, float(np.count_nonzero(~closed)), quick=True)
        self._repairs = np.maximum(self._repairs - 1, 0)
        return added

    def _add_best(self, count: int, closed: np.ndarray, largest: float, quick: bool = False) -> int:
        """Add at most `count` proposed strokes, none larger than `largest` nor where `closed`.

        If `quick`, they are chosen at once: the next frame will show what is still wrong.
        """
        proposed = self._proposals(fine=count > COARSE or bool(closed.any()))
        if closed.any():
            # What stands is left alone: only strokes whose middle is open are worth a try.
            proposed = proposed[~self._at_middle(closed, proposed)]
        proposed = proposed[4 * proposed[:, 2] * proposed[:, 3] < largest]
        begin = len(self.strokes)
        for _ in range(1 if quick else LOOKS):
            left = count - (len(self.strokes) - begin)
            if left <= 0 or not len(proposed):
                break
            taken = self._add_some(proposed, left, closed, largest, quick)
            # Proposals beside what was just painted are still good; they are refined anew.
            proposed = proposed[~self._at_middle(taken, proposed)]
        self._surface.paint(self.strokes[begin:], 2)
        self.canvas = self._surface.halved()
        return len(self.strokes) - begin

    def _add_some(
        self, proposed: np.ndarray, count: int, closed: np.ndarray, largest: float, quick: bool
    ) -> np.ndarray:
        """Add at most `count` strokes that hardly cover each other; return where they are."""
        spare = QUICK_SPARE if quick else SPARE if count <= COARSE else SPARE // 2
        steps = QUICK_STEPS if quick else REFINE_STEPS
        chosen = distinct(_best(proposed)[: 2 * spare * count])[: spare * count]
        self.turn_along_forms(chosen)
        refined = refine(ErrorPyramid(self.target, self.canvas), chosen, steps, largest)
        taken = np.zeros_like(closed)
        placed: list[tuple[float, np.ndarray, Touched]] = []
        # A wild hand also paints what does not help, and over what it has just painted.
        best = _best(refined, -np.inf) if self.wildness else distinct(_best(refined))
        for stroke in best:
            if len(placed) == count:
                break
            stroke = self._varied(stroke) if self.wildness else stroke
            touched = self._place(stroke, taken, closed)
            if touched is not None:
                placed.append((self._lightness(stroke), stroke, touched))
        placed.sort(key=lambda one: -one[0] if self.brush == "wash" else one[0])
        for _, stroke, touched in placed:
            self._lay(stroke, touched)
        return taken

    def turn_along_forms(self, strokes: np.ndarray) -> None:
        """Turn strokes of no clear direction into that of the forms below them."""
        x, y = (strokes[:, :2].T / CELL).astype(int)
        rows, columns = self._forms.shape[:2]
        form = self._forms[y.clip(0, rows - 1), x.clip(0, columns - 1)]
        angle = np.arctan2(form[:, 1], form[:, 0]) / 2
        short = strokes[:, 2] < UNDECIDED * strokes[:, 3]
        strokes[short, 4], strokes[short, 5] = np.cos(angle[short]), np.sin(angle[short])

    def _at_middle(self, area: np.ndarray, strokes: np.ndarray) -> np.ndarray:
        """Return which strokes have their middle in an area, (height, width, 1) bool."""
        height, width = area.shape[:2]
        x, y = (strokes[:, i].astype(int).clip(0, n - 1) for i, n in ((0, width), (1, height)))
        return area[y, x, 0]

    def _due(self) -> int:
        """Return how many strokes the next pass may add: few at first, on an empty canvas."""
        left = max(1, self.wanted - len(self.strokes))
        return min(left, max(FIRST, min(len(self.strokes), self.wanted // ROUNDS)))

    def _proposals(self, fine: bool) -> np.ndarray:
        """Return the strokes that the network proposes, (strokes, 7), in pixels of the target.

        A large canvas is seen at half its size, and in full as well only if `fine`.
        """
        height, width = self.target.shape[:2]
        whole = padded(self.canvas, len(self._padded))
        # Beside the picture nothing is to be gained: no stroke is proposed there.
        self._padded[height:], self._padded[:, width:] = whole[height:], whole[:, width:]
        if len(whole) == SIDE:
            return self._model(target=self._padded[None], canvas=whole[None])
        coarse = self._model(target=halved(self._padded)[None], canvas=halved(whole)[None])
        found = [coarse * np.array([2, 2, 2, 2, 1, 1, 4], np.float32)]
        for top in range(0, height if fine else 0, SIDE):
            for left in range(0, width, SIDE):
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

    def _lightness(self, stroke: np.ndarray) -> float:
        """Return how light the target is in the middle of a stroke."""
        height, width = self.target.shape[:2]
        x, y = min(max(int(stroke[0]), 0), width - 1), min(max(int(stroke[1]), 0), height - 1)
        return float(self.target[y, x] @ LUMA)

    def add(self, stroke: np.ndarray, taken: np.ndarray, closed: np.ndarray) -> bool:
        """Add a stroke in its best colour, unless it would harm or covers others of its pass."""
        touched = self._place(stroke, taken, closed)
        return touched is not None and self._lay(stroke, touched)

    def _place(self, stroke: np.ndarray, taken: np.ndarray, closed: np.ndarray) -> Touched | None:
        """Return what a stroke touches, which is taken then; None where too much of it was."""
        height, width = taken.shape[:2]
        x, y = int(stroke[0]), int(stroke[1])
        if not self.wildness and 0 <= x < width and 0 <= y < height and taken[y, x, 0]:
            return None  # nearly always too much of it is taken, and this is cheap to test
        touched = stroke_mask(self.brush, stroke, (height, width))
        if touched is None:
            return None
        region, mask, _ = touched
        inside = mask > 0.5
        area, over = np.count_nonzero(inside), taken[region] & inside
        shut = np.count_nonzero(over | closed[region] & inside)
        if (
            not area
            or np.count_nonzero(over) > (MAX_OVERLAP + self.wildness) * area
            or shut > (MAX_CLOSED + self.wildness) * area
        ):
            return None
        taken[region] |= inside
        return touched

    def _lay(self, stroke: np.ndarray, touched: Touched) -> bool:
        """Paint a stroke in its best colour, unless it would harm."""
        region, mask, along = touched
        canvas, target = self.canvas[region], self.target[region]
        gap = target - canvas
        wet = self.wetness if stroke[3] > LAID_ON else 0.0
        if wet:
            # It ends where the canvas is right, whose paint it takes up: its best colour is then a
            # least square of what it paints with it.
            weight = mask[..., 0] * along
            if np.einsum("ij,ijk,ijk->", weight, gap, gap) > 0:
                stroke = stroke * TURNED
                along, weight = -along, -weight
            weight = weight.clip(0).ravel()
            under = weight @ canvas.reshape(-1, 3) / (weight.sum() + 1e-9)
            share = np.square((0.5 * along + 0.5).clip(0, 1))[..., None] * np.float32(wet)
            own = mask * (1 - share)
            taken_up = mask * share * under
            bare = gap + mask * canvas - taken_up
            color = own.ravel() @ bare.reshape(-1, 3) / (np.vdot(own, own) + 1e-9)
        else:
            color = best_color(mask, canvas, target)
        if self.wildness:
            color = color + 0.1 * self.wildness * self._random.standard_normal(3)
        color = color.clip(0, 1).astype(np.float32)
        if wet:
            change = own * color + taken_up - mask * canvas
            last = color + np.float32(wet) * (under - color)
        else:
            change, last = mask * (color - canvas), color
        left = gap - change
        worse = float(np.vdot(left, left) - np.vdot(gap, gap))
        if worse >= (WILDEST * self.wildness * float(mask.sum()) if self.wildness else 0.0):
            return False
        self.canvas[region] = canvas + change
        self._top[region][mask > 0.5] = self._painted
        place = tuple(map(float, stroke[:7]))
        self.strokes.append(BrushStroke(place, color, last, self.brush, self._painted, self.relief))
        self._painted += 1
        return True


def _best(strokes: np.ndarray, least: float = 0.0) -> np.ndarray:
    """Return the strokes that gain more than `least` (the last column), the best first."""
    strokes = strokes[strokes[:, -1] > least]
    return strokes[np.argsort(-strokes[:, -1])]


def side_of(strokes: int) -> int:
    """Return the side in pixels of the canvas on which that many strokes are computed."""
    return SIDE if strokes <= MANY else 2 * SIDE


def shrunk(image: np.ndarray, side: int) -> np.ndarray:
    """Return an image with `side` pixels on its longer side, (height, width, 3) float32 0..1.

    Where its shorter side would go a little beyond what the network sees, as that of 16:9 does, it
    has fewer, so that one look is enough.
    """
    from PIL import Image

    height, width = image.shape[:2]
    scale = side / max(height, width)
    if SIDE < scale * min(height, width) <= ALMOST * SIDE:
        scale = SIDE / min(height, width)
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
