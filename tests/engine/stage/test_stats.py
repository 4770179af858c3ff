"""What happened in a show, counted."""

import pytest
from capriccio.stage.stats import frame_count
from capriccio.testing import Memory
from helpers.shows import GREY, grey, live_stage, offline_stage


@pytest.mark.parametrize(
    ("seconds", "fps", "frames"),
    [(2, 30, 60), (0.05, 30, 2), (0.01, 30, 1), (1, 29.97, 30), (10, 29.97, 300), (16, 0.1, 2)],
)
def test_every_frame_that_starts_before_the_end_is_counted(seconds, fps, frames):
    memory = Memory()
    done = []
    stats = offline_stage([memory], draw=grey, fps=fps).perform(seconds, done.append)
    assert stats.frames == len(memory.images) == frames == frame_count(seconds, fps)
    assert done == list(range(1, frames + 1))


def test_late_frames_are_dropped_and_counted():
    seen = []

    def draw(now):
        seen.append(round(now.seconds * 10))
        if seen[-1] == 3:
            stage.clock.wait(0.75)  # it takes 0.45 seconds
        return GREY

    stage = live_stage([], draw=draw, fps=10)
    stats = stage.perform(1)
    assert seen == [0, 1, 2, 3, 7, 8, 9]
    assert (stats.frames, stats.late) == (7, 3)
