"""Read a folder of pictures for training, with kinds, artists and splits."""

import hashlib
from csv import DictReader
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from capriccio import image_files, open_image

Array = np.ndarray[Any, Any]
STORED = 160  # side of a picture as it is kept for training; crops of it are trained on
SPLITS = ("train", "val", "test")
MIN_PICTURES = 50


class Pictures(NamedTuple):
    """The pictures of a folder, one a row.

    `pixels` is (pictures, 160, 160, 3) uint8; `kind` and `artist` are indices into `kinds` and
    `artists`. `split` holds "train", "val" or "test"; `artist_split` the same for the split whose
    test artists do not occur in training, or "" where the folder has none.
    """

    pixels: Array
    kind: Array
    artist: Array
    split: Array
    artist_split: Array
    kinds: list[str]
    artists: list[str]
    paths: list[str]


def read_pictures(data: Path, limit: int | None = None, half: int | None = None) -> Pictures:
    """Read a folder whose sub-folders name the kinds; report and skip unreadable files.

    A `labels.csv` with `path` and `split`, and perhaps `movement`, `artist`, `near_dup_group` and
    `split_artist_disjoint`, takes precedence. Without one, a tenth each goes to validation and
    test, chosen by a hash of the picture's appearance, so that most copies stay together.

    Args:
        limit: the number of files to read at most, evenly spread.
        half: 0 or 1, to read one of two halves that share no picture and no `near_dup_group`;
            without such a column most copies stay together.

    Raises:
        ValueError: fewer than 50 pictures or 2 kinds were read, or there is no such half.
    """
    from PIL import Image

    if half not in (None, 0, 1):
        raise ValueError(f"half must be 0 or 1, got {half!r}")
    labels: dict[str, dict[str, str]] = {}
    if (data / "labels.csv").is_file():
        with open(data / "labels.csv", newline="", encoding="utf-8") as file:
            labels = {row["path"]: row for row in DictReader(file) if "split" in row}
    files = image_files(data)
    if limit and len(files) > limit:
        files = [files[i * len(files) // limit] for i in range(limit)]
    pixels, rows = [], []
    for path in files:
        try:
            with open_image(path) as picture:
                small = picture.convert("RGB").resize((STORED, STORED), Image.Resampling.BILINEAR)
        except (OSError, ValueError) as error:
            print(f"skipped {path}: {error}", flush=True)
            continue
        name = path.relative_to(data).as_posix()
        row = labels.get(name, {})
        group = row.get("near_dup_group") or (name if "near_dup_group" in row else "")
        key = group.encode() or difference_hash(np.asarray(small))
        if half is not None and half_of(key) != half:
            continue
        pixels.append(np.asarray(small))
        rows.append((
            row.get("movement") or path.parent.name,
            row.get("artist", ""),
            row.get("split") or split_of(pixels[-1]),
            row.get("split_artist_disjoint", ""),
            name,
        ))  # fmt: skip
    if len(rows) < MIN_PICTURES:
        raise ValueError(
            f"{str(data)!r} must hold at least {MIN_PICTURES} readable pictures, got {len(rows)}"
        )
    kind, artist, split, artist_split, names = zip(*rows, strict=True)
    kinds, artists = sorted(set(kind)), sorted(set(artist))
    if len(kinds) < 2:
        raise ValueError(
            f"{str(data)!r} must hold pictures of at least 2 kinds, each in a sub-folder, "
            f"got only {kinds[0]!r}"
        )
    return Pictures(
        np.stack(pixels),
        np.array([kinds.index(name) for name in kind]),
        np.array([artists.index(name) for name in artist]),
        np.array(split),
        np.array(artist_split),
        kinds,
        artists,
        list(names),
    )


def split_of(pixels: Array) -> str:
    """Return the split of a picture, (160, 160, 3) uint8, by its appearance."""
    number = hashlib.sha256(difference_hash(pixels)).digest()[0]
    return "val" if number < 26 else "test" if number < 52 else "train"  # a tenth of 256 each


def half_of(key: bytes) -> int:
    """Return the half, 0 or 1, of the pictures with this key; independent of the split."""
    return hashlib.sha256(b"half " + key).digest()[0] % 2


def difference_hash(pixels: Array) -> bytes:
    """Return 64 bits of a picture, (160, 160, 3): whether it gets lighter to the right, 8 by 8."""
    grey = pixels.mean(axis=2)  # (160, 160)
    small = grey[:, :144].reshape(8, 20, 9, 16).mean(axis=(1, 3))  # (8, 9)
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes()
