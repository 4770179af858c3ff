"""The licence and credit of a data set of images, and whether there are enough."""

import shutil
from pathlib import Path

import pytest
from capriccio.training import check_picture_count, licence_of


def test_the_licence_is_what_the_folder_or_archive_states(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    assert (
        licence_of(folder)["licence"] == licence_of(tmp_path / "a.npz")["licence"] == "not stated"
    )
    (folder / "LICENSE").write_text("as you like it")
    (folder / "CREDIT.txt").write_text("to whom it is due\n")
    archives = [shutil.make_archive(str(tmp_path / "a"), kind, folder) for kind in ("zip", "tar")]
    for data in (folder, *map(Path, archives)):
        assert licence_of(data) == {"licence": "as you like it", "credit": "to whom it is due"}
    assert licence_of(Path("watercolors-usda-pomological"))["licence"].startswith("public domain")


@pytest.mark.parametrize(("count", "warned"), [(10, True), (199, True), (200, False)])
def test_few_pictures_are_taken_with_a_warning(count, warned, capsys):
    check_picture_count(Path("mine"), count)
    assert ("close copies" in capsys.readouterr().out) == warned


def test_nine_pictures_are_refused():
    with pytest.raises(ValueError, match="at least 10 readable pictures in 'mine', got 9"):
        check_picture_count(Path("mine"), 9)
