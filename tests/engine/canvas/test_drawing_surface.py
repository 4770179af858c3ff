import numpy as np
from capriccio import Canvas
from capriccio.canvas import drawing_surface
from capriccio.canvas.drawing_surface import DrawingSurface
from capriccio.canvas.skia_library import load_skia


def dot(surface, x, color=0xFFFF0000):
    skia = load_skia()
    paint = skia.Paint()
    paint.setColor(color)
    surface.canvas.drawRect(skia.Rect.MakeXYWH(x, 0, 1, 1), paint)


def test_what_is_drawn_appears_when_it_is_asked_for():
    surface = DrawingSurface((4, 2))
    dot(surface, 1)
    dot(surface, 3, 0x800000FF)
    image = surface.image()
    assert image[0].tolist() == [[0, 0, 0], [255, 0, 0], [0, 0, 0], [0, 0, 128]]
    assert surface.rgba()[0, 3].tolist() == [0, 0, 255, 128]
    assert surface.premultiplied()[0, 3].tolist() == [0, 0, 128, 128]
    image[:] = 7  # the caller's own
    assert surface.image()[1].max() == 0


def test_transformation_and_clip_go_on_after_a_look():
    skia = load_skia()
    looked, straight = DrawingSurface((8, 8)), DrawingSurface((8, 8))
    for surface, look in ((looked, True), (straight, False)):
        surface.canvas.translate(2, 0)
        surface.push()
        surface.clip(skia.Path.Rect(skia.Rect.MakeXYWH(0, 0, 2, 8)))
        surface.canvas.translate(0, 3)
        if look:
            surface.image()
        assert surface.clipped
        assert surface.depth == 1
        surface.canvas.drawPaint(skia.Paint())
        dot(surface, 0)
        dot(surface, 3)
        surface.pop()
        if look:
            surface.image()
        dot(surface, 5)
    assert np.array_equal(looked.rgba(), straight.rgba())
    assert looked.image()[3, 2].tolist() == [255, 0, 0]
    assert looked.image()[3, 5].max() == 0  # clipped
    assert looked.image()[0, 7].tolist() == [255, 0, 0]


def test_commands_without_end_become_pixels(monkeypatch):
    monkeypatch.setattr(drawing_surface, "MAX_PICTURES", 3)
    canvas = Canvas(16, 16)
    canvas.no_stroke()
    for step in range(8):
        canvas.rect(step / 8, 0, 0.1, 0.1)
        before = canvas.pixels
    assert "<image" in canvas.svg()
    assert np.array_equal(canvas.pixels, before)


def test_a_show_begins_with_what_was_drawn_before_the_first_one():
    surface = DrawingSurface((4, 2))
    dot(surface, 0)
    surface.begin_show()
    dot(surface, 1)
    assert surface.image()[0, :2, 0].tolist() == [255, 255]
    surface.begin_show()
    assert surface.image()[0, :2, 0].tolist() == [255, 0]
    surface.forget()
    surface.count(1)
    assert surface.snapshot().width() == 4
