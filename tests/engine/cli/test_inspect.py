"""`capriccio inspect` shows how a file was made, and reports what has no record."""

import json

import pytest
from capriccio import ShowError
from capriccio.cli.inspect import record_in
from capriccio.recording.provenance import FileProvenance
from helpers.command import capriccio, error

RUN = ["--offline", "--seconds", "0.2", "--seed", "7"]


@pytest.fixture
def frame(piece, folder):
    """A frame of the small sketch."""
    assert capriccio("run", piece, *RUN, "--to", "frames:a").exit_code == 0
    return folder / "a" / "frame_00000.png"


def test_the_record_of_a_file_is_shown_with_the_command_that_makes_it_again(frame):
    lines = capriccio("inspect", frame).output.splitlines()
    assert "sketch      piece.py" in lines
    assert "seed        7" in lines
    assert "size        32 16" in lines
    assert any(line.startswith("versions    python ") for line in lines)
    assert lines[-1].startswith("again       capriccio run piece.py --offline --seconds 0.2")


def test_the_record_of_a_file_is_printed_as_json(frame):
    record = json.loads(capriccio("inspect", frame, "--json").output)
    assert (record["kind"], record["sketch"], record["seed"]) == ("PNG", "piece.py", 7)


def test_a_file_without_a_record_is_reported(folder):
    from PIL import Image

    Image.new("RGB", (8, 8)).save(folder / "bare.png")
    assert error("inspect", "bare.png") == (
        "'bare.png' has no provenance record; it was not made by Capriccio"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", r"'a.png' has a malformed provenance record: \[1\]"),
        ("{", r"'a.png' is no take: .* \(line 1\)"),
        ("[NaN]", r"'a.png' is no take: NaN is no number|'a.png' is no take: .*NaN.* \(line 1\)"),
    ],
)
def test_a_malformed_record_is_reported(tmp_path, text, message):
    with pytest.raises(ShowError, match=message):
        record_in(FileProvenance("PNG", text, ""), tmp_path / "a.png")


def test_a_record_of_a_stranger_is_printed_in_few_and_harmless_lines(folder):
    import numpy as np
    from capriccio.recording.provenance import as_png

    record = {"sketch": "\x1b[31m", "plugins": {f"p{n}": "x" * 1000 for n in range(1000)}}
    (folder / "a.png").write_bytes(as_png(np.zeros((8, 8, 3), np.uint8), record))
    shown = capriccio("inspect", "a.png").output
    assert "\x1b" not in shown and r"\x1b[31m" in shown
    assert len(shown.splitlines()) < 60


def test_the_card_of_a_model_is_shown_by_its_name():
    lines = capriccio("inspect", "--card", "pomona").output.splitlines()
    assert lines[0] == "file        pomona.onnx"
    assert any(line.startswith("licence     public domain") for line in lines)
    assert all(len(line) <= 401 for line in lines)


def test_the_card_of_a_file_is_shown_as_json():
    from capriccio import generator_class

    path = generator_class("draw").models["kanji"]
    card = json.loads(capriccio("inspect", "--card", path, "--json").output)
    assert (card["file"], card["licence"]) == ("kanji.onnx", "CC BY-SA 3.0")


def test_of_models_of_one_name_the_part_is_asked_for():
    told = error("inspect", "--card", "paintings")
    assert (
        told == "several parts have a model 'paintings'; name one: critic:paintings, vae:paintings"
    )
    named = capriccio("inspect", "--card", "vae:paintings", "--json").output
    assert json.loads(named)["part"] == "vae"


def test_a_model_that_several_parts_share_is_one():
    assert "chorales.onnx" in capriccio("inspect", "--card", "chorales").output


def test_a_misspelt_model_is_reported_with_the_nearest():
    told = error("inspect", "--card", "pomma")
    assert told == "no model is named 'pomma'; did you mean 'pomona'?"
    assert "mine.onnx" in error("inspect", "--card", "mine.onnx")
