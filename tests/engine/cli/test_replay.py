"""`capriccio replay` performs a take again, and reports what is no take or has moved."""

import json

import pytest
from capriccio import ShowError
from capriccio.cli.replay import find_sketch
from helpers.command import PIECE, capriccio, digest, error
from helpers.devices import ROOT


@pytest.fixture
def take(piece, folder):
    """The take of a live show to files, half a second long."""
    to = ["--to", "frames:live", "--to", "midifile:live.mid"]
    assert capriccio("run", piece, "--seconds", "0.5", *to).exit_code == 0
    (take,) = (folder / "takes").glob("*.jsonl")
    return take


def test_a_take_is_performed_again(take):
    result = capriccio("replay", take, "--to", "frames:again", "--to", "midifile:again.mid")
    assert result.exit_code == 0, result.output
    assert "differs" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("piece: ")
    assert set(digest("again").values()) and len(digest("again.mid")) == 1


def test_size_frame_rate_and_length_may_be_others(take, folder):
    from PIL import Image

    flags = ["--size", "48x24", "--fps", "20", "--seconds", "0.2"]
    assert capriccio("replay", take, *flags, "--to", "frames:again").exit_code == 0
    assert len(digest("again")) == 4
    with Image.open(next((folder / "again").iterdir())) as image:
        assert image.size == (48, 24)


def test_without_outputs_a_film_and_a_midi_file_are_written_beside_the_take(take):
    assert capriccio("replay", take).exit_code == 0
    written = {file.name for file in take.parent.iterdir()} - {take.name}
    assert written == {f"{take.stem}-again.mp4", f"{take.stem}-again.mid"}


def test_a_sketch_that_has_changed_is_named_first(take, piece):
    piece.write_text(f"{PIECE}\n# another line\n")
    result = capriccio("replay", take, "--to", "frames:again")
    assert "differs: sketch piece.py has changed; it is performed as it is now" in result.stderr


def test_a_sketch_that_has_been_moved_is_asked_for(take, piece, folder):
    piece.rename(folder / "other.py")
    assert error("replay", take, "--to", "frames:again") == (
        "sketch 'piece.py' has been moved; name its file with --sketch FILE"
    )
    result = capriccio("replay", take, "--sketch", "other.py", "--to", "frames:again")
    assert result.exit_code == 0, result.output


def test_a_file_that_was_rendered_is_no_take(piece, folder):
    capriccio("run", piece, "--offline", "--seconds", "0.2", "--to", "frames:a")
    assert error("replay", folder / "a" / "frame_00000.png").startswith(
        "'frame_00000.png' was made offline; make it again with: capriccio run piece.py --offline"
    )


def test_a_broken_take_is_reported(folder):
    (folder / "a.jsonl").write_text('{"take": 1, "sketch": 3}\n')
    assert "a.jsonl" in error("replay", "a.jsonl")


@pytest.mark.parametrize("place", ["beside", "path", "current", "ours"])
def test_a_sketch_is_found_by_its_path_beside_the_take_here_or_among_ours(folder, place):
    takes = folder / "takes"
    takes.mkdir()
    (folder / "deep").mkdir()
    file = {
        "beside": takes / "mine.py",
        "path": folder / "deep" / "mine.py",
        "current": folder / "mine.py",
        "ours": ROOT / "sketches" / "first.py",
    }[place]
    if place != "ours":
        file.touch()
    record = {"sketch": file.name, "path": "../deep/mine.py" if place == "path" else 3}
    found = find_sketch(json.loads(json.dumps(record)), takes / "one.jsonl")
    assert found.resolve() == file.resolve()


def test_a_sketch_that_is_nowhere_is_reported(folder):
    with pytest.raises(ShowError, match=r"sketch .gone\.py. has been moved"):
        find_sketch({"sketch": "gone.py"}, folder / "one.jsonl")
