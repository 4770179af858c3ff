"""`capriccio replay` performs a take again, and reports what is no take or has moved."""

import json
import os
import subprocess
import sys

import pytest
from capriccio import ShowError
from capriccio.cli.replay import find_sketch
from capriccio.sketch_provenance import sketch_digest
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


WIDTH = """
from capriccio import Canvas, Sketch
paper, sketch = Canvas(), Sketch(size=(64, 32), follow_window=True)
sketch.draw(lambda now: (paper.background(paper.width / 255), paper)[1])
"""


@pytest.mark.parametrize(("flags", "width"), [([], 32), (["--size", "48x24"], 48)])
def test_a_replay_follows_the_window_of_the_show_unless_it_has_a_size(folder, flags, width):
    from PIL import Image

    (folder / "wide.py").write_text(WIDTH)
    show = ["--seconds", "0.3", "--to", "frames:live"]
    assert capriccio("run", "wide.py", *show).exit_code == 0
    (take,) = (folder / "takes").glob("wide*.jsonl")
    first, *rest = take.read_text().splitlines()
    take.write_text("\n".join([first, '[0.0,"/show/size","32x16"]', *rest, ""]))
    assert capriccio("replay", take, *flags, "--to", "frames:again").exit_code == 0
    with Image.open(next((folder / "again").iterdir())) as image:
        assert image.getpixel((0, 0)) == (width, width, width)


def test_without_outputs_a_film_and_a_midi_file_are_written_beside_the_take(take):
    assert capriccio("replay", take).exit_code == 0
    written = {file.name for file in take.parent.iterdir()} - {take.name}
    assert written == {f"{take.stem}-again.mp4", f"{take.stem}-again.mid"}


def test_a_take_with_a_soundfont_asks_for_it(piece, folder):
    flags = ["--seconds", "0.3", "--to", "frames:live", "--soundfont", "fonts/grand.sf2"]
    assert capriccio("run", piece, *flags).exit_code == 0
    (take,) = (folder / "takes").glob("*.jsonl")
    words = "replay", take, "--to", "frames:again"
    needed = "it sounded by the soundfont 'grand.sf2'; name it with --soundfont FILE"
    assert needed in capriccio(*words).stderr
    assert needed not in capriccio(*words, "--soundfont", "grand.sf2").stderr


def test_a_sketch_that_has_changed_is_performed_only_where_it_is_named(take, piece):
    piece.write_text(f"{PIECE}\n# another line\n")
    assert error("replay", take, "--to", "frames:again") == (
        "sketch 'piece.py' has changed since the show; name its file with --sketch FILE"
    )
    result = capriccio("replay", take, "--sketch", piece, "--to", "frames:again")
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


# -- sketches of strangers --------------------------------------------------------------------

EVIL = "from pathlib import Path\nPath(__file__).with_suffix('.run').touch()\n"


@pytest.mark.parametrize("place", ["beside", "around", "current", "ours"])
def test_a_sketch_of_the_same_content_is_found_beside_the_take_here_or_among_ours(folder, place):
    takes = folder / "shows" / "takes"
    takes.mkdir(parents=True)
    file = {
        "beside": takes / "mine.py",
        "around": takes.parent / "mine.py",
        "current": folder / "mine.py",
        "ours": ROOT / "sketches" / "first.py",
    }[place]
    if place != "ours":
        file.touch()
    wanted = sketch_digest(file)
    found, digest = find_sketch({"sketch": file.name}, takes / "one.jsonl", {"0" * 64, wanted})
    assert (found.resolve(), digest) == (file.resolve(), wanted)


def test_a_sketch_that_is_nowhere_is_reported(folder):
    with pytest.raises(ShowError, match=r"sketch .gone\.py. has been moved"):
        find_sketch({"sketch": "gone.py"}, folder / "one.jsonl", {""})


@pytest.mark.parametrize(
    "facts",
    [
        {"sketch": "{elsewhere}/evil.py"},
        {"sketch": "../elsewhere/evil.py"},
        {"sketch": "evil.py", "path": "../elsewhere/evil.py"},
        {"sketch": "evil.py", "path": "{elsewhere}/evil.py"},
        {"sketch": r"\\\\host\\share\\evil.py"},
        {"sketch": "evil.so"},
        {"sketch": "--to.py"},
        {"sketch": "link.py"},
        {"sketch": "other.py"},
        {"sketch": "bytecode.py"},
    ],
)
def test_nothing_else_that_a_take_names_is_performed(take, folder, facts):
    """Even where the stranger knows its hash; `other.py` has another hash, `link.py` leads out."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    for file in (elsewhere / "evil.py", take.parent / "other.py", take.parent / "evil.so"):
        file.write_text(EVIL)
    (take.parent / "link.py").symlink_to(elsewhere / "evil.py")
    first, *rest = take.read_text().splitlines()
    record = json.loads(first)
    record["sha256"] = sketch_digest(elsewhere / "evil.py")
    record.update({name: value.format(elsewhere=elsewhere) for name, value in facts.items()})
    if record["sketch"] == "other.py":
        record["sha256"] = "0" * 64
    take.write_text("\n".join([json.dumps(record), *rest, ""]))
    assert "name its file with --sketch FILE" in error("replay", take, "--to", "frames:again")
    assert "evil" not in capriccio("inspect", take).stdout.splitlines()[-1]
    assert not list(folder.rglob("*.run"))


@pytest.mark.system
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo terminals")
@pytest.mark.parametrize("answer", ["y", "n"])
def test_on_a_terminal_a_file_that_may_be_strange_is_asked_for(take, piece, folder, answer):
    import pty

    piece.write_text(f"{PIECE}\n# another line\n")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "capriccio", "replay", str(take), "--to", "frames:again"]
    child = subprocess.Popen(command, stdin=theirs, stderr=subprocess.PIPE, text=True)
    os.write(ours, f"{answer}\n".encode())
    told = child.communicate()[1]
    assert "piece.py, which has changed since the show or may not be yours; perform it?" in told
    assert (child.returncode, (folder / "again").is_dir()) == (
        (0, True) if answer == "y" else (1, False)
    )
    os.close(ours)
    os.close(theirs)
