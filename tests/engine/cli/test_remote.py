"""The commands `capriccio osc` and `capriccio midi`."""

import json
import os
import pty
import subprocess
import sys

import pytest
from capriccio.cli.main import main
from capriccio.remote.midi_map import read_maps
from click.testing import CliRunner
from helpers.controllers import FIELD_PIECE, cc, plugged, until
from helpers.devices import ROOT


@pytest.fixture
def piece(tmp_path, monkeypatch):
    """The file of a sketch, where the user has no files of their own yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "engine"))
    file = tmp_path / "piece.py"
    file.write_text(FIELD_PIECE)
    return file


def output_of(*words, code=0) -> str:
    result = CliRunner().invoke(main, [*map(str, words)])
    assert result.exit_code == code, result.output
    return result.output


def test_osc_lists_every_address_with_its_type_range_and_start_value(piece):
    rows = {row["address"]: row for row in json.loads(output_of("osc", piece, "--json"))}
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
    table = output_of("osc", piece)
    assert "0 to 1" in table and "/field/light" in table and "nothing, or 1" in table


def test_no_key_of_the_window_has_two_functions(piece):
    keys = [row["key"] for row in json.loads(output_of("osc", piece, "--json")) if row["key"]]
    assert len(keys) == len(set(keys))
    assert not {"f", "escape"} & set(keys)  # which are the window's own


def test_osc_of_a_missing_sketch_is_an_error(tmp_path):
    assert "no file '" in output_of("osc", tmp_path / "none.py", code=1)


def test_an_invalid_osc_endpoint_is_an_error_before_the_show(piece):
    printed = output_of("run", piece, "--to", "frames:x", "--osc", "here", "--no-take", code=1)
    assert "OSC needs a port, such as 9000, or HOST:PORT/WORD, got 'here'" in printed


@pytest.mark.system
def test_a_control_is_learned_and_listed(piece, jack):
    with plugged("nano") as nano:
        child = subprocess.Popen(
            [sys.executable, "-m", "capriccio", "midi", "learn", piece, "/field/light", "--toggle"],
            stdout=subprocess.PIPE,
            text=True,
        )
        until(lambda: child.poll() is not None, nano, cc(20, 0), cc(20, 127))
        assert child.returncode == 0
        printed = child.stdout.read()
        listed = output_of("midi", "list")
        as_json = json.loads(output_of("midi", "list", "--json"))
    assert "/field/light: move a control of your controller" in printed
    assert "cc 20 on channel 1 of '" in printed and "sets /field/light; saved in '" in printed
    [found] = read_maps()
    assert found.bindings[0].mode == "toggle"
    assert found.device in [port["device"] for port in as_json["inputs"]]
    assert as_json["maps"][0]["ties"][0]["move"] == "cc 20"
    assert "inputs: '" in listed and "cc 20" in listed and "/field/light  toggle" in listed


@pytest.mark.system
def test_at_a_terminal_knobs_are_chosen_one_after_the_other(piece, jack):
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
        assert child.wait(120) == 0
        printed = os.read(ours, 100_000).decode()
        os.close(ours)
    assert "1  /field/light" in printed
    assert read_maps()[0].bindings[0].control == "note 36"


@pytest.mark.system
@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            ["/field/ligth"],
            "no control '/field/ligth' that a controller can set; did you mean '/field/light'",
        ),
        ([], "no terminal to choose a knob at; give an address: capriccio midi learn"),
        (["/field/light", "--seconds", "0.2"], "nothing was moved for 0.2 s; capriccio midi list"),
    ],
)
def test_what_cannot_be_learned_is_an_error(piece, jack, words, error):
    assert error in output_of("midi", "learn", piece, *words, code=1)
