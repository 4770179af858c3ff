"""Read folders of pictures for training, with movements, artists, genres, dates and splits."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from csv import DictReader
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from capriccio import image_files, open_image

Array = np.ndarray[Any, Any]
Row = dict[str, str]
STORED = 160  # side of a picture as it is kept for training; crops of it are trained on
SPLITS = ("train", "val", "test")
MIN_PICTURES = 50
MAX_WITHOUT_MOVEMENT = 400  # pictures of a folder whose labels name no movement
ARTIST_POWER, MOVEMENT_POWER = 0.4, 0.6  # 1 leaves the shares as they are, 0 makes all equal
# The labels that are learned, in the order of the heads.
LABELS = ("kind", "artist", "genre", "century", "medium")
UNKNOWN = -1  # in place of an index, where a label is not known

# Names of movements with few artists, and that of which they are a kind.
MERGED = {
    "analytical-realism": "realism",
    "biedermeier": "realism",
    "classicism": "academic",
    "neoclassicism": "academic",
    "socialist-realism": "realism",
}
# What is no movement, or has too few artists to be told from one of them.
LEFT_OUT = ("art-deco", "japonism", "magic-realism", "muralism", "unassigned")
GENRES = {
    "cityscape": "city",
    "genre painting": "genre painting",
    "landscape": "landscape",
    "nude": "nude",
    "portrait": "portrait",
    "religious painting": "religious",
    "still life": "still life",
}
OF_LIFE = 0.6  # of an artist's life has passed at a picture without a year
OF_DEATH = 18  # years before an artist's death, where the birth is not known either


class Pictures(NamedTuple):
    """The pictures of a folder, one a row.

    `pixels` is (pictures, 160, 160, 3) uint8. `kind`, `artist`, `genre`, `century` and `medium` are
    indices into `kinds`, `artists`, `genres`, `centuries` and `mediums`, or -1. `year` is 0 where
    it is not known. `split` holds "train", "val" or "test"; `artist_split` the same for the split
    whose test artists do not occur in training, or "" where the folder has none. `source` names
    the folder with the labels of a picture.
    """

    pixels: Array
    kind: Array
    artist: Array
    genre: Array
    century: Array
    medium: Array
    year: Array
    split: Array
    artist_split: Array
    source: Array
    kinds: list[str]
    artists: list[str]
    genres: list[str]
    centuries: list[str]
    mediums: list[str]
    titles: list[str]
    paths: list[str]


def read_pictures(data: Path, limit: int | None = None, half: int | None = None) -> Pictures:
    """Read a folder whose sub-folders name the kinds; report and skip unreadable files.

    A `labels.csv` with `path` and `split` takes precedence, here or in the sub-folders. It may have
    `movement`, `artist`, `genre`, `year`, `artist_years`, `artist_death`, `title`, `medium`,
    `grayscale`, `near_dup_group` and `split_artist_disjoint`. Without one, a tenth each goes to
    validation and test, chosen by a hash of the picture's appearance, so that most copies stay
    together.

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
    files = list(_labelled_files(data))
    if limit and len(files) > limit:
        files = [files[i * len(files) // limit] for i in range(limit)]
    pixels, rows = [], []
    for path, folder, row in files:
        try:
            with open_image(path) as picture:
                small = picture.convert("RGB").resize((STORED, STORED), Image.Resampling.BILINEAR)
        except (OSError, ValueError) as error:
            print(f"skipped {path}: {error}", flush=True)
            continue
        name = path.relative_to(data).as_posix()
        group = row.get("near_dup_group") or (name if "near_dup_group" in row else "")
        key = group.encode() or difference_hash(np.asarray(small))
        if half is not None and half_of(key) != half:
            continue
        pixels.append(np.asarray(small))
        movement = row.get("movement", "" if row else path.parent.name)
        movement = MERGED.get(movement, "" if movement in LEFT_OUT else movement)
        year = year_of(row)
        rows.append((
            movement, row.get("artist", ""), GENRES.get(row.get("genre", ""), ""),
            f"{(year - 1) // 100 + 1}" if year else "", medium_of(row, folder, movement), year,
            row.get("split") or split_of(pixels[-1]), row.get("split_artist_disjoint", ""),
            folder.name if row else "", row.get("title", ""), name,
        ))  # fmt: skip
    if len(rows) < MIN_PICTURES:
        raise ValueError(
            f"{str(data)!r} must hold at least {MIN_PICTURES} readable pictures, got {len(rows)}"
        )
    columns = list(zip(*rows, strict=True))
    indices, names = zip(*(_indexed(column) for column in columns[:5]), strict=True)
    if len(names[0]) < 2:
        raise ValueError(
            f"{str(data)!r} must hold pictures of at least 2 kinds, each in a sub-folder, "
            f"got only {names[0][0]!r}"
        )
    arrays = [np.array(column) for column in columns[5:9]]
    return Pictures(np.stack(pixels), *indices, *arrays, *names, *map(list, columns[9:]))


def _labelled_files(data: Path) -> Iterator[tuple[Path, Path, Row]]:
    """Yield the pictures of a folder, the folder that labels them, and their row or {}."""
    tables = [data / "labels.csv", *sorted(data.glob("*/labels.csv"))]
    tables = [path for path in tables if path.is_file()]
    if not tables:
        for path in image_files(data):
            yield path, data, {}
        return
    for table in tables[: 1 if tables[0].parent == data else None]:
        with open(table, newline="", encoding="utf-8") as file:
            labels = {row["path"]: row for row in DictReader(file) if "split" in row}
        files = image_files(table.parent)
        if labels and "movement" not in next(iter(labels.values())):
            files = files[:: -(-len(files) // MAX_WITHOUT_MOVEMENT)]
        for path in files:
            row = labels.get(path.relative_to(table.parent).as_posix(), {})
            yield path, table.parent, row


def _indexed(column: Sequence[str]) -> tuple[Array, list[str]]:
    """Return the place of each name in the sorted names, -1 for "", and the names, or [""]."""
    names = sorted(set(column) - {""})
    places = {name: place for place, name in enumerate(names)}
    return np.array([places.get(name, UNKNOWN) for name in column]), names or [""]


def year_of(row: Row) -> int:
    """Return the year of a picture, from its own or its artist's dates; 0 where none is known."""
    if found := re.search(r"\d{4}", row.get("year", "")):
        return int(found[0])
    life = [int(year) for year in re.findall(r"\d{4}", row.get("artist_years", ""))]
    if len(life) == 2:
        return round(life[0] + OF_LIFE * (life[1] - life[0]))
    if found := re.search(r"\d{4}", row.get("artist_death", "")):
        return int(found[0]) - OF_DEATH
    return 0


def medium_of(row: Row, folder: Path, movement: str) -> str:
    """Return what a picture is made of, where its row, its folder or its movement tells.

    Prints are known by their movement or folder, drawings by being grey or studies; what is left of
    a collection of paintings is called oil, which a few will not be.
    """
    if "medium" in row:
        return row["medium"]
    if folder.name.startswith("watercolors"):
        return "watercolour"
    if folder.name.startswith("plates") or movement == "ukiyo-e":
        return "print"
    if row.get("grayscale") == "1" or row.get("genre") == "sketch and study":
        return "drawing"
    if (
        not folder.name.startswith(("paintings", "landscapes"))
        or row.get("genre") == "illustration"
    ):
        return ""
    return "oil"


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


def names_of(pictures: Pictures) -> list[list[str]]:
    """Return the names of each label, in the order of `LABELS`."""
    plural = ("kinds", "artists", "genres", "centuries", "mediums")
    return [getattr(pictures, name) for name in plural]


def sampling_weights(pictures: Pictures, rows: Array, robust: bool = True) -> Array:
    """Return the probability of each of these rows in a batch.

    One artist painted 866 pictures and most others a handful; without weights a movement would be
    known by the hands of two. The share of an artist grows with the root of the root of the
    pictures, that of a movement with the root of its artists' shares.

    Args:
        robust: draw each picture equally often instead, if False.
    """
    if not robust:
        return np.full(len(rows), 1 / len(rows))
    owner = pictures.artist[rows] + 1  # 0 where it is not known, which counts as one artist
    if not owner.any():
        owner = pictures.kind[rows] + 1
    weights = np.bincount(owner)[owner] ** (ARTIST_POWER - 1.0)
    kind = pictures.kind[rows] + 1  # 0 where it is not known
    weights *= np.bincount(kind, weights)[kind] ** (MOVEMENT_POWER - 1.0)
    return weights / weights.sum()
