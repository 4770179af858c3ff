import numpy as np
import pytest
from capriccio import Canvas
from capriccio.canvas.type_setting import FOLDER, Paragraph, check_font, fonts


def set_text(words, **where):
    canvas = Canvas(240, 80)
    canvas.text_size(0.4)
    for method, arguments in where.items():
        getattr(canvas, method)(*arguments)
    canvas.text(words, 0.5, 0.5)
    return canvas.pixels


def ink(image):
    rows, columns = np.nonzero(image[..., 0] > 64)
    return columns.min(), columns.max(), rows.min(), rows.max()


def test_text_is_placed_by_its_anchor():
    left, right, top, bottom = ink(set_text("HEAL"))
    assert abs(left - 120) < 6
    assert abs(bottom - 40) < 3  # on the line
    left, right, *_ = ink(set_text("HEAL", text_align=("right",)))
    assert abs(right - 120) < 6
    left, right, top, bottom = ink(set_text("HEAL", text_align=("center", "center")))
    assert abs((left + right) / 2 - 120) < 3
    assert abs((top + bottom) / 2 - 40) < 6
    assert ink(set_text("HEAL", text_align=("left", "top")))[2] >= 40
    assert ink(set_text("HEAL", text_align=("left", "bottom")))[3] <= 40


def test_bold_is_bolder_and_lines_are_broken():
    assert set_text("mm", text_font=("",)).sum() > 0
    canvas = Canvas(240, 240)
    canvas.text_font(bold=True)
    canvas.text("mm", 0, 0.1)
    plain = Canvas(240, 240)
    plain.text("mm", 0, 0.1)
    assert canvas.pixels.sum() > 1.1 * plain.pixels.sum()
    plain.clear()
    plain.text("one two three four five six", 0, 0.1, 0.3)
    assert ink(plain.pixels)[3] > 60  # in several lines
    assert ink(plain.pixels)[1] < 0.3 * 240
    assert 0.05 < plain.text_width("mm") < 0.2


def test_arabic_letters_join_and_run_from_right_to_left():
    if not fonts().fallback("م"):
        pytest.skip("no font on this machine has Arabic letters")
    joined = set_text("ممم", text_align=("center",))
    apart = set_text("م م م", text_align=("center",))
    columns = lambda image: image[..., 0].max(axis=0) > 64  # noqa: E731
    runs = lambda image: np.count_nonzero(np.diff(columns(image).astype(int)) == 1)  # noqa: E731
    assert runs(joined) == 1
    assert runs(apart) == 3
    first = set_text("ما", text_align=("center",))  # alif, the tall stroke, stands at the left
    tall = np.nonzero((first[..., 0] > 64).sum(axis=0) > 14)[0]
    left, right, *_ = ink(first)
    assert tall.mean() < (left + right) / 2


def runs(image):
    """Return the first and last column of each run of columns with ink."""
    columns = np.concatenate([[0], image[..., 0].max(axis=0) > 64, [0]]).astype(int)
    edges = np.flatnonzero(np.diff(columns))
    return list(zip(edges[::2], edges[1::2], strict=True))


def test_hebrew_runs_from_right_to_left_and_latin_within_it_from_left_to_right():
    if not fonts().fallback("ש"):
        pytest.skip("no font on this machine has Hebrew letters")
    # Vav is a thin stroke, shin is broad: in "שו" the broad one is read first, at the right.
    thin, broad = runs(set_text("שו", text_align=("center",)))
    assert broad[1] - broad[0] > 2 * (thin[1] - thin[0])
    first, *_, last = runs(set_text("ו ii ש", text_align=("center",)))
    assert first[1] - first[0] > 2 * (last[1] - last[0])
    assert len(runs(set_text("ו ii ש", text_align=("center",)))) == 4


def test_chinese_and_japanese_are_set_in_whole_squares_and_broken_anywhere():
    words = "吾輩は猫である名前はまだ無い"
    if not fonts().fallback("猫") or not fonts().fallback("は"):
        pytest.skip("no font on this machine has Chinese or Japanese letters")
    canvas = Canvas(400, 400)
    canvas.text_size(0.1)
    assert canvas.text_width("猫" * 5) == pytest.approx(0.5, abs=0.02)
    one, other = set_text("猫"), set_text("無")
    assert not np.array_equal(one, other)  # no empty boxes
    canvas.text(words, 0.1, 0.2, 0.45)  # four to a line, without a space between them
    _, right, top, bottom = ink(canvas.pixels)
    assert right <= 0.56 * 400
    assert bottom - top > 3 * 1.25 * 40


def test_a_font_is_found_by_file():
    check_font(str(FOLDER / "Inter-Bold.otf"), False)
    bold = set_text("mm", text_font=(str(FOLDER / "Inter-Bold.otf"),))
    assert bold.sum() > 1.1 * set_text("mm").sum()


def test_a_missing_font_is_told():
    with pytest.raises(LookupError, match=r"no font is called 'Intre'; did you mean 'Inter'"):
        check_font("Intre", False)
    with pytest.raises(LookupError, match=r"no font file 'gone\.ttf', or it cannot be read"):
        check_font("gone.ttf", False)


def test_an_emoji_that_no_font_has_does_not_raise(tmp_path):
    assert set_text("a\U0001fae8\ue000b").any()


def test_the_shipped_font_has_its_licence():
    assert "SIL OPEN FONT LICENSE" in (FOLDER / "OFL.txt").read_text()


def test_a_text_that_is_set_again_is_not_laid_out_again():
    style = Canvas(8, 8)
    style.text("x", 0, 0)
    assert Paragraph("x", style.settings, 12.0, None).width == (
        Paragraph("x", style.settings, 12.0, None).width
    )
