import base64
import io
import re

import numpy as np
import pytest
from capriccio import ShowError
from capriccio.devices.video.terminal_screen import SHOW, Terminal, as_blocks, as_kitty
from helpers.output_shows import halves, performance, plain, show_all
from PIL import Image


def test_two_pixels_are_one_character(monkeypatch):
    monkeypatch.setenv("COLUMNS", "8")
    monkeypatch.setenv("LINES", "5")
    lines = as_blocks(halves(16, 16)).split("\r\n")
    assert len(lines) == 4
    assert [line.count("▀") for line in lines] == [8] * 4
    assert lines[0].startswith("\x1b[38;2;255;0;0;48;2;255;0;0m▀")
    assert "\x1b[38;2;0;0;255;48;2;0;0;255m" in lines[0]


@pytest.mark.parametrize("size", [(64, 48), (1280, 720)])
def test_a_terminal_that_knows_kitty_is_sent_a_png(size):
    image = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    commands = re.findall(r"\x1b_G(.*?);(.*?)\x1b\\", as_kitty(image))
    assert commands[0][0].startswith("a=T,f=100")
    assert [facts[-1] for facts, _ in commands] == ["1"] * (len(commands) - 1) + ["0"]
    shown = Image.open(io.BytesIO(base64.b64decode("".join(piece for _, piece in commands))))
    assert shown.size == (min(640, size[0]), min(360, size[1]))
    if size == (64, 48):
        assert np.array_equal(np.asarray(shown), image)


def test_a_show_is_shown_some_times_a_second_and_leaves_the_cursor(capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("TERM_PROGRAM", raising=False)
    show_all(Terminal(), [plain((9, 9, 9))] * 50, performance())  # two seconds
    told = capsys.readouterr().out
    assert 12 <= told.count("\x1b[H") <= 24
    assert told.rstrip("\n").endswith(SHOW)
    show_all(Terminal("kitty"), [plain((9, 9, 9))], performance())
    assert "\x1b_G" in capsys.readouterr().out


def test_what_is_no_terminal_is_told(monkeypatch):
    assert Terminal.missing() == "standard output is no terminal"
    with pytest.raises(ShowError, match="is 'terminal', 'terminal:blocks' or 'terminal:kitty'"):
        Terminal("sixel")
    Terminal().close()
