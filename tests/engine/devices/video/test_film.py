"""Frames as a film."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from capriccio import ShowError, Sketch
from capriccio.devices.video import film
from capriccio.devices.video.film import FORMATS, Video
from helpers.devices import wait_for
from helpers.output_shows import COLORS, files_at_most, performance, plain, show_all
from helpers.shows import forget


def read_film(path):
    """Return a film's frames as images, their times, and the facts of its stream."""
    import av
    from av.video.reformatter import ColorRange, Colorspace

    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        images, times = [], []
        for frame in film.decode(stream):
            times.append(frame.pts * frame.time_base)
            images.append(
                frame.reformat(
                    format="rgb24",
                    src_colorspace=Colorspace.ITU709,
                    dst_color_range=ColorRange.JPEG,
                ).to_ndarray()
            )
        codec = stream.codec_context
        facts = {
            "codec": codec.name,
            "format": codec.pix_fmt,
            "size": (codec.width, codec.height),
            "rate": stream.average_rate,
            "colors": (codec.colorspace, codec.color_primaries, codec.color_trc),
            "range": codec.color_range,
            "title": film.metadata.get("title"),
        }
        return images, times, facts


@pytest.mark.parametrize("ending", FORMATS)
def test_a_film_has_every_frame_at_the_rate_of_the_show(tmp_path, ending):
    path = tmp_path / f"film{ending}"
    show_all(Video(str(path)), list(map(plain, COLORS * 12)), performance())
    images, times, facts = read_film(path)
    assert facts == {
        "codec": "h264",
        "format": "yuv420p",
        "size": (64, 48),
        "rate": 25,
        "colors": (1, 1, 1),
        "range": 1,
        "title": "étude",
    }
    assert times == [number / facts["rate"] for number in range(60)]
    for image, color in zip(images, COLORS * 12, strict=True):
        assert np.abs(image.astype(int).mean(axis=(0, 1)) - color).max() < 6
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_film_starts_with_its_index(tmp_path):
    path = tmp_path / "film.mp4"
    show_all(Video(str(path)), list(map(plain, COLORS)), performance())
    data = path.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")
    assert b"moof" not in data


def test_an_odd_size_loses_its_last_column_and_row(tmp_path):
    path = tmp_path / "film.mp4"
    image = plain((0, 0, 0), 33, 17)
    image[16], image[:, 32] = 255, 255
    show_all(Video(str(path)), [image], performance(size=(33, 17)))
    images, _, facts = read_film(path)
    assert facts["size"] == (32, 16)
    assert images[0].max() < 20


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are chosen on Linux alone")
def test_a_film_has_the_same_bytes_on_one_core_as_on_several(tmp_path):
    y, x = np.mgrid[0:180, 0:320]
    images = [
        np.stack([x + 9 * at, 2 * y + 5 * at, x * y // 40 + 13 * at], 2).astype(np.uint8)
        for at in range(30)
    ]
    cores, films = os.sched_getaffinity(0), []
    try:
        for chosen in ({min(cores)}, cores):
            os.sched_setaffinity(0, chosen)
            show_all(Video(str(tmp_path / "film.mp4")), images, performance(size=(320, 180)))
            films.append((tmp_path / "film.mp4").read_bytes())
    finally:
        os.sched_setaffinity(0, cores)
    assert len({hashlib.sha256(film).hexdigest() for film in films}) == 1  # without a long diff


def test_a_film_has_the_same_bytes_whatever_its_memory_held_before(tmp_path):
    """x264's macroblock tree read uninitialised memory where the processor has AVX-512."""
    y, x = np.mgrid[0:180, 0:320]
    images = [
        np.stack([x + 9 * at, 2 * y + 5 * at, x * y // 40 + 13 * at], 2).astype(np.uint8)
        for at in range(30)
    ]
    films = set()
    for at in range(6):
        used = [os.urandom(size) for size in (100_000 * at, 777_777, 3_000_000 // (at + 1))]
        used.clear()  # what is allocated from now on may hold these bytes
        show_all(Video(str(tmp_path / "film.mp4")), images, performance(size=(320, 180)))
        films.add(hashlib.sha256((tmp_path / "film.mp4").read_bytes()).hexdigest())
    assert len(films) == 1


def test_fractional_rates_are_kept(tmp_path):
    path = tmp_path / "film.mp4"
    show_all(Video(str(path)), list(map(plain, COLORS)), performance(fps=29.97))
    assert float(read_film(path)[2]["rate"]) == pytest.approx(29.97, abs=1e-3)


def test_a_live_film_repeats_frames_that_were_dropped(tmp_path):
    path = tmp_path / "film.mp4"
    red, green, blue = map(plain, COLORS[:3])
    facts = performance(live=True, fps=10.0)
    show_all(Video(str(path)), [red, green, blue, blue], facts, [0.0, 0.1, 0.4, 0.41])
    images, times, _ = read_film(path)
    assert len(times) == 5
    strongest = [int(image.mean(axis=(0, 1)).argmax()) for image in images]
    assert strongest == [0, 1, 1, 1, 2]


def test_a_live_film_that_cannot_keep_up_keeps_its_time(tmp_path, capsys):
    path = tmp_path / "film.mp4"
    facts = performance(live=True, fps=10.0)
    images = [plain(COLORS[number % 5]) for number in range(2000)]
    show_all(Video(str(path)), images, facts, [number / 10 for number in range(2000)])
    shown, times, _ = read_film(path)
    assert [round(float(time * 10)) for time in times] == list(range(len(shown)))


def test_a_show_that_is_killed_leaves_a_film_that_plays(tmp_path):
    script = f"""
        import os, signal
        import numpy as np
        from capriccio import Performance
        from capriccio.clock import OfflineClock
        from capriccio.devices.video.film import Video
        clock = OfflineClock()
        video = Video({str(tmp_path / "film.mp4")!r})
        video.start(Performance(clock, (64, 48), 10.0))
        for number in range(200):
            image = np.full((48, 64, 3), number, np.uint8)
            video.show(image, clock.moment(seconds=number / 10, span=0.1))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    child = subprocess.run([sys.executable, "-c", textwrap.dedent(script)])
    assert child.returncode == -signal.SIGKILL
    images, _, _ = read_film(tmp_path / "film.mp4")
    assert len(images) > 50


def test_a_full_disk_stops_the_film_with_one_sentence(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    output = Video(str(tmp_path / "film.mp4"))
    with (
        files_at_most(20_000),
        pytest.raises(ShowError, match=r"cannot write .*film.mp4': File too large; make room"),
    ):
        show_all(output, [noise] * 400, performance())
    output.close()


NOISE = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)


def show_noise(output, clock, frames):
    """Show frames of noise live, no faster than they are encoded."""
    for frame in frames:
        moment = clock.moment(seconds=frame / 10, span=0.1)
        output.show(NOISE if frame % 2 else 255 - NOISE, moment)
        wait_for(output._worker._items.empty, what="the encoder")


def test_a_live_film_goes_on_in_another_file_when_the_disk_has_room_again(tmp_path, capsys):
    forget()
    facts = performance(live=True, fps=10.0)
    output = Video(str(tmp_path / "film.mp4"))
    output.start(facts)
    with files_at_most(20_000):
        show_noise(output, facts.clock, range(60))
    show_noise(output, facts.clock, range(60, 150))
    output.close()
    said = capsys.readouterr().err
    assert "File too large; make room or choose another path; the show goes on, and the" in said
    told = re.findall(r"goes on in '(film-\d\.mp4)' from \d+\.\d s; at least (\d+\.\d) s", said)
    assert told and all(0.5 < float(seconds) < 5 for _, seconds in told), said
    assert output.path.name == told[-1][0]
    first, _, _ = read_film(tmp_path / "film.mp4")
    assert len(first) >= 5
    last, times, _ = read_film(output.path)
    assert [round(float(time * 10)) for time in times] == list(range(len(last)))
    assert len(last) >= 75  # to the end, from at most a second and a half after there was room


def test_a_live_film_that_finds_no_room_again_says_where_it_ends(tmp_path, capsys, monkeypatch):
    forget()
    monkeypatch.setattr(film, "ROOM", 2**62)
    facts = performance(live=True, fps=10.0)
    output = Video(str(tmp_path / "film.mp4"))
    output.start(facts)
    with files_at_most(20_000):
        show_noise(output, facts.clock, range(80))
    output.close()
    assert re.search(r"output 'video' ends early, before its frame \d+", capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize(
    ("name", "brand"), [("a.mp4", b"isom"), ("a.m4v", b"isom"), ("A.MOV", b"qt  ")]
)
def test_the_ending_chooses_the_container(tmp_path, name, brand):
    path = tmp_path / name
    show_all(Video(str(path)), [plain(COLORS[0])], performance())
    assert path.read_bytes()[4:12] == b"ftyp" + brand


def test_a_film_of_no_frames_leaves_no_file_and_the_earlier_one_alone(tmp_path):
    path = tmp_path / "film.mp4"
    show_all(Video(str(path)), [], performance())
    assert not path.exists()
    path.write_bytes(b"an earlier film")
    show_all(Video(str(path)), [], performance())
    assert path.read_bytes() == b"an earlier film"


def test_a_cue_that_raises_on_the_first_frame_is_the_only_error(tmp_path, capsys):
    forget()
    sketch = Sketch(size=(16, 16))
    sketch.draw(lambda now: 1 / 0)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        sketch.perform([Video(str(tmp_path / "film.mp4"))], seconds=1)
    assert capsys.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []
