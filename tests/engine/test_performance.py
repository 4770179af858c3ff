"""The facts of a performance, and how code far below the stage knows of the running one."""

import pytest
from capriccio import Performance
from capriccio.clock import OfflineClock
from capriccio.performance import SIZE, current_frame, current_performance
from helpers.shows import GREY, offline_stage


def test_outside_a_show_there_is_no_performance():
    assert current_performance.get() is None and current_frame.get() is None


def test_a_draw_cue_runs_in_its_performance_and_frame():
    seen = []

    def draw(now):
        seen.append((current_performance.get(), current_frame.get()))
        return GREY

    stage = offline_stage([], draw=draw)
    stage.perform(0.1)
    performance, frame = seen[0]
    assert performance is stage.performance and frame.seconds == 0.0
    assert current_performance.get() is None and current_frame.get() is None


def test_each_performance_has_parameters_of_its_own():
    one, other = Performance(OfflineClock()), Performance(OfflineClock())
    assert one.parameters is not other.parameters


def test_the_size_is_a_parameter_where_it_follows_the_window():
    performance = Performance(OfflineClock(), (64, 48))
    performance.add_size()
    parameters = performance.parameters
    parameters.set(SIZE, "0640X360")
    assert parameters.by_address[SIZE].value() == "64x48"
    parameters.apply_pending(0.0)
    parameters.set(SIZE, None)
    parameters.apply_pending(0.1)
    assert performance.size == (640, 360)
    assert parameters.by_address[SIZE].value() == "640x360"


@pytest.mark.parametrize("size", ["", "64", "8x8", "-64x64", "64x64x64", "9000x64", "²x64", 64])
def test_what_is_no_size_is_refused(size):
    performance = Performance(OfflineClock(), (64, 48))
    performance.add_size()
    with pytest.raises(ValueError, match=r"a size is from 16x16 to 8192x8192 pixels, got "):
        performance.parameters.set(SIZE, size)
