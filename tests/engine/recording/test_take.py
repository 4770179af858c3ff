"""Takes: a live show is written down as it goes, and performed again as it was."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import mido
import numpy as np
import pytest
from capriccio.models.model import use_device
from capriccio.recording.provenance import read_provenance
from capriccio.recording.take import read_take
from helpers.controllers import cc, plugged
from helpers.devices import wait_for
from helpers.takes import (
    RECIPE,
    lines,
)
from PIL import Image


@pytest.fixture(autouse=True)
def no_models_open():
    """What other tests have opened had no hand in the shows of these."""
    use_device("auto")


# -- real processes ---------------------------------------------------------------------------

PIECE = """\
import numpy as np
from capriccio import Generator, Note, Sketch, controls

class Light(Generator):
    def __init__(self, *, seed=0):
        self.shade = seed % 100
    def generate(self, now, *, level=0.5):
        y, x = np.mgrid[0:48, 0:64]
        return (self.shade + 40 * level + x + y).astype(np.uint8)[..., None].repeat(3, axis=2)

light = Light(seed=3)
hands = controls()
sketch = Sketch(bpm=120, fps=20, size=(64, 48))

@sketch.draw
def glow(now):
    return light(now, level=hands[1] * (0.5 + sketch.loudness))

@sketch.play(bars=1)
def drum(now):
    pitch = 36 + int(hands[1] * 40)
    return [Note(pitch, beat, 0.5) for beat in range(4)]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "CAPRICCIO_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "piece.py").write_text(PIECE)
    return tmp_path


def begin(*words) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "capriccio", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def capriccio(*words) -> str:
    child = begin(*map(str, words))
    said, _ = child.communicate(timeout=120)
    assert child.returncode == 0, said
    return said


def take_of(folder) -> Path:
    (take,) = (folder / "takes").glob("*.jsonl")
    return take


def pictures(folder) -> dict[float, bytes]:
    """Return the frames in a folder by their moment, as their records say."""
    files = sorted(folder.glob("*.png"))
    moments = [json.loads(read_provenance(file).text)["moment"] for file in files]
    pixels = [np.asarray(Image.open(file)).tobytes() for file in files]
    return dict(zip((round(moment, 6) for moment in moments), pixels, strict=True))


def begun(file) -> list:
    """Return every beginning and end of a note in a MIDI file as ticks and bytes."""
    found = []
    for track in mido.MidiFile(file).tracks:
        ticks = 0
        for message in track:
            ticks += message.time
            if message.type.startswith("note"):
                found.append((ticks, *message.bytes()))
    return sorted(found)


def test_live_control_by_a_real_controller_is_performed_again_to_the_pixel(folder, jack):
    outputs = ["--to", "frames:live", "--to", "midifile:live.mid"]
    with plugged("nano") as nano:
        child = begin("run", "piece.py", "--seconds", "6", "--fps", "10", *outputs)
        wait_for(lambda: list(folder.glob("live/*.png")), what="the show")
        for level in range(128):
            nano.send(cc(1, level))
            if child.poll() is None:
                threading.Event().wait(0.03)  # hands take their time
        said, _ = child.communicate(timeout=180)
    assert child.returncode == 0, said
    take = take_of(folder)
    heard = [line for line in lines(take)[1:] if line[1] == "midi"]
    assert len(heard) > 30 and {line[2][1] for line in heard} == {"nano:nano"}
    capriccio("replay", take, "--to", "frames:again", "--to", "midifile:again.mid")
    live, replayed = pictures(folder / "live"), pictures(folder / "again")
    assert len(set(live.values())) > 20
    assert {at: replayed[at] == picture for at, picture in live.items()} == dict.fromkeys(
        live, True
    )
    assert begun("again.mid") == begun("live.mid")
    assert len({note[2] for note in begun("live.mid")}) > 1


def test_a_show_that_is_killed_loses_at_most_the_last_second_of_its_take(folder):
    child = begin("run", "piece.py", "--to", "frames:live", "--to", "midifile:live.mid")
    wait_for(lambda: len(list(folder.glob("live/*.png"))) > 50, seconds=60, what="frames")
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    shown = max(pictures(folder / "live"))
    take = read_take(take_of(folder).read_text(), "a")
    assert take.seconds > shown - 1.0
    capriccio("replay", take_of(folder), "--to", "frames:again")
    replayed = pictures(folder / "again")
    live = pictures(folder / "live")
    assert max(replayed) > shown - 1.0
    assert all(replayed[at] == live[at] for at in live if at in replayed)


def test_without_a_take_none_is_written(folder):
    capriccio("run", "piece.py", "--seconds", "0.5", "--no-take", "--to", "frames:live")
    assert not (folder / "takes").exists()


def test_live_shows_draw_a_seed_of_their_own_which_the_take_holds(folder):
    text = PIECE.replace("light = Light(seed=3)", 'light = generator("vae", model="watercolors")')
    text = text.replace("import Generator,", "import generator, Generator,")
    (folder / "piece.py").write_text(text.replace("light(now, level=", "light(now, bloom="))
    for name in ("a", "b", "c"):
        capriccio("run", "piece.py", "--seconds", "0.3", "--to", f"frames:{name}")
    takes = sorted((folder / "takes").glob("*.jsonl"))
    assert len({json.loads(take.read_text().splitlines()[0])["chance"] for take in takes}) == 3
    # Walks begin at one of some hundred places, so two of them may begin alike.
    assert len({pictures(folder / name)[0.0] for name in ("a", "b", "c")}) > 1
    capriccio("replay", takes[-1], "--to", "frames:again")
    assert pictures(folder / "again")[0.0] == pictures(folder / "c")[0.0]


def test_what_is_no_longer_as_it_was_is_said(folder):
    capriccio("run", "piece.py", "--seconds", "0.3", "--to", "frames:live")
    take = take_of(folder)
    assert "differs" not in capriccio("replay", take, "--to", "frames:a")
    header, *rest = take.read_text().splitlines()
    record = json.loads(header)
    record.update(capriccio="0.0.1", machine="an \x1b[31mold\u202e one")
    record["versions"]["numpy"] = "1.0"
    record["plugins"] = {"gone": "gone 1.0"}
    model = json.dumps([0.0, "models", {"m.onnx": {"sha256": "0", "provider": "cuda"}}])
    take.write_text("\n".join([json.dumps(record), model, *rest, ""]))
    (folder / "piece.py").write_text(PIECE + "# another line\n")
    said = capriccio("replay", take, "--sketch", "piece.py", "--to", "frames:b")
    assert "differs: sketch piece.py has changed" in said
    assert "differs: capriccio was 0.0.1 and is" in said
    assert r"differs: machine was an \x1b[31mold\u202e one and is" in said
    assert "differs: version numpy was 1.0 and is" in said
    assert "differs: plugin gone was gone 1.0 and is not installed" in said


def test_a_sketch_that_has_moved_is_found_where_it_is_said_to_be(folder):
    capriccio("run", "piece.py", "--seconds", "0.3", "--to", "frames:live")
    take = take_of(folder)
    (folder / "piece.py").rename(folder / "other.py")
    child = begin("replay", str(take), "--to", "frames:a")
    said, _ = child.communicate()
    assert child.returncode == 1
    assert "sketch 'piece.py' has been moved; name its file with --sketch FILE" in said
    capriccio("replay", take, "--sketch", "other.py", "--to", "frames:a")


def test_a_film_is_opened_by_its_place_alone(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps({"take": 1, **RECIPE}), '[0.5, "image", ["eye", "concat:a.mkv", 3]]', ""]
    take = read_take("\n".join(lines), "a")
    assert take.image("eye", 0.4) is None and take.image("other", 0.6) is None
    assert take.image("eye", 0.5) == (tmp_path / "concat:a.mkv", 3)
