import numpy as np
import pytest
from capriccio.canvas.geometry import as_points, curve_path, finite, polygon_path, svg_path


def bounds(path):
    found = path.computeTightBounds()
    return (
        [round(float(one), 3) for one in found.asScalars()]
        if hasattr(found, "asScalars")
        else [round(one, 3) for one in (found.left(), found.top(), found.right(), found.bottom())]
    )


def test_a_curve_goes_through_its_points():
    path = curve_path(np.array([[0.0, 0.0], [10.0, 20.0], [20.0, 0.0]]), closed=False)
    ends = {(round(point.x(), 3), round(point.y(), 3)) for point in path.getPoints(99)}
    assert {(0.0, 0.0), (10.0, 20.0), (20.0, 0.0)} <= ends
    closed = curve_path(np.array([[0.0, 0.0], [10.0, 20.0], [20.0, 0.0]]), closed=True)
    assert closed.isLastContourClosed()


def test_a_polygon_is_open_or_closed():
    corners = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 3.0]])
    assert polygon_path(corners, True).isLastContourClosed()
    assert not polygon_path(corners, False).isLastContourClosed()


@pytest.mark.parametrize(
    ("data", "box"),
    [
        ("M 1 2 L 5 6 Z", [1, 2, 5, 6]),
        ("m1 2 4 4", [1, 2, 5, 6]),
        ("M1,2H5V6h-4z", [1, 2, 5, 6]),
        ("M0 0C0 4 4 4 4 0S8-4 8 0", [0, -3, 8, 3]),
        ("M0 0Q2 4 4 0T8 0", [0, -2, 8, 2]),
        ("M0 0A2 2 0 0 1 4 0", [0, -2, 4, 0]),
        ("M0 0a2 2 0 0 0 4 0", [0, 0, 4, 2]),
        ("M1e1-.5l1 1", [10, -0.5, 11, 0.5]),
    ],
)
def test_path_data_are_read(data, box):
    assert bounds(svg_path(data)) == pytest.approx(box, abs=0.01)


def test_path_data_that_cannot_be_read_are_told():
    with pytest.raises(ValueError, match="no path data: 'hello'; expected such as"):
        svg_path("hello")
    with pytest.raises(ValueError, match="path command 'L' takes 2 numbers at a time, got 3"):
        svg_path("M0 0L1 2 3")


def test_points_are_checked():
    with pytest.raises(ValueError, match=r"curve needs points \(n, 2\), got an array of shape"):
        as_points([], "curve")
    with pytest.raises(ValueError, match="curve needs finite numbers, got points with NaN"):
        as_points([(0, float("nan"))], "curve")
    with pytest.raises(ValueError, match="circle needs finite numbers, got nan, 1"):
        finite("circle", float("nan"), 1)
