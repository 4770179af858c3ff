import io

import numpy as np
import pytest
from capriccio import Canvas, Stroke, show
from capriccio.notebook import Film, Picture
from PIL import Image


def shown(thing):
    return Image.open(io.BytesIO(show(thing)._repr_mimebundle_()["image/png"]))


def test_every_kind_of_picture_is_shown():
    red = np.full((4, 6, 3), (255, 0, 0), np.uint8)
    canvas = Canvas(6, 4)
    canvas.background("red")
    for thing in (red, red / 255, Image.fromarray(red), canvas):
        assert (shown(thing).size, shown(thing).getpixel((0, 0))) == ((6, 4), (255, 0, 0))
    half = np.dstack([red, np.full((4, 6), 128, np.uint8)])
    for thing in (half, half / 255, Image.fromarray(half)):
        assert abs(shown(thing).getpixel((0, 0))[0] - 128) <= 1


def test_a_drawing_is_shown_as_vectors():
    bundle = show([Stroke([(0, 0), (1, 1)])], (30, 20))._repr_mimebundle_()
    assert 'viewBox="0 0 30 20"' in bundle["image/svg+xml"]
    assert isinstance(show([Stroke([(0, 0), (1, 1)])]), Picture)


def test_what_cannot_be_shown_is_told():
    with pytest.raises(TypeError, match="show was given a str, expected an image"):
        show("hello")


def test_a_film_lies_within_the_page(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"abc")
    bundle = Film(tmp_path / "a.mp4", (32, 16))._repr_mimebundle_()
    assert "data:video/mp4;base64,YWJj" in bundle["text/html"]
    assert bundle["text/plain"] == "a film of 32 x 16, 3 bytes"
