"""The wheel holds everything: it is built, installed outside the checkout, and used."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import mido
import numpy as np
import pytest
from helpers.devices import ROOT, Scratch, needs, x_server
from PIL import Image

pytestmark = [pytest.mark.system, pytest.mark.slow]

PLUGINS = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py"))


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Build sdist and wheel from the checkout, and return their folder."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=1200)
    return folder


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Scratch:
    """Install the wheel into an environment of its own."""
    scratch = Scratch(tmp_path_factory.mktemp("wheel") / "venv")
    (wheel,) = built.glob("*.whl")
    scratch.run(f"pip install --quiet --no-deps --ignore-installed '{wheel}'", built)
    return scratch


def test_the_wheel_comes_from_the_sdist_as_well(built, tmp_path):
    """An sdist without a package would make a wheel without it."""
    (sdist,) = built.glob("*.tar.gz")
    subprocess.run(["tar", "xzf", str(sdist), "-C", str(tmp_path)], check=True)
    (source,) = tmp_path.iterdir()
    for package in (*PLUGINS, "capriccio"):
        files = {path.name for path in source.rglob(f"{package}/*.py")}
        assert "__init__.py" in files, package


def test_neither_archive_holds_weights_twice(built):
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        packed = [archive.read(one) for one in archive.infolist() if one.filename.endswith(".onnx")]
    with tarfile.open(sdist) as archive:
        files = [one for one in archive if one.name.endswith(".onnx")]
        sources = [archive.extractfile(one).read() for one in files]
    assert len(packed) == len(set(packed)) == len(sources) == len(set(sources)) > 10


def test_every_package_is_that_of_the_wheel(installed, tmp_path):
    names = ["capriccio", "capriccio_sketches", *PLUGINS]
    told = installed.run(
        "python -c 'import json, sys; from importlib.util import find_spec; "
        "print(json.dumps([list(find_spec(name).submodule_search_locations)[0] "
        "for name in sys.argv[1:]]))' " + " ".join(names),
        tmp_path,
    )
    for place in json.loads(told):
        assert Path(place).is_relative_to(installed.bin.parent), place


def test_the_demo_plays(installed, tmp_path):
    installed.run(
        "capriccio demo --offline --seconds 0.5 --size 64x64 --to frames:demo --to midifile:a.mid",
        tmp_path,
    )
    assert len(list((tmp_path / "demo").glob("*.png"))) == 12


def test_parts_are_listed_with_none_broken(installed, tmp_path):
    listed = installed.parts(tmp_path)
    assert not listed["broken"]
    names = {part["name"] for part in listed["parts"]}
    assert {
        "gan",
        "vae",
        "rnn",
        "painter",
        "critic",
        "ear",
        "wall",
        "draw",
        "write",
        "screen",
        "midi",
    } <= names


def test_bench_times_every_part(installed, tmp_path):
    report = json.loads(installed.run("capriccio bench --frames 2 --json", tmp_path))
    timed = {part["part"] for part in report["parts"]}
    assert {"gan", "vae", "rnn", "painter", "critic", "ear", "wall", "draw", "write"} <= timed
    assert not [part for part in report["parts"] if "error" in part]


MAX_OWN_LINES = 16  # that an author writes


def test_an_author_comes_from_nothing_to_a_part_on_screen(installed, tmp_path):
    """The first section of docs/plugins.md, literally, with the part that the next one shows."""
    needs("Xvfb")
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    section, _, rest = page.partition("\n## Generators\n")
    blocks = re.findall(r"^```sh ?(.*)\n((?:.*\n)*?)```$", section, re.MULTILINE)
    dunes = re.search(r"^```python\n((?:.*\n)*?)```$", rest, re.MULTILINE)[1]
    lines = [line for line in dunes.splitlines() if line.strip()]
    assert len(lines) <= MAX_OWN_LINES
    folder = tmp_path / "capriccio-shimmer"
    played = 0
    with x_server("640x480") as display:
        for mark, text in blocks:
            place = folder if folder.exists() else tmp_path
            if mark.startswith("no-run"):
                module = folder / "capriccio_shimmer.py"
                code = module.read_text()
                head, tail = code.index("class Shimmer"), code.index("@hookimpl")
                own = dunes[dunes.index("class Dunes") :].replace("Dunes", "Shimmer")
                own = own.replace("wind", "drift").replace("sun", "bloom")  # as play.py turns them
                module.write_text(f"{code[:head]}{own}\n\n{code[tail:]}")
                text = f"DISPLAY={display} {text.strip()} --seconds 1 --to screen --to frames:seen"
            installed.run(text, place)
            played += (folder / "seen").exists()
            shutil.rmtree(folder / "seen", ignore_errors=True)
    assert played == 1
    assert "shimmer" not in {part["name"] for part in installed.parts(tmp_path)["parts"]}


@pytest.fixture
def pictures(tmp_path) -> Path:
    """A folder of as many small pictures as a training needs, in folders of two kinds."""
    random = np.random.default_rng(0)
    for number in range(60):
        folder = tmp_path / "data" / ("dawn", "dusk")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 255, (96, 96, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "data"


@pytest.fixture
def songs(tmp_path) -> Path:
    """A folder of short MIDI files."""
    (tmp_path / "songs").mkdir()
    for number in range(4):
        song = mido.MidiFile(ticks_per_beat=480)
        track = song.add_track()
        for beat in range(32):
            pitch = 36 + (beat + number) % 12
            track.append(mido.Message("note_on", channel=9, note=pitch, velocity=90))
            track.append(mido.Message("note_off", channel=9, note=pitch, time=480))
        song.save(tmp_path / "songs" / f"{number}.mid")
    return tmp_path / "songs"


# Each training begins with the same libraries, which take long to load: all run in one process.
TRAIN = """
import sys
from capriccio.cli.main import main

pictures, songs, drawings, lines, out = sys.argv[1:]
for plugin, data, *flags in (
    ("gan", pictures, "--size", "64"),
    ("vae", pictures),
    ("strokes", pictures),
    ("rnn", songs),
    ("critic", pictures),
    ("draw", drawings),
    ("write", lines),
):
    main(["train", plugin, "--help"], standalone_mode=False)
    command = ["train", plugin, "--data", data, "--out", out, "--dry-run", *flags]
    main(command, standalone_mode=False)
    print("trained", plugin)
"""


def test_every_plugin_trains(installed, pictures, songs, tmp_path):
    pytest.importorskip("torch")
    drawings, lines = tmp_path / "drawings", tmp_path / "lines.txt"
    drawings.mkdir()
    for number in range(60):
        path = f"M0 0L{number} 9L9 {number}M5 5L{number} {number}"
        (drawings / f"{number}.svg").write_text(f'<svg><path d="{path}"/></svg>')
    lines.write_text("\n".join(f"View {number} of the Castle" for number in range(80)))
    (tmp_path / "trainings.py").write_text(TRAIN)
    out = tmp_path / "mine.onnx"
    data = " ".join(f"'{one}'" for one in (pictures, songs, drawings, lines))
    printed = installed.run(f"python trainings.py {data} '{out}'", tmp_path)
    trained = [line.split()[1] for line in printed.splitlines() if line.startswith("trained ")]
    assert trained == ["gan", "vae", "strokes", "rnn", "critic", "draw", "write"]
    assert printed.count("--data PATH") == len(trained)
    assert not out.exists()
