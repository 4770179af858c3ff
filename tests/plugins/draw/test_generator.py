"""The part `draw`: it grows with `now`, finishes what a person began, and takes what comes."""

from xml.etree import ElementTree

import numpy as np
import pytest
from capriccio import Moment, Stroke, as_svg, rasterise
from capriccio.testing import check_generator, moments
from capriccio_draw.generator import MOST_FED, Draw, readable
from helpers.browser import browser, picture_page
from helpers.devices import needs
from helpers.images import squared_error
from PIL import Image

CIRCLE = np.stack([0.5 + 0.2 * np.cos(t := np.linspace(0, 6.3, 40)), 0.5 + 0.2 * np.sin(t)], 1)


def at(beats, bpm=120.0):
    return Moment(beats=beats, seconds=beats * 60 / bpm, bpm=bpm)


def ink(drawing):
    return sum(np.hypot(*np.diff(s.points, axis=0).T).sum() for s in drawing if len(s.points) > 1)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["kanji", "quickdraw", "omniglot"])
def test_it_keeps_the_contract(model):
    check_generator(Draw, model=model)


def test_a_drawing_grows_stroke_by_stroke():
    draw = Draw(seed=4)
    drawings = [draw(now) for now in moments(beats=6, step=0.25)]
    inks = [ink(drawing) for drawing in drawings]
    assert inks == sorted(inks) and inks[0] == 0 < inks[-1]
    assert len(drawings[-1]) > 2


def test_frames_do_not_change_what_is_drawn():
    often, seldom = Draw(seed=4), Draw(seed=4)
    for now in moments(beats=8, step=1 / 16):
        seen = often(now)
    seldom(at(0.0))
    last = seldom(now)
    assert [len(s.points) for s in seen] == [len(s.points) for s in last]
    assert all(np.allclose(a.points, b.points) for a, b in zip(seen, last, strict=True))


def test_a_finished_drawing_stays_and_a_bar_begins_another():
    draw, begun = Draw(seed=4), []
    before = 0.0
    for now in moments(beats=96, step=0.5):
        now_ink = ink(draw(now, pace=1.0))
        if now_ink < before:
            begun.append(now.beats)
        before = now_ink
    assert len(begun) >= 2
    assert all(beat % 4 == 0 for beat in begun)


def test_a_show_played_from_its_middle_draws_the_same():
    whole, middle = Draw(seed=4), Draw(seed=4)
    for now in moments(beats=64, step=0.5):
        seen = whole(now, pace=1.0)
        if now.beats == 32:
            start = whole._bar * 4
    other = Draw(seed=4)
    for now in moments(beats=64, step=0.5):
        if now.beats >= start:
            played = other(now, pace=1.0)
    assert [s.points.tolist() for s in played] == [s.points.tolist() for s in seen]
    assert middle.whole(whole._bar)


def test_an_hour_later_it_draws_at_once():
    draw = Draw(seed=4)
    draw(at(0))
    assert draw(at(7202.0)) is not None


def test_time_that_runs_backwards_begins_anew():
    draw = Draw(seed=4)
    draw(at(0))
    draw(at(7.5))
    assert ink(draw(at(0.5))) < 0.5


def test_looks_act_on_the_whole_drawing():
    def seen(**knobs):
        return Draw(seed=4).whole(**knobs)

    assert seen(weight=1.0)[0].width > 5 * seen(weight=0.0)[0].width
    upright, leaning = seen(slant=0.5), seen(slant=1.0)
    assert not np.allclose(upright[0].points, leaning[0].points)
    assert sum(map(len, (s.points for s in seen(smoothness=0.0)))) < sum(
        map(len, (s.points for s in seen(smoothness=0.5)))
    )


def test_a_brush_draws_with_many_widths():
    def widths(**knobs):
        return {stroke.width for stroke in Draw(seed=4).whole(**knobs)}

    assert len(widths()) == 1 < 10 < len(widths(tool="brush"))
    draw = Draw(seed=4)
    draw(at(0), tool="brush")
    assert len({stroke.width for stroke in draw(at(6), tool="brush")}) > 10


def test_heat_makes_drawings_differ_more():
    def spread(heat):
        draw = Draw(seed=1)
        return np.std([ink(draw.whole(number, heat=heat)) for number in range(12)])

    assert spread(1.0) > spread(0.0)


def test_a_word_is_drawn_or_one_by_chance():
    draw = Draw(model="quickdraw", seed=2)
    assert len(draw.words) == 344
    draw.whole(word="cat")
    assert draw.word == "cat"
    draw.whole(1)
    one = draw.word
    draw.whole(2)
    assert one in draw.words and draw.word != one
    draw.whole(word=("cat", "bus", 0.5))
    assert draw.word == ""
    assert draw.unused_knobs == frozenset() and Draw().unused_knobs == {"word"}


def test_what_a_person_began_is_kept_and_finished():
    draw = Draw(model="quickdraw", seed=2)
    begun = [Stroke(CIRCLE, 0.02, (1.0, 0.0, 0.0), 0.5)]
    done = draw.finish(begun, word="face")
    assert done[0] is begun[0] and len(done) > 1
    assert done[-1].color == (1.0, 0.0, 0.0) and done[-1].width == 0.02
    again = Draw(model="quickdraw", seed=2).finish(begun, word="face")
    assert [s.points.tolist() for s in done] == [s.points.tolist() for s in again]
    other = draw.finish(begun, word="face", number=1)
    assert [s.points.tolist() for s in done] != [s.points.tolist() for s in other]


def test_an_empty_drawing_is_begun_and_one_point_is_gone_on_from():
    draw = Draw(seed=2)
    assert draw.finish([])
    assert len(draw.finish([Stroke(np.array([[0.5, 0.5]]))])) > 1


def test_a_hundred_thousand_points_are_read_as_few():
    scribble = np.random.default_rng(0).random((100_000, 2))
    strokes = readable([Stroke(scribble)])
    assert sum(map(len, strokes)) <= MOST_FED
    assert len(Draw(seed=2).finish([Stroke(scribble)])) > 1


@pytest.mark.parametrize(
    ("drawing", "error", "told"),
    [
        ("cat", TypeError, "a drawing must be a list of Stroke, got str"),
        (Stroke(CIRCLE), TypeError, "a drawing must be a list of Stroke, got Stroke"),
        ([CIRCLE], TypeError, "a drawing must be a list of Stroke, got one with ndarray"),
        ([Stroke(np.zeros((0, 2)))], ValueError, r"must have points \(n, 2\), got shape \(0, 2\)"),
        ([Stroke(np.zeros((3, 3)))], ValueError, r"must have points \(n, 2\), got shape \(3, 3\)"),
        ([Stroke(CIRCLE * np.nan)], ValueError, "must have finite points, got NaN or infinity"),
    ],
)
def test_what_is_no_drawing_is_refused(drawing, error, told):
    with pytest.raises(error, match=told):
        Draw().finish(drawing)


def test_a_picture_is_redrawn():
    image = rasterise([Stroke(CIRCLE, 0.02)], (96, 128))
    (stroke, *others) = Draw().vectorise(image, weight=0.5)
    assert np.abs(np.hypot(*(stroke.points - 0.5).T)).max() < 0.3
    assert stroke.width > 0.005 and not others
    with pytest.raises(TypeError, match="was given a str, expected an image"):
        Draw().vectorise("cat")


def test_a_drawing_is_shown_as_it_grows_and_sorted_for_a_plotter():
    draw = Draw(seed=2)
    drawing = draw.whole()
    assert 1 < draw.seconds(drawing) < 25
    assert ink(draw.grown(drawing, 1.0)) < ink(drawing)
    assert ink(draw.for_plotter(drawing)) == pytest.approx(ink(drawing))


def test_one_drawing_becomes_another():
    draw = Draw(seed=2)
    one, other = draw.whole(0), draw.whole(1)
    assert ink(draw.morph(one, other, 0.0)) == pytest.approx(ink(one), rel=0.02)
    assert ink(draw.morph(one, other, 7)) == pytest.approx(ink(other), rel=0.02)
    with pytest.raises(ValueError, match=r"a position must be a number 0\.\.1, got nan"):
        draw.morph(one, other, float("nan"))


def test_an_svg_holds_paths_alone_and_looks_as_the_drawing_does():
    drawing = Draw(seed=2).whole()
    text = as_svg(drawing, (200, 200), '<script>alert("x")</script>')
    kinds = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(text).iter()}
    assert kinds == {"svg", "title", "g", "path"}


def test_a_model_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="has no model 'kanjis'; did you mean 'kanji'"):
        Draw(model="kanjis")


def test_it_can_be_closed_and_drawn_with_again():
    draw = Draw(seed=2)
    draw.warm_up()
    draw.close()
    assert draw.whole()


@pytest.mark.system
@pytest.mark.parametrize("tool", ["pen", "brush"])
def test_the_svg_looks_like_the_drawing_in_a_browser(tool, tmp_path):
    needs("chromium")
    drawing = Draw(seed=2).whole(weight=0.6, tool=tool)
    (tmp_path / "drawn.svg").write_text(as_svg(drawing, (256, 256), "</title><script>"))
    with browser(tmp_path / "profile") as page:
        page.open(picture_page(tmp_path / "drawn.svg"), 256, 256)
        page.wait("document.images.length && document.images[0].complete")
        shown = np.asarray(Image.open(page.screenshot(tmp_path / "shown.png")).convert("RGB"))

    painted = rasterise(drawing, (256, 256))
    assert painted.min() < 50
    assert squared_error(shown, painted) < 0.01
