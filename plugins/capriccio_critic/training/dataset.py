"""Read pictures for training, with movements, artists, genres, dates and splits."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from capriccio import open_image
from capriccio.training import PictureFile, disk_array, label_tables, picture_files

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
    """The pictures of a data set, one a row.

    `pixels` is (pictures, 160, 160, 3) uint8, on a disk. `kind`, `artist`, `genre`, `century` and
    `medium` are indices into `kinds`, `artists`, `genres`, `centuries` and `mediums`, or -1. `year`
    is 0 where it is not known. `split` holds "train", "val" or "test"; `artist_split` the same for
    the split whose test artists do not occur in training, or "" where there is none. `source` names
    the folder with the labels of a picture, `files` has the pictures themselves.
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
    files: Sequence[PictureFile] = ()


def read_pictures(data: Path, limit: int | None = None, half: int | None = None) -> Pictures:
    """Read pictures whose folders name their kinds; report and skip unreadable files.

    A `labels.csv` with `path` and `split` takes precedence, here or in the sub-folders. It may have
    `movement`, `artist`, `genre`, `year`, `artist_years`, `artist_death`, `title`, `medium`,
    `grayscale`, `near_dup_group` and `split_artist_disjoint`. Without one, a tenth each goes to
    validation and test, chosen by a hash of the picture's appearance, so that most copies stay
    together.

    Args:
        data: a folder, a zip or a tar, or a folder with several of them.
        limit: the number of files to read at most, evenly spread.
        half: 0 or 1, to read one of two halves that share no picture and no `near_dup_group`;
            without such a column most copies stay together.

    Raises:
        ValueError: fewer than 50 pictures or 2 kinds were read, there is no such half, or an
            archive cannot be read.
    """
    from PIL import Image

    if half not in (None, 0, 1):
        raise ValueError(f"half must be 0 or 1, got {half!r}")
    files = list(_labelled_files(data))
    if limit and len(files) > limit:
        files = [files[i * len(files) // limit] for i in range(limit)]
    pixels, count = disk_array((len(files), STORED, STORED, 3), np.uint8), 0
    rows = []
    for file, folder, row in files:
        try:
            with open_image(file.openable()) as picture:
                small = picture.convert("RGB").resize((STORED, STORED), Image.Resampling.BILINEAR)
        except (OSError, ValueError) as error:
            print(f"skipped {data / file.name}: {error}", flush=True)
            continue
        group = row.get("near_dup_group") or (file.name if "near_dup_group" in row else "")
        key = group.encode() or difference_hash(np.asarray(small))
        if half is not None and half_of(key) != half:
            continue
        pixels[count] = small
        movement = row.get("movement", "" if row else (_root(data) / file.name).parent.name)
        movement = MERGED.get(movement, "" if movement in LEFT_OUT else movement)
        year = year_of(row)
        rows.append((
            movement, row.get("artist", ""), GENRES.get(row.get("genre", ""), ""),
            f"{(year - 1) // 100 + 1}" if year else "", medium_of(row, folder, movement), year,
            row.get("split") or split_of(pixels[count]), row.get("split_artist_disjoint", ""),
            folder.name if row else "", row.get("title", ""), file.name, file,
        ))  # fmt: skip
        count += 1
    if count < MIN_PICTURES:
        raise ValueError(
            f"{str(data)!r} must hold at least {MIN_PICTURES} readable pictures, got {count}"
        )
    columns = list(zip(*rows, strict=True))
    indices, names = zip(*(_indexed(column) for column in columns[:5]), strict=True)
    if len(names[0]) < 2:
        raise ValueError(
            f"{str(data)!r} must hold pictures of at least 2 kinds, each in a sub-folder, "
            f"got only {names[0][0]!r}"
        )
    arrays = [np.array(column) for column in columns[5:9]]
    return Pictures(pixels[:count], *indices, *arrays, *names, *map(list, columns[9:]))


def _root(data: Path) -> PurePosixPath:
    """Return the name of a folder, or of that which an archive was made of."""
    return PurePosixPath(data.name if data.is_dir() else data.stem)


def _labelled_files(data: Path) -> Iterator[tuple[PictureFile, PurePath, Row]]:
    """Yield the pictures of a data set, the folder that labels them, and their row or {}."""
    tables = label_tables(data)
    if not tables:
        yield from ((file, _root(data), {}) for file in picture_files(data))
    everything = [] if all((data / one).is_dir() for one in tables) else picture_files(data)
    for folder, table in tables.items():
        labels = {path: row for path, row in table.items() if "split" in row}
        if (data / folder).is_dir():
            place = PurePosixPath(folder)
            files = [
                one._replace(name=str(place / one.name)) for one in picture_files(data / folder)
            ]
        else:
            start = "" if folder == "." else f"{folder}/"
            files = [one for one in everything if one.name.startswith(start)]
        if labels and "movement" not in next(iter(labels.values())):
            files = files[:: -(-len(files) // MAX_WITHOUT_MOVEMENT)]
        for file in files:
            yield file, _root(data) / folder, labels.get(file.name, {})


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


def medium_of(row: Row, folder: PurePath, movement: str) -> str:
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
