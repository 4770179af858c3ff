import pytest
from capriccio.canvas.skia_library import load_skia
from capriccio.canvas.style import BLEND_MODES, Style, skia_blend_mode


def test_every_blend_mode_is_one_of_skia():
    for mode in BLEND_MODES:
        assert skia_blend_mode(mode) is not None
    assert skia_blend_mode("SOFT_LIGHT") == load_skia().BlendMode.kSoftLight


def test_an_unknown_blend_mode_is_told():
    with pytest.raises(ValueError, match="no blend mode 'multipl'; did you mean 'multiply'"):
        skia_blend_mode("multipl")


def test_a_copy_of_a_style_changes_alone():
    style = Style()
    copy = style.copy()
    copy.fill.setColor(0xFF00FF00)
    assert style.fill.getColor() == 0xFFFFFFFF
