"""Strokes read from SVG: paths, lines and polygons, and nothing that is no drawing."""

import numpy as np
import pytest
from capriccio import Stroke, as_svg
from capriccio_draw.svg_paths import MAX_BYTES, path_strokes, read_svg


def svg(tmp_path, inner, head=""):
    file = tmp_path / "a.svg"
    file.write_text(f'{head}<svg xmlns="http://www.w3.org/2000/svg">{inner}</svg>')
    return file


def test_our_own_svg_comes_back(tmp_path):
    turn = np.linspace(0, 3, 12)
    arc = np.stack([0.5 + 0.3 * np.cos(turn), 0.5 + 0.3 * np.sin(turn)], axis=1)
    file = tmp_path / "a.svg"
    file.write_text(as_svg([Stroke(arc), Stroke(arc * 0.5)], (400, 400), "<b>&"))
    strokes = read_svg(file)
    assert len(strokes) == 2
    assert np.allclose(strokes[0][[0, -1]] / 400, arc[[0, -1]], atol=1e-3)


def test_lines_and_polygons_are_read(tmp_path):
    inner = '<line x1="1" y1="2" x2="30" y2="4"/><polygon points="0,0 9,0 9,9"/><text>no</text>'
    line, polygon = read_svg(svg(tmp_path, inner))
    assert line.tolist() == [[1, 2], [30, 4]]
    assert polygon.tolist() == [[0, 0], [9, 0], [9, 9], [0, 0]]


def test_a_curve_is_as_many_points_as_it_needs():
    (curve,) = path_strokes("M0 0C0 50 100 50 100 0")
    assert len(curve) == 48
    assert curve[:, 1].max() == pytest.approx(37.5, abs=0.5)


def test_each_contour_is_a_stroke():
    assert len(path_strokes("M0 0L9 0M0 5L9 5")) == 2
    assert path_strokes("") == []


def test_an_svg_without_lines_has_no_strokes(tmp_path):
    assert read_svg(svg(tmp_path, "<text>no</text>")) == []


def test_what_is_no_svg_is_refused(tmp_path):
    (tmp_path / "a.svg").write_text("<svg")
    with pytest.raises(ValueError, match="is no SVG: "):
        read_svg(tmp_path / "a.svg")


def test_entities_are_refused(tmp_path):
    head = '<!DOCTYPE svg [<!ENTITY a "aaaa">]>'
    with pytest.raises(ValueError, match="declares entities, which no drawing needs"):
        read_svg(svg(tmp_path, "", head))


def test_a_huge_file_is_refused(tmp_path):
    (tmp_path / "a.svg").write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match="bytes, at most 4000000 are read"):
        read_svg(tmp_path / "a.svg")
