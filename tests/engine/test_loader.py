"""The file of a sketch is run, and becomes a sketch."""

import hashlib
import py_compile
import textwrap
from importlib.machinery import PathFinder
from pathlib import Path

import pytest
from capriccio import ShowError
from capriccio.loader import load_sketch
from capriccio.testing import Memory
from helpers.sketches import WHOLE

UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH


@pytest.mark.parametrize(
    "name", ["piece.py", "mein Stück – 2.py", "音楽.py", "random.py", "a.b.py"]
)
def test_a_file_of_any_name_becomes_a_sketch(write, name, tmp_path):
    sketch = load_sketch(write(WHOLE, name))
    assert sketch.title == name.removesuffix(".py")
    assert sketch.perform([], seconds=1).notes == 1
    import random

    assert random.random  # a sketch of that name does not stand in for it
    found = PathFinder.find_spec("random")  # nor for whoever imports it later
    assert found and not Path(found.origin).is_relative_to(tmp_path)


def test_a_sketch_may_import_the_files_beside_it(write):
    write("LOW = 36", "tones_of_mine.py")
    write("from tones_of_mine import LOW\nHIGH = LOW + 24", "chords_of_mine/__init__.py")
    text = textwrap.dedent(WHOLE).replace("60", "HIGH")
    sketch = load_sketch(write("from chords_of_mine import HIGH\n" + text))
    memory = Memory()
    sketch.perform([memory], seconds=1)
    assert [note.pitch for note in memory.notes] == [60]


def test_a_sketch_with_two_names_is_one(write):
    sketch = load_sketch(write(textwrap.dedent(WHOLE) + "\npiece = again = sketch\n"))
    assert sketch.perform([], seconds=1).notes == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"^'piece\.py' makes no sketch; write sketch = Sketch\(\)$"),
        (
            "from capriccio import Sketch\na, b = Sketch(), Sketch()",
            r"^'piece\.py' makes 2 sketches; keep one$",
        ),
    ],
)
def test_a_file_without_exactly_one_sketch_is_refused(write, text, message):
    with pytest.raises(ShowError, match=message):
        load_sketch(write(text))


def test_a_missing_file_is_reported(write, tmp_path):
    with pytest.raises(ShowError, match=r"^no file '.*gone\.py' to run$"):
        load_sketch(tmp_path / "gone.py")
    with pytest.raises(ShowError, match=r"^no file '.*' to run$"):
        load_sketch(tmp_path)
    with pytest.raises(ShowError, match=r"^'piece\.txt' is no Python file; a sketch ends in \.py$"):
        load_sketch(write(WHOLE, "piece.txt"))


def test_a_file_that_is_not_the_one_that_was_checked_is_not_run(write, tmp_path):
    path = write(
        textwrap.dedent(WHOLE)
        + "\nfrom pathlib import Path\nPath(__file__).with_name('run').touch()"
    )
    with pytest.raises(ShowError, match=r"sketch 'piece\.py' is not the one that was asked for"):
        load_sketch(path, "0" * 64)
    assert not (tmp_path / "run").exists()
    load_sketch(path, hashlib.sha256(path.read_bytes()).hexdigest())
    assert (tmp_path / "run").exists()


def test_bytecode_beside_a_sketch_is_neither_run_nor_written(write, tmp_path):
    """Bytecode whose hash is not checked is run by Python whatever the source says."""
    path = write("raise RuntimeError('not this one')")
    bytecode = Path(py_compile.compile(path, invalidation_mode=UNCHECKED))
    write(WHOLE)
    assert load_sketch(path).title == "piece"
    bytecode.unlink()
    load_sketch(path)
    assert not bytecode.exists()
