"""What parts make and read: image, phrase, drawing; their checks and conversions."""

import math
from typing import Any, NamedTuple

import numpy as np

BYTES = np.dtype(np.uint8)


class Note(NamedTuple):
    """One note of a phrase.

    `pitch` is a MIDI number 0..127, `start` and `length` are beats from the phrase's start,
    `velocity` is 0..1, `channel` is 1..16 as printed on instruments.
    """

    pitch: int
    start: float = 0.0
    length: float = 1.0
    velocity: float = 0.8
    channel: int = 1


class Stroke(NamedTuple):
    """One stroke of a drawing.

    `points` is an `(n, 2)` array of x and y in 0..1 of the canvas (top left first), `width` a
    fraction of the canvas's shorter side, `color` red, green and blue in 0..1, `opacity` 0..1.
    """

    points: np.ndarray
    width: float = 0.01
    color: tuple[float, float, float] = (0.0, 0.0, 0.0)
    opacity: float = 1.0


def as_image(thing, maker: object = "this") -> np.ndarray:
    """Give `thing` as an image, `(height, width, 3)` uint8; floats 0..1 are converted.

    Raises TypeError or ValueError, naming `maker`, where it cannot be one.
    """
    if thing.__class__ is np.ndarray and thing.dtype is BYTES:  # as nearly always
        shape = thing.shape
        if len(shape) == 3 and shape[2] == 3 and shape[0] and shape[1]:
            return thing
    if not isinstance(thing, np.ndarray):
        raise TypeError(
            f"{maker} made {_kind(thing)}; an image is a numpy array (height, width, 3)"
        )
    if thing.ndim != 3 or thing.shape[2] != 3 or 0 in thing.shape:
        raise ValueError(
            f"{maker} made an array of shape {thing.shape}; an image is (height, width, 3)"
        )
    if thing.dtype == np.uint8:
        return thing
    if thing.dtype.kind != "f":
        raise ValueError(
            f"{maker} made an array of {thing.dtype}; an image is uint8, or floats 0..1"
        )
    # One reduction finds NaN and infinity at once: both survive a sum of absolute values.
    if not math.isfinite(float(np.abs(thing).sum(dtype=np.float64))):
        raise ValueError(f"{maker} made an image with NaN or infinity in it; floats are 0..1")
    return (np.clip(thing, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)


def as_phrase(thing, maker: object = "this") -> list[Note]:
    """Give `thing` as a phrase, a list of `Note` in Python's own numbers.

    Raises TypeError or ValueError, naming `maker`, where a note cannot be played.
    """
    if not isinstance(thing, list | tuple) or isinstance(thing, Note):
        raise TypeError(f"{maker} made {_kind(thing)}; a phrase is a list of Note")
    for note in thing:
        if not isinstance(note, Note):
            raise TypeError(f"{maker} put {_kind(note)} into a phrase; a phrase is a list of Note")
        _check_note(note, maker)
    # A float32 of a network would draw the beats of a long show into its own few digits.
    return [
        Note(int(pitch), float(start), float(length), float(velocity), int(channel))
        for pitch, start, length, velocity, channel in thing
    ]


def _check_note(note: Note, maker: object) -> None:
    pitch, start, length, velocity, channel = note
    if not _whole(pitch, 0, 127):
        raise ValueError(
            f"{maker} made a note of pitch {pitch!r}; a pitch is a whole number 0..127"
        )
    if not _whole(channel, 1, 16):
        raise ValueError(f"{maker} made a note on channel {channel!r}; channels are 1..16")
    if not (_number(start) and start >= 0):
        raise ValueError(f"{maker} made a note starting at {start!r} beats; give 0 or more")
    if not (_number(length) and length > 0):
        raise ValueError(f"{maker} made a note of length {length!r} beats; give more than 0")
    if not (_number(velocity) and 0 <= velocity <= 1):
        raise ValueError(f"{maker} made a note of velocity {velocity!r}; a velocity is 0..1")


def as_drawing(thing, maker: object = "this") -> list[Stroke]:
    """Give `thing` as a drawing, a list of `Stroke`; raise where a stroke cannot be drawn."""
    if not isinstance(thing, list | tuple) or isinstance(thing, Stroke):
        raise TypeError(f"{maker} made {_kind(thing)}; a drawing is a list of Stroke")
    for stroke in thing:
        if not isinstance(stroke, Stroke):
            raise TypeError(f"{maker} put {_kind(stroke)} into a drawing; it is a list of Stroke")
        points = np.asarray(stroke.points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or not len(points):
            raise ValueError(f"{maker} made a stroke of points {points.shape}; points are (n, 2)")
        if len(stroke.color) != 3:
            raise ValueError(f"{maker} made a stroke of colour {stroke.color!r}; give (r, g, b)")
        numbers = [*stroke.color, stroke.width, stroke.opacity]
        if not (all(map(_number, numbers)) and np.isfinite(points).all()):
            raise ValueError(f"{maker} made a stroke with NaN or infinity in it; numbers are 0..1")
    return list(thing)


def as_mixture(thing, maker: object, knob: str, kind: type = object) -> list[tuple[Any, float]]:
    """Give what a knob mixes with the shares, 0..1: `thing` alone, or of `(one, other, how far)`.

    Raises TypeError, naming `maker` and its `knob`, where it is neither, or not of that `kind`.
    """
    parts = [(thing, 1.0)]
    if isinstance(thing, tuple | list):
        try:
            one, other, far = thing
            far = min(max(float(far), 0.0), 1.0)
            parts = [(one, 1 - far), (other, far)] if far == far else []
        except (TypeError, ValueError):
            parts = []
    if not parts or not all(isinstance(part, kind) for part, _ in parts):
        what = "text" if kind is str else "one thing"
        raise TypeError(
            f"knob {knob!r} of {maker} is {_kind(thing)}; give {what}, or two and how far from "
            "one to the other: (one, other, 0..1)"
        )
    return parts


def as_medium(thing, maker: object = "this"):
    """Give `thing` checked as whichever medium it is: an image, a phrase or a drawing."""
    if isinstance(thing, np.ndarray):
        return as_image(thing, maker)
    if isinstance(thing, list) and thing and isinstance(thing[0], Stroke):
        return as_drawing(thing, maker)
    if isinstance(thing, list):
        return as_phrase(thing, maker)
    raise TypeError(f"{maker} made {_kind(thing)}; make an image, a list of Note or of Stroke")


def rasterise(drawing: list[Stroke], size: tuple[int, int], background=(1.0, 1.0, 1.0)):
    """Draw a drawing as an image of `size` (width, height), stroke over stroke, smooth-edged."""
    from PIL import Image, ImageDraw

    width, height = size
    fine = 2  # drawn twice as large and averaged down, since Pillow's lines have hard edges
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


def fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale an image into `size` (width, height), keeping its aspect, black around it."""
    width, height = size
    if image.shape[:2] == (height, width):
        return image
    from PIL import Image

    scale = min(width / image.shape[1], height / image.shape[0])
    inner = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    scaled = Image.fromarray(image).resize(inner, Image.Resampling.BICUBIC)
    canvas = Image.new("RGB", size)
    canvas.paste(scaled, ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return np.asarray(canvas)


def _bytes(levels) -> tuple[int, ...]:
    return tuple(int(min(max(float(level), 0.0), 1.0) * 255 + 0.5) for level in levels)


def _whole(value, low: int, high: int) -> bool:
    return isinstance(value, int | np.integer) and bool(low <= value <= high)


def _number(value) -> bool:
    return isinstance(value, int | float | np.floating | np.integer) and math.isfinite(value)


def _kind(thing) -> str:
    name = type(thing).__name__
    return "nothing" if thing is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
