"""The media that parts make and read: image, phrase, drawing, text; checks and conversions."""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

import numpy as np

BYTES = np.dtype(np.uint8)
Array = np.ndarray[Any, Any]
T = TypeVar("T")


class Note(NamedTuple):
    """One note of a phrase.

    Attributes:
        pitch: MIDI number, 0..127.
        start: in beats, from the start of the phrase.
        length: in beats.
        velocity: 0..1.
        channel: 1..16, as printed on instruments.
    """

    pitch: int
    start: float = 0.0
    length: float = 1.0
    velocity: float = 0.8
    channel: int = 1


class Stroke(NamedTuple):
    """One stroke of a drawing.

    Attributes:
        points: `(n, 2)`, x and y in 0..1 of the canvas, from its top left corner.
        width: as a fraction of the canvas's shorter side.
        color: red, green and blue in 0..1.
        opacity: 0..1.
    """

    points: Array
    width: float = 0.01
    color: tuple[float, float, float] = (0.0, 0.0, 0.0)
    opacity: float = 1.0


# What a generator makes and an analyzer reads. Text is a `str`, since that holds all it is.
Medium = Array | list[Note] | list[Stroke] | str

# The checks below raise TypeError or ValueError, whose messages start with `maker` and `verb`:
# "generator 'plasma' returned ...".


def as_image(thing: Any, maker: object = "this", verb: str = "returned") -> Array:
    """Return `thing` as an image, `(height, width, 3)` uint8; floats 0..1 are converted.

    Errors, TypeError or ValueError, begin with `maker` and `verb`: "this returned …".
    """
    if thing.__class__ is np.ndarray and thing.dtype is BYTES:  # nearly always
        shape = thing.shape
        if len(shape) == 3 and shape[2] == 3 and shape[0] and shape[1]:
            return thing
    if is_canvas(thing):
        thing = thing.pixels
    if not isinstance(thing, np.ndarray):
        raise TypeError(
            f"{maker} {verb} {_kind(thing)}, expected an image: a numpy array (height, width, 3)"
        )
    if thing.ndim != 3 or thing.shape[2] != 3 or 0 in thing.shape:
        raise ValueError(
            f"{maker} {verb} an array of shape {thing.shape}, expected (height, width, 3)"
        )
    if thing.dtype == np.uint8:
        return thing
    if thing.dtype.kind != "f":
        raise ValueError(f"{maker} {verb} an array of {thing.dtype}, expected uint8 or floats 0..1")
    # One reduction finds NaN and infinity at once: both survive a sum of absolute values.
    if not math.isfinite(float(np.abs(thing).sum(dtype=np.float64))):
        raise ValueError(f"{maker} {verb} an image with NaN or infinity, expected floats 0..1")
    return (np.clip(thing, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)


def is_canvas(thing: Any) -> bool:
    """Return whether a thing is a canvas, which stands above this module."""
    kind = type(thing)  # of a canvas itself, the pixels would be drawn
    return hasattr(kind, "pixels") and hasattr(kind, "snapshot")


def as_phrase(thing: Any, maker: object = "this", verb: str = "returned") -> list[Note]:
    """Return `thing` as a phrase, a list of `Note` with Python's own numbers."""
    notes = _as_list(thing, Note, "phrase", _note_problem, maker, verb)
    # A float32 of a network would round the beats of a long show to its own few digits.
    return [
        Note(int(pitch), float(start), float(length), float(velocity), int(channel))
        for pitch, start, length, velocity, channel in notes
    ]


def as_drawing(thing: Any, maker: object = "this", verb: str = "returned") -> list[Stroke]:
    """Return `thing` as a drawing, a list of `Stroke`."""
    return _as_list(thing, Stroke, "drawing", _stroke_problem, maker, verb)


def _as_list(
    thing: Any, kind: type[T], medium: str, problem_of: Callable[[T], str], maker: object, verb: str
) -> list[T]:
    if not isinstance(thing, list | tuple) or isinstance(thing, kind):
        raise TypeError(
            f"{maker} {verb} {_kind(thing)}, expected a {medium}: a list of {kind.__name__}"
        )
    for item in thing:
        if not isinstance(item, kind):
            raise TypeError(
                f"{maker} {verb} a list with {_kind(item)}, expected a list of {kind.__name__}"
            )
        if problem := problem_of(item):
            raise ValueError(f"{maker} {verb} a {kind.__name__.lower()} {problem}")
    return list(thing)


def _note_problem(note: Note) -> str:
    pitch, start, length, velocity, channel = note
    if not _is_whole(pitch, 0, 127):
        return f"of pitch {pitch!r}, expected a whole number 0..127"
    if not _is_whole(channel, 1, 16):
        return f"on channel {channel!r}, expected 1..16"
    if not (_is_number(start) and start >= 0):
        return f"starting at {start!r} beats, expected 0 or more"
    if not (_is_number(length) and length > 0):
        return f"of length {length!r} beats, expected more than 0"
    if not (_is_number(velocity) and 0 <= velocity <= 1):
        return f"of velocity {velocity!r}, expected 0..1"
    return ""


def _stroke_problem(stroke: Stroke) -> str:
    points = np.asarray(stroke.points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        return f"with points of shape {points.shape}, expected (n, 2)"
    if len(stroke.color) != 3:
        return f"of color {stroke.color!r}, expected (red, green, blue)"
    try:
        total = math.fsum((*stroke.color, stroke.width, stroke.opacity, points.sum()))
    except (TypeError, ValueError, OverflowError):  # of what is no number, or of both infinities
        total = math.nan
    return "" if math.isfinite(total) else "with a value that is not a finite number"


def as_medium(thing: Any, maker: object = "this", verb: str = "returned") -> Medium:
    """Return `thing`, checked, as what it is: an image, a phrase, a drawing or text."""
    if isinstance(thing, str):
        return thing
    if isinstance(thing, np.ndarray) or is_canvas(thing):
        return as_image(thing, maker, verb)
    if isinstance(thing, list) and thing and isinstance(thing[0], Stroke):
        return as_drawing(thing, maker, verb)
    if isinstance(thing, list):
        return as_phrase(thing, maker, verb)
    raise TypeError(
        f"{maker} {verb} {_kind(thing)}, expected an image, a list of Note, a list of Stroke "
        "or a str"
    )


def as_mixture(
    thing: Any, maker: object, knob: str, kind: type = object
) -> list[tuple[Any, float]]:
    """Return what a knob of the part `maker` mixes, things of a `kind`, each with its share 0..1.

    `thing` is one thing, or `(one, other, position)`, position 0..1; others are a TypeError.
    """
    parts = [(thing, 1.0)]
    if isinstance(thing, tuple | list):
        try:
            one, other, position = thing
            position = min(max(float(position), 0.0), 1.0)
            is_nan = position != position
            parts = [] if is_nan else [(one, 1 - position), (other, position)]
        except (TypeError, ValueError):
            parts = []
    if not parts or not all(isinstance(part, kind) for part, _ in parts):
        single = "text" if kind is str else "one thing"
        raise TypeError(
            f"knob {knob!r} of {maker} must be {single}, or two and a position between them: "
            f"(one, other, 0..1), got {_kind(thing)}"
        )
    return parts


def rasterise_with_pillow(
    drawing: list[Stroke],
    size: tuple[int, int],
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Array:
    """Return a drawing as an image of `size` (width, height), where there is no skia."""
    from PIL import Image, ImageDraw

    width, height = size
    fine = 2  # drawn twice as large and averaged down, since Pillow's lines are not anti-aliased
    canvas = Image.new("RGB", (width * fine, height * fine), _bytes(background))
    scale = np.array([width, height]) * fine
    for stroke in drawing:
        mask = Image.new("L", canvas.size, 0)
        pen = ImageDraw.Draw(mask)
        line = [tuple(map(float, point)) for point in np.asarray(stroke.points) * scale]
        thickness = max(1.0, stroke.width * min(width, height) * fine)
        ink = _bytes([stroke.opacity])[0]
        pen.line(line, fill=ink, width=round(thickness), joint="curve")
        for x, y in (line[0], line[-1]):
            pen.circle((x, y), thickness / 2, fill=ink)
        canvas.paste(_bytes(stroke.color), mask=mask)
    return np.asarray(canvas.resize(size, Image.Resampling.BOX))


def fit(image: Array, size: tuple[int, int]) -> Array:
    """Return an image scaled into `size` (width, height), with its aspect kept, black around."""
    width, height = size
    if image.shape[:2] == (height, width):
        return image
    from PIL import Image

    scale = min(width / image.shape[1], height / image.shape[0])
    inner = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    scaled = Image.fromarray(image).resize(inner, Image.Resampling.BICUBIC)
    if inner == size:
        return np.asarray(scaled)
    canvas = Image.new("RGB", size)
    canvas.paste(scaled, ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return np.asarray(canvas)


def center_crop(image: Array, size: tuple[int, int]) -> Array:
    """Return the middle of an image, scaled until it fills `size` (width, height)."""
    width, height = size
    if image.shape[:2] == (height, width):
        return image
    from PIL import Image, ImageOps

    picture = Image.fromarray(image)
    return np.asarray(ImageOps.fit(picture, size, Image.Resampling.LANCZOS))


def _bytes(levels: Iterable[float]) -> tuple[int, ...]:
    return tuple(int(min(max(float(level), 0.0), 1.0) * 255 + 0.5) for level in levels)


def _is_whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int | np.integer) and bool(low <= value <= high)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.floating | np.integer) and math.isfinite(value)


def _kind(thing: object) -> str:
    if thing is None:
        return "None"
    name = type(thing).__name__
    return f"{'an' if name[0] in 'aeiou' or name == 'ndarray' else 'a'} {name}"
