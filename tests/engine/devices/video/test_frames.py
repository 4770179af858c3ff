"""Frames as PNG files."""

import io

import numpy as np
import pytest
from capriccio import ShowError
from capriccio.devices.video.frames import Frames, as_png
from helpers.output_shows import COLORS, files_at_most, performance, plain, show_all
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image


def test_frames_are_the_images_shown(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    images = [noise, *map(plain, COLORS)]
    show_all(Frames(str(tmp_path)), images, performance())
    names = [f"frame_{number:05}.png" for number in range(6)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for name, image in zip(names, images, strict=True):
        picture = Image.open(tmp_path / name)
        assert picture.mode == "RGB"
        assert np.array_equal(np.asarray(picture), image)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_any_image_survives_as_a_png(height, width, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    data = as_png(image)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), image)
    assert as_png(image[:, ::-1][:, ::-1]) == data


def test_a_show_that_fails_before_its_first_frame_leaves_those_of_an_earlier_one(tmp_path):
    show_all(Frames(str(tmp_path)), [plain((9, 9, 9))], performance())
    before = (tmp_path / "frame_00000.png").read_bytes()
    show_all(Frames(str(tmp_path)), [], performance())
    assert [path.name for path in tmp_path.iterdir()] == ["frame_00000.png"]
    assert (tmp_path / "frame_00000.png").read_bytes() == before


def test_a_frame_of_another_size_is_fitted(tmp_path):
    show_all(Frames(str(tmp_path)), [plain((9, 9, 9), 100, 100)], performance())
    assert Image.open(tmp_path / "frame_00000.png").size == (64, 48)


def test_a_canvas_that_is_painted_on_later_is_written_as_it_was_shown(tmp_path):
    facts, canvas = performance(), plain((0, 0, 0))
    output = Frames(str(tmp_path))
    output.start(facts)
    for level in range(5):
        canvas[:] = level
        output.show(canvas, facts.clock.moment(seconds=0.0, span=0.1))
    output.close()
    levels = [np.asarray(Image.open(path)).max() for path in sorted(tmp_path.iterdir())]
    assert levels == [0, 1, 2, 3, 4]


def test_a_full_disk_stops_the_frames_with_one_sentence_and_no_partial_file(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    output = Frames(str(tmp_path))
    with (
        files_at_most(1000),
        pytest.raises(ShowError, match=r"cannot write .*frame_00001.png': File too large"),
    ):
        show_all(output, [plain((1, 2, 3)), noise], performance())
    assert [path.name for path in tmp_path.iterdir()] == ["frame_00000.png"]


def test_frames_left_from_an_earlier_longer_show_are_reported(tmp_path, capsys):
    show_all(Frames(str(tmp_path)), list(map(plain, COLORS)), performance())
    show_all(Frames(str(tmp_path)), [plain((1, 1, 1))], performance())
    said = capsys.readouterr().err
    assert "still holds 4 frames of an earlier show, from frame_00001.png on" in said
