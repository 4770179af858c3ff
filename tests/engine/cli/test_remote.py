"""Hands on a real show: the commands, a window's keys, OSC and a controller, all at once."""

import json
import os
import pty
import socket
import subprocess
import sys
import textwrap
from contextlib import contextmanager

import pytest
from capriccio.cli.main import main
from capriccio.remote.midi_map import read_maps
from capriccio.remote.presets import read_presets
from click.testing import CliRunner
from engine.remote.test_osc import free_port, packet
from helpers.controllers import cc, plugged, until
from helpers.devices import ROOT, needs, wait_for

SKETCH = """
    import numpy as np
    from capriccio import Generator, Sketch

    class Field(Generator):
        def generate(self, now, *, light=0.5, words="a field"):
            return np.full((48, 64, 3), float(light))

    field = Field()
    sketch = Sketch(bpm=240, fps=30, size=(64, 48))

    @sketch.draw
    def look(now):
        return field(now, light=0.5)
"""


@pytest.fixture
def piece(tmp_path, monkeypatch):
    """The file of a sketch, in the folder of somebody who has no files of their own yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "engine"))
    file = tmp_path / "piece.py"
    file.write_text(textwrap.dedent(SKETCH))
    return file


def said(*words, code=0) -> str:
    result = CliRunner().invoke(main, [*map(str, words)])
    assert result.exit_code == code, result.output
    return result.output


# -- commands ---------------------------------------------------------------------------------


def test_osc_lists_every_address_with_what_it_takes_and_where_it_starts(piece):
    rows = {row["address"]: row for row in json.loads(said("osc", piece, "--json"))}
    assert rows["/field/light"] == {
        "address": "/field/light",
        "kind": "number",
        "type": "f",
        "range": [0.0, 1.0],
        "default": 0.5,
        "key": "",
        "says": "light of generator 'field'",
    }
    assert rows["/field/words"]["default"] == "a field"
    assert rows["/show/preset/3"]["key"] == "3"
    assert rows["/show/morph"]["range"] == [0.0, 64.0]
    assert {"/show/learn", "/show/still", "/show/save"} < set(rows)
    table = said("osc", piece)
    assert "0 to 1" in table and "/field/light" in table and "nothing, or 1" in table


def test_no_key_of_the_window_is_for_two_things(piece):
    keys = [row["key"] for row in json.loads(said("osc", piece, "--json")) if row["key"]]
    assert len(keys) == len(set(keys))
    assert not {"f", "escape"} & set(keys)  # which are the window's own


def test_osc_of_no_sketch_is_told(tmp_path):
    assert "no file '" in said("osc", tmp_path / "none.py", code=1)


def test_a_place_where_osc_cannot_be_is_told_before_the_show(piece):
    told = said("run", piece, "--to", "frames:x", "--osc", "here", "--no-take", code=1)
    assert "OSC cannot be heard at 'here'" in told


def test_a_controller_is_learned_and_listed(piece, jack):
    with plugged("nano") as nano:
        child = subprocess.Popen(
            [sys.executable, "-m", "capriccio", "midi", "learn", piece, "/field/light", "--toggle"],
            stdout=subprocess.PIPE,
            text=True,
        )
        until(lambda: child.poll() is not None, nano, cc(20, 0), cc(20, 127))
        assert child.returncode == 0
        told = child.stdout.read()
        listed = said("midi", "list")
        as_json = json.loads(said("midi", "list", "--json"))
    assert "/field/light: move a control of your controller" in told
    assert "cc 20 on channel 1 of '" in told and "turns /field/light, as '" in told
    [found] = read_maps()
    assert found.ties[0].mode == "toggle"
    assert found.device in [port["device"] for port in as_json["inputs"]]
    assert as_json["maps"][0]["ties"][0]["move"] == "cc 20"
    assert "inputs: '" in listed and "cc 20" in listed and "/field/light  toggle" in listed


def test_at_a_terminal_one_knob_is_chosen_after_the_other(piece, jack):
    with plugged("nano") as nano:
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            [sys.executable, "-m", "capriccio", "midi", "learn", piece],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        os.write(ours, b"1\n")
        until(lambda: read_maps(), nano, (0x90, 36, 100), (0x80, 36, 0))
        os.write(ours, b"0\n")
        assert child.wait(30) == 0
        told = os.read(ours, 100_000).decode()
        os.close(ours)
    assert "1  /field/light" in told
    assert read_maps()[0].ties[0].move == "note 36"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["/field/ligth"], "no control '/field/ligth' that is turned; did you mean '/field/light'"),
        ([], "nobody is there to choose; give an address: capriccio midi learn"),
        (["/field/light", "--seconds", "0.2"], "nothing was moved for 0.2 s; capriccio midi list"),
    ],
)
def test_what_cannot_be_learned_is_told(piece, jack, words, told):
    assert told in said("midi", "learn", piece, *words, code=1)


# -- a show -----------------------------------------------------------------------------------


@contextmanager
def running(piece):
    """Run a live show in a window, and give how to send it OSC and press its keys."""
    needs("xdotool")
    port = free_port()
    flags = ["--to", "screen", "--no-take", "--osc", str(port)]
    child = subprocess.Popen(
        [sys.executable, "-m", "capriccio", "run", piece, *flags],
        stderr=subprocess.PIPE,
        text=True,
        cwd=piece.parent,
    )
    try:
        found = subprocess.run(
            ["xdotool", "search", "--sync", "--onlyvisible", "--pid", str(child.pid)],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        window = found.stdout.split()[0]
        subprocess.run(["xdotool", "windowfocus", "--sync", window], check=True, timeout=30)

        def press(key: str) -> None:
            subprocess.run(["xdotool", "key", key], check=True, timeout=30)

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            yield child, press, lambda *things: sender.sendto(packet(*things), ("127.0.0.1", port))
    finally:
        child.terminate()
        child.wait(30)


def test_osc_turns_and_keys_of_the_window_save(piece, display):
    file = piece.parent / "home" / "capriccio" / "presets" / "piece.toml"
    with running(piece) as (child, press, send):

        def saved():
            send("/field/light", 0.25)
            press("shift+2")
            return file.exists() and read_presets(file).get("2", None)

        preset = wait_for(saved)
        press("Escape")
        assert child.wait(30) == 0
        told = child.stderr.read()
    assert preset.held == {"/field/light": 0.25}
    assert preset.free == {"/field/words": "a field"}
    assert "capriccio: preset '2' is saved in '" in told


def test_l_in_the_window_learns_the_control_that_is_moved(piece, display, jack):
    with plugged("nano") as nano, running(piece) as (child, press, _):
        press("l")
        until(lambda: read_maps(), nano, cc(20, 0), cc(20, 100))
        press("Escape")
        assert child.wait(30) == 0
        told = child.stderr.read()
    assert read_maps()[0].ties[0].address == "/field/light"
    assert "learning /field/light: move a control" in told
