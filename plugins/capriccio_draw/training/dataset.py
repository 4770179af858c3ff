"""Drawings to learn from: stroke-3 in `.npz`, Quick, Draw! in `.ndjson`, a folder of SVG."""

import gzip
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from capriccio.training import licence_of

from ..pen_moves import lengths, strokes_from_stroke3

Array = np.ndarray[Any, Any]

MAX_POINTS = 250  # of a drawing; longer ones are left out
MIN_DRAWINGS = 30
SPLITS = ("train", "valid", "test")
# What the READMEs of the sets that we trained on say, by the name of the folder.
KNOWN = {
    "sketch-kanji": (
        "CC BY-SA 3.0",
        "KanjiVG (c) 2009-2015 Ulrich Apel",
        "github.com/hardmaru/sketch-rnn-datasets, kanji/short_kanji.npz, "
        "commit 7c854dee76090aa18c321c7af2cede815bbd475e",
    ),
    "sketch-omniglot": (
        "MIT",
        "Omniglot, Copyright (c) 2015 Brenden Lake",
        "github.com/hardmaru/sketch-rnn-datasets, omniglot/omniglot.npz, "
        "commit 7c854dee76090aa18c321c7af2cede815bbd475e",
    ),
    "sketch-quickdraw-25x345": (
        "CC BY 4.0",
        "The Quick, Draw! Dataset, Google LLC, and its players",
        "github.com/lamnguyen5464/Sketch-dataset, commit 60922a671a82891d51d73fd071bfee43c44e06f8",
    ),
}


@dataclass
class Sketches:
    """Drawings by split, each a list of strokes, with the number of its word.

    Attributes:
        words: that drawings show, none where that is not known.
        left_out: how many were longer than MAX_POINTS.
    """

    drawings: dict[str, list[tuple[list[Array], int]]] = field(
        default_factory=lambda: {split: [] for split in SPLITS}
    )
    words: list[str] = field(default_factory=list)
    left_out: int = 0

    def add(self, split: str, strokes: list[Array], label: int = 0) -> None:
        """Add a drawing, unless it is empty or too long."""
        points = lengths(strokes)
        if points > MAX_POINTS:
            self.left_out += 1
        elif points:
            self.drawings[split].append((strokes, label))

    def points(self, split: str) -> int:
        """Return the points of all drawings of a split."""
        return sum(lengths(strokes) for strokes, _ in self.drawings[split])


def read_sketches(data: Path) -> Sketches:
    """Return the drawings of a file, or of the files in a folder.

    Raises:
        ValueError: there are too few.
    """
    data = Path(data)
    files = [data] if data.is_file() else sorted(file for file in data.rglob("*") if file.is_file())
    tables = [file for file in files if file.suffix == ".npz"]
    records = [file for file in files if file.name.endswith((".ndjson", ".ndjson.gz"))]
    pictures = [file for file in files if file.suffix.lower() == ".svg"]
    found = Sketches()
    if tables:
        # The same drawings in several precisions: the finest has most points.
        found = max(map(read_table, tables), key=lambda sketches: sketches.points("train"))
    elif records:
        read_records(records, found)
    else:
        read_pictures(pictures, data, found)
    count = sum(map(len, found.drawings.values()))
    if count < MIN_DRAWINGS or not all(found.drawings[split] for split in ("train", "valid")):
        raise ValueError(
            f"{str(data)!r} must hold at least {MIN_DRAWINGS} drawings as stroke-3 .npz, .ndjson "
            f"or .svg, got {count}"
        )
    return found


def read_table(file: Path) -> Sketches:
    """Return the drawings of a `.npz` of rows (dx, dy, pen lifted) and offsets.

    Raises:
        ValueError: the arrays are others.
    """
    found = Sketches()
    with np.load(file, allow_pickle=False) as table:
        arrays = {name: table[name] for name in table.files}
    if "offsets" in arrays and "data" in arrays:
        found.words = [str(word) for word in arrays.get("words", ())]
        count = len(arrays["offsets"]) - 1
        labels = arrays.get("label", np.zeros(count, int))
        splits = arrays.get("split")
        for number, strokes in enumerate(sequences(arrays["data"], arrays["offsets"])):
            split = split_of(str(number)) if splits is None else SPLITS[int(splits[number])]
            found.add(split, strokes, int(labels[number]))
    elif "train_data" in arrays:
        for split in SPLITS:
            if f"{split}_data" in arrays:
                parts = sequences(arrays[f"{split}_data"], arrays[f"{split}_offsets"])
                for strokes in parts:
                    found.add(split, strokes)
    else:
        raise ValueError(
            f"{str(file)!r} must hold arrays 'data' and 'offsets', or 'train_data' and "
            f"'train_offsets', got {sorted(arrays)}"
        )
    return found


def sequences(rows: Array, offsets: Array) -> Iterable[list[Array]]:
    """Yield the drawings of a table of rows."""
    for begin, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        yield strokes_from_stroke3(rows[begin:end])


def read_records(files: list[Path], found: Sketches) -> None:
    """Add the drawings of Quick, Draw!, one JSON object a line."""
    numbers: dict[str, int] = {}
    for file in files:
        opened: Any = gzip.open if file.suffix == ".gz" else open
        with opened(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                if not record.get("recognized", True):
                    continue
                label = numbers.setdefault(record.get("word", ""), len(numbers))
                strokes = [np.array(stroke[:2], float).T for stroke in record["drawing"]]
                found.add(split_of(str(record.get("key_id", line))), strokes, label)
    found.words = list(numbers) if set(numbers) != {""} else []


def read_pictures(files: list[Path], data: Path, found: Sketches) -> None:
    """Add the drawings of SVG files; sub-folders are words."""
    from ..svg_paths import read_svg

    folders = sorted({file.parent.name for file in files if file.parent != data})
    found.words = folders
    for file in files:
        label = folders.index(file.parent.name) if file.parent != data else 0
        split = split_of(file.relative_to(data).as_posix() if data.is_dir() else file.name)
        found.add(split, read_svg(file), label)


def split_of(key: str) -> str:
    """Return the split of a drawing that has none: a tenth each to validate and to test."""
    place = hashlib.sha256(key.encode()).digest()[0] % 10
    return "valid" if place == 0 else "test" if place == 1 else "train"


def provenance(data: Path, sketches: Sketches) -> dict[str, Any]:
    """Return what the card says of the data, their licence and credit."""
    name = Path(data).resolve().name
    counts = ", ".join(f"{len(sketches.drawings[split])} {split}" for split in SPLITS)
    told = {"data": f"{name}: {counts}", "long_drawings_left_out": sketches.left_out}
    if name in KNOWN:
        rights, credit, source = KNOWN[name]
        return {**told, "data_licence": rights, "credit": credit, "data_source": source,
                "licence": "CC BY-SA 3.0" if "SA" in rights else "MIT"}  # fmt: skip
    stated = licence_of(data)
    return {**told, "data_licence": stated["licence"], "credit": stated["credit"],
            "data_source": "the user's own", "licence": "that of the data"}  # fmt: skip
