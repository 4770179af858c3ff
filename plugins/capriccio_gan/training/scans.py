"""Prepare scanned pictures for training: borders and writing are removed, the subject stays."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

# In levels of 0..255.
MIN_PAPER = 120  # paper is lighter than this, a scanner's lid darker
MIN_OUTLINE = 26  # the outlines of white flesh differ from the paper by more than this
MIN_INK = 38  # a subject differs from the paper by more than this, pencil and stains by less
MIN_PLAIN = 0.6  # share of each side of a sheet that is bare paper; skies of paintings have less


@dataclass(frozen=True)
class Scan:
    """A picture prepared for training.

    Args:
        image: `(size, size, 3)` uint8.
        subject: `(size, size)` bool, where something is painted; None where the picture has no
            plain light background.
        extent: the subject's longer side as a share of the sheet's width.
    """

    image: np.ndarray
    subject: np.ndarray | None
    extent: float


def prepare_scan(picture: "Image.Image", size: int, min_plain: float = MIN_PLAIN) -> Scan:
    """Return a picture as a square of `size` pixels.

    Scans of sheets lose their dark borders, the mount around the sheet and thin writing; the
    square holds the whole subject, small or large as it was on the sheet. A picture whose sides are
    not plain and light, such as a painting with a pale sky, is cropped to its middle square.

    Args:
        picture: of any size and mode.
        size: of the square, in pixels.
        min_plain: share of each side that is bare paper, at least, where the picture is a sheet.
    """
    from PIL import Image

    pixels = np.asarray(picture.convert("RGB"), np.float32)  # (height, width, 3)
    box = _find_sheet(pixels)
    cleaned = _remove_writing(pixels, box, min_plain) if box else None
    if cleaned is None:
        top, bottom, left, right = box or (0, pixels.shape[0], 0, pixels.shape[1])
        side = min(bottom - top, right - left)
        y, x = (top + bottom - side) // 2, (left + right - side) // 2
        middle = picture.convert("RGB").resize(
            (size, size), Image.Resampling.LANCZOS, (x, y, x + side, y + side)
        )
        return Scan(np.asarray(middle), None, 1.0)
    sheet, ground, subject = cleaned
    (y0, y1), (x0, x1) = _extent_of(subject.sum(axis=1)), _extent_of(subject.sum(axis=0))
    longest, width = max(y1 - y0, x1 - x0), sheet.shape[1]
    # A small margin; small subjects are enlarged, but stay smaller than large ones.
    side = round(max(1.14 * longest + 4, 0.62 * width))
    corner = round((y0 + y1 - side) / 2), round((x0 + x1 - side) / 2)
    square, inside = _crop(sheet, subject, ground, corner, side)
    scaled = Image.fromarray(square).resize((size, size), Image.Resampling.LANCZOS)
    mask = Image.fromarray(inside).resize((size, size), Image.Resampling.BILINEAR)
    return Scan(np.asarray(scaled), np.asarray(mask) > 127, longest / width)


def _find_sheet(image: np.ndarray) -> tuple[int, int, int, int] | None:
    """Return the sheet's `(top, bottom, left, right)`: lighter than a mount or a scanner's lid."""
    height, width = image.shape[:2]
    if min(height, width) < 48:
        return None
    light = image.min(axis=2)  # (height, width)
    # A row belongs to the sheet where a third of it is nearly as light as the lightest rows.
    rows, columns = np.percentile(light, 70, axis=1), np.percentile(light, 70, axis=0)
    floor = max(MIN_PAPER, np.percentile(rows, 80) - 28)
    rows, columns = np.flatnonzero(rows > floor), np.flatnonzero(columns > floor)
    if len(rows) < height / 3 or len(columns) < width / 3:
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    around = image[:top], image[bottom:], image[:, :left], image[:, right:]
    if not all(_is_plain(side) for side in around if min(side.shape[:2]) > width // 20):
        return None  # the foreground of a painting
    inset = max(2, width // 30)  # the sheet's shadowed edge
    box = top + inset, bottom - inset, left + inset, right - inset
    return box if box[1] - box[0] >= 32 and box[3] - box[2] >= 32 else None


def _is_plain(image: np.ndarray) -> bool:
    """Return whether most of an image, (rows, columns, 3), has about the same colour."""
    ground = np.median(image.reshape(-1, 3), axis=0)  # (3,)
    share: float = (channel_max(np.abs(image - ground)) < MIN_OUTLINE).mean()
    return share >= MIN_PLAIN


def _remove_writing(image: np.ndarray, box: tuple[int, int, int, int], min_plain: float):
    """Return the sheet without writing, its background colour, and where something is painted."""
    from PIL import Image, ImageFilter

    top, bottom, left, right = box
    sheet = image[top:bottom, left:right]  # (rows, columns, 3)
    ground = np.median(sheet.reshape(-1, 3), axis=0)  # (3,)
    distance = channel_max(np.abs(sheet - ground))  # (rows, columns)
    if (distance < MIN_INK).mean() < 0.3 or ground.min() < MIN_PAPER:
        return None
    bare, deep = distance < MIN_OUTLINE, max(2, sheet.shape[1] // 25)
    sides = bare[:deep], bare[-deep:], bare[:, :deep], bare[:, -deep:]
    if min(side.mean() for side in sides) < min_plain:
        return None
    width = sheet.shape[1]
    # A morphological closing removes thin dark strokes: the maximum, then the minimum around.
    pen = max(1, width // 40)  # half the width of a stroke
    closed = Image.fromarray(sheet.astype(np.uint8))
    for step in (ImageFilter.MaxFilter(3), ImageFilter.MinFilter(3)):
        for _ in range(pen):
            closed = closed.filter(step)
    thick = channel_max(np.abs(np.asarray(closed, np.float32) - ground)) > MIN_INK
    bodies, marks = _split_ink(distance > MIN_OUTLINE, thick)
    if not bodies.any():
        return None
    paper = np.asarray(closed.filter(ImageFilter.BoxBlur(width / 20)), np.float32)
    plain = channel_max(np.abs(paper - ground))[..., None] < MIN_INK
    paper = np.where(plain, paper, ground)  # (rows, columns, 3)
    mask = Image.fromarray(dilate(marks, 2).astype(np.uint8) * 255).filter(ImageFilter.BoxBlur(1))
    over = np.where(bodies, 0, np.asarray(mask, np.float32) / 255)[..., None]
    return sheet * (1 - over) + paper * over, ground, bodies


def channel_max(x: np.ndarray) -> np.ndarray:
    """Return the largest of three channels, `(rows, columns)`, ten times as fast as `max`."""
    return np.maximum(np.maximum(x[..., 0], x[..., 1]), x[..., 2])


def _split_ink(ink: np.ndarray, thick: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split a mask of ink into painted bodies, outlines filled, and writing, frames and dirt.

    `thick` is True where there is more than a pen's stroke.
    """
    height, width = ink.shape
    found = label_regions(dilate(ink, 1))  # pale outlines have gaps
    outlines = np.zeros_like(ink)
    candidates = []
    for index in range(1, found.max() + 1):
        region = found == index
        ys, xs = np.nonzero(region)
        high, wide = np.ptp(ys) + 1, np.ptp(xs) + 1
        solid = (region & thick).sum() / region.sum()
        # Frames around the sheet, the shadow of its edge, a pencil line.
        line = min(high, wide) < 0.08 * width and max(high, wide) > 4 * min(high, wide)
        frame = max(high / height, wide / width) > 0.8 and solid < 0.3
        filled = _fill_holes(region[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]).sum()
        # Writing is blocks of thin strokes; pale halves of fruit are as high as they are wide.
        writing = solid < 0.12 and (
            min(high, wide) < 0.2 * width or filled < 0.025 * ink.size or wide > 2.5 * high
        )
        if not (line or frame or writing):
            edge = ys.min() < 2 or xs.min() < 2 or ys.max() > height - 3 or xs.max() > width - 3
            candidates.append((int(filled), edge, index))
    largest = max((area for area, _, _ in candidates), default=0)
    for area, edge, index in candidates:
        # Torn corners are dark and thick, but lie at the edge and are small.
        if area >= max(24, (0.3 if edge else 0.03) * largest):
            outlines |= found == index
    bodies = _fill_holes(outlines)
    return dilate(~dilate(~bodies, 2), 1), ink & ~outlines


def _fill_holes(mask: np.ndarray) -> np.ndarray:
    """Return a mask without holes."""
    outside = label_regions(~np.pad(mask, 1))
    return (outside != outside[0, 0])[1:-1, 1:-1]


def dilate(mask: np.ndarray, by: int) -> np.ndarray:
    """Return a mask grown by `by` pixels in every direction."""
    wide = mask.copy()
    for step in range(1, by + 1):
        wide[step:] |= mask[:-step]
        wide[:-step] |= mask[step:]
    mask = wide.copy()
    for step in range(1, by + 1):
        wide[:, step:] |= mask[:, :-step]
        wide[:, :-step] |= mask[:, step:]
    return wide


def label_regions(mask: np.ndarray) -> np.ndarray:
    """Return the connected regions of a mask, numbered from 1 in reading order; 0 is outside."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, begins = np.nonzero(edges == 1)  # runs of pixels, row by row
    ends = np.nonzero(edges == -1)[1]
    parent = list(range(len(rows)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = run = parent[parent[run]]
        return run

    above = 0
    for run, (row, begin, end) in enumerate(zip(rows, begins, ends, strict=True)):
        while rows[above] < row - 1 or (rows[above] == row - 1 and ends[above] <= begin):
            above += 1
        other = above
        while other < run and rows[other] == row - 1 and begins[other] < end:
            one, two = sorted((root(other), root(run)))
            parent[two] = one
            other += 1
    _, names = np.unique([root(run) for run in range(len(rows))], return_inverse=True)
    labels = np.zeros((mask.shape[0], mask.shape[1] + 1), np.int64)
    np.add.at(labels, (rows, begins), names + 1)
    np.add.at(labels, (rows, ends), -names - 1)
    return np.cumsum(labels, axis=1)[:, :-1]


def _extent_of(profile: np.ndarray) -> tuple[int, int]:
    """Return where the inner 99 % of a profile begin and end."""
    share = np.cumsum(profile) / profile.sum()
    return int(np.searchsorted(share, 0.005)), int(np.searchsorted(share, 0.995)) + 1


def _crop(sheet, subject, ground, corner: tuple[int, int], side: int):
    """Return a square crop and its subject; beyond the sheet the paper continues seamlessly."""
    (y, x), (height, width) = corner, sheet.shape[:2]
    ys = np.arange(max(y, 0), min(y + side, height))
    xs = np.arange(max(x, 0), min(x + side, width))
    fade = 10  # pixels
    wy = np.minimum(ys, height - 1 - ys) if y < 0 or y + side > height else np.full(len(ys), fade)
    wx = np.minimum(xs, width - 1 - xs) if x < 0 or x + side > width else np.full(len(xs), fade)
    weight = np.clip(np.minimum.outer(wy, wx) / fade, 0, 1)  # (rows, columns)
    inner = np.ix_(ys, xs)
    # A leaf that runs over the edge must not fade.
    weight = np.maximum(weight, subject[inner])[..., None]
    square = np.broadcast_to(ground, (side, side, 3)).copy()  # (side, side, 3)
    inside = np.zeros((side, side), np.uint8)
    place = np.ix_(ys - y, xs - x)
    square[place] = ground + (sheet[inner] - ground) * weight
    inside[place] = subject[inner] * np.uint8(255)
    return square.clip(0, 255).astype(np.uint8), inside
