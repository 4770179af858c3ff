"""The painter: stroke by stroke, at any size, and what moves as it moves."""

from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from capriccio import ModelError, Moment, as_svg
from capriccio.testing import check_generator
from capriccio_strokes.generator import Painter
from capriccio_strokes.renderer import Painting
from capriccio_strokes.strokes import BRUSHES, mask_of
from capriccio_vae.generator import VAE
from helpers.browser import browser, paper
from helpers.devices import needs
from PIL import Image

NOW = Moment()
FEW = 0.35  # detail: 74 strokes


def scene(seed=1, shape=(96, 128)):
    """A landscape with a sun, as an image."""
    chance = np.random.default_rng(seed)
    height, width = shape
    y, x = np.mgrid[0:height, 0:width] / max(shape)
    image = np.empty((height, width, 3))
    image[:] = np.array([0.5, 0.7, 0.9]) - 0.3 * y[..., None]
    image[y > 0.4 + 0.1 * np.sin(6 * x + seed)] = chance.uniform(0.1, 0.6, 3)
    image[np.hypot(x - chance.uniform(0.2, 0.8), y - 0.2) < 0.08] = (1, 0.9, 0.5)
    return (image * 255).astype(np.uint8)


def error(image, target):
    """Mean squared error of an image against a target of the same shape, levels 0..1."""
    return float(((image / 255.0 - target / 255.0) ** 2).mean())


def test_it_is_a_generator_like_any_other():
    check_generator("painter")


@pytest.mark.parametrize("brush", BRUSHES)
def test_three_hundred_strokes_take_most_of_the_error_away(brush):
    target = scene()
    painted = Painter(size=128)(NOW, target=target, brush=brush)

    assert painted.shape == target.shape
    # The best single colour leaves the variance.
    assert error(painted, target) < 0.25 * (target / 255.0).var((0, 1)).mean()


def test_more_strokes_come_nearer():
    target = scene(2)
    errors = [error(Painter(size=128)(NOW, target=target, detail=d), target)
              for d in (0.0, 0.3, 0.6)]  # fmt: skip

    assert errors[0] > 1.5 * errors[1] > 1.5 * errors[2]


def test_every_detail_has_its_number_of_strokes():
    for detail, count in ((0.0, 10), (FEW, 74), (0.6, 306)):
        painter = Painter(size=64)
        painter(NOW, target=scene(), detail=detail)
        assert 0.9 * count <= len(painter.strokes) - 1 <= count  # the first is the ground


def test_a_painting_goes_from_ground_and_masses_to_accents():
    painter = Painter(size=64)
    painter(NOW, target=scene(), detail=0.6)
    area = [mark.place[2] * mark.place[3] for mark in painter._painting.marks]
    quarters = [np.mean(part) for part in np.array_split(area, 4)]

    assert all(early > late for early, late in pairwise(quarters[:3]))
    assert quarters[0] > 4 * quarters[3]


def test_progress_shows_the_strokes_so_far_and_however_it_is_asked_for():
    target, stepwise = scene(), Painter(size=64)
    frames = [stepwise(NOW, target=target, detail=FEW, progress=p).copy()
              for p in (0.0, 0.1, 0.35, 0.36, 1.0)]  # fmt: skip
    at_once = Painter(size=64)

    assert (frames[0] == frames[0][0, 0]).all()  # the bare ground
    assert not np.array_equal(frames[1], frames[2])
    assert np.array_equal(at_once(NOW, target=target, detail=FEW), frames[4])
    # Back again: what stood there then.
    assert np.array_equal(stepwise(NOW, target=target, detail=FEW, progress=0.1), frames[1])


def test_who_draws_on_a_frame_does_not_draw_on_the_canvas():
    target, painter = scene(), Painter(size=64)
    frame = painter(NOW, target=target, detail=FEW)
    kept = frame.copy()
    frame[:] = 0
    assert np.array_equal(painter(NOW, target=target, detail=FEW), kept)


def test_progress_beyond_its_range_is_held_to_it():
    whole = Painter(size=64)(NOW, target=scene(), detail=FEW)

    assert np.array_equal(Painter(size=64)(NOW, target=scene(), detail=FEW, progress=7), whole)
    bare = Painter(size=64)(NOW, target=scene(), detail=FEW, progress=-1)
    assert (bare == bare[0, 0]).all()


def test_the_same_seed_paints_the_same_even_wildly():
    paint = lambda seed: Painter(size=64, seed=seed)(  # noqa: E731
        NOW, target=scene(), detail=FEW, wildness=0.8
    )

    assert np.array_equal(paint(3), paint(3))
    assert not np.array_equal(paint(3), paint(4))


def test_wildness_goes_away_from_the_target():
    target = scene()
    errors = [error(Painter(size=128)(NOW, target=target, detail=0.5, wildness=w), target)
              for w in (0.0, 0.5, 1.0)]  # fmt: skip

    assert errors[0] < errors[1] < errors[2]


def test_a_brush_that_is_changed_on_the_way_leaves_what_stands():
    painter, target = Painter(size=64), scene()
    before = painter(NOW, target=target, detail=FEW, progress=0.5).copy()
    strokes = len(painter.strokes)
    for brush, wildness, progress in (("wash", 0.0, 0.5), ("pen", 1.0, 0.5), ("pen", 0.5, 1.0)):
        after = painter(NOW, target=target, detail=FEW, progress=progress,
                        brush=brush, wildness=wildness)  # fmt: skip
        if progress == 0.5:
            assert np.array_equal(after, before)

    hatched = [len(stroke.points) > 2 for stroke in painter.strokes]
    assert not any(hatched[:strokes])
    assert any(hatched[strokes:])


def test_what_moves_is_painted_over_where_it_changed_and_nowhere_else():
    before = scene(1)
    after = before.copy()
    after[60:90, 10:40] = (200, 30, 30)
    painter = Painter(size=128)
    still = painter(NOW, target=before).copy()
    moved = painter(NOW, target=after).copy()
    for _ in range(4):
        moved = painter(NOW, target=after + np.uint8(0)).copy()

    assert error(moved[60:90, 10:40], after[60:90, 10:40]) < 0.02
    assert np.array_equal(moved[:40, 70:], still[:40, 70:])


def test_strokes_of_a_moving_picture_do_not_grow_without_end():
    painter = Painter(size=64)
    for frame in range(40):
        target = np.roll(scene(), 3 * frame, axis=1)
        painted = painter(NOW, target=target, detail=FEW)

    assert len(painter.strokes) <= 1.5 * 74 + 1
    small = np.asarray(Image.fromarray(target).resize((64, 48), Image.Resampling.BOX))
    assert error(painted, small) < 0.02


@pytest.mark.parametrize("brush", ["wash", "pen"])
def test_strokes_that_others_hide_are_let_go_and_the_others_stay(brush):
    painting = Painting(None, np.zeros((64, 64, 3), np.float32), 10, brush)
    closed = np.zeros((64, 64, 1), bool)
    for level, (place, long) in enumerate([(12, 6), (44, 3), (44, 15), (44, 2)], 1):
        painting.target[:] = level / 4
        mark = np.array([place, place, long, long, 1, 0, 1], np.float32)
        assert painting._lay(mark, np.zeros_like(closed), closed)
    laid = list(painting.marks)

    assert painting.forget(0) == 1
    assert painting.marks == [laid[0], laid[2], laid[3]]
    assert painting.forget(2) == 2  # the oldest go, seen or not
    assert painting.marks == laid[3:]


def test_it_is_painted_again_at_any_size():
    painter = Painter(size=64)
    small = painter(NOW, target=scene(), detail=FEW)
    large = painter.at_size(256)

    assert large.shape == (192, 256, 3)
    afar = np.asarray(Image.fromarray(large).resize((64, 48), Image.Resampling.BOX))
    assert error(afar, small) < 0.002
    assert np.array_equal(painter.at_size(64), small)


def test_nothing_is_on_the_canvas_before_the_first_stroke():
    assert Painter().strokes == []
    with pytest.raises(ValueError, match="nothing on the canvas yet; paint first"):
        Painter().at_size(64)


@pytest.mark.parametrize("brush", BRUSHES)
def test_the_svg_looks_like_the_painting_in_a_browser(brush, tmp_path):
    needs("chromium")
    painter = Painter(size=256)
    painted = painter(NOW, target=scene(), brush=brush)
    text = as_svg(painter.strokes, (256, 192), title="</title><script>alert(1)</script>")
    (tmp_path / "painted.svg").write_text(text)

    with browser(tmp_path / "profile") as page:
        page.open(paper(tmp_path / "painted.svg"), 256, 192)
        page.wait("document.images.length && document.images[0].complete")
        shown = np.asarray(Image.open(page.picture(tmp_path / "shown.png")).convert("RGB"))

    assert error(shown, painted) < 0.01
    assert len(list(ElementTree.fromstring(text))) == 2  # the title and the strokes


# -- what it is shown -------------------------------------------------------------------------


def test_without_a_target_it_paints_a_dream():
    dream = VAE(seed=5)(NOW)
    painted = Painter(size=128, seed=5)(NOW)

    assert error(painted, dream) < 0.5 * (dream / 255.0).var((0, 1)).mean()


def test_it_paints_another_parts_frames_and_floats_and_files(tmp_path):
    target = scene()
    Image.fromarray(target).save(tmp_path / "scene.png")
    image = Painter(size=64)(NOW, target=target, detail=0.2)

    for same in (target / 255.0, str(tmp_path / "scene.png"), tmp_path / "scene.png"):
        assert np.array_equal(Painter(size=64)(NOW, target=same, detail=0.2), image)


@pytest.mark.parametrize(
    ("shape", "painted"),
    [((1, 1), (64, 64)), ((5000, 1), (64, 1)), ((1, 5000), (1, 64)), ((6000, 8000), (48, 64))],
)
def test_pictures_of_any_shape_are_painted(shape, painted):
    image = np.full((*shape, 3), (200, 40, 90), np.uint8)
    canvas = Painter(size=64)(NOW, target=image, detail=0.2)

    assert canvas.shape[:2] == painted
    assert abs(canvas.mean((0, 1)) - (200, 40, 90)).max() < 2


@pytest.mark.parametrize(
    ("target", "trouble", "words"),
    [
        (np.zeros((8, 8)), ValueError, r"shape \(8, 8\); an image is"),
        (np.full((8, 8, 3), np.nan), ValueError, "NaN or infinity"),
        (7, TypeError, "an int; an image is a numpy array"),
        ("no-such.png", ValueError, "no-such.png: cannot be read: .*No such file"),
    ],
)
def test_what_is_no_picture_is_told(target, trouble, words):
    with pytest.raises(trouble, match=words):
        Painter(size=64)(NOW, target=target)


def test_a_canvas_has_a_size_that_can_be_painted():
    with pytest.raises(ValueError, match="painter cannot paint 4 pixels a side; give 16 to 8192"):
        Painter(size=4)


def test_a_model_that_is_no_brush_is_refused():
    painter = Painter(model=VAE.models["watercolors"])
    with pytest.raises(ModelError, match="is not a brush; make one with"):
        painter(NOW, target=scene())


# -- marks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("brush", BRUSHES)
def test_a_mark_covers_its_place_and_nothing_else(brush):
    at, mask = mask_of(brush, (32.0, 20.0, 12.0, 4.0, 1.0, 0.0), (40, 64))
    canvas = np.zeros((40, 64))
    canvas[at] = mask[..., 0]

    assert 0 <= canvas.min() <= canvas.max() <= 1
    assert canvas[17:23, 24:40].mean() > 0.5
    assert canvas[:12].max() == canvas[28:].max() == canvas[:, :16].max() == 0


def test_a_mark_beyond_the_canvas_covers_nothing():
    assert mask_of("bristle", (-50.0, 5.0, 8.0, 3.0, 1.0, 0.0), (40, 64)) is None
