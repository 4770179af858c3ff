"""The part `draw`: a recurrent network that draws stroke by stroke."""

import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from capriccio import Generator, Moment, Stroke, as_image, as_mixture

from .hand import Hand, drawing_of, drawing_seconds, grown
from .latents import DrawingEncoder, encoder_path
from .lines import simplified, smoothed
from .morphing import between, through_latents
from .pen import Pen, PenModel
from .pen_moves import moves_of
from .plotting import for_plotter
from .vectorising import vectorised

Array = np.ndarray[Any, Any]

THINNEST, THICKEST = 0.003, 0.04  # widths of a stroke at weight 0 and 1
REST_SECONDS = 1.0  # at least, that a finished drawing is seen before the next bar begins another
MOST_CAUGHT_UP = 4  # drawings that one call makes; where more time has passed, others are left out
SLOWEST, FASTEST = 0.25, 4.0  # times the pace of a hand at pace 0 and 1
TOLERANCE = 0.012  # how far a person's line may lie from what the network reads of it
MOST_FED = 200  # points of a person's drawing that the network reads


class Draw(Generator):
    """Draw stroke by stroke at the pace of a hand: invented characters, or what a word says.

    A drawing begins at a bar line and grows with `now`; when it is finished it stays for a second
    at least, and the next bar begins another. Which one depends on seed and bar alone, so a show
    that is played from its middle draws the same. Knobs act on what is drawn from now on, those
    of its look on all of it.

    `kanji` invents Chinese characters, `omniglot` letters of unknown alphabets, and `quickdraw`
    draws one of 344 words. `model="mine.onnx"` draws what it was trained on. The network is an LSTM
    with mixture densities (Graves, arXiv 1308.0850; Ha and Eck, arXiv 1704.03477).

    Args:
        model: "kanji", "quickdraw", "omniglot", or the path of an `.onnx` file.
        seed: the same seed draws the same.
    """

    name = "draw"
    seekable = "run"
    models = {  # noqa: RUF012
        name: Path(__file__).with_name(f"{name}.onnx")
        for name in ("kanji", "quickdraw", "omniglot")
    }

    def __init__(self, *, model: str = "kanji", seed: int = 0):
        self._path = self.model_path(model)
        self._model: PenModel | None = None
        self._encoder: DrawingEncoder | None = None
        self._lock = threading.RLock()
        self.reset(seed)

    def reset(self, seed: int = 0) -> None:
        """Start again with an empty canvas."""
        self._seed = seed
        self._hand: Hand | None = None
        self._bar = -1  # at which the drawing began
        self._seconds = -math.inf  # of the last call
        self._word = ""

    def generate(
        self,
        now: Moment,
        *,
        heat: float = 0.4,
        smoothness: float = 0.5,
        slant: float = 0.5,
        weight: float = 0.3,
        pace: float = 0.5,
        word: Any = "",
        tool: Literal["pen", "pencil", "brush"] = "pen",
    ) -> list[Stroke]:
        """Return the drawing as far as it has come.

        Args:
            heat: Sampling temperature, from the safest lines to wild ones.
            smoothness: From straight pieces to round curves.
            slant: From leaning left over upright to leaning right.
            weight: Width of the pen.
            pace: From a quarter of the pace of a hand to four times as fast; 0.5 is a hand's.
            word: What to draw, such as "cat", or two and a position: ("cat", "bus", 0.5); "" is
                one by chance.
            tool: What it is drawn with; the width of a brush follows its pressure.
        """
        with self._lock:
            weights = self.model.word_weights(as_mixture(word, self, "word", str))
            hand = self._advance(now, weights, heat, SLOWEST * (FASTEST / SLOWEST) ** pace)
            return hand.drawing(smoothness, slant, width_of(weight), tool)

    @property
    def model(self) -> PenModel:
        """The network, opened when it is first used."""
        with self._lock:
            if self._model is None:
                self._model = PenModel(self._path)
            return self._model

    @property
    def encoder(self) -> DrawingEncoder:
        """The encoder beside the network, opened when it is first used.

        Raises:
            ModelError: there is none.
        """
        with self._lock:
            if self._encoder is None:
                self._encoder = DrawingEncoder(encoder_path(self._path))
            return self._encoder

    @property
    def words(self) -> list[str]:
        """The words that the model can draw; none where it was not told any."""
        return sorted(self.model.words)

    @property
    def word(self) -> str:
        """The word that is being drawn, where it is one; "" otherwise."""
        return self._word

    @property
    def unused_knobs(self) -> frozenset[str]:
        """Names of the knobs that have no effect on the loaded model."""
        return frozenset() if self.model.words else frozenset({"word"})

    def whole(
        self, number: int = 0, *, heat: float = 0.4, word: Any = "", smoothness: float = 0.5,
        slant: float = 0.5, weight: float = 0.3, tool: str = "pen",
    ) -> list[Stroke]:  # fmt: skip
        """Return a finished drawing at once: that of the bar `number`."""
        with self._lock:
            weights = self.model.word_weights(as_mixture(word, self, "word", str))
            pen = self._new_pen(number, weights)
            while not pen.ended:
                pen.move(heat)
            hand = Hand(pen)
            hand.finish()
            return hand.drawing(smoothness, slant, width_of(weight), tool)

    def finish(
        self, drawing: Sequence[Stroke], *, heat: float = 0.4, word: Any = "", number: int = 0,
        smoothness: float = 0.5,
    ) -> list[Stroke]:  # fmt: skip
        """Return a drawing that a person began, its strokes as they are, and those that end it.

        The added strokes are as wide and of the colour of the last. An empty drawing is begun.

        Args:
            drawing: in 0..1 of the canvas.
            number: another one ends it in another way.

        Raises:
            TypeError, ValueError: it is no list of `Stroke` with finite points.
        """
        checked = as_strokes(drawing)
        with self._lock:
            weights = self.model.word_weights(as_mixture(word, self, "word", str))
            pen = self._new_pen(number, weights)
            pen.feed(moves_of(readable(checked), np.zeros(2)))
            begun = len(pen.moves)
            pen.move(heat, may_end=not begun)  # what was begun is not called finished
            while not pen.ended:
                pen.move(heat)
            hand = Hand(pen)
            hand.finish()
            fed = sum(1 for _, _, state in pen.moves[:begun] if state)
            lines = hand.lines()[fed:]
        width, color, opacity = (0.01, (0.0, 0.0, 0.0), 1.0)
        if checked:
            _, width, color, opacity = checked[-1]
        added = drawing_of(lines, smoothness, 0.5, width)
        return [*checked, *(one._replace(color=color, opacity=opacity) for one in added)]

    def morph(
        self, one: Sequence[Stroke], other: Sequence[Stroke], position: float, *,
        latents: bool = True, heat: float = 0.1, number: int = 0,
    ) -> list[Stroke]:  # fmt: skip
        """Return the drawing at a position 0..1 between two.

        A model that was trained with `--latents` has an encoder: then it is drawn from latents
        between those of both, and at the ends it is what the network makes of each. Place, size
        and look lie between theirs. With other models, and with empty drawings, each stroke becomes
        the one that lies nearest.

        Args:
            latents: False has strokes become the nearest with every model: then the ends are the
                drawings themselves, and nothing jumps.
            heat: sampling temperature of what is drawn from latents.
            number: another one draws it in another way.

        Raises:
            TypeError, ValueError: one is no list of `Stroke` with finite points.
        """
        share = min(max(float(position), 0.0), 1.0)
        if share != share:
            raise ValueError("a position must be a number 0..1, got nan")
        ends = as_strokes(one), as_strokes(other)
        with self._lock:
            if not latents or not self.model.latents or not all(ends):
                return between(*ends, share)
            key = [self._seed % 2**32, number % 2**32]
            return through_latents(self.model, self.encoder, ends, share, key, heat)

    def vectorise(
        self, image: Any, *, detail: float = 0.5, smoothness: float = 0.5, weight: float = 0.1
    ) -> list[Stroke]:
        """Return a picture redrawn with a pen, its strokes in the order in which a person draws.

        A picture of dark lines on light paper is traced along the middle of its lines, another
        one along its edges. No network has a part in it.

        Args:
            image: (height, width, 3) uint8 or floats 0..1; it lies in the middle of the canvas.
            detail: 0..1, from the strongest edges to fine ones.
            smoothness: as of the drawings.
            weight: width of the pen.
        """
        share = min(max(float(detail), 0.0), 1.0)
        lines = vectorised(as_image(image, self, "was given"), share)
        return [Stroke(smoothed(points, smoothness), width_of(weight)) for points in lines]

    def grown(self, drawing: Sequence[Stroke], seconds: float) -> list[Stroke]:
        """Return what a hand has drawn of a finished drawing after so many seconds."""
        return grown(as_strokes(drawing), seconds)

    def seconds(self, drawing: Sequence[Stroke]) -> float:
        """Return how long a hand takes for a drawing."""
        return drawing_seconds(as_strokes(drawing))

    def for_plotter(self, drawing: Sequence[Stroke]) -> list[Stroke]:
        """Return strokes sorted, turned and merged, so that the pen of a plotter travels less."""
        return for_plotter(as_strokes(drawing))

    def plotter_svg(
        self, drawing: Sequence[Stroke], size: tuple[int, int] = (200, 200), title: str = ""
    ) -> str:
        """Return an SVG file for a plotter: strokes as by `for_plotter`, a layer for each pen.

        Layers are those of Inkscape, which vpype reads as well.

        Args:
            size: of the sheet (width, height), in millimetres.
        """
        from .svg_writing import plotter_svg

        return plotter_svg(as_strokes(drawing), size, title)

    def timed_svg(
        self, drawing: Sequence[Stroke], size: tuple[int, int], title: str = "", *,
        pace: float = 1.0,
    ) -> str:  # fmt: skip
        """Return an SVG file that a browser draws stroke by stroke, at the pace of a hand.

        Where nothing is animated, as in an editor, it shows the whole drawing.

        Args:
            size: (width, height) in pixels.
            pace: times that of a hand.

        Raises:
            ValueError: the pace is not above 0.
        """
        from .svg_writing import timed_svg

        return timed_svg(as_strokes(drawing), size, title, pace=pace)

    def warm_up(self) -> None:
        """Load the model and run it once."""
        self.whole()

    def close(self) -> None:
        """Release the model."""
        self._model = self._encoder = None

    def _advance(self, now: Moment, weights: Array, heat: float, speed: float) -> Hand:
        """Return the hand, moved on to the moment."""
        bar = math.floor(now.beats / now.meter)
        if self._hand is None or now.seconds < self._seconds:
            self._begin(bar, now, weights)
        hand: Any = self._hand
        if weights.any():
            hand.pen.change_word(weights)
        hand.advance((now.seconds - max(self._seconds, self._begun)) * speed, heat)
        for caught_up in range(MOST_CAUGHT_UP):
            ended = hand.ended_before
            if ended is None:
                break
            beat = now.beats - (ended / speed - REST_SECONDS) * now.bpm / 60
            following = max(self._bar + 1, math.ceil(beat / now.meter))
            if following > bar:
                break
            last = caught_up == MOST_CAUGHT_UP - 1
            self._begin(bar if last else following, now, weights)
            hand = self._hand
            hand.advance((now.seconds - self._begun) * speed, heat)
        self._seconds = now.seconds
        return hand

    def _begin(self, bar: int, now: Moment, weights: Array) -> None:
        """Begin the drawing of a bar."""
        self._bar = bar
        self._begun = now.seconds - (now.beats - bar * now.meter) * 60 / now.bpm
        self._seconds = -math.inf
        self._hand = Hand(self._new_pen(bar, weights))

    def _new_pen(self, number: int, weights: Array) -> Pen:
        model = self.model
        key = [self._seed % 2**32, number % 2**32]
        if model.words and not weights.any():
            chosen = int(np.random.default_rng([*key, 1]).integers(len(model.words)))
            weights = model.word_weights([(model.words[chosen], 1.0)])
        named = np.flatnonzero(weights[0])
        self._word = model.words[int(named[0])] if len(named) == 1 and model.words else ""
        return Pen(model, key, weights)


def width_of(weight: float) -> float:
    """Return the width of the pen."""
    return THINNEST * (THICKEST / THINNEST) ** weight


def as_strokes(drawing: Any) -> list[Stroke]:
    """Return a drawing, checked.

    Raises:
        TypeError, ValueError: it is no list of `Stroke` with finite points.
    """
    if not isinstance(drawing, list | tuple) or isinstance(drawing, Stroke):
        raise TypeError(f"a drawing must be a list of Stroke, got {type(drawing).__name__}")
    for stroke in drawing:
        if not isinstance(stroke, Stroke):
            raise TypeError(
                f"a drawing must be a list of Stroke, got one with {type(stroke).__name__}"
            )
        points = np.asarray(stroke.points, np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or not len(points):
            raise ValueError(f"a stroke must have points (n, 2), got shape {points.shape}")
        if not np.isfinite(points).all():
            raise ValueError("a stroke must have finite points, got NaN or infinity")
    return list(drawing)


def readable(drawing: list[Stroke]) -> list[Array]:
    """Return strokes as few points as the network was trained on, about the centre."""
    tolerance = TOLERANCE
    strokes = [np.clip(np.asarray(s.points, np.float64), 0, 1) - 0.5 for s in drawing]
    while True:
        made = [simplified(points, tolerance) for points in strokes]
        if sum(map(len, made)) <= MOST_FED or tolerance > 1:
            return made[-MOST_FED // 2 :]
        tolerance *= 1.6
