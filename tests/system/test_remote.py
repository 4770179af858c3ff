"""A live show in a real window, set by OSC, a MIDI controller and its keys."""

import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest
from capriccio.remote.midi_map import read_maps
from capriccio.remote.presets import read_presets
from helpers.controllers import FIELD_PIECE, cc, plugged, until
from helpers.devices import ROOT, needs, wait_for
from helpers.osc import free_udp_port, packet

pytestmark = pytest.mark.system


@pytest.fixture
def piece(tmp_path, monkeypatch):
    """The file of a sketch, where the user has no files of their own yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "engine"))
    file = tmp_path / "piece.py"
    file.write_text(FIELD_PIECE)
    return file


@contextmanager
def running(piece):
    """Run a live show in a window; yield it, and functions that press its keys and send it OSC."""
    needs("xdotool")
    port = free_udp_port()
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
            timeout=180,
        )
        window = found.stdout.split()[0]
        subprocess.run(["xdotool", "windowfocus", "--sync", window], check=True, timeout=180)

        def press(key: str) -> None:
            subprocess.run(["xdotool", "key", key], check=True, timeout=180)

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            yield (
                child,
                press,
                lambda *message: sender.sendto(packet(*message), ("127.0.0.1", port)),
            )
    finally:
        child.terminate()
        child.wait(120)


def test_osc_sets_a_knob_and_keys_of_the_window_save_presets(piece, display):
    file = piece.parent / "home" / "capriccio" / "presets" / "piece.toml"
    with running(piece) as (child, press, send):

        def saved():
            # The key may be taken before the message: then the preset holds no knob yet.
            send("/field/light", 0.25)
            press("shift+2")
            preset = file.exists() and read_presets(file).get("2")
            return preset if preset and preset.held else None

        preset = wait_for(saved)
        press("Escape")
        assert child.wait(120) == 0
        logged = child.stderr.read()
    assert preset.held == {"/field/light": 0.25}
    assert preset.free == {"/field/words": "a field"}
    assert "capriccio: preset '2' is saved in '" in logged


def test_l_in_the_window_learns_the_control_that_is_moved(piece, display, jack):
    with plugged("nano") as nano, running(piece) as (child, press, _):
        press("l")
        until(lambda: read_maps(), nano, cc(20, 0), cc(20, 100))
        press("Escape")
        assert child.wait(120) == 0
        logged = child.stderr.read()
    assert read_maps()[0].bindings[0].address == "/field/light"
    assert "learning /field/light: move a control" in logged
