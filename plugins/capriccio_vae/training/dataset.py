"""Reads a folder of pictures for training: scans of sheets are cut to their subject."""

import hashlib
import sys
from csv import DictReader
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

SIZE = 128  # the pictures are thumbnails 192 high whose subject fills about 120 rows
FEWEST = 50  # with fewer pictures there is nothing to learn from


def frame(picture: "Image.Image") -> "Image.Image":
    """Give the square to learn from, SIZE by SIZE: the subject on its paper, centred.

    Scans of sheets lose their dark borders and the writing around the subject. A picture without
    a plain light ground is simply cut to its middle square.
    """
    from PIL import Image, ImageFilter

    image = np.asarray(picture.convert("RGB"), np.float32)  # (height, width, 3)
    height, width = image.shape[:2]
    light = image.min(axis=2)  # (height, width)
    rows = np.flatnonzero(np.median(light, axis=1) > 120)  # a scanner's lid is darker than 120
    columns = np.flatnonzero(np.median(light, axis=0) > 120)
    if len(rows) > height / 2 and len(columns) > width / 2 and min(height, width) >= 64:
        inset = max(2, width // 30)  # the sheet's shadowed edge
        top, bottom = rows[0] + inset, rows[-1] + 1 - inset
        left, right = columns[0] + inset, columns[-1] + 1 - inset
        page = image[top:bottom, left:right]  # (rows, columns, 3)
        ground = np.median(page.reshape(-1, 3), axis=0)  # (3,)
        distance = np.abs(page - ground).max(axis=2)  # (rows, columns)
        # Handwriting is thin: blurred over a 20th of the width it falls below the threshold.
        soft = Image.fromarray(distance.astype(np.uint8)).filter(ImageFilter.BoxBlur(width / 40))
        mass = np.asarray(soft, np.float32)  # (rows, columns)
        mass = np.where(mass > 45, mass, 0)
        if (distance < 40).mean() > 0.35 and mass.any():
            (y0, y1), (x0, x1) = _extent(mass.sum(axis=1)), _extent(mass.sum(axis=0))
            side = int(max(y1 - y0, x1 - x0) * 1.16) + 4  # a little air around the subject
            y, x = round((y0 + y1 - side) / 2) + top, round((x0 + x1 - side) / 2) + left
            square = _cut(image, ground, (y, x, side), (top, bottom, left, right))
            return Image.fromarray(square).resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    return Image.fromarray(middle_square(image.astype(np.uint8)))


def middle_square(image: np.ndarray) -> np.ndarray:
    """Cut an image, `(height, width, 3)` uint8, to its middle square of SIZE by SIZE."""
    height, width = image.shape[:2]
    if height == width == SIZE:
        return image
    from PIL import Image

    side = min(height, width)
    y, x = (height - side) // 2, (width - side) // 2
    box = (x, y, x + side, y + side)
    return np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.LANCZOS, box))


def _extent(profile: np.ndarray) -> tuple[int, int]:
    share = np.cumsum(profile) / profile.sum()
    return int(np.searchsorted(share, 0.01)), int(np.searchsorted(share, 0.99)) + 1


def _cut(image, ground, square, page) -> np.ndarray:
    """Cut a square that may reach beyond the page; there the paper's colour goes on, seamless."""
    (y, x, side), (top, bottom, left, right) = square, page
    fade = 10  # pixels
    ys, xs = (
        np.arange(max(y, top), min(y + side, bottom)),
        np.arange(max(x, left), min(x + side, right)),
    )
    over_y, over_x = y < top or y + side > bottom, x < left or x + side > right
    wy = np.minimum(ys - top, bottom - 1 - ys) if over_y else np.full(len(ys), fade)
    wx = np.minimum(xs - left, right - 1 - xs) if over_x else np.full(len(xs), fade)
    weight = np.clip(np.minimum.outer(wy, wx) / fade, 0, 1)[..., None]  # (rows, columns, 1)
    out = np.broadcast_to(ground, (side, side, 3)).copy()  # (side, side, 3)
    piece = image[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]  # (rows, columns, 3)
    out[ys[0] - y : ys[-1] + 1 - y, xs[0] - x : xs[-1] + 1 - x] = ground + (piece - ground) * weight
    return out.clip(0, 255).astype(np.uint8)


def encoder_beside(model: Path) -> Path:
    """Name the file of a decoder's encoder: `mine-encoder.onnx` beside `mine.onnx`."""
    return model.with_name(f"{model.stem}-encoder.onnx")


class Pictures(NamedTuple):
    """A folder of pictures, `(pictures, SIZE, SIZE, 3)` uint8, and which kind each is of."""

    train: np.ndarray
    kinds: np.ndarray
    val: np.ndarray
    val_kinds: np.ndarray
    names: list[str]


def read_picture(path: Path) -> np.ndarray | None:
    """Read a picture as it is learned, `(SIZE, SIZE, 3)` uint8; one that is broken is named."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return np.asarray(frame(picture))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        print(f"skipped {path}: {error}", file=sys.stderr, flush=True)
        return None


def read_pictures(data: Path, most: int | None = None) -> Pictures:
    """Read a folder: training and validation pictures, their kinds, and the kinds' names.

    Kinds are the names of the sub-folders. A `labels.csv` with `path` and `split` is followed, and
    what it keeps for a test is not read; otherwise a tenth of the files, chosen by the hash of
    their content, is kept for validation. Broken files are skipped and named. Raises ValueError
    where fewer than 50 pictures are left, or none to learn or to check.
    """
    split = {}
    if (data / "labels.csv").is_file():
        with open(data / "labels.csv", newline="", encoding="utf-8") as file:
            split = {row["path"]: row["split"] for row in DictReader(file) if "split" in row}
    endings = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
    files = sorted(path for path in data.rglob("*") if path.suffix.lower() in endings)
    files = [path for path in files if split.get(path.relative_to(data).as_posix()) != "test"]
    if most and len(files) > most:
        files = [files[i * len(files) // most] for i in range(most)]
    parts: dict[str, list] = {"train": [], "val": []}
    for path in files:
        pixels = read_picture(path)
        if pixels is None:
            continue
        part = split.get(path.relative_to(data).as_posix())
        if part is None:  # a tenth of 256
            part = "val" if hashlib.sha256(path.read_bytes()).digest()[0] < 26 else "train"
        kind = path.parent.name if path.parent != data else ""
        parts["val" if part == "val" else "train"].append((pixels, kind))
    train, val = parts["train"], parts["val"]
    if len(train) + len(val) < FEWEST:
        raise ValueError(
            f"{str(data)!r} holds {len(train) + len(val)} readable pictures; give at least {FEWEST}"
        )
    if len(val) < 2:  # too few files for the hash to choose from
        few = set(range(0, len(train), -(-len(train) // 5)))  # of all styles, so from all over
        val += [train[i] for i in few]
        train = [one for i, one in enumerate(train) if i not in few]
    names = sorted({kind for _, kind in train})
    val = [(pixels, kind) for pixels, kind in val if kind in names]
    if not train or not val:
        raise ValueError(
            f"{str(data)!r} leaves {len(train)} pictures to learn and {len(val)} of their kinds to "
            "check; put more pictures into each sub-folder, or see to its labels.csv"
        )
    one, two = (np.stack([pixels for pixels, _ in side]) for side in (train, val))
    kinds, others = (np.array([names.index(kind) for _, kind in side]) for side in (train, val))
    return Pictures(one, kinds, two, others, names)
