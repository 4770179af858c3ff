import numpy as np
import pytest
from capriccio import Canvas
from capriccio.canvas.drawing_surface import DrawingSurface
from capriccio.canvas.vectors import as_pdf_bytes, as_png_bytes, as_svg_text
from helpers.browser import browser, picture_page
from helpers.devices import needs
from PIL import Image


def poster():
    canvas = Canvas(320, 240)
    canvas.background("#f4ecd8")
    canvas.no_stroke()
    canvas.fill("tomato", 0.7)
    canvas.circle(0.4, 0.4, 0.6)
    canvas.fill("navy")
    canvas.text_size(0.15)
    canvas.text_font(bold=True)
    canvas.text("Capriccio", 0.1, 0.9)
    canvas.stroke("black")
    canvas.stroke_weight(0.02)
    canvas.no_fill()
    canvas.curve([(0.1, 0.6), (0.4, 0.3), (0.7, 0.6), (0.9, 0.2)])
    return canvas


def test_vectors_hold_what_was_drawn_since_the_background(tmp_path):
    canvas = poster()
    canvas.image(np.zeros((8, 8, 3), np.uint8), 0.1, 0.1)
    assert canvas.svg().count("<image") == 1
    canvas.background("white")
    canvas.circle(0.5, 0.5, 0.2)
    assert "<image" not in canvas.svg()
    assert canvas.svg().count("<ellipse") == 1


def test_a_canvas_is_saved_by_its_ending(tmp_path):
    canvas = poster()
    for name in ("a.svg", "a.pdf", "a.png"):
        canvas.save(tmp_path / name)
    assert (tmp_path / "a.svg").read_text().rstrip().endswith("</svg>")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF-")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), canvas.rgba)
    with pytest.raises(ValueError, match=r"a canvas is saved as .svg, .pdf or .png, got 'a.gif'"):
        canvas.save(tmp_path / "a.gif")


def test_an_empty_surface_is_saved_too():
    surface = DrawingSurface((8, 4))
    assert "<svg" in as_svg_text(surface)
    assert as_pdf_bytes(surface)[:4] == b"%PDF"
    assert as_png_bytes(surface)[1:4] == b"PNG"


@pytest.mark.system
def test_a_browser_shows_the_svg_of_a_canvas_as_it_is(tmp_path):
    needs("chromium")
    canvas = poster()
    canvas.save(tmp_path / "poster.svg")

    with browser(tmp_path / "profile") as page:
        page.open(picture_page(tmp_path / "poster.svg"), 320, 240)
        page.wait("document.images.length && document.images[0].complete")
        shown = np.asarray(Image.open(page.screenshot(tmp_path / "shown.png")).convert("RGB"))

    assert np.abs(shown.astype(float) - canvas.pixels).mean() < 1.0
