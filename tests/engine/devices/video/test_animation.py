import numpy as np
import pytest
from capriccio import ShowError
from capriccio.devices.video import animation
from capriccio.devices.video.animation import Animation, ImageFile
from capriccio.testing import check_output
from helpers.output_shows import COLORS, files_at_most, performance, plain, show_all
from PIL import Image


def frames_of(path):
    film = Image.open(path)
    found = []
    for number in range(film.n_frames):
        film.seek(number)
        found.append((np.asarray(film.convert("RGB")), film.info.get("duration")))
    return found


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_an_animation_has_the_frames_and_the_length_of_the_show(tmp_path, ending):
    path = tmp_path / "new" / f"a.{ending}"
    show_all(Animation(str(path)), [plain(color) for color in COLORS], performance())
    found = frames_of(path)
    assert len(found) == len(COLORS)
    for (image, duration), color in zip(found, COLORS, strict=True):
        assert np.abs(image.mean((0, 1)) - color).max() <= 6
        assert duration == 40
    assert Image.open(path).info.get("loop") == 0


def test_times_of_a_gif_do_not_drift(tmp_path):
    images = [plain((number * 8, 0, 0)) for number in range(30)]
    show_all(Animation(str(tmp_path / "a.gif")), images, performance(fps=30.0))
    assert sum(duration for _, duration in frames_of(tmp_path / "a.gif")) == 1000


def test_a_gif_drops_frames_that_no_viewer_shows(tmp_path):
    images = [plain((number * 2, 0, 0)) for number in range(100)]
    show_all(Animation(str(tmp_path / "a.gif")), images, performance(fps=100.0))
    found = frames_of(tmp_path / "a.gif")
    assert len(found) == 50
    assert sum(duration for _, duration in found) == 1000


def test_the_last_picture_is_written_with_its_provenance(tmp_path):
    path = tmp_path / "a.png"
    facts = performance()
    show_all(ImageFile(str(path)), [plain(color) for color in COLORS], facts)
    assert np.asarray(Image.open(path)).mean((0, 1)).tolist() == list(COLORS[-1])
    empty = ImageFile(str(tmp_path / "b.png"))
    empty.start(facts)
    empty.close()
    assert not (tmp_path / "b.png").exists()


def test_an_animation_that_would_not_fit_in_memory_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(animation, "MAX_BYTES", 10_000)
    with pytest.raises(ShowError, match=r"keeps at most 0 GB of frames; make it shorter or small"):
        show_all(Animation(str(tmp_path / "a.webp")), [plain((1, 2, 3))] * 9, performance())


def test_what_cannot_be_written_is_told(tmp_path):
    with pytest.raises(ShowError, match=r"output 'animation' writes \.gif, \.webp files, got 'a\."):
        Animation("a.mp4")
    with pytest.raises(ShowError, match=r"output 'image' needs a path; write image:FILE\.png"):
        ImageFile("")
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    for kind, name in ((Animation, "a.gif"), (ImageFile, "a.png")):
        with files_at_most(100), pytest.raises(ShowError, match="make room or choose another"):
            show_all(kind(str(tmp_path / name)), [noise], performance())
        assert not (tmp_path / name).exists()


def test_the_outputs_conform(tmp_path):
    check_output(Animation, target=str(tmp_path / "a.gif"))
    check_output(ImageFile, target=str(tmp_path / "a.png"))
