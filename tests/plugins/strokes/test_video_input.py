"""Videos as targets: an image for each time, in a loop."""

from itertools import pairwise

import av
import numpy as np
import pytest
from capriccio import Moment
from capriccio_strokes.generator import Painter
from capriccio_strokes.video_input import VideoInput


@pytest.fixture
def video(tmp_path):
    """A video of ten images, each lighter than the one before, ten a second."""
    path = tmp_path / "dawn.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.bit_rate = 2_000_000
        for number in range(10):
            image = np.full((48, 64, 3), 20 + 22 * number, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)
    return path


def number_of(image) -> int:
    return round((float(image.mean()) - 20) / 22)


def test_each_time_has_its_image_and_the_video_loops(video):
    source = VideoInput(video)
    times = (0.0, 0.04, 0.15, 0.55, 0.99, 1.05, 1.31, 0.2, 7.95)

    assert [number_of(source.image_at(at)) for at in times] == [0, 0, 1, 5, 9, 0, 3, 2, 9]
    assert source.image_at(0.3).shape == (48, 64, 3)
    source.close()


def test_the_painter_follows_a_video(video):
    painter = Painter(size=64)
    seen = []
    for frame in range(10):
        moment = Moment(beats=frame / 5, seconds=frame / 10)
        seen.append(painter(moment, target=video, detail=0.2).mean())
    painter.close()

    assert all(after > before for before, after in pairwise(seen))
    assert seen[-1] > seen[0] + 100  # of 198


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\0" * 5000])
def test_what_is_no_video_is_refused(content, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(content)

    with pytest.raises(ValueError, match=r"broken\.mp4: cannot be read as video: "):
        Painter(size=64)(Moment(), target=tmp_path / "broken.mp4")
    with pytest.raises(ValueError, match=r"none\.mp4: cannot be read as video: .*No such file"):
        VideoInput(tmp_path / "none.mp4")
