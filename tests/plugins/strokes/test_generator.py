"""The generator `painter`: stroke by stroke, at any size, and what moves as it moves."""

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from capriccio import ModelError, Moment, PartError, as_svg, generator_class
from capriccio.testing import check_generator
from capriccio_strokes.generator import Painter
from capriccio_strokes.strokes import BRUSHES
from helpers.browser import browser, picture_page
from helpers.devices import needs
from helpers.images import scene, squared_error
from PIL import Image

NOW = Moment()
FEW = 0.35  # detail: 74 strokes


@pytest.mark.slow
def test_it_keeps_the_contract():
    check_generator("painter")


@pytest.mark.parametrize("brush", BRUSHES)
def test_three_hundred_strokes_take_most_of_the_error_away(brush):
    target = scene()
    painted = Painter(size=128)(NOW, target=target, brush=brush)

    assert painted.shape == target.shape
    # The best single colour leaves the variance.
    assert squared_error(painted, target) < 0.25 * (target / 255.0).var((0, 1)).mean()


def test_more_strokes_come_nearer():
    target = scene(2)
    errors = [squared_error(Painter(size=128)(NOW, target=target, detail=d), target)
              for d in (0.0, 0.3, 0.6)]  # fmt: skip

    assert errors[0] > 1.5 * errors[1] > 1.5 * errors[2]


def test_detail_decides_the_number_of_strokes():
    for detail, count in ((0.0, 10), (FEW, 74), (0.6, 306)):
        painter = Painter(size=64)
        painter(NOW, target=scene(), detail=detail)
        assert 0.9 * count <= len(painter.strokes) - 1 <= count  # the first is the ground


def test_progress_shows_the_strokes_so_far_in_any_order_of_calls():
    target, stepwise = scene(), Painter(size=64)
    frames = [stepwise(NOW, target=target, detail=FEW, progress=p).copy()
              for p in (0.0, 0.1, 0.35, 0.36, 1.0)]  # fmt: skip
    at_once = Painter(size=64)

    assert (frames[0] == frames[0][0, 0]).all()  # the bare ground
    assert not np.array_equal(frames[1], frames[2])
    assert np.array_equal(at_once(NOW, target=target, detail=FEW), frames[4])
    # Back again: what stood there then.
    assert np.array_equal(stepwise(NOW, target=target, detail=FEW, progress=0.1), frames[1])


def test_a_change_of_a_frame_does_not_change_the_canvas():
    target, painter = scene(), Painter(size=64)
    frame = painter(NOW, target=target, detail=FEW)
    kept = frame.copy()
    frame[:] = 0
    assert np.array_equal(painter(NOW, target=target, detail=FEW), kept)


def test_progress_outside_its_range_is_clipped():
    whole = Painter(size=64)(NOW, target=scene(), detail=FEW)

    assert np.array_equal(Painter(size=64)(NOW, target=scene(), detail=FEW, progress=7), whole)
    bare = Painter(size=64)(NOW, target=scene(), detail=FEW, progress=-1)
    assert (bare == bare[0, 0]).all()


def test_the_same_seed_paints_the_same_with_wildness():
    paint = lambda seed: Painter(size=64, seed=seed)(  # noqa: E731
        NOW, target=scene(), detail=FEW, wildness=0.8
    )

    assert np.array_equal(paint(3), paint(3))
    assert not np.array_equal(paint(3), paint(4))


def test_wildness_leads_away_from_the_target():
    target = scene()
    errors = [squared_error(Painter(size=128)(NOW, target=target, detail=FEW, wildness=w), target)
              for w in (0.0, 0.5, 1.0)]  # fmt: skip

    assert errors[0] < errors[1] < errors[2]


def test_another_brush_leaves_earlier_strokes_as_they_are():
    painter, target = Painter(size=64), scene()
    before = painter(NOW, target=target, detail=FEW, progress=0.5).copy()
    strokes = len(painter.strokes)
    for brush, wildness, progress in (("wash", 0.0, 0.5), ("pen", 1.0, 0.5), ("pen", 0.5, 1.0)):
        after = painter(NOW, target=target, detail=FEW, progress=progress,
                        brush=brush, wildness=wildness)  # fmt: skip
        if progress == 0.5:
            assert np.array_equal(after, before)

    hatched = [len(stroke.points) > 9 for stroke in painter.strokes]
    assert not any(hatched[:strokes])
    assert any(hatched[strokes:])


def test_a_target_that_moves_is_repainted_only_where_it_changed():
    before = scene(1)
    after = before.copy()
    after[60:90, 10:40] = (200, 30, 30)
    painter = Painter(size=128)
    still = painter(NOW, target=before).copy()
    moved = painter(NOW, target=after).copy()
    for _ in range(4):
        moved = painter(NOW, target=after + np.uint8(0)).copy()

    assert squared_error(moved[60:90, 10:40], after[60:90, 10:40]) < 0.02
    assert np.array_equal(moved[:40, 70:], still[:40, 70:])


def test_the_strokes_of_a_moving_target_stay_limited():
    painter = Painter(size=64)
    for frame in range(40):
        target = np.roll(scene(), 3 * frame, axis=1)
        painted = painter(NOW, target=target, detail=FEW)

    assert len(painter.strokes) <= 1.5 * 74 + 1
    small = np.asarray(Image.fromarray(target).resize((64, 48), Image.Resampling.BOX))
    assert squared_error(painted, small) < 0.02


def test_a_painting_is_painted_again_at_any_size():
    painter = Painter(size=64)
    small = painter(NOW, target=scene(), detail=FEW)
    large = painter.at_size(256)

    assert large.shape == (192, 256, 3)
    afar = np.asarray(Image.fromarray(large).resize((64, 48), Image.Resampling.BOX))
    assert squared_error(afar, small) < 0.002
    assert np.array_equal(painter.at_size(64), small)


def test_every_knob_has_a_description():
    assert all(knob.description.endswith(".") for knob in Painter.knobs.values())


def test_there_are_no_strokes_before_the_first_call():
    assert Painter().strokes == []
    with pytest.raises(ValueError, match="'painter' has not painted anything yet; call it first"):
        Painter().at_size(64)


@pytest.mark.system
@pytest.mark.parametrize("brush", BRUSHES)
def test_the_svg_looks_like_the_painting_in_a_browser(brush, tmp_path):
    needs("chromium")
    painter = Painter(size=256)
    painted = painter(NOW, target=scene(), brush=brush)
    text = as_svg(painter.strokes, (256, 192), title="</title><script>alert(1)</script>")
    (tmp_path / "painted.svg").write_text(text)

    with browser(tmp_path / "profile") as page:
        page.open(picture_page(tmp_path / "painted.svg"), 256, 192)
        page.wait("document.images.length && document.images[0].complete")
        shown = np.asarray(Image.open(page.screenshot(tmp_path / "shown.png")).convert("RGB"))

    assert squared_error(shown, painted) < 0.01
    assert len(list(ElementTree.fromstring(text))) == 2  # the title and the strokes


def test_a_canvas_of_a_width_and_a_height_is_filled():
    painted = Painter(size=(160, 90))(NOW, target=scene(), detail=FEW)
    assert painted.shape == (90, 160, 3)
    # More is left out below than above.
    middle = np.asarray(Image.fromarray(scene()[8:80]).resize((160, 90)))
    assert squared_error(painted, middle) < 0.4 * (middle / 255.0).var((0, 1)).mean()


@pytest.mark.parametrize("shape", [(60, 320), (320, 60)])
def test_a_long_picture_has_all_its_strokes(shape):
    painter = Painter(size=160)
    target = scene(3, shape)
    painted = painter(NOW, target=target, detail=0.5)
    small = np.asarray(Image.fromarray(target).resize(painted.shape[1::-1], Image.Resampling.BOX))

    assert len(painter.strokes) - 1 > 0.9 * 173
    assert squared_error(painted, small) < 0.2 * (small / 255.0).var((0, 1)).mean()


def test_wetness_and_relief_change_how_strokes_look():
    looks = [Painter(size=128)(NOW, target=scene(), detail=0.2, **knobs)
             for knobs in ({"wetness": 0, "relief": 0}, {"wetness": 0, "relief": 1},
                           {"wetness": 1, "relief": 0})]  # fmt: skip
    assert squared_error(looks[0], looks[1]) > 1e-5
    assert squared_error(looks[0], looks[2]) > 1e-5


# -- targets ----------------------------------------------------------------------------------


def test_without_a_target_it_paints_a_picture_of_vae():
    vae: Any = generator_class("vae")
    picture = vae(seed=5)(NOW)
    painted = Painter(size=128, seed=5)(NOW)

    assert squared_error(painted, picture) < 0.5 * (picture / 255.0).var((0, 1)).mean()


def test_without_a_target_and_without_vae_the_error_says_so(monkeypatch):
    def missing(name):
        raise PartError(f"no generator is named {name!r}")

    monkeypatch.setattr("capriccio_strokes.generator.generator_class", missing)
    message = "'painter' without a target paints a picture of 'vae': no generator is named 'vae'"
    with pytest.raises(PartError, match=f"{message}; pass target=IMAGE"):
        Painter(size=64)(NOW)
    Painter(size=64)(NOW, target=scene(), detail=0.1)


def test_targets_are_images_floats_or_files(tmp_path):
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
    ("target", "error", "message"),
    [
        (np.zeros((8, 8)), ValueError, r"shape \(8, 8\), expected"),
        (np.full((8, 8, 3), np.nan), ValueError, "NaN or infinity"),
        (7, TypeError, "an int, expected an image: a numpy"),
        ("no-such.png", ValueError, "no-such.png: cannot be read: .*No such file"),
    ],
)
def test_what_is_no_target_is_refused(target, error, message):
    with pytest.raises(error, match=message):
        Painter(size=64)(NOW, target=target)


def test_a_size_that_cannot_be_painted_is_refused():
    with pytest.raises(
        ValueError,
        match=r"size of generator 'painter' must be 16 to 8192 pixels, or a width and .*, got 4",
    ):
        Painter(size=4)


def test_a_model_of_another_part_is_refused():
    painter = Painter(model=generator_class("vae").models["watercolors"])
    with pytest.raises(ModelError, match="is not a model of generator 'painter'; make one with"):
        painter(NOW, target=scene())
