"""Image files of every kind are found and read; one that cannot be read is named in one line."""

from io import BytesIO

import numpy as np
import pytest
from capriccio import image_files, read_image, write_image
from PIL import Image

PHOTO = np.random.default_rng(0).integers(0, 256, (160, 200, 3), np.uint8)


def names(folder):
    return [path.relative_to(folder).as_posix() for path in image_files(folder)]


def test_image_files_are_found_at_any_depth_and_sorted(tmp_path):
    for name in ("b.png", "a/z.JPG", "a/b/c.webp", "a/notes.txt", "c.gif.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert names(tmp_path) == ["a/b/c.webp", "a/z.JPG", "b.png"]


def test_image_files_are_found_through_links(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "apple.png").touch()
    data = tmp_path / "data"
    data.mkdir()
    (data / "fruit").symlink_to(elsewhere)
    (data / "one.png").symlink_to(elsewhere / "apple.png")
    (tmp_path / "linked").symlink_to(data)
    assert names(tmp_path / "linked") == ["fruit/apple.png", "one.png"]


def test_links_in_a_circle_end_and_no_image_is_found_twice(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.png").touch()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "itself").symlink_to(tmp_path / "a")
    (tmp_path / "0").symlink_to(tmp_path / "b")  # comes first, but is no folder of its own
    assert names(tmp_path) == ["a/a.png", "b/b.png"]


def test_a_folder_that_is_missing_has_no_image_files(tmp_path):
    assert image_files(tmp_path / "gone") == []


def test_a_grey_image_becomes_three_equal_channels(tmp_path):
    grey = PHOTO[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert (read_image(tmp_path / "grey.png") == grey[..., None]).all()


def test_sixteen_bits_are_scaled_to_eight(tmp_path):
    deep = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    read = read_image(tmp_path / "deep.png")
    assert (read[0, 0, 0], read[-1, -1, 0]) == (0, 255)
    assert abs(int(read[32, 0, 0]) - 127) <= 2


def test_a_transparent_image_is_laid_on_white(tmp_path):
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[:4] = (255, 0, 0, 255)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    read = read_image(tmp_path / "clear.png")
    assert (read[0, 0] == (255, 0, 0)).all()
    assert (read[-1, -1] == 255).all()


def test_a_cmyk_image_is_converted(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "print.jpg")
    red, green, blue = read_image(tmp_path / "print.jpg")[8, 8]
    assert red > 200 > 60 > max(green, blue)


def test_a_rotated_photograph_is_turned_upright(tmp_path):
    facts = Image.Exif()
    facts[0x0112] = 6  # turned by a quarter
    Image.fromarray(PHOTO).save(tmp_path / "turned.jpg", exif=facts)
    assert read_image(tmp_path / "turned.jpg").shape == (200, 160, 3)


def test_a_huge_jpeg_is_read_smaller_with_its_aspect(tmp_path):
    Image.new("RGB", (8000, 6000), (200, 30, 30)).save(tmp_path / "huge.jpg")
    height, width, _ = read_image(tmp_path / "huge.jpg").shape
    assert width / height == pytest.approx(4 / 3, abs=0.01)


def test_a_file_that_cannot_be_read_is_named_in_one_line(tmp_path):
    file = BytesIO()
    Image.fromarray(PHOTO).save(file, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(file.getvalue()[:2000])
    with pytest.raises(ValueError, match=r"cut\.jpg: cannot be read: .*truncated") as told:
        read_image(tmp_path / "cut.jpg")
    assert "\n" not in str(told.value)
    (tmp_path / "text.png").write_text("a letter")
    with pytest.raises(ValueError, match=r"text\.png: is not an image file"):
        read_image(tmp_path / "text.png")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    with pytest.raises(ValueError, match=r"bomb\.png: cannot be read: .*pixels"):
        read_image(tmp_path / "bomb.png")


def test_an_image_of_too_many_pixels_is_refused_even_where_pillow_has_no_limit(
    tmp_path, monkeypatch
):
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(ValueError, match="20000 x 20000 pixels, at most 200 million are allowed"):
        read_image(tmp_path / "bomb.png")


def test_an_image_is_written_and_read_again(tmp_path):
    path = tmp_path / "hills.png"
    path.write_text("an older file")
    write_image(PHOTO, path)
    assert (read_image(path) == PHOTO).all()
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_older_file(tmp_path):
    path = tmp_path / "hills.png"
    write_image(PHOTO, path)
    with pytest.raises((TypeError, ValueError, KeyError)):
        write_image(np.zeros((4, 4, 3), np.complex128), path)
    assert (read_image(path) == PHOTO).all()
    assert list(tmp_path.iterdir()) == [path]
