"""Images, phrases and drawings: what is let through, what is refused in which words."""

import math

import numpy as np
import pytest
from capriccio import Note, Stroke, fit, rasterise
from capriccio.media import as_drawing, as_image, as_medium, as_mixture, as_phrase
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

# -- images -----------------------------------------------------------------------------------


def test_a_uint8_image_is_let_through_as_it_is():
    image = np.zeros((2, 3, 3), np.uint8)
    assert as_image(image) is image


FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(arrays.arrays(np.float32, (2, 3, 3), elements=FINITE))
def test_floats_become_the_nearest_bytes_within_0_to_1(floats):
    image = as_image(floats)
    assert image.dtype == np.uint8
    assert np.array_equal(image, np.floor(np.clip(floats, 0, 1) * 255 + np.float32(0.5)))


@given(arrays.arrays(np.uint8, (2, 2, 3)), st.sampled_from([np.float16, np.float32, np.float64]))
def test_bytes_written_as_floats_come_back(image, kind):
    assert np.array_equal(as_image((image / 255).astype(kind)), image)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_number_that_is_none_spoils_an_image(value):
    image = np.zeros((4, 4, 3), np.float32)
    image[3, 3, 2] = value
    with pytest.raises(ValueError, match=r"^it made an image with NaN or infinity in it; floats"):
        as_image(image, "it")


@pytest.mark.parametrize(
    "shape", [(256, 256), (256, 256, 4), (3, 256, 256), (0, 4, 3), (1, 2, 2, 3)]
)
def test_another_shape_is_told(shape):
    with pytest.raises(ValueError, match=r"^it made an array of shape .*; an image is \(height, w"):
        as_image(np.zeros(shape, np.uint8), "it")


@pytest.mark.parametrize("kind", [np.int64, bool, np.uint16, complex, object])
def test_another_kind_of_number_is_told(kind):
    with pytest.raises(ValueError, match=r"^it made an array of \w+; an image is uint8, or floats"):
        as_image(np.zeros((2, 2, 3), kind), "it")


@pytest.mark.parametrize(
    ("thing", "kind"),
    [(None, "nothing"), ([[0]], "a list"), ({}, "a dict"), (7, "an int"), (Note(60), "a Note")],
)
def test_what_is_no_array_is_told(thing, kind):
    with pytest.raises(TypeError, match=f"^it made {kind}; an image is a numpy array"):
        as_image(thing, "it")


# -- mixtures ---------------------------------------------------------------------------------


def test_a_mixture_is_one_thing_or_two_with_their_shares():
    assert as_mixture("ink", "it", "style", str) == [("ink", 1.0)]
    assert as_mixture(("ink", "wash", 0.25), "it", "style", str) == [("ink", 0.75), ("wash", 0.25)]
    assert as_mixture(["ink", "wash", 7], "it", "style") == [("ink", 0.0), ("wash", 1.0)]
    assert as_mixture(("ink", "wash", -1), "it", "style") == [("ink", 1.0), ("wash", 0.0)]


@pytest.mark.parametrize(
    "thing",
    [None, 3, (), ("ink",), ("ink", "wash"), ("ink", "wash", "much"), ("ink", 3, 0.5),
     ("ink", "wash", None), ("ink", "wash", float("nan")), ("a", "b", 0.5, "c")],
)  # fmt: skip
def test_what_is_no_mixture_is_told(thing):
    with pytest.raises(TypeError, match=r"^knob 'style' of it is .*; give text, or two"):
        as_mixture(thing, "it", "style", str)


# -- phrases ----------------------------------------------------------------------------------

NOTES = st.builds(
    Note,
    st.integers(0, 127),
    st.floats(0, 1e6),
    st.floats(0, 1e6, exclude_min=True),
    st.floats(0, 1),
    st.integers(1, 16),
)


@given(st.lists(NOTES))
def test_every_note_that_can_be_played_is_let_through(notes):
    assert as_phrase(notes) == notes
    assert as_phrase(tuple(notes)) == notes


def test_numpys_numbers_are_numbers():
    note = Note(np.int64(60), np.float32(0.5), np.float64(1), np.float32(1), np.uint8(16))
    assert as_phrase([note]) == [note]


@pytest.mark.parametrize(
    ("note", "message"),
    [
        (Note(300), r"a note of pitch 300; a pitch is a whole number 0\.\.127"),
        (Note(-1), "a note of pitch -1"),
        (Note(60.0), r"a note of pitch 60\.0"),
        (Note(math.nan), "a note of pitch nan"),
        (Note(60, channel=0), r"a note on channel 0; channels are 1\.\.16"),
        (Note(60, channel=17), "a note on channel 17"),
        (Note(60, start=-0.5), r"a note starting at -0\.5 beats; give 0 or more"),
        (Note(60, start=math.inf), "a note starting at inf beats"),
        (Note(60, length=0.0), r"a note of length 0\.0 beats; give more than 0"),
        (Note(60, length=math.nan), "a note of length nan"),
        (Note(60, length="1"), "a note of length '1'"),
        (Note(60, velocity=1.1), r"a note of velocity 1\.1; a velocity is 0\.\.1"),
        (Note(60, velocity=None), "a note of velocity None"),
    ],
)
def test_a_note_that_cannot_be_played_is_told(note, message):
    with pytest.raises(ValueError, match=f"^it made {message}"):
        as_phrase([Note(60), note], "it")


def test_what_is_no_phrase_is_told():
    with pytest.raises(TypeError, match=r"^it made a Note; a phrase is a list of Note$"):
        as_phrase(Note(60), "it")
    with pytest.raises(TypeError, match=r"^it made nothing; a phrase is a list of Note$"):
        as_phrase(None, "it")
    with pytest.raises(TypeError, match=r"^it put a tuple into a phrase; a phrase is a list of"):
        as_phrase([(60, 0.0, 1.0, 0.8, 1)], "it")


# -- drawings ---------------------------------------------------------------------------------


def test_a_drawing_is_let_through():
    drawing = [Stroke([(0, 0), (1, 1)]), Stroke(np.zeros((1, 2)), 0.5, np.array([1, 0, 0]), 0.5)]
    assert as_drawing(drawing) == drawing
    assert as_drawing(()) == []


@pytest.mark.parametrize(
    ("stroke", "message"),
    [
        (Stroke([0.5, 0.5]), r"a stroke of points \(2,\); points are \(n, 2\)"),
        (Stroke(np.zeros((4, 3))), r"a stroke of points \(4, 3\)"),
        (Stroke(np.zeros((0, 2))), r"a stroke of points \(0, 2\)"),
        (Stroke([(0, 0)], color=(0, 0)), r"a stroke of colour \(0, 0\); give \(r, g, b\)"),
        (Stroke([(0, math.nan)]), "a stroke with NaN or infinity in it"),
        (Stroke([(0, 0)], width=math.inf), "a stroke with NaN or infinity in it"),
        (Stroke([(0, 0)], opacity=None), "a stroke with NaN or infinity in it"),
        (Stroke([(0, 0)], color=(0, 0, math.nan)), "a stroke with NaN or infinity in it"),
    ],
)
def test_a_stroke_that_cannot_be_drawn_is_told(stroke, message):
    with pytest.raises(ValueError, match=f"^it made {message}"):
        as_drawing([stroke], "it")


def test_what_is_no_drawing_is_told():
    with pytest.raises(TypeError, match=r"^it made a Stroke; a drawing is a list of Stroke$"):
        as_drawing(Stroke([(0, 0)]), "it")
    with pytest.raises(TypeError, match=r"^it put a Note into a drawing; it is a list of Stroke$"):
        as_drawing([Stroke([(0, 0)]), Note(60)], "it")


def test_a_medium_is_told_apart_by_what_is_in_it():
    assert as_medium([]) == []
    assert as_medium([Note(60)]) == [Note(60)]
    assert as_medium([stroke := Stroke([(0, 0)])]) == [stroke]
    assert as_medium(np.ones((1, 1, 3))).dtype == np.uint8
    with pytest.raises(TypeError, match=r"^it made an int; make an image, a list of Note or of S"):
        as_medium(7, "it")


# -- conversions ------------------------------------------------------------------------------


def test_a_drawing_is_drawn_where_it_lies_and_stroke_over_stroke():
    drawing = [
        Stroke([(0.0, 0.25), (1.0, 0.25)], width=0.2, color=(1.0, 0.0, 0.0)),
        Stroke([(0.5, 0.0), (0.5, 0.5)], width=0.2, color=(0.0, 0.0, 1.0)),
        Stroke([(0.5, 0.75)], width=0.3, opacity=0.5),
    ]
    image = rasterise(drawing, (80, 40))
    assert (image.shape, image.dtype) == ((40, 80, 3), np.uint8)
    assert image[10, 10].tolist() == [255, 0, 0]
    assert image[10, 40].tolist() == [0, 0, 255]
    assert image[38, 10].tolist() == [255, 255, 255]
    assert abs(int(image[30, 40, 0]) - 127) <= 2  # half black over white


def test_a_drawing_looks_alike_at_any_size():
    drawing = [Stroke([(0.2, 0.2), (0.8, 0.5), (0.3, 0.8)], width=0.1)]
    small, large = rasterise(drawing, (32, 32)), rasterise(drawing, (128, 128))
    halved = large.reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
    assert np.abs(halved - small).mean() < 6  # of 255: the pen is placed in whole half-pixels


def test_an_empty_drawing_is_the_background():
    assert np.array_equal(
        rasterise([], (4, 2), background=(0.0, 0.5, 1.0)),
        np.broadcast_to(np.array([0, 128, 255], np.uint8), (2, 4, 3)),
    )


def test_an_image_that_fits_is_left_alone():
    image = np.zeros((48, 64, 3), np.uint8)
    assert fit(image, (64, 48)) is image


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_an_image_is_fitted_in_the_middle_with_its_aspect_kept(width, height, wide, high):
    fitted = fit(np.full((height, width, 3), 255, np.uint8), (wide, high))
    assert (fitted.shape, fitted.dtype) == ((high, wide, 3), np.uint8)
    lit = np.argwhere(fitted[..., 0] > 127)
    (top, left), (bottom, right) = lit.min(axis=0), lit.max(axis=0)
    assert abs(top - (high - 1 - bottom)) <= 1
    assert abs(left - (wide - 1 - right)) <= 1
    scale = min(wide / width, high / height)
    assert abs((right - left + 1) - width * scale) <= 1
    assert abs((bottom - top + 1) - height * scale) <= 1
