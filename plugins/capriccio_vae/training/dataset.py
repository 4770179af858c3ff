"""Read a folder of pictures for training; scans of sheets are cropped to their subject."""

import hashlib
import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from capriccio import center_crop, open_image
from capriccio.training import check_picture_count, disk_array, picture_files, read_labels
from rich.progress import track

if TYPE_CHECKING:
    from PIL import Image

SIZE = 128  # pixels: the watercolors are thumbnails 192 high whose subject fills about 120 rows


def crop_to_subject(picture: "Image.Image", size: int = SIZE) -> "Image.Image":
    """Return the square to learn from, size x size: the subject centred on its paper.

    Scans of sheets lose their dark borders and the writing around the subject. A picture without
    a plain light ground is cropped to its middle square.
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
            side = int(max(y1 - y0, x1 - x0) * 1.16) + 4  # a little margin around the subject
            y, x = round((y0 + y1 - side) / 2) + top, round((x0 + x1 - side) / 2) + left
            square = _crop_extended(image, ground, (y, x, side), (top, bottom, left, right))
            return Image.fromarray(square).resize((size, size), Image.Resampling.LANCZOS)
    return Image.fromarray(center_crop(image.astype(np.uint8), (size, size)))


def _extent(profile: np.ndarray) -> tuple[int, int]:
    """Return the first and the last index but for the outermost hundredths."""
    share = np.cumsum(profile) / profile.sum()
    return int(np.searchsorted(share, 0.01)), int(np.searchsorted(share, 0.99)) + 1


def _crop_extended(
    image: np.ndarray,
    ground: np.ndarray,
    square: tuple[int, int, int],
    page: tuple[int, int, int, int],
) -> np.ndarray:
    """Crop a square (y, x, side) that may reach beyond the page, where its colour goes on."""
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


class Pictures(NamedTuple):
    """Pictures, `(pictures, size, size, 3)` uint8, with the indices of their `styles`."""

    train: np.ndarray
    labels: np.ndarray
    val: np.ndarray
    val_labels: np.ndarray
    styles: list[str]


def read_picture(path: Path, size: int = SIZE, content: bytes | None = None) -> np.ndarray | None:
    """Return a picture as it is learned, `(size, size, 3)` uint8; report a broken one on stderr.

    The file is read unless its content is given.
    """
    try:
        with open_image(path if content is None else BytesIO(content)) as picture:
            return np.asarray(crop_to_subject(picture, size))
    except (OSError, ValueError) as error:
        print(f"skipped {path}: {error}", file=sys.stderr, flush=True)
        return None


def read_splits(data: Path) -> dict[str, str]:
    """Return the split of each picture by its path, as far as a `labels.csv` names one."""
    return {path: row["split"] for path, row in read_labels(data).items() if "split" in row}


def read_pictures(data: Path, limit: int | None = None, *, size: int = SIZE) -> Pictures:
    """Read pictures, split into training and validation; they are kept on a disk.

    Styles are the names of the sub-folders. The `split` of a `labels.csv` with `path` and `split`
    is followed, and its test pictures are not read; otherwise a tenth of the files, chosen by the
    hash of their content, is kept for validation. Broken files are skipped and reported.

    Args:
        data: a folder, a zip or a tar, or a folder with several of them.
        limit: read at most this many, spread over the data.
        size: of the pictures, in pixels.

    Raises:
        ValueError: fewer than 10 pictures are readable, or none is left to learn or to check.
    """
    split = read_splits(data)
    files = [one for one in picture_files(data) if split.get(one.name) != "test"]
    if limit and len(files) > limit:
        files = [files[i * len(files) // limit] for i in range(limit)]
    train, val = (_Side(len(files), size) for _ in range(2))
    for file in track(files, "reading pictures", disable=not files):
        name, content = file.name, file.read()
        pixels = read_picture(data / name, size, content)
        if pixels is None:
            continue
        part = split.get(name)
        if part is None:  # a tenth of 256
            part = "val" if hashlib.sha256(content).digest()[0] < 26 else "train"
        (val if part == "val" else train).add(pixels, Path(name).parent.name)
    check_picture_count(data, len(train.styles) + len(val.styles))
    if len(val.styles) < 2:  # too few files for the hash to choose from
        whole = range(len(train.styles))
        chosen = whole[:: max(5, -(-len(whole) // 5))]  # spread over all styles
        for i in chosen:
            val.add(train.pixels[i], train.styles[i])
        train.keep([i for i in whole if i not in chosen])
    styles = sorted(set(train.styles))
    val.keep([i for i, style in enumerate(val.styles) if style in styles])
    if not train.styles or not val.styles:
        raise ValueError(
            f"{str(data)!r} leaves {len(train.styles)} pictures to learn and {len(val.styles)} of "
            "their styles to check; put more pictures into each sub-folder, or correct its "
            "labels.csv"
        )
    arrays = [side.pixels[: len(side.styles)] for side in (train, val)]
    labels = [np.array([styles.index(style) for style in side.styles]) for side in (train, val)]
    return Pictures(arrays[0], labels[0], arrays[1], labels[1], styles)


class _Side:
    """Pictures of training or validation, and the style of each."""

    def __init__(self, most: int, size: int):
        self.pixels = disk_array((most + 5, size, size, 3), np.uint8)
        self.styles: list[str] = []

    def add(self, pixels: np.ndarray, style: str) -> None:
        """Add a picture."""
        self.pixels[len(self.styles)] = pixels
        self.styles.append(style)

    def keep(self, indices: list[int]) -> None:
        """Keep these pictures, in ascending order."""
        for place, index in enumerate(indices):
            if place != index:
                self.pixels[place] = self.pixels[index]
        self.styles = [self.styles[index] for index in indices]
