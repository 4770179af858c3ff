"""Reads a folder of pictures for training: each with its kind, its artist, and its share."""

import hashlib
from csv import DictReader
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..files import ENDINGS

STORED = 160  # side of a picture as it is kept for training; crops of it are learned
SHARES = ("train", "val", "test")
FEWEST = 50  # with fewer pictures there is nothing to learn from


class Pictures(NamedTuple):
    """A folder, read: one row a picture.

    `pixels` is (pictures, 160, 160, 3) uint8, `kind` and `artist` are indices into the names.
    `share` says "train", "val" or "test"; `apart` says it of the split whose tested artists were
    never seen in training, and is "" where the folder has none.
    """

    pixels: np.ndarray
    kind: np.ndarray
    artist: np.ndarray
    share: np.ndarray
    apart: np.ndarray
    kinds: list[str]
    artists: list[str]
    paths: list[str]


def read_pictures(data: Path, most: int | None = None, half: int | None = None) -> Pictures:
    """Read a folder whose sub-folders name the kinds, at most `most` pictures, or one `half` of it.

    A `labels.csv` with `path` and `split`, and perhaps `artist` and `split_artist_disjoint`, is
    followed. Without one a tenth is kept for validation and a tenth for the test, chosen by what
    a picture looks like from afar, so that most copies of one picture stay together. The halves, 0
    and 1, have no picture in common, nor two of one `near_dup_group`; without such a column most
    copies stay together here too. Broken files are skipped and named. Raises ValueError where fewer
    than 50 pictures or 2 kinds are left, and for any other half.
    """
    from PIL import Image

    if half not in (None, 0, 1):
        raise ValueError(f"there is no half {half!r} of a folder; give 0 or 1")

    labels: dict[str, dict[str, str]] = {}
    if (data / "labels.csv").is_file():
        with open(data / "labels.csv", newline="", encoding="utf-8") as file:
            labels = {row["path"]: row for row in DictReader(file) if "split" in row}
    files = sorted(path for path in data.rglob("*") if path.suffix.lower() in ENDINGS)
    if most and len(files) > most:
        files = [files[i * len(files) // most] for i in range(most)]
    pixels, rows = [], []
    for path in files:
        try:
            with Image.open(path) as picture:
                small = picture.convert("RGB").resize((STORED, STORED), Image.Resampling.BILINEAR)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            print(f"skipped {path}: {error}", flush=True)
            continue
        name = path.relative_to(data).as_posix()
        row = labels.get(name, {})
        alike = row.get("near_dup_group") or (name if "near_dup_group" in row else "")
        if half is not None and half_of(alike.encode() or looks_of(np.asarray(small))) != half:
            continue
        pixels.append(np.asarray(small))
        rows.append((
            row.get("movement") or path.parent.name,
            row.get("artist", ""),
            row.get("split") or share_of(pixels[-1]),
            row.get("split_artist_disjoint", ""),
            name,
        ))  # fmt: skip
    if len(rows) < FEWEST:
        raise ValueError(
            f"{str(data)!r} holds {len(rows)} readable pictures; give at least {FEWEST}"
        )
    kind, artist, share, apart, names = zip(*rows, strict=True)
    kinds, artists = sorted(set(kind)), sorted(set(artist))
    if len(kinds) < 2:
        raise ValueError(f"{str(data)!r} holds one kind, {kinds[0]!r}; give a sub-folder to each")
    return Pictures(
        np.stack(pixels),
        np.array([kinds.index(name) for name in kind]),
        np.array([artists.index(name) for name in artist]),
        np.array(share),
        np.array(apart),
        kinds,
        artists,
        list(names),
    )


def share_of(pixels: np.ndarray) -> str:
    """Choose a picture's share by what it looks like."""
    lot = hashlib.sha256(looks_of(pixels)).digest()[0]
    return "val" if lot < 26 else "test" if lot < 52 else "train"  # a tenth of 256 each


def half_of(alike: bytes) -> int:
    """Choose the half of all pictures that have this in common; shares are cut in two as well."""
    return hashlib.sha256(b"half " + alike).digest()[0] % 2


def looks_of(pixels: np.ndarray) -> bytes:
    """Give a picture's difference hash: whether it grows lighter, 8 by 8 times."""
    grey = pixels.mean(axis=2)  # (160, 160)
    far = grey[:, :144].reshape(8, 20, 9, 16).mean(axis=(1, 3))  # (8, 9)
    return np.packbits(far[:, 1:] > far[:, :-1]).tobytes()  # 8 bytes
