"""Drawings to learn from, in every layout that is read, and what the card says of them."""

import gzip
import json

import numpy as np
import pytest

pytest.importorskip("torch")

from capriccio_draw.training.dataset import (
    MAX_POINTS,
    provenance,
    read_sketches,
    read_table,
    split_of,
)
from helpers.devices import ROOT

SHARED = ROOT.parent / "shared" / "data"


def table(count, points=5):
    """Return rows and offsets of so many drawings of one stroke."""
    one = np.ones((points, 3), np.int16)
    one[0], one[1:-1, 2] = 0, 0
    return np.concatenate([one] * count), np.arange(count + 1) * points


def test_a_table_with_splits_of_its_own_is_read(tmp_path):
    arrays = {}
    for split, count in (("train", 40), ("valid", 5), ("test", 6)):
        arrays[f"{split}_data"], arrays[f"{split}_offsets"] = table(count)
    np.savez(tmp_path / "a.npz", **arrays)
    found = read_sketches(tmp_path)
    assert {split: len(part) for split, part in found.drawings.items()} == {
        "train": 40, "valid": 5, "test": 6,
    }  # fmt: skip
    assert found.words == []
    (stroke,), label = found.drawings["train"][0]
    assert stroke.tolist() == [[0, 0], [1, 1], [2, 2], [3, 3], [4, 4]] and label == 0


def test_a_table_with_words_is_read(tmp_path):
    rows, offsets = table(60)
    np.savez(tmp_path / "a.npz", data=rows, offsets=offsets, words=np.array(["cat", "bus"]),
             label=np.arange(60) % 2, split=np.arange(60) % 3)  # fmt: skip
    found = read_sketches(tmp_path / "a.npz")
    assert found.words == ["cat", "bus"]
    assert [label for _, label in found.drawings["valid"][:3]] == [1, 0, 1]


def test_the_finest_of_several_tables_is_taken(tmp_path):
    for name, points in (("coarse", 4), ("fine", 9)):
        rows, offsets = table(60, points)
        np.savez(tmp_path / f"{name}.npz", train_data=rows, train_offsets=offsets,
                 valid_data=rows, valid_offsets=offsets)  # fmt: skip
    assert read_sketches(tmp_path).points("train") == 60 * 9


def test_a_table_of_other_arrays_is_named(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match=r"must hold arrays 'data' and 'offsets', or .* got \['x"):
        read_table(tmp_path / "a.npz")


def test_long_drawings_are_left_out_and_counted(tmp_path):
    rows, offsets = table(40)
    long = np.ones((MAX_POINTS + 2, 3))
    long[0] = 0
    np.savez(tmp_path / "a.npz", data=np.concatenate([rows, long]),
             offsets=[*offsets, offsets[-1] + len(long)])  # fmt: skip
    found = read_sketches(tmp_path)
    assert found.left_out == 1
    assert sum(map(len, found.drawings.values())) == 40


@pytest.mark.parametrize("zipped", [False, True])
def test_quick_draw_is_read_without_what_nobody_recognised(tmp_path, zipped):
    lines = [
        json.dumps({"word": ("cat", "bus")[at % 2], "key_id": str(at), "recognized": at != 7,
                    "drawing": [[[0, 5, 9], [0, 1, 2]], [[4], [4]]]})
        for at in range(60)
    ]  # fmt: skip
    text = "\n".join(lines).encode()
    if zipped:
        (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(text))
    else:
        (tmp_path / "a.ndjson").write_bytes(text)
    found = read_sketches(tmp_path)
    assert found.words == ["cat", "bus"]
    assert sum(map(len, found.drawings.values())) == 59
    strokes, _ = found.drawings["train"][0]
    assert [points.tolist() for points in strokes] == [[[0, 0], [5, 1], [9, 2]], [[4, 4]]]


def test_svg_files_are_read_and_their_folders_are_words(tmp_path):
    for word in ("sun", "moon"):
        (tmp_path / word).mkdir()
        for number in range(20):
            (tmp_path / word / f"{number}.svg").write_text(
                '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0L9 9"/></svg>'
            )
    found = read_sketches(tmp_path)
    assert found.words == ["moon", "sun"]
    assert sum(map(len, found.drawings.values())) == 40


def test_too_few_drawings_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must hold at least 30 drawings as stroke-3 .npz"):
        read_sketches(tmp_path)


def test_a_drawing_keeps_its_split():
    splits = [split_of(str(number)) for number in range(500)]
    assert splits == [split_of(str(number)) for number in range(500)]
    assert 350 < splits.count("train") < 450 and 20 < splits.count("valid") < 90


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data sets are not beside the checkout")
def test_the_card_credits_the_data(tmp_path):
    found = read_sketches(SHARED / "sketch-quickdraw-25x345")
    told = provenance(SHARED / "sketch-quickdraw-25x345", found)
    assert len(found.words) == 344
    assert told["data_licence"] == "CC BY 4.0" and "Google" in told["credit"]
    assert provenance(tmp_path, found)["data_licence"] == "not stated"
