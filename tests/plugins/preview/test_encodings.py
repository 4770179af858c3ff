import base64
import io
import re

import numpy as np
import pytest
from capriccio_preview.encodings import as_blocks, as_kitty, as_sixel
from helpers.images import difference, scene
from helpers.output_shows import halves
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


def drawn(sixels: str) -> np.ndarray:
    """Return what a terminal draws of a picture in sixels, read by the rules of the VT340."""
    head = re.match(r'\x1bP0;1q"1;1;(\d+);(\d+)', sixels)
    width, height = map(int, head.groups())
    image = np.zeros((height + 6, width, 3), int)
    body = sixels[head.end() :].removesuffix("\x1b\\")
    colors, color, x, y = {}, (0, 0, 0), 0, 0
    for token in re.findall(r"#[\d;]+|!\d+.|[$\-]|[?-~]", body):
        if token[0] == "#":
            number, *facts = map(int, token[1:].split(";"))
            if facts:
                assert facts[0] == 2  # red, green and blue in percent
                colors[number] = [round(2.55 * level) for level in facts[1:]]
            color = colors[number]
        elif token in "$-":
            x, y = 0, y + 6 * (token == "-")
        else:
            count = int(token[1:-1]) if token[0] == "!" else 1
            for row in range(6):
                if ord(token[-1]) - 63 >> row & 1:
                    image[y + row, x : x + count] = color
            x += count
    return image[:height]


@pytest.mark.parametrize("shape", [(48, 64), (50, 33), (1, 1)])
def test_sixels_show_the_picture_in_few_colours(shape):
    image = scene(1, shape)
    assert difference(drawn(as_sixel(image)), image) < 12
    assert drawn(as_sixel(halves()))[10, 10].tolist() == [255, 0, 0]


def test_a_large_picture_is_sent_small():
    assert drawn(as_sixel(scene(1, (360, 1280)))).shape == (180, 640, 3)
