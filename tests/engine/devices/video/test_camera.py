import platform
from itertools import count

import numpy as np
import pytest
from capriccio import Moment, ShowError, camera
from capriccio.clock import LiveClock
from capriccio.devices.video import camera as module
from capriccio.devices.video.camera import CameraReader, open_camera
from capriccio.devices.video.film import Video
from capriccio.performance import Performance, current_performance
from capriccio.recording.take import read_take
from capriccio.testing import Memory
from helpers.devices import wait_for
from helpers.output_shows import halves, performance, show_all
from helpers.shows import live_stage
from helpers.takes import frames, lines, recording, replay

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
    frames = (Moment(seconds=number / 10) for number in count())
    wait_for(lambda: eye(next(frames)).max() > 200)
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


class Device:
    """A camera whose images the test makes: it has a new one at two of three frames."""

    image = None

    def __init__(self, *settings):
        """Deliver nothing yet."""

    def turn(self, frame):
        if frame % 3 and frame > 3:
            random = np.random.default_rng(frame)
            self.image = random.integers(0, 256, (48, 64, 3), np.uint8)

    def close(self):
        """Release nothing."""


@pytest.fixture
def take(tmp_path, monkeypatch):
    """The path of a live show with a camera, its frames, and a draw cue that shows it again."""
    device = Device()
    monkeypatch.setattr(module, "CameraReader", lambda *settings: device)
    path, memory = tmp_path / "a.jsonl", Memory()

    def draw(eye):
        def look(now):
            device.turn(round(now.seconds * 10))
            once = eye(now, mirror=0.0)
            once[0] = 0  # a sketch may paint on what it is given
            device.turn(1)
            return np.concatenate([once, eye(now)])

        return look

    stage = live_stage([memory], draw=draw(camera(size=(64, 48))), size=(64, 96))
    with recording(stage, path):
        stage.perform(2.0)
    return path, frames(memory), draw


def test_what_a_camera_delivered_is_in_the_take_bit_by_bit(take):
    path, shown, draw = take
    assert len(set(shown.values())) > 10
    assert path.with_name("a-camera.mkv").is_file()
    again = replay(
        read_take(path.read_text(), "a", path.parent),
        draw=draw(camera(size=(64, 48))),
        size=(64, 96),
    )
    assert frames(again) == shown


def test_a_film_that_is_missing_beside_its_take_is_told_once(take, capfd):
    path, _, draw = take
    path.with_name("a-camera.mkv").unlink()
    take = read_take(path.read_text(), "a", path.parent)
    again = replay(take, draw=draw(camera(size=(64, 48))), size=(64, 96))
    assert set(frames(again).values()) == {bytes(64 * 96 * 3)}
    told = capfd.readouterr().err
    assert told.count("a-camera.mkv: cannot be read as a film: No such file or directory") == 1
    assert "the camera stays black" in told


def test_another_show_of_the_same_camera_has_its_first_image_too(tmp_path, monkeypatch):
    device, eye, memory = Device(), camera(size=(64, 48)), Memory()
    device.turn(4)
    monkeypatch.setattr(module, "CameraReader", lambda *settings: device)
    for name in ("a", "b"):
        stage = live_stage([memory], draw=eye, size=(64, 48))
        with recording(stage, tmp_path / f"{name}.jsonl"):
            stage.perform(0.3)
        written = lines(tmp_path / f"{name}.jsonl")
        places = [line for line in written[1:] if line[1] == "image"]
        assert places == [[0.0, "image", ["camera 1", f"{name}-camera.mkv", 0]]]
