"""`capriccio run`, `capriccio demo` and `python sketch.py`: what they write and report."""

import re
import sys

import pytest
from capriccio.devices.midi import ports
from helpers.command import PIECE, capriccio, digest, error, python
from helpers.devices import ROOT

NOCTURNE = ROOT / "sketches" / "nocturne.py"
SMALL = ["--offline", "--seconds", "2", "--size", "64x64", "--fps", "8"]
ONE_SECOND = ["--offline", "--seconds", "1"]

pytestmark = pytest.mark.usefixtures("folder")


def render_nocturne(name: str, *flags):
    """Render two seconds of the nocturne; return the digests of its frames and of its music."""
    words = ["run", NOCTURNE, *SMALL, "--to", f"frames:{name}", "--to", f"midifile:{name}.mid"]
    result = capriccio(*words, *flags)
    assert result.exit_code == 0, result.output
    frames, music = digest(name), digest(f"{name}.mid")
    assert len(frames) == 16
    return frames, list(music.values())


# -- what is written --------------------------------------------------------------------------


def test_the_same_sketch_and_seed_give_the_same_bytes_and_another_seed_others():
    first, again, other = (
        render_nocturne("first", "--seed", "7"),
        render_nocturne("again", "--seed", "7"),
        render_nocturne("other", "--seed", "8"),
    )
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]


@pytest.mark.slow
def test_a_sketch_is_a_program_that_writes_the_same_bytes_as_run():
    frames, music = render_nocturne("run", "--seed", "7")
    to = ["--to", "frames:script", "--to", "midifile:script.mid"]
    python(NOCTURNE, *SMALL, "--seed", "7", *to)
    assert digest("script") == frames
    assert list(digest("script.mid").values()) == music


def test_a_module_is_a_command_as_well(piece):
    child = python("-m", "capriccio", "run", piece, *ONE_SECOND, "--to", "frames:a")
    assert len(digest("a")) == 10
    assert child.stdout == ""
    assert child.stderr.splitlines()[-1] == "piece: 10 frames and 2 notes to frames:a"


def test_flags_override_the_sketch(piece, folder):
    from PIL import Image

    flags = ["--fps", "5", "--size", "48x24", "--bpm", "60", "--to", "frames:a"]
    result = capriccio("run", piece, "--offline", "--seconds", "2", *flags)
    assert result.stderr.splitlines()[-1] == "piece: 10 frames and 2 notes to frames:a"
    with Image.open(folder / "a" / "frame_00000.png") as image:
        assert image.size == (48, 24)


def test_offline_without_outputs_writes_a_film_and_a_midi_file(piece, folder):
    result = capriccio("run", piece, *ONE_SECOND)
    assert result.exit_code == 0
    film, score = sorted((folder / "takes").iterdir(), key=lambda path: path.suffix, reverse=True)
    assert re.fullmatch(r"piece-\d{8}-\d{6}\.mp4", film.name)
    assert score.name == film.with_suffix(".mid").name


def test_without_display_and_midi_it_says_so_and_records(piece, folder, monkeypatch):
    """One line for each device that is missing, which names what is written instead."""
    monkeypatch.setattr(ports, "systems", list)
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


@pytest.mark.system
def test_with_a_display_it_is_live_and_music_is_recorded(piece, folder, display, monkeypatch):
    monkeypatch.setattr(ports, "systems", list)
    result = capriccio("run", piece, "--seconds", "0.5")
    assert result.exit_code == 0
    assert "piece: live on screen, midifile:takes/" in result.stderr
    assert "Esc or Ctrl-C ends" in result.stderr
    suffixes = sorted(file.suffix for file in (folder / "takes").iterdir())
    assert suffixes in ([".jsonl", ".mid", ".ogg"], [".jsonl", ".mid"])  # with a sound card


def test_the_demo_plays():
    flags = ["--offline", "--seconds", "0.5", "--size", "64x64", "--to", "frames:demo"]
    result = capriccio("demo", *flags)
    assert result.exit_code == 0, result.output
    assert len(digest("demo")) == 12
    assert "medley: 12 frames" in result.stderr


def test_the_device_is_named_before_the_show():
    child = python("-m", "capriccio", "run", NOCTURNE, *SMALL, "--to", "frames:a")
    assert re.match(r"capriccio: networks run on \w+\n", child.stderr)


def test_ctrl_c_ends_a_rendering_with_a_complete_midi_file(piece, folder):
    import mido

    code = PIECE.replace(
        "    return light", "    if now.beats > 1: raise KeyboardInterrupt\n    return light"
    )
    piece.write_text(code)
    to = ["--to", "midifile:a.mid", "--to", "frames:a"]
    result = capriccio("run", piece, "--offline", *to)
    assert result.exit_code == 1
    assert "Aborted" in result.stderr
    kinds = [message.type for message in mido.MidiFile(folder / "a.mid") if not message.is_meta]
    assert kinds.count("note_on") == kinds.count("note_off") > 0


# -- a sketch as a program --------------------------------------------------------------------


def test_a_program_takes_the_same_flags_and_goes_on_afterwards(piece):
    piece.write_text(f"{PIECE}\nsketch.run()\nprint('afterwards')\n")
    to = ["--to", "frames:a", "--to", "midifile:a.mid"]
    child = python(piece, *ONE_SECOND, "--seed", "7", *to)
    assert child.stdout == "afterwards\n"
    assert (
        child.stderr.splitlines()[-1] == "piece: 10 frames and 2 notes to frames:a, midifile:a.mid"
    )
    to = ["--to", "frames:b", "--to", "midifile:b.mid"]
    result = capriccio("run", piece, *ONE_SECOND, "--seed", "7", *to)
    assert result.exit_code == 0, result.output
    assert digest("a") == digest("b")
    assert list(digest("a.mid").values()) == list(digest("b.mid").values())
    capriccio("run", piece, *ONE_SECOND, "--seed", "8", "--to", "frames:c")
    assert digest("a") != digest("c")


def test_a_program_lists_its_flags_and_reports_a_wrong_one(piece):
    piece.write_text(f"{PIECE}\nsketch.run()\nprint('afterwards')\n")
    told = python(piece, "--help").stdout
    assert told.startswith("Usage: python piece.py [OPTIONS]")
    assert "--offline" in told and "--seed N" in told
    assert "afterwards" not in told
    child = python(piece, "--offlin", code=2)
    assert child.stderr.endswith("Error: No such option '--offlin'. Did you mean '--offline'?\n")


def test_an_error_in_a_program_is_one_sentence(piece):
    piece.write_text(PIECE.replace("now.phase(bars=1)", "'much'") + "\nsketch.run()\n")
    child = python(piece, *ONE_SECOND, "--to", "midifile:a.mid", "--to", "frames:a", code=1)
    assert child.stderr.splitlines()[-1] == (
        "Error: knob 'level' of generator 'light' must be a number 0..1, got 'much' "
        "(piece.py, line 15)"
    )
    assert "Traceback" not in child.stderr


def test_a_sketch_without_cues_is_reported(folder):
    (folder / "bare.py").write_text(
        "from capriccio import Sketch\nsketch = Sketch()\nsketch.run(['--offline'])\n"
    )
    child = python("bare.py", code=1)
    assert child.stderr == ("Error: 'sketch' has no cue; decorate a function with @sketch.draw\n")


def test_a_program_with_its_own_flags_renders_and_performs(folder):
    (folder / "many.py").write_text(
        f"{PIECE}\n"
        "import argparse\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--n', type=int)\n"
        "for seed in range(parser.parse_args().n):\n"
        "    sketch.render(f'still{seed}', seconds=0.2, seed=seed)\n"
        "    print(sketch.perform([f'frames:again{seed}'], seconds=0.2, seed=seed).frames)\n"
    )
    child = python("many.py", "--n", "2")
    assert child.stdout == "2\n2\n"
    assert digest("still0") == digest("again0")
    assert digest("still1") == digest("again1")
    assert digest("still0") != digest("still1")


def test_a_program_is_read_from_standard_input(folder):
    text = f"{PIECE}\nsketch.run()\n"
    child = python("-", *ONE_SECOND, "--to", "frames:a", stdin=text)
    assert len(digest("a")) == 10
    assert child.stderr.splitlines()[-1] == "sketch: 10 frames and 2 notes to frames:a"


# -- inputs -----------------------------------------------------------------------------------

WHEEL = """
from capriccio import Input, hookimpl

class Wheel(Input):
    '''Set knobs as a wheel would.'''
    def start(self, performance):
        print('wheel', self.target, 'starts', *sorted(performance.parameters.by_address))
        performance.parameters.set('/light/level', 1.0)
    def close(self):
        print('wheel', self.target, 'closes')

@hookimpl
def inputs():
    return [Wheel]
"""


def test_an_input_of_a_plugin_is_opened_sets_knobs_and_is_closed(install, piece):
    install(ours=True, wheel=WHEEL)
    result = capriccio("run", piece, *ONE_SECOND, "--from", "wheel:2", "--to", "frames:a")
    assert result.exit_code == 0, result.output
    first, last = result.stdout.splitlines()
    assert first.startswith("wheel 2 starts ") and "/light/level" in first
    assert last == "wheel 2 closes"
    frames = digest("a")
    assert len(frames) == 10
    capriccio("run", piece, *ONE_SECOND, "--to", "frames:b")
    assert digest("b") != frames


def test_an_unknown_input_is_reported_with_the_near_one(install, piece):
    install(ours=True, wheel=WHEEL)
    words = error("run", piece, *ONE_SECOND, "--from", "whele")
    assert words == "no input is named 'whele'; did you mean 'wheel'?"


# -- what is wrong ----------------------------------------------------------------------------


def test_a_gpu_that_is_not_there_is_an_error_and_no_fall_back(folder):
    from capriccio.models.model import has_nvidia_gpu

    if has_nvidia_gpu():
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
        ("--to frames", "output 'frames' needs a path; write frames:DIR"),
        ("--device cudda", "no device is called 'cudda'; did you mean 'cuda'?"),
        ("--size 3", "a size is width x height in pixels, such as 512x512, got '3'"),
        ("--size axb", "a size is width x height in pixels, such as 512x512, got 'axb'"),
        ("--size 3x3", "size must be (width, height) from 16 to 16384 pixels each, got (3, 3)"),
        ("--fps 0", "0.0 is not in the range 0.1<=x<=1000"),
        ("--fps nan", "a finite number is needed, such as 30, got 'nan'"),
        ("--bpm 0", "0.0 is not in the range 1<=x<=1000"),
        ("--seconds inf", "a finite number is needed, such as 30, got 'inf'"),
        ("--seconds -1", "-1.0 is not in the range x>=0.01"),
        ("--seed seven", "'seven' is not a valid integer"),
    ],
)
def test_a_flag_with_a_wrong_value_is_reported_with_what_is_possible(flags, words, piece, folder):
    assert words in error("run", piece, "--offline", *flags.split())
    assert [file.name for file in folder.iterdir() if file.is_dir()] in ([], ["__pycache__"])


def test_without_a_sketch_it_says_how_to_get_one():
    assert "capriccio new sketch mine" in error("run")


def test_a_file_that_is_no_sketch_is_reported(folder):
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
    "trouble",
    [
        "os.fork()",
        "os.fork() or sys.exit(3)",
        "os.closerange(3, 9)",
        "os.chdir('/')",
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_part_that_forks_closes_files_or_leaves_the_folder_ends_no_show(piece, folder, trouble):
    """There is one show and not two, and it says where its take is."""
    head = f"import os, sys\n{PIECE}"
    once = f"    round(now.beats, 3) == 0.4 and ({trouble})\n    return light(now"
    piece.write_text(head.replace("    return light(now", once))
    to = ("--to", "frames:live", "--to", "midifile:a.mid")
    said = python("-m", "capriccio", "run", piece, "--seconds", "1", *to).stderr
    assert len(re.findall(r"takes/piece-[-0-9]+\.jsonl: perform it again with", said)) == 1, said
    (take,) = (folder / "takes").glob("*.jsonl")
    assert take.read_text().splitlines()[-1].endswith(',"end",null]')
    assert len(list((folder / "live").glob("*.png"))) >= 8 and (folder / "a.mid").is_file()
