import pytest
from capriccio import Canvas
from capriccio.canvas.canvas_state import CanvasState, choice


def test_a_canvas_has_the_state():
    assert issubclass(Canvas, CanvasState)
    assert CanvasState().size == (512, 512)


def test_a_choice_that_does_not_exist_is_told():
    assert choice("a", {"a": "b"}, "letters") == "b"
    with pytest.raises(ValueError, match="letters are 'a', got 'c'"):
        choice("c", {"a": "b"}, "letters")
