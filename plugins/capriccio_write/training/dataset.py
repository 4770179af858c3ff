"""Texts to learn from: the lines of a `.txt`, or the titles of a `.csv`."""

import csv
import gzip
import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from capriccio.training import licence_of

from ..text import cleaned, content_words

MIN_LENGTH, MAX_LENGTH = 3, 120  # characters of a text
MIN_TEXTS = 50
MIN_COUNT, MOST_WORDS = 8, 3000  # of words that a text can be conditioned on
MIN_CHARACTER = 20  # texts that a character must stand in to be learned
ENDINGS = (".txt", ".csv", ".txt.gz", ".csv.gz")
TATE = "text-tate-titles"


@dataclass
class Texts:
    """Texts by split, each once, and what stands in those of training.

    Attributes:
        characters: that the network knows.
        words: that a text can be about, the commonest first.
    """

    train: list[str]
    valid: list[str]
    test: list[str]
    characters: str
    words: list[str]


def read_texts(data: Path) -> Texts:
    """Return the texts of a file, or of the files in a folder, split by a hash of each.

    A tenth each validates and tests. Texts that are wholly in brackets, such as "[blank]", and
    those with rare characters are left out.

    Raises:
        ValueError: there are too few.
    """
    data = Path(data)
    files = [data] if data.is_file() else sorted(data.rglob("*"))
    files = [file for file in files if file.name.endswith(ENDINGS) and file.name[:6] != "README"]
    lines = dict.fromkeys(cleaned(line) for file in files for line in lines_of(file))
    kept = [text for text in lines if MIN_LENGTH <= len(text) <= MAX_LENGTH and text[0] != "["]
    counts = Counter(character for text in kept for character in set(text))
    least = min(MIN_CHARACTER, 1 + len(kept) // 100)
    known = {character for character, count in counts.items() if count >= least}
    kept = [text for text in kept if known.issuperset(text)]
    if len(kept) < MIN_TEXTS:
        raise ValueError(
            f"{str(data)!r} must hold at least {MIN_TEXTS} different lines of {MIN_LENGTH} to "
            f"{MAX_LENGTH} characters in .txt or .csv, got {len(kept)}"
        )
    places = [hashlib.sha256(text.encode()).digest()[0] % 10 for text in kept]
    valid, test = (
        [text for text, place in zip(kept, places, strict=True) if place == wanted]
        for wanted in (0, 1)
    )
    train = [text for text, place in zip(kept, places, strict=True) if place > 1]
    about = Counter(word for text in train for word in content_words(text))
    least = min(MIN_COUNT, 1 + len(train) // 100)
    words = [word for word, count in about.most_common(MOST_WORDS) if count >= least]
    return Texts(train, valid, test, "".join(sorted(known)), words)


def lines_of(file: Path) -> list[str]:
    """Return the lines of a text file, or the column `title`, else the first, of a table."""
    opened: Any = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rt", encoding="utf-8", errors="replace", newline="") as lines:
        if ".csv" not in file.suffixes:
            return [line for line in lines if line.strip()]
        rows = list(csv.reader(lines))
    if not rows:
        return []
    column = rows[0].index("title") if "title" in rows[0] else 0
    return [row[column] for row in rows[1 if "title" in rows[0] else 0 :] if len(row) > column]


def provenance(data: Path, texts: Texts) -> dict[str, Any]:
    """Return what the card says of the data, their licence and credit."""
    name = Path(data).resolve().name
    counts = f"{len(texts.train)} train, {len(texts.valid)} valid, {len(texts.test)} test"
    told = {"data": f"{name}: {counts} different titles"}
    if name == TATE:
        return {**told, "data_licence": "CC0 1.0", "credit": "Tate, the Tate Collection metadata",
                "data_source": "github.com/tategallery/collection, commit "
                "a51d8afc988ed083557e2950f4d0b644e7719f4a", "licence": "MIT"}  # fmt: skip
    stated = licence_of(data)
    return {**told, "data_licence": stated["licence"], "credit": stated["credit"],
            "data_source": "the user's own", "licence": "that of the data"}  # fmt: skip
