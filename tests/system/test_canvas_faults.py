"""Bad input of a canvas, a source or an effect in a live show: one sentence, and it goes on."""

import numpy as np
import pytest
from capriccio import Canvas, generator, layers, movie
from capriccio.devices.video.film import Video
from capriccio.testing import Memory
from helpers.output_shows import performance, show_all
from helpers.shows import live_stage

BAD = 5  # the frame from which on it is bad


def perform(draw, good, capfd):
    """Perform 20 frames, of which the later ones are bad; return images and lines of messages."""
    memory, paper, number = Memory(), Canvas(64, 48), [0]
    paper.background("navy")

    def cue(now):
        number[0] += 1
        draw(paper, now) if number[0] > BAD else good(paper, now)
        return paper

    live_stage([memory], draw=cue, size=(64, 48)).perform(2.0)
    assert len(memory.images) == 20
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("capriccio: ")]
    # What is told once is counted at the end.
    return memory.images, [line for line in told if " times: " not in line]


def plain(paper, now):
    paper.circle(0.5, 0.5, 0.5)


def film(path, tmp_path, share):
    """Write a film, cut after a share of its bytes."""
    noise = np.random.default_rng(1).integers(0, 256, (25, 48, 64, 3), np.uint8)
    show_all(Video(str(tmp_path / "whole.mp4")), list(noise), performance())
    data = (tmp_path / "whole.mp4").read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path


MISTAKES = {
    "a missing font": (
        lambda paper, now: paper.text_font("Comic Sans of Mars"),
        "LookupError: no font is called 'Comic Sans of Mars'",
    ),
    "NaN": (
        lambda paper, now: paper.circle(float("nan"), 0.5, 0.1),
        "ValueError: circle needs finite numbers, got nan, 0.5, 0.1",
    ),
    "a path without points": (
        lambda paper, now: paper.polygon([]),
        "ValueError: polygon needs points (n, 2), got an array of shape (0,)",
    ),
    "path data that are none": (
        lambda paper, now: paper.path("M 0"),
        "ValueError: path command 'M' takes 2 numbers at a time, got 1",
    ),
    "a picture of 0x0": (
        lambda paper, now: paper.image(np.zeros((0, 0, 3), np.uint8)),
        "ValueError: a picture is an array of shape (0, 0, 3), expected (height, width, 3)",
    ),
    "a layer of 0x0": (
        lambda paper, now: layers(paper, np.zeros((0, 0, 3), np.uint8)),
        "ValueError: layer 1 is an array of shape (0, 0, 3), expected (height, width, 3)",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence_and_the_last_picture_stays(name, capfd):
    draw, sentence = MISTAKES[name]
    images, told = perform(draw, plain, capfd)
    assert len(told) == 1 and sentence in told[0]
    assert all(np.array_equal(image, images[BAD - 1]) for image in images[BAD:])


def test_an_empty_path_draws_nothing_and_is_no_mistake(capfd):
    images, told = perform(lambda paper, now: paper.path(""), plain, capfd)
    assert not told
    assert np.array_equal(images[BAD - 1], images[-1])


@pytest.mark.parametrize(
    ("share", "sentence"), [(0.6, "breaks off: "), (0.01, "cannot be read as a film: ")]
)
def test_a_film_that_is_cut_is_one_sentence(share, sentence, tmp_path, capfd):
    clip = movie(film(tmp_path / "cut.mp4", tmp_path, share))
    images, told = perform(lambda paper, now: paper.image(clip(now)), plain, capfd)
    clip.close()
    assert len(told) == 1 and sentence in told[0]
    assert images[-1].any()


SHADERS = {
    "does not compile": ("half4 main(float2 at) {\n return foo; }", "line 2: unknown identifier"),
    "loops for ever": (
        "half4 main(float2 at) {\n while (true) {} return half4(1); }",
        "line 2: while loops are not supported",
    ),
    "loops too long": (
        "half4 main(float2 at) { float x = 0; for (int i = 0; i < 9999; i++) {"
        " for (int j = 0; j < 9999; j++) { x += 1; } } return half4(x); }",
        "loops 100,000,000 times for a pixel, at most 10,000",
    ),
}


@pytest.mark.parametrize("name", SHADERS)
def test_a_shader_is_one_sentence_with_its_line(name, tmp_path, capfd):
    text, sentence = SHADERS[name]
    (tmp_path / "mine.sksl").write_text(text)
    shader = generator("shader", file=tmp_path / "mine.sksl")
    images, told = perform(lambda paper, now: paper.image(shader(now, over=paper)), plain, capfd)
    assert len(told) == 1 and sentence in told[0]
    assert np.array_equal(images[-1], images[BAD - 1])
