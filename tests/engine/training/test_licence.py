"""The licence and credit of a folder of images."""

from pathlib import Path

from capriccio.training import licence_of


def test_the_licence_is_what_the_folder_states(tmp_path):
    assert licence_of(tmp_path)["licence"] == "not stated"
    (tmp_path / "LICENSE").write_text("as you like it")
    (tmp_path / "CREDIT.txt").write_text("to whom it is due\n")
    assert licence_of(tmp_path) == {"licence": "as you like it", "credit": "to whom it is due"}
    assert licence_of(Path("watercolors-usda-pomological"))["licence"].startswith("public domain")
