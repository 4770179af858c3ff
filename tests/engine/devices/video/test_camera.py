import platform

import numpy as np
import pytest
from capriccio import Moment, ShowError, camera
from capriccio.clock import LiveClock
from capriccio.devices.video import camera as module
from capriccio.devices.video.camera import CameraReader, open_camera
from capriccio.devices.video.film import Video
from capriccio.performance import Performance, current_performance
from helpers.devices import wait_for
from helpers.output_shows import halves, performance, show_all

NOW = Moment()


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.mp4"
    show_all(Video(str(path)), [halves()] * 25, performance())
    return path


@pytest.fixture
def live():
    token = current_performance.set(Performance(LiveClock(120, 4)))
    yield
    current_performance.reset(token)


def test_a_film_may_stand_for_the_camera(clip):
    eye = camera(simulate=clip)
    straight, mirrored = eye(NOW, mirror=0.0), eye(NOW)
    assert straight[10, 10, 0] > 200  # red on the left
    assert mirrored[10, 10, 2] > 200
    assert np.array_equal(mirrored, straight[:, ::-1])
    eye.close()


def test_offline_and_without_a_camera_it_is_black():
    eye = camera(size=(64, 48))
    assert eye(NOW).shape == (48, 64, 3)
    assert eye(NOW).max() == 0
    eye.close()


def test_images_are_read_in_a_thread_of_their_own(clip, live, monkeypatch):
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.05)
    eye = camera(str(clip), size=(64, 48))  # a file is a stream as well
    wait_for(lambda: eye(NOW).max() > 200)
    eye.close()


def test_a_camera_that_is_not_there_is_told_and_tried_again(live, clip, monkeypatch, capfd):
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.05)
    opened = []

    def opens(name, size, fps):
        opened.append(name)
        return open_camera("/dev/video99" if len(opened) < 3 else str(clip), size, fps)

    monkeypatch.setattr(module, "open_camera", opens)
    reader = CameraReader("", (64, 48), 30.0)
    wait_for(lambda: reader.image is not None)
    reader.close()
    assert len(opened) >= 3
    told = capfd.readouterr().err
    assert "camera of this machine is not there: " in told
    assert "the last image stays" in told


def test_a_camera_that_is_unplugged_is_told_and_comes_back(live, clip, monkeypatch, capfd):
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.05)
    reader, told = CameraReader(str(clip), (64, 48), 30.0), ""  # which ends as a stream does

    def read():
        nonlocal told
        told += capfd.readouterr().err
        return "is back" in told

    wait_for(read)
    assert reader.image is not None and reader.image.max() > 200
    reader.close()
    assert f"camera {clip} is not there: it has ended; the last image stays" in told


def test_an_unknown_system_is_told(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Plan9")
    with pytest.raises(ShowError, match="cameras of Plan9 are not known; give the URL of a stream"):
        open_camera("", (64, 48), 30.0)
