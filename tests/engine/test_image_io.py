"""Image files of every kind are found and read; one that cannot be read is named in one line."""

import os
from io import BytesIO

import numpy as np
import pytest
from capriccio import image_files, image_io, load_image, open_image, read_image, write_image
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


@pytest.mark.parametrize("name", ["huge.jpg", "huge.png", "huge.webp"])
def test_a_huge_image_is_read_smaller_with_its_aspect(tmp_path, name):
    picture = Image.new("RGB", (3200, 2400), (200, 30, 30))
    picture.paste((30, 200, 30), (0, 0, 1600, 2400))
    picture.save(tmp_path / name, lossless=True)
    read = read_image(tmp_path / name)
    height, width, _ = read.shape
    assert 1024 <= height <= 2048
    assert width / height == pytest.approx(4 / 3, abs=0.01)
    assert abs(read[height - 9, 9].astype(int) - (30, 200, 30)).max() < 4
    assert abs(read[9, width - 9].astype(int) - (200, 30, 30)).max() < 4


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "I;16", "F", "CMYK"])
def test_a_large_image_of_any_mode_is_the_same_in_stripes(tmp_path, mode, monkeypatch):
    """Transparent halves are white, upright is up, and depth and palette are those of the whole."""
    small = np.zeros((60, 40, 4), np.uint8)
    small[:, 20:] = (200, 40, 40, 255)
    small[40:] = (0, 0, 0, 128)
    picture = Image.fromarray(small)
    if mode in ("I;16", "F"):
        grey = np.linspace(0, 65535 if mode == "I;16" else 9, 2400).reshape(60, 40)
        picture = Image.fromarray(grey.astype(np.uint16 if mode == "I;16" else np.float32))
    elif mode != "RGBA":
        picture = picture.convert(mode)
    options = {"transparency": 0} if mode == "P" else {}
    facts = Image.Exif()
    facts[image_io.ORIENTATION] = 6
    file = tmp_path / {"F": "a.tif", "CMYK": "a.jpg"}.get(mode, "a.png")
    picture.save(file, exif=facts, **options)
    whole = read_image(file)
    assert whole.shape == (40, 60, 3) and len(np.unique(whole)) > 1
    monkeypatch.setattr(image_io, "STRIPE_PIXELS", 7 * 40)
    assert (read_image(file) == whole).all()


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
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    bomb = tmp_path / "bomb.png"
    Image.new("1", (6000, 4000)).save(bomb)
    message = "6000 x 4000 pixels, at most 16 million are allowed in a file of its size"
    with pytest.raises(ValueError, match=message):
        read_image(bomb)
    Image.new("1", (10_000, 5000)).save(bomb)
    with bomb.open("ab") as file:
        file.write(bytes(5_000_000))
    with pytest.raises(ValueError, match=r"10000 x 5000 pixels, at most 40 million are allowed$"):
        read_image(bomb)
    Image.new("1", (1, 30_001)).save(bomb)
    with pytest.raises(ValueError, match="1 x 30001 pixels, at most 30000 a side are allowed"):
        read_image(bomb)


@pytest.mark.parametrize("kind", ["EPS", "DDS", "PPM", "TGA", "ICO", "PCX", "PDF"])
def test_a_file_of_another_format_is_refused_whatever_its_name(tmp_path, kind):
    file = BytesIO()
    Image.fromarray(PHOTO).save(file, kind)
    (tmp_path / "photo.jpg").write_bytes(file.getvalue())
    message = r"photo\.jpg: is not an image file of BMP, GIF, JPEG, PNG, TIFF, WEBP"
    with pytest.raises(ValueError, match=message):
        read_image(tmp_path / "photo.jpg")
    with pytest.raises(ValueError, match=message), open_image(tmp_path / "photo.jpg"):
        pass


def test_what_fails_after_decoding_is_a_value_error_as_well(tmp_path, monkeypatch):
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    monkeypatch.setattr(image_io, "DRAFT_SIDE", 0)
    with pytest.raises(ValueError, match=r"a\.png: cannot be converted: .*zero"):
        read_image(tmp_path / "a.png")


def test_errors_of_whoever_uses_an_open_image_go_through(tmp_path):
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    with pytest.raises(KeyError), open_image(tmp_path / "a.png") as picture:
        assert picture.size == (200, 160)
        raise KeyError


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


def test_what_a_knob_is_given_is_an_image_or_a_file_that_is_read_again_when_it_changes(tmp_path):
    path = tmp_path / "source.png"
    for level in (40, 200):
        write_image(np.full((4, 5, 3), level, np.uint8), path)
        os.utime(path, (level, level))
        assert (load_image(path, "part", "source") == level).all()
    assert load_image(str(path), "part", "source") is load_image(path, "part", "source")
    path.unlink()
    assert (load_image(path, "part", "source") == 200).all()
    assert load_image(np.zeros((2, 2, 3)), "part", "source").dtype == np.uint8


@pytest.mark.parametrize("thing", [3, None, ["a.png"]])
def test_what_is_neither_image_nor_path_is_named(thing):
    with pytest.raises(TypeError, match="knob 'source' of part must be an image"):
        load_image(thing, "part", "source")


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"gone\.png"):
        load_image(tmp_path / "gone.png", "part", "source")
