import numpy as np
import pytest
from capriccio import Moment, movie
from capriccio.devices.video.film import Video
from capriccio.devices.video.movie import FrameReader
from helpers.output_shows import performance, plain, show_all


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A film of 4 s at 25 frames a second, each with its number in stripes: its binary digits."""
    path = tmp_path_factory.mktemp("films") / "clip.mp4"
    images = [striped(number) for number in range(100)]
    show_all(Video(str(path)), images, performance())
    return path


def striped(number):
    image = plain((0, 0, 0))
    for digit in range(8):
        image[:, 8 * digit : 8 * digit + 8] = 255 * (number >> digit & 1)
    return image


def level(image):
    return sum(int(image[20, 8 * digit + 4, 0] > 127) << digit for digit in range(8))


def at(seconds):
    return Moment(beats=seconds, seconds=seconds)


def test_frames_are_exact_by_time(clip):
    film = movie(clip)
    for seconds in (0.0, 0.04, 0.1, 1.0, 3.96):
        assert level(film(at(seconds))) == int(seconds * 25 + 1e-6)
    assert film(at(3.99)).shape == (48, 64, 3)
    film.close()


def test_a_film_loops_and_jumps(clip):
    reader = FrameReader(clip)
    assert reader.length == pytest.approx(4.0)
    assert level(reader.image_at(3.5)) == 87
    assert level(reader.image_at(0.2)) == 5
    assert level(reader.image_at(99.0)) == 99
    reader.close()
    film = movie(clip)
    assert level(film(at(4.0 + 0.4))) == 10


def test_speed_and_position_are_knobs(clip):
    film = movie(clip)
    assert level(film(at(0.0), position=0.5)) == 50
    assert level(film(at(0.4), position=0.5, speed=1.0)) == 60  # what was, at half the speed
    assert level(film(at(0.8), position=0.5, speed=1.0)) == 80
    assert level(film(at(1.2), position=0.5, speed=0.0)) == 0  # it has gone round
    assert level(film(at(2.2), position=0.5, speed=0.0)) == 0
    still = movie(clip)
    assert level(still(at(5.0), speed=0.0, position=1.0)) == 99
    assert level(still(at(6.0), speed=0.0, position=0.25)) == 25


def test_the_same_show_again_gives_the_same_frames(clip):
    film = movie(clip)
    shows = [[film(at(n / 10), speed=0.8).copy() for n in range(30)] for _ in range(2)]
    assert all(np.array_equal(one, other) for one, other in zip(*shows, strict=True))


def test_a_film_that_breaks_off_keeps_its_last_image(clip, tmp_path, capfd):
    data = clip.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 2 // 3])
    film = movie(tmp_path / "cut.mp4")
    images = [level(film(at(n / 5))) for n in range(20)]
    assert images[0] == 0
    assert images == sorted(images)


def test_what_is_no_film_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"movie finds no file 'gone\.mp4'"):
        movie("gone.mp4")
    (tmp_path / "a.mp4").write_bytes(b"no film at all")
    with pytest.raises(ValueError, match=r"a\.mp4: cannot be read as a film: "):
        movie(tmp_path / "a.mp4")(at(0.0))
