import math

import numpy as np
import pytest
from capriccio import Canvas, Sketch, Stroke
from capriccio.testing import Memory
from PIL import Image

RED, BLACK = [255, 0, 0], [0, 0, 0]


def red(width=100, height=50, **options):
    canvas = Canvas(width, height, **options)
    canvas.fill("red")
    canvas.no_stroke()
    return canvas


def box(canvas):
    rows, columns = np.nonzero(canvas.pixels[..., 0] > 127)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_positions_are_parts_of_the_sides_and_lengths_of_the_shorter_one():
    canvas = red()
    canvas.circle(0.5, 0.5, 0.4)
    assert box(canvas) == (40, 15, 60, 35)
    canvas.clear()
    canvas.rect(0.1, 0.2, 0.5, 0.4)
    assert box(canvas) == (10, 10, 60, 30)
    canvas.clear()
    canvas.square(0.1, 0.2, 0.4)
    assert box(canvas) == (10, 10, 30, 30)
    canvas.clear()
    canvas.ellipse(0.5, 0.5, 0.2, 0.8)
    assert box(canvas) == (40, 5, 60, 45)
    canvas.clear()
    canvas.ellipse(0.5, 0.5, 0.2)
    assert box(canvas) == (45, 20, 55, 30)


def test_units_may_be_pixels():
    canvas = red(units="pixels")
    canvas.circle(50, 25, 20)
    assert box(canvas) == (40, 15, 60, 35)
    canvas.clear()
    canvas.path("M10 10h20v20h-20z")
    assert box(canvas) == (10, 10, 30, 30)
    assert (canvas.width, canvas.height, canvas.size) == (100, 50, (100, 50))


def test_every_shape_is_drawn():
    shapes = {
        "rect": (0.1, 0.2, 0.5, 0.4, 0.1),
        "arc": (0.5, 0.5, 0.5, 0.5, 0, math.pi),
        "triangle": (0, 0, 1, 0, 0.5, 1),
        "quad": (0, 0, 0.5, 0, 0.5, 0.5, 0, 0.5),
        "polygon": ([(0, 0), (1, 0), (1, 1)],),
        "curve": ([(0, 0), (0.5, 1), (1, 0)],),
        "bezier": (0, 0, 0, 1, 1, 1, 1, 0),
        "path": ("M0 0L1 0L1 1Z",),
    }
    for name, arguments in shapes.items():
        canvas = red()
        getattr(canvas, name)(*arguments)
        filled = canvas.pixels[..., 0].sum()
        assert filled > 0, name
        canvas.clear()
        canvas.stroke("red")
        canvas.stroke_weight(0.1)
        getattr(canvas, name)(*arguments)
        assert canvas.pixels[..., 0].sum() > filled, name
    canvas = red()
    canvas.stroke("red")
    canvas.stroke_weight(0.2)
    canvas.point(0.5, 0.5)
    assert box(canvas) == (45, 20, 55, 30)
    canvas.clear()
    canvas.line(0.2, 0.5, 0.8, 0.5)
    assert box(canvas) == (15, 20, 85, 30)
    canvas.clear()
    canvas.stroke_cap("butt")
    canvas.stroke_join("miter")
    canvas.line(0.2, 0.5, 0.8, 0.5)
    assert box(canvas) == (20, 20, 80, 30)
    canvas.clear()
    canvas.drawing([Stroke([(0.2, 0.5), (0.8, 0.5)], 0.2, (1, 0, 0))])
    assert box(canvas) == (20, 20, 80, 30)


def test_transformations_are_kept_and_return():
    canvas = red()
    with canvas.pushed():
        canvas.translate(0.5, 0.5)
        canvas.rotate(math.pi / 2)
        canvas.scale(2)
        canvas.fill("blue")
        canvas.rect(0, 0, 0.1, 0.1)  # 20 x 10 pixels, turned to hang to the left
    assert canvas.pixels[30, 45].tolist() == [0, 0, 255]
    canvas.rect(0, 0, 0.1, 0.1)
    assert canvas.pixels[2, 5].tolist() == RED
    canvas.scale(1, 0.5)
    canvas.clip((0.5, 0, 0.5, 1))
    canvas.background("red")
    assert canvas.pixels[2, 99].tolist() == RED
    assert canvas.pixels[2, 40].tolist() == BLACK
    canvas.clear()
    assert canvas.pixels[2, 99].tolist() == BLACK
    assert canvas.pixels[2, 5].tolist() == RED  # what the clip hides stays
    with pytest.raises(ValueError, match="pop without a push before it in this frame"):
        canvas.pop()


def test_colours_have_alpha_and_modes():
    canvas = red()
    canvas.background("white")
    canvas.blend("multiply")
    canvas.color_mode("hsb")
    canvas.fill(1 / 3, 1, 1)
    canvas.rect(0, 0, 1, 1)
    assert canvas.pixels[0, 0].tolist() == [0, 255, 0]
    canvas.color_mode("rgb")
    canvas.blend("normal")
    canvas.background(0.0, 0.5)
    assert canvas.pixels[0, 0].tolist() == [0, 127, 0]
    canvas.no_fill()
    canvas.rect(0, 0, 1, 1)
    assert canvas.pixels[0, 0].tolist() == [0, 127, 0]


def test_a_canvas_is_transparent_at_first():
    canvas = red()
    canvas.fill(1, 0, 0, 0.5)
    canvas.rect(0, 0, 0.5, 1)
    assert canvas.rgba[0, 0].tolist() == [255, 0, 0, 128]
    assert canvas.rgba[0, 99].tolist() == [0, 0, 0, 0]
    assert canvas.premultiplied()[0, 0].tolist() == [128, 0, 0, 128]
    assert np.array_equal(np.asarray(canvas), canvas.pixels)
    assert np.asarray(canvas, dtype=float).max() == 128.0


def test_pictures_are_placed():
    picture = np.full((10, 20, 3), (255, 0, 0), np.uint8)
    canvas = Canvas(100, 50)
    canvas.image(picture)
    assert canvas.pixels.reshape(-1, 3).min(axis=0).tolist() == RED
    for arguments, expected in (
        ((0.1, 0.2), (10, 10, 30, 20)),
        ((0.1, 0.2, 0.4), (10, 10, 50, 30)),
        ((0.1, 0.2, None, 0.4), (10, 10, 50, 30)),
        ((0.1, 0.2, 0.1, 0.4), (10, 10, 20, 30)),
    ):
        canvas.clear()
        canvas.image(picture, *arguments)
        assert box(canvas) == expected
    canvas.background("white")
    canvas.image(Image.new("RGB", (4, 4)), opacity=0.5)
    assert abs(int(canvas.pixels[0, 0, 0]) - 127) <= 1
    canvas.image(canvas, 0, 0, 0.5)
    assert canvas.skia.getTotalMatrix().isIdentity()


def test_a_draw_cue_may_return_a_canvas_that_keeps_its_pixels():
    sketch, paper = Sketch(fps=10, size=(40, 20)), Canvas()
    paper.fill("red")
    paper.no_stroke()

    @sketch.draw
    def trail(now):
        paper.translate(now.seconds, 0)  # from the start of each frame
        paper.rect(0, 0, 0.1, 1)
        paper.fill("blue")
        return paper

    first, second = Memory(), Memory()
    sketch.perform([first], seconds=0.5)
    sketch.perform([second], seconds=0.5)
    assert [one.shape for one in first.images] == [(20, 40, 3)] * 5
    assert first.images[0][0, :8].tolist() == [RED] * 4 + [BLACK] * 4
    assert first.images[4][0, 0].tolist() == RED
    assert first.images[4][0, 16].tolist() == [0, 0, 255]
    for one, other in zip(first.images, second.images, strict=True):
        assert np.array_equal(one, other)
    assert paper.size == (40, 20)


def test_a_canvas_of_its_own_size_keeps_what_was_drawn_before_the_show():
    sketch, logo = Sketch(fps=10, size=(40, 20)), red(8, 8)
    logo.rect(0, 0, 1, 0.5)

    @sketch.draw
    def show(now):
        logo.rect(0, 0.5, 1, 0.5)
        return logo

    for _ in range(2):
        memory = Memory()
        sketch.perform([memory], seconds=0.1)
        assert memory.images[0].shape == (8, 8, 3)
    assert logo.pixels[0, 0].tolist() == RED


def test_a_generator_may_return_a_canvas():
    from capriccio import Generator, Moment

    class Sun(Generator):
        """Draw a sun."""

        def generate(self, now, *, size=0.5):
            canvas = red()
            canvas.circle(0.5, 0.5, size)
            return canvas

    assert Sun()(Moment(), size=0.8).shape == (50, 100, 3)


def test_what_has_no_extent_draws_nothing():
    canvas = Canvas(64, 64)
    canvas.path("")
    canvas.text("", 0.5, 0.5)
    canvas.curve([(0.5, 0.5)])
    canvas.circle(0.5, 0.5, 0.0)
    canvas.image(np.zeros((2, 2, 3), np.uint8), 0, 0, opacity=-1)
    assert canvas.pixels.max() == 0


def test_a_notebook_shows_a_canvas():
    bundle = red()._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "call",
    [
        ("circle", math.nan, 0, 1),
        ("line", 0, 0, math.inf, 0),
        ("rect", 0, math.nan, 1, 1),
        ("arc", 0, 0, 1, 1, 0, math.nan),
        ("translate", math.nan, 0),
        ("rotate", math.nan),
        ("scale", math.nan),
        ("text", "x", math.nan, 0),
        ("stroke_weight", math.nan),
        ("polygon", [(0, math.nan)]),
        ("image", np.zeros((2, 2, 3), np.uint8), math.nan, 0),
        ("bezier", 0, 0, 0, 0, 0, 0, 0, math.nan),
        ("quad", 0, 0, 0, 0, 0, 0, 0, math.inf),
    ],
)
def test_numbers_that_are_none_are_told(call):
    name, *arguments = call
    with pytest.raises(ValueError, match=f"{name} needs finite numbers, got "):
        getattr(red(), name)(*arguments)


def test_what_cannot_be_is_told():
    canvas = red()
    with pytest.raises(ValueError, match="units of a canvas are 'relative' or 'pixels', got 'mm'"):
        Canvas(units="mm")
    with pytest.raises(ValueError, match="a canvas has 1 to 16384 pixels a side, got 0 x 0"):
        Canvas(0, 0)
    with pytest.raises(ValueError, match="a canvas has 1 to 16384 pixels a side, got 10 x None"):
        Canvas(10)
    with pytest.raises(ValueError, match="colour modes are 'rgb' and 'hsb', got 'lab'"):
        canvas.color_mode("lab")
    with pytest.raises(ValueError, match="line ends are 'round', 'square', 'butt', got 'flat'"):
        canvas.stroke_cap("flat")
    with pytest.raises(ValueError, match="text_size must be more than 0, got 0"):
        canvas.text_size(0)
    with pytest.raises(TypeError, match="quad takes x and y of four points, got 3 numbers"):
        canvas.quad(1, 2, 3)
    with pytest.raises(TypeError, match="bezier takes x and y of four points, got 2 numbers"):
        canvas.bezier(1, 2)
    canvas.text_leading(1.5)
