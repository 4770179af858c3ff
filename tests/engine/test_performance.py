"""The facts of a performance, and how code far below the stage knows of the running one."""

from capriccio import Performance
from capriccio.clock import OfflineClock
from capriccio.performance import current_frame, current_performance
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
