"""Images, phrases and drawings: what is accepted, what is refused, and conversions."""

import math

import numpy as np
import pytest
from capriccio import Canvas, Note, Stroke, center_crop, fit
from capriccio.media import as_drawing, as_image, as_medium, as_mixture, as_phrase
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

# -- images -----------------------------------------------------------------------------------


def test_a_uint8_image_is_returned_unchanged():
    image = np.zeros((2, 3, 3), np.uint8)
    assert as_image(image) is image


FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(arrays.arrays(np.float32, (2, 3, 3), elements=FINITE))
def test_floats_become_the_nearest_bytes_within_0_to_1(floats):
    image = as_image(floats)
    assert image.dtype == np.uint8
    assert np.array_equal(image, np.floor(np.clip(floats, 0, 1) * 255 + np.float32(0.5)))


@given(arrays.arrays(np.uint8, (2, 2, 3)), st.sampled_from([np.float16, np.float32, np.float64]))
def test_bytes_converted_to_floats_and_back_are_unchanged(image, kind):
    assert np.array_equal(as_image((image / 255).astype(kind)), image)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_image_with_nan_or_infinity_is_refused(value):
    image = np.zeros((4, 4, 3), np.float32)
    image[3, 3, 2] = value
    with pytest.raises(ValueError, match=r"^it returned an image with NaN or infinity, expected"):
        as_image(image, "it")


@pytest.mark.parametrize(
    "shape", [(256, 256), (256, 256, 4), (3, 256, 256), (0, 4, 3), (1, 2, 2, 3)]
)
def test_an_array_of_another_shape_is_refused(shape):
    with pytest.raises(
        ValueError, match=r"^it returned an array of shape .*, expected \(height, w"
    ):
        as_image(np.zeros(shape, np.uint8), "it")


@pytest.mark.parametrize("kind", [np.int64, bool, np.uint16, complex, object])
def test_an_array_of_another_dtype_is_refused(kind):
    with pytest.raises(ValueError, match=r"^it returned an array of \w+, expected uint8 or"):
        as_image(np.zeros((2, 2, 3), kind), "it")


@pytest.mark.parametrize(
    ("thing", "kind"),
    [(None, "None"), ([[0]], "a list"), ({}, "a dict"), (7, "an int"), (Note(60), "a Note")],
)
def test_only_an_array_is_an_image(thing, kind):
    with pytest.raises(TypeError, match=f"^it returned {kind}, expected an image: a numpy array"):
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
def test_other_things_are_no_mixture(thing):
    with pytest.raises(
        TypeError, match=r"^knob 'style' of it must be text, or two .* got (a|None)"
    ):
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
def test_playable_notes_are_accepted(notes):
    assert as_phrase(notes) == notes
    assert as_phrase(tuple(notes)) == notes


def test_numpy_numbers_are_accepted():
    note = Note(np.int64(60), np.float32(0.5), np.float64(1), np.float32(1), np.uint8(16))
    assert as_phrase([note]) == [note]


@pytest.mark.parametrize(
    ("note", "message"),
    [
        (Note(300), r"a note of pitch 300, expected a whole number 0\.\.127"),
        (Note(-1), "a note of pitch -1"),
        (Note(60.0), r"a note of pitch 60\.0"),
        (Note(math.nan), "a note of pitch nan"),
        (Note(60, channel=0), r"a note on channel 0, expected 1\.\.16"),
        (Note(60, channel=17), "a note on channel 17"),
        (Note(60, start=-0.5), r"a note starting at -0\.5 beats, expected 0 or more"),
        (Note(60, start=math.inf), "a note starting at inf beats"),
        (Note(60, length=0.0), r"a note of length 0\.0 beats, expected more than 0"),
        (Note(60, length=math.nan), "a note of length nan"),
        (Note(60, length="1"), "a note of length '1'"),
        (Note(60, velocity=1.1), r"a note of velocity 1\.1, expected 0\.\.1"),
        (Note(60, velocity=None), "a note of velocity None"),
    ],
)
def test_a_note_out_of_range_is_refused(note, message):
    with pytest.raises(ValueError, match=f"^it returned {message}"):
        as_phrase([Note(60), note], "it")


def test_only_a_list_of_notes_is_a_phrase():
    with pytest.raises(TypeError, match=r"^it returned a Note, expected a phrase: a list of Note$"):
        as_phrase(Note(60), "it")
    with pytest.raises(TypeError, match=r"^it returned None, expected a phrase: a list of Note$"):
        as_phrase(None, "it")
    with pytest.raises(TypeError, match=r"^it returned a list with a tuple, expected a list"):
        as_phrase([(60, 0.0, 1.0, 0.8, 1)], "it")


# -- drawings ---------------------------------------------------------------------------------


def test_a_drawing_is_accepted():
    drawing = [Stroke([(0, 0), (1, 1)]), Stroke(np.zeros((1, 2)), 0.5, np.array([1, 0, 0]), 0.5)]
    assert as_drawing(drawing) == drawing
    assert as_drawing(()) == []


@pytest.mark.parametrize(
    ("stroke", "message"),
    [
        (Stroke([0.5, 0.5]), r"a stroke with points of shape \(2,\), expected \(n, 2\)"),
        (Stroke(np.zeros((4, 3))), r"a stroke with points of shape \(4, 3\)"),
        (Stroke(np.zeros((0, 2))), r"a stroke with points of shape \(0, 2\)"),
        (Stroke([(0, 0)], color=(0, 0)), r"a stroke of color \(0, 0\), expected \(red, green, b"),
        (Stroke([(0, math.nan)]), "a stroke with a value that is not a finite"),
        (Stroke([(0, 0)], width=math.inf), "a stroke with a value that is not a finite"),
        (Stroke([(0, 0)], opacity=None), "a stroke with a value that is not a finite"),
        (
            Stroke([(0, 0)], color=(0, 0, math.nan)),
            "a stroke with a value that is not a finite number",
        ),
    ],
)
def test_a_stroke_that_cannot_be_drawn_is_refused(stroke, message):
    with pytest.raises(ValueError, match=f"^it returned {message}"):
        as_drawing([stroke], "it")


def test_only_a_list_of_strokes_is_a_drawing():
    with pytest.raises(TypeError, match=r"^it returned a Stroke, expected a drawing: a list of St"):
        as_drawing(Stroke([(0, 0)]), "it")
    with pytest.raises(TypeError, match=r"^it returned a list with a Note, expected a list"):
        as_drawing([Stroke([(0, 0)]), Note(60)], "it")


def test_the_content_decides_which_medium_it_is():
    assert as_medium([]) == []
    assert as_medium([Note(60)]) == [Note(60)]
    assert as_medium([stroke := Stroke([(0, 0)])]) == [stroke]
    assert as_medium(np.ones((1, 1, 3))).dtype == np.uint8
    assert as_medium("A Swiss Town") == "A Swiss Town"
    with pytest.raises(
        TypeError,
        match=r"^it returned an int, expected an image, a list of Note, a list of Stroke or a str$",
    ):
        as_medium(7, "it")


# -- conversions ------------------------------------------------------------------------------


def test_a_canvas_counts_as_an_image():
    canvas = Canvas(6, 4)
    canvas.background("red")
    assert as_image(canvas)[0, 0].tolist() == [255, 0, 0]
    assert as_medium(canvas).shape == (4, 6, 3)


def test_an_image_of_the_right_size_is_returned_unchanged():
    image = np.zeros((48, 64, 3), np.uint8)
    assert fit(image, (64, 48)) is image
    assert center_crop(image, (64, 48)) is image


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


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 40), (700, 500)])
def test_an_image_of_any_shape_is_cropped(shape):
    assert center_crop(np.full((*shape, 3), 90, np.uint8), (64, 48)).shape == (48, 64, 3)


def test_only_the_sides_are_cropped():
    image = np.zeros((48, 144, 3), np.uint8)
    image[:, 48:96] = 255
    found = center_crop(image, (96, 96))
    assert found.min() > 100 and found[:, 8:-8].min() == 255
