import numpy as np
import pytest
from capriccio.devices.video.movie import FrameReader
from capriccio.events import ImageSeen
from capriccio.recording import footage as module
from capriccio.recording.footage import RATE, Footage


def noise(number, shape=(48, 64)):
    return np.random.default_rng(number).integers(0, 256, (*shape, 3), np.uint8)


def test_every_image_comes_back_as_it_was(tmp_path):
    footage = Footage(tmp_path / "a.jsonl")
    images = [noise(number) for number in range(40)]
    places = [footage.keep(ImageSeen(0.1, "eye", image)) for image in images]
    odd = noise(99, (33, 47))  # the camera came back with another size
    assert footage.keep(ImageSeen(5.0, "eye", odd)) == ("a-camera-2.mkv", 0)
    assert footage.keep(ImageSeen(5.0, "other eye", odd)) == ("a-camera-3.mkv", 0)
    footage.close()
    assert places == [("a-camera.mkv", number) for number in range(40)]
    assert [path.name for path in footage.paths] == [
        "a-camera.mkv",
        "a-camera-2.mkv",
        "a-camera-3.mkv",
    ]
    reader = FrameReader(footage.paths[0])
    for number in (0, 1, 2, 30, 7, 39):  # backwards too
        assert np.array_equal(reader.image_at((number + 0.5) / RATE), images[number])
    reader.close()
    for path in footage.paths[1:]:
        reader = FrameReader(path)
        assert np.array_equal(reader.image_at(0.0), odd)
        reader.close()


def test_a_full_film_is_told_once_and_can_be_read(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(module, "MAX_BYTES", 2**15)
    footage = Footage(tmp_path / "a.jsonl")
    places = [footage.keep(ImageSeen(0.1, "eye", noise(number))) for number in range(20)]
    kept = [place for place in places if place]
    assert 0 < len(kept) < 10 and places[len(kept) :] == [None] * (20 - len(kept))
    told = capfd.readouterr().err
    assert told.count("the take keeps no more of what cameras see") == 1
    assert "its films have " in told and "GiB; the show goes on" in told
    reader = FrameReader(footage.paths[0])
    assert np.array_equal(reader.image_at(0.0), noise(0))
    reader.close()
    footage.close()


@pytest.mark.parametrize("gone", ["no folder", "no image"])
def test_a_film_that_cannot_be_written_is_told_once(tmp_path, capfd, gone):
    folder = tmp_path / "gone" if gone == "no folder" else tmp_path
    image = noise(0) if gone == "no folder" else np.zeros((48, 64), np.uint8)
    footage = Footage(folder / "a.jsonl")
    assert footage.keep(ImageSeen(0.1, "eye", image)) is None
    assert footage.keep(ImageSeen(0.2, "eye", noise(1))) is None
    told = capfd.readouterr().err
    assert told.count("the take keeps no more of what cameras see: ") == 1
    footage.close()
