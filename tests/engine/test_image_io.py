"""Picture files of every kind become images; what cannot be read is told in a line."""

from io import BytesIO

import numpy as np
import pytest
from capriccio import read_image, write_image
from PIL import Image
from plugins.critic.test_analyzer import hills


def test_a_picture_in_grey_is_read_as_three_alike_channels(tmp_path):
    grey = hills()[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert (read_image(tmp_path / "grey.png") == grey[..., None]).all()


def test_sixteen_bits_are_brought_to_eight(tmp_path):
    deep = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    read = read_image(tmp_path / "deep.png")
    assert (read[0, 0, 0], read[-1, -1, 0]) == (0, 255)
    assert abs(int(read[32, 0, 0]) - 127) <= 2


def test_transparent_pictures_lie_on_white(tmp_path):
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[:4] = (255, 0, 0, 255)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    read = read_image(tmp_path / "clear.png")
    assert (read[0, 0] == (255, 0, 0)).all()
    assert (read[-1, -1] == 255).all()


def test_colours_of_print_are_read(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "print.jpg")
    red, green, blue = read_image(tmp_path / "print.jpg")[8, 8]
    assert red > 200 > 60 > max(green, blue)


def test_a_photograph_stands_upright(tmp_path):
    facts = Image.Exif()
    facts[0x0112] = 6  # turned by a quarter
    Image.fromarray(hills()).save(tmp_path / "turned.jpg", exif=facts)
    assert read_image(tmp_path / "turned.jpg").shape == (200, 160, 3)


def test_a_huge_picture_is_read_whole(tmp_path):
    Image.new("RGB", (8000, 6000), (200, 30, 30)).save(tmp_path / "huge.jpg")
    height, width, _ = read_image(tmp_path / "huge.jpg").shape
    assert width / height == pytest.approx(4 / 3, abs=0.01)


def test_what_cannot_be_read_is_told_in_a_line(tmp_path):
    file = BytesIO()
    Image.fromarray(hills()).save(file, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(file.getvalue()[:2000])
    with pytest.raises(ValueError, match=r"cut\.jpg: cannot be read: .*truncated") as told:
        read_image(tmp_path / "cut.jpg")
    assert "\n" not in str(told.value)
    (tmp_path / "text.png").write_text("a letter")
    with pytest.raises(ValueError, match=r"text\.png: is no picture, whatever its name says"):
        read_image(tmp_path / "text.png")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    with pytest.raises(ValueError, match=r"bomb\.png: cannot be read: .*pixels"):
        read_image(tmp_path / "bomb.png")


def test_an_image_is_written_and_read_again(tmp_path):
    path = tmp_path / "hills.png"
    path.write_text("an older file")
    write_image(hills(), path)
    assert (read_image(path) == hills()).all()
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_older_file(tmp_path):
    path = tmp_path / "hills.png"
    write_image(hills(), path)
    with pytest.raises((TypeError, ValueError, KeyError)):
        write_image(np.zeros((4, 4, 3), np.complex128), path)
    assert (read_image(path) == hills()).all()
    assert list(tmp_path.iterdir()) == [path]
