"""The command line: what it writes, what it says, and what it says when something is wrong."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from capriccio import __version__
from capriccio.cli.main import main
from capriccio.cli.train import own_options
from capriccio.models.model import use_device
from capriccio.registry import use_seed
from click.testing import CliRunner
from helpers.devices import ROOT, midi_library

NOCTURNE = ROOT / "sketches" / "nocturne.py"
SMALL = ["--offline", "--seconds", "2", "--size", "64x64", "--fps", "8"]

# A piece that needs no model: it paints how far the bar has gone, and strikes every beat.
PIECE = """\
import numpy as np
from capriccio import Generator, Note, Sketch

class Light(Generator):
    def __init__(self, *, seed=0):
        self.shade = seed % 200
    def generate(self, now, *, level=0.5):
        return np.full((16, 16, 3), self.shade + int(50 * level), np.uint8)

light = Light(seed=3)
sketch = Sketch(bpm=120, fps=10, size=(32, 16))

@sketch.draw
def glow(now):
    return light(now, level=now.phase(bars=1))

@sketch.play(bars=1)
def drum(now):
    return [Note(36, beat, 0.5) for beat in range(4)]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder to stand in, on a machine without a display."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "CAPRICCIO_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    use_device("auto")
    use_seed(None)


@pytest.fixture
def piece(folder) -> Path:
    (folder / "piece.py").write_text(PIECE)
    return folder / "piece.py"


def capriccio(*words):
    """Run the command in this process, and give its result."""
    result = CliRunner(env={"COLUMNS": "200"}).invoke(main, list(map(str, words)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def error(*words) -> str:
    """Run a command that has to fail, and give its last words, without `Error: `."""
    result = capriccio(*words)
    assert result.exit_code in (1, 2), result.output
    assert "Traceback" not in result.output
    return re.split("^Error: ", result.stderr, flags=re.MULTILINE)[-1].rstrip()


def python(*words, **environment):
    """Run Python in a process of its own; it must succeed."""
    child = subprocess.run(
        [sys.executable, *map(str, words)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    assert child.returncode == 0, child.stderr
    return child


def digest(*paths) -> dict[str, str]:
    """Give the digest of every file in the folders and files of a take."""
    files = [
        file for path in map(Path, paths) for file in ([path] if path.is_file() else path.iterdir())
    ]
    assert files
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def take(name: str, *flags):
    """Render two seconds of the nocturne; give the digests of frames and music."""
    words = ["run", NOCTURNE, *SMALL, "--to", f"frames:{name}", "--to", f"midifile:{name}.mid"]
    result = capriccio(*words, *flags)
    assert result.exit_code == 0, result.output
    frames, music = digest(name), digest(f"{name}.mid")
    assert len(frames) == 16
    return frames, list(music.values())


# -- performing -------------------------------------------------------------------------------


def test_the_same_sketch_and_seed_give_the_same_bytes_and_another_seed_others():
    first, again, other = (
        take("first", "--seed", "7"),
        take("again", "--seed", "7"),
        take("other", "--seed", "8"),
    )
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_a_sketch_is_a_program_of_its_own_with_the_same_flags(folder):
    frames, music = take("run", "--seed", "7")
    to = ["--to", "frames:script", "--to", "midifile:script.mid"]
    python(NOCTURNE, *SMALL, "--seed", "7", *to)
    assert digest("script") == frames
    assert list(digest("script.mid").values()) == music


def test_a_module_is_a_command_as_well(piece):
    child = python("-m", "capriccio", "run", piece, "--offline", "--seconds=1", "--to", "frames:a")
    assert len(digest("a")) == 10
    assert child.stdout == ""
    assert child.stderr.splitlines()[-1] == "piece: 10 frames and 2 notes to frames:a"


def test_the_flags_overrule_the_sketch(piece, folder):
    from PIL import Image

    flags = ["--fps", "5", "--size", "48x24", "--bpm", "60", "--to", "frames:a"]
    result = capriccio("run", piece, "--offline", "--seconds", "2", *flags)
    assert result.stderr.splitlines()[-1] == "piece: 10 frames and 2 notes to frames:a"
    with Image.open(folder / "a" / "frame_00000.png") as image:
        assert image.size == (48, 24)


def test_offline_without_outputs_writes_a_film_and_a_score(piece, folder):
    result = capriccio("run", piece, "--offline", "--seconds", "1")
    assert result.exit_code == 0
    film, score = sorted((folder / "takes").iterdir(), key=lambda path: path.suffix, reverse=True)
    assert re.fullmatch(r"piece-\d{8}-\d{6}\.mp4", film.name)
    assert score.name == film.with_suffix(".mid").name


def test_without_display_and_midi_it_says_so_and_records(piece, folder, monkeypatch):
    """One line for what is missing, which names what is written instead."""
    rtmidi = midi_library()
    monkeypatch.setattr(rtmidi, "get_compiled_api", list)
    result = capriccio("run", piece, "--seconds", "1")
    assert result.exit_code == 0
    screen, midi, *_ = result.stderr.splitlines()
    assert re.fullmatch(
        r"no display: neither DISPLAY nor WAYLAND_DISPLAY is set; "
        r"recording to takes/piece-[\d-]+\.mp4 instead",
        screen,
    )
    assert re.fullmatch(
        r"no MIDI system answers \(tried nothing\); recording to takes/piece-[\d-]+\.mid instead",
        midi,
    )
    assert sorted(file.suffix for file in (folder / "takes").iterdir()) == [".mid", ".mp4"]
    assert result.stderr.splitlines()[-1].startswith("piece: 10 frames and 2 notes to video:takes/")


def test_with_a_display_it_is_live_and_music_is_recorded(piece, folder, display, monkeypatch):
    rtmidi = midi_library()
    monkeypatch.setattr(rtmidi, "get_compiled_api", list)
    result = capriccio("run", piece, "--seconds", "0.5")
    assert result.exit_code == 0
    assert "piece: live on screen, midifile:takes/" in result.stderr
    assert sorted(file.suffix for file in (folder / "takes").iterdir()) == [".jsonl", ".mid"]


def test_the_demo_plays(folder):
    flags = ["--offline", "--seconds", "0.5", "--size", "64x64", "--to", "frames:demo"]
    result = capriccio("demo", *flags)
    assert result.exit_code == 0, result.output
    assert len(digest("demo")) == 15
    assert "first: 15 frames" in result.stderr


def test_the_device_is_said_before_the_show():
    child = python("-m", "capriccio", "run", NOCTURNE, *SMALL, "--to", "frames:a")
    assert re.match(r"capriccio: networks run on \w+\n", child.stderr)


# -- what is wrong ----------------------------------------------------------------------------


def test_a_gpu_that_is_not_there_is_an_error_and_no_fall_back(folder):
    from capriccio.models.model import _nvidia

    if _nvidia():
        pytest.skip("there is an NVIDIA GPU here")
    words = error("run", NOCTURNE, *SMALL, "--device", "cuda", "--to", "frames:a")
    assert words.startswith("device 'cuda' is not available")
    assert "there are 'cpu'" in words
    assert "pip install" in words
    assert not (folder / "a").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--to vidoe:a.mp4", "no output is named 'vidoe'; did you mean 'video'?"),
        ("--to frames", "output 'frames' has no place to go; write frames:DIR"),
        ("--device cudda", "no device is called 'cudda'; did you mean 'cuda'?"),
        ("--size 3", "'3' is no size; give width x height in pixels, such as 512x512"),
        ("--size axb", "'axb' is no size; give width x height in pixels, such as 512x512"),
        ("--size 3x3", "a size of (3, 3); give (width, height) from 16 to 16384 pixels each"),
        ("--fps 0", "0.0 is not in the range 0.1<=x<=1000"),
        ("--fps nan", "'nan' is no number of this kind; give one such as 30"),
        ("--bpm 0", "0.0 is not in the range 1<=x<=1000"),
        ("--seconds inf", "'inf' is no number of this kind; give one such as 30"),
        ("--seconds -1", "-1.0 is not in the range x>=0.01"),
        ("--seed seven", "'seven' is not a valid integer"),
    ],
)
def test_a_flag_that_cannot_be_is_told_with_what_can(flags, words, piece, folder):
    assert words in error("run", piece, "--offline", *flags.split())
    assert [file.name for file in folder.iterdir() if file.is_dir()] in ([], ["__pycache__"])


def test_without_a_sketch_it_says_how_to_get_one():
    assert "capriccio new sketch mine" in error("run")


def test_a_file_that_is_no_sketch_is_told(folder):
    assert error("run", "no.py") == f"no file {str(folder / 'no.py')!r} to run"
    (folder / "text.txt").write_text("la la la")
    assert error("run", "text.txt") == "'text.txt' is no Python file; a sketch ends in .py"
    (folder / "empty.py").touch()
    assert error("run", "empty.py") == "'empty.py' makes no sketch; write sketch = Sketch()"
    (folder / "bare.py").write_text("from capriccio import Sketch\nsketch = Sketch()\n")
    assert error("run", "bare.py", "--offline") == (
        "'bare' has no cue; decorate a function with @sketch.draw"
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("import numpy as np", "import nmpy", "No module named 'nmpy' (piece.py, line 1)"),
        (
            "size=(32, 16))",
            "size=(32, 16)",
            "SyntaxError: '(' was never closed (piece.py, line 11)\n    sketch = Sketch(bpm=120",
        ),
        (
            "    def generate",
            "  def generate",
            "outer indentation level (piece.py, line 7)\n    def",
        ),
        ("now.phase(bars=1)", "1 / 0", "ZeroDivisionError: division by zero (piece.py, line 15)"),
        (
            "level=now.phase(bars=1)",
            "levle=1",
            "got an unexpected keyword argument 'levle' (piece.py, line 15)",
        ),
        (
            "now.phase(bars=1)",
            "'much'",
            "knob 'level' of generator 'light' was given 'much'; give a number 0..1 "
            "(piece.py, line 15)",
        ),
        ("Light(seed=3)", "Light(sed=3)", "unexpected keyword argument 'sed' (piece.py, line 10)"),
        ("fps=10", "fps=0", "0 frames a second; give more than 0, at most 1000"),
        ("fps=10", "fps='ten'", "'ten' frames a second; give more than 0, at most 1000"),
        ("size=(32, 16)", "size=32", "a size of 32; give (width, height) from 16 to 16384"),
        (
            "@sketch.play(bars=1)",
            "@sketch.play",
            "@sketch.play needs to know how often; write @sketch.play(bars=2) (piece.py, line 17)",
        ),
        ("bpm=120", "bpm=0", "a tempo of 0 bpm; give more than 0 and less than"),
        ("range(4)", "[-1]", "play cue 'drum' made a note starting at -1 beats; give 0 or more"),
    ],
)
def test_an_error_is_one_sentence_with_the_line_of_the_sketch(old, new, words, piece):
    assert PIECE.count(old) == 1
    piece.write_text(PIECE.replace(old, new))
    told = error("run", piece, "--offline", "--seconds", "1", "--to", "midifile:a.mid")
    assert words in told
    assert len(told.splitlines()) == 1 + words.count("\n")


def test_an_unknown_part_is_told_with_the_line_that_asks_for_it(folder):
    (folder / "ask.py").write_text("from capriccio import generator\n\nit = generator('vea')\n")
    assert error("run", "ask.py") == (
        "no generator is named 'vea'; did you mean 'vae'? (ask.py, line 3)"
    )


def test_a_sentence_of_a_plugin_is_told_as_it_stands(folder):
    words = PIECE.replace("Light(seed=3)", "generator('vae')").replace(
        "level=now.phase(bars=1)", "style='peas'"
    )
    (folder / "fruit.py").write_text(words.replace("import Gen", "import generator, Gen"))
    told = error("run", "fruit.py", "--offline", "--to", "frames:a")
    assert told.startswith("generator 'vae' knows no style 'peas'; ")
    assert told.endswith("(fruit.py, line 15)")


def test_where_a_sentence_cannot_be_enough_the_whole_trace_is_shown(piece):
    piece.write_text(PIECE.replace("return light(", "np.linalg.inv(np.ones(3)); return light("))
    result = capriccio("run", piece, "--offline", "--to", "frames:a")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "in inv" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: LinAlgError: 1-dimensional array")
    assert result.stderr.splitlines()[-1].endswith("(piece.py, line 15)")


def test_ctrl_c_ends_a_rendering_with_a_whole_score(piece, folder):
    import mido

    code = PIECE.replace(
        "    return light", "    if now.beats > 1: raise KeyboardInterrupt\n    return light"
    )
    piece.write_text(code)
    result = capriccio("run", piece, "--offline", "--to", "midifile:a.mid")
    assert result.exit_code == 1
    assert "Aborted" in result.stderr
    kinds = [message.type for message in mido.MidiFile(folder / "a.mid") if not message.is_meta]
    assert kinds.count("note_on") == kinds.count("note_off") > 0


# -- training ---------------------------------------------------------------------------------


def test_training_without_torch_says_what_to_install(folder):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from capriccio.cli import main\n"
        "main(['train', 'vae', '--data', '.', '--out', 'mine.onnx'])\n"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert child.returncode == 1
    assert child.stderr == (
        "Error: training needs torch; install with pip install 'capriccio[train]'\n"
    )
    code = code.replace("'--data', '.', '--out', 'mine.onnx'", "'--help'")
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert child.returncode == 0 and not child.stderr
    told = " ".join(child.stdout.split())
    assert "--resume" in told and "training needs torch; install with pip" in told


def test_what_cannot_be_trained_is_told(folder):
    words = ["train", "vae", "--out", "mine.onnx", "--data"]
    assert error(*words, "nowhere") == "no folder 'nowhere' to learn from"
    assert "a model is written as .onnx, not 'mine.pt'" in error(
        "train", "vae", "--data", ".", "--out", "mine.pt"
    )
    pytest.importorskip("torch")
    told = error("train", "vea", "--data", ".", "--out", "mine.onnx")
    assert told.startswith("no plugin 'vea' can be trained; did you mean 'vae'?")


def test_a_plugins_own_options_are_taken_and_others_are_told(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    words = ("train", "vae", "--data", ".", "--out", "mine.onnx")
    assert "'.' holds 0 readable pictures" in error(*words, "--steps", "2")
    assert "'--steps': 'few' is not a valid integer" in error(*words, "--steps", "few")
    assert "Did you mean '--steps'?" in error(*words, "--step", "2")
    assert "Did you mean '--hours'?" in error(*words, "--hour", "2")
    assert "unexpected extra argument (more)" in error(*words, "more")
    assert error(*words, "--plugin", "2").endswith("No such option '--plugin'.")
    told = error("train", "--steps", "2", *words[1:])
    assert told.endswith("write the options of a plugin, such as --steps, after its name")


def test_help_on_training_a_plugin_lists_what_it_takes_beyond_the_rest():
    pytest.importorskip("torch")
    assert "own:" not in capriccio("train", "--help").output
    for words in (("vae", "--help"), ("--data", "x", "vae", "-h")):
        told = capriccio("train", *words)
        assert told.exit_code == 0
        assert re.search(r"Options of vae's own:\n  --steps INTEGER", told.output)
    assert error("train", "vea", "--help").startswith("no plugin 'vea' can be trained")


def test_a_plugins_options_are_numbers_however_they_are_annotated():
    def train(data, out, *, size: "int | None" = 3, rate: "float" = 1.0, mix: int | float = 1,
              few: int | None = None, name: str = "", seed: int = 0): ...  # fmt: skip

    words = ["--size", "4", "--rate", "0.5", "--mix", "0.25", "--few", "2"]
    given = own_options(train, "own", words, {"--seed"})
    assert given == {"size": 4, "rate": 0.5, "mix": 0.25, "few": 2}
    assert isinstance(given["size"], int)
    for words in (["--name", "me"], ["--seed", "3"]):
        with pytest.raises(click.NoSuchOption, match=words[0]):
            own_options(train, "own", words, {"--seed"})


def test_a_training_has_a_number_of_hours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for hours in ("nan", "inf"):
        words = ("train", "vae", "--data", ".", "--out", "mine.onnx", "--hours", hours)
        assert f"{hours!r} is no number of this kind" in error(*words)


# -- help -------------------------------------------------------------------------------------


def commands(command=main, path=()):
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


@pytest.mark.parametrize("path", [path for path, _ in commands()], ids=" ".join)
def test_every_help_page_shows_an_example_that_its_command_takes(path):
    page = capriccio(*path, "--help").output
    examples = re.findall(r"^ +(?:\w+=\S+ )?capriccio ((?:\S+ ?)+)", page, re.MULTILINE)
    mine = [words for words in examples if words.split()[: len(path)] == list(path)]
    assert mine, page
    for words in mine:
        check(words.replace('"', "").split())


def check(words: list[str]) -> None:
    """Parse a command without running it; raise click's own error where it cannot be."""
    command, context = main, click.Context(main)
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    with command.make_context("it", words, parent=context):
        pass


def test_every_option_is_explained():
    for path, command in commands():
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{' '.join(path)} {option.name}"


def test_a_misspelled_command_is_told():
    assert "No such command 'rnu'" in error("rnu")
    assert capriccio("--version").output == f"capriccio, version {__version__}\n"


def test_parts_are_listed_for_people_and_for_programs():
    listed = json.loads(capriccio("parts", "--json").stdout)
    shown = capriccio("parts").stdout
    for part in listed["parts"]:
        assert part["name"] in shown


# -- what is imported -------------------------------------------------------------------------

HEAVY = {"onnxruntime", "pygame", "av", "rtmidi", "mido", "numpy", "rich", "PIL", "torch"}


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import capriccio", set()),
        ("import capriccio.cli", set()),
        ("from capriccio import Sketch, generator; generator('rnn'); Sketch()", {"numpy"}),
    ],
)
def test_importing_costs_next_to_nothing(code, allowed):
    child = python("-c", f"{code}\nimport sys; print(*sys.modules)")
    assert HEAVY & set(child.stdout.split()) <= allowed
