"""The outputs that write files: frames, video, midifile."""

import io
import os
import resource
import signal
import subprocess
import sys
import textwrap
from contextlib import contextmanager

import mido
import numpy as np
import pytest
from capriccio import Note, Performance, ShowError
from capriccio.clock import LiveClock, OfflineClock
from capriccio.devices.background_worker import BackgroundWorker
from capriccio.devices.midi import messages
from capriccio.devices.midi.file import MidiFile
from capriccio.devices.video.film import Video
from capriccio.devices.video.frames import Frames, as_png
from capriccio.testing import check_output
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

COLORS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (250, 240, 10), (20, 30, 40)]


def plain(color, width=64, height=48):
    return np.full((height, width, 3), color, np.uint8)


def performance(*, live=False, size=(64, 48), fps=25.0, bpm=90.0, meter=3, title="étude"):
    clock = (LiveClock if live else OfflineClock)(bpm, meter)
    return Performance(clock, size, fps, title)


def show(output, images, facts, seconds=None):
    """Start the output, show it the images one after the other, and close it."""
    output.start(facts)
    for number, image in enumerate(images):
        at = number / facts.fps if seconds is None else seconds[number]
        output.show(image, facts.clock.moment(seconds=at, span=0.1))
    output.close()


@contextmanager
def files_at_most(size: int):
    """Let no file of this process grow beyond `size` bytes: what a full disk does, without one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# -- all of them ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "target"), [(Frames, "a/frames"), (Video, "a/b.mp4"), (MidiFile, "a/b.mid")]
)
def test_a_file_output_keeps_the_contract_and_makes_its_folders(made, target, tmp_path):
    check_output(made, str(tmp_path / target))
    assert (tmp_path / target).exists()


@pytest.mark.parametrize("made", [Frames, Video, MidiFile])
def test_an_output_without_a_place_says_what_to_write(made):
    with pytest.raises(
        ShowError, match=f"output '{made.name}' has no place to go; write {made.name}:"
    ):
        made("")


@pytest.mark.parametrize(
    ("made", "name"), [(Frames, "frames"), (Video, "film.mp4"), (MidiFile, "song.mid")]
)
def test_a_place_that_cannot_be_written_is_told_before_the_show(made, name, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ShowError, match=r"cannot write .*: Not a directory; free the place or"):
        made(str(tmp_path / "file" / name)).start(performance())


# -- frames -----------------------------------------------------------------------------------


def test_frames_are_the_images_shown(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    images = [noise, *map(plain, COLORS)]
    show(Frames(str(tmp_path)), images, performance())
    names = [f"frame_{number:05}.png" for number in range(6)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for name, image in zip(names, images, strict=True):
        picture = Image.open(tmp_path / name)
        assert picture.mode == "RGB"
        assert np.array_equal(np.asarray(picture), image)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_any_image_survives_as_a_png(height, width, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    data = as_png(image)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), image)
    assert as_png(image[:, ::-1][:, ::-1]) == data


def test_a_show_that_fails_before_its_first_frame_leaves_those_of_an_earlier_one(tmp_path):
    show(Frames(str(tmp_path)), [plain((9, 9, 9))], performance())
    before = (tmp_path / "frame_00000.png").read_bytes()
    show(Frames(str(tmp_path)), [], performance())
    assert [path.name for path in tmp_path.iterdir()] == ["frame_00000.png"]
    assert (tmp_path / "frame_00000.png").read_bytes() == before


def test_a_frame_of_another_size_is_fitted(tmp_path):
    show(Frames(str(tmp_path)), [plain((9, 9, 9), 100, 100)], performance())
    assert Image.open(tmp_path / "frame_00000.png").size == (64, 48)


def test_a_canvas_that_is_painted_on_later_is_written_as_it_was_shown(tmp_path):
    facts, canvas = performance(), plain((0, 0, 0))
    output = Frames(str(tmp_path))
    output.start(facts)
    for level in range(5):
        canvas[:] = level
        output.show(canvas, facts.clock.moment(seconds=0.0, span=0.1))
    output.close()
    levels = [np.asarray(Image.open(path)).max() for path in sorted(tmp_path.iterdir())]
    assert levels == [0, 1, 2, 3, 4]


def test_a_full_disk_stops_the_frames_with_one_sentence_and_no_half_file(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    output = Frames(str(tmp_path))
    with (
        files_at_most(1000),
        pytest.raises(ShowError, match=r"cannot write .*frame_00001.png': File too large; free"),
    ):
        show(output, [plain((1, 2, 3)), noise], performance())
    assert [path.name for path in tmp_path.iterdir()] == ["frame_00000.png"]


def test_frames_left_from_an_earlier_longer_show_are_told(tmp_path, capsys):
    show(Frames(str(tmp_path)), list(map(plain, COLORS)), performance())
    show(Frames(str(tmp_path)), [plain((1, 1, 1))], performance())
    said = capsys.readouterr().err
    assert "still holds 4 frames of an earlier show, from frame_00001.png on" in said


def test_work_behind_stays_in_order_and_raises_its_trouble_later():
    done = []

    def work(thing):
        if thing == 3:
            raise ValueError("three is too many")
        done.append(thing)

    behind = BackgroundWorker(work, depth=2)
    with pytest.raises(ValueError, match="three is too many"):
        for thing in range(1, 100):
            behind.hand(thing, wait=True)
    assert not behind.finish()
    assert done == [1, 2]


def test_trouble_with_the_last_thing_behind_is_raised_at_the_end():
    behind = BackgroundWorker(lambda thing: thing / 0, depth=2)
    behind.hand(1, wait=True)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        behind.finish()


# -- video ------------------------------------------------------------------------------------


def watch(path):
    """Give a film's frames as images, and its stream and metadata."""
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


def test_a_film_has_every_frame_at_the_rate_of_the_show(tmp_path):
    path = tmp_path / "film.mp4"
    show(Video(str(path)), list(map(plain, COLORS * 12)), performance())
    images, times, facts = watch(path)
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
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]


def test_a_film_starts_with_its_index(tmp_path):
    path = tmp_path / "film.mp4"
    show(Video(str(path)), list(map(plain, COLORS)), performance())
    data = path.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")
    assert b"moof" not in data


def test_an_odd_size_loses_its_last_column_and_row(tmp_path):
    path = tmp_path / "film.mp4"
    image = plain((0, 0, 0), 33, 17)
    image[16], image[:, 32] = 255, 255
    show(Video(str(path)), [image], performance(size=(33, 17)))
    images, _, facts = watch(path)
    assert facts["size"] == (32, 16)
    assert images[0].max() < 20


def test_fractional_rates_are_kept(tmp_path):
    path = tmp_path / "film.mp4"
    show(Video(str(path)), list(map(plain, COLORS)), performance(fps=29.97))
    assert float(watch(path)[2]["rate"]) == pytest.approx(29.97, abs=1e-3)


def test_a_live_film_repeats_frames_that_were_dropped(tmp_path):
    path = tmp_path / "film.mp4"
    red, green, blue = map(plain, COLORS[:3])
    facts = performance(live=True, fps=10.0)
    show(Video(str(path)), [red, green, blue, blue], facts, [0.0, 0.1, 0.4, 0.41])
    images, times, _ = watch(path)
    assert len(times) == 5
    strongest = [int(image.mean(axis=(0, 1)).argmax()) for image in images]
    assert strongest == [0, 1, 1, 1, 2]


def test_a_live_film_that_cannot_keep_up_says_so_and_keeps_its_time(tmp_path, capsys):
    path = tmp_path / "film.mp4"
    facts = performance(live=True, fps=10.0)
    images = [plain(COLORS[number % 5]) for number in range(2000)]
    show(Video(str(path)), images, facts, [number / 10 for number in range(2000)])
    shown, times, _ = watch(path)
    assert [round(float(time * 10)) for time in times] == list(range(len(shown)))


def test_a_show_that_is_killed_leaves_a_film_that_plays(tmp_path):
    script = f"""
        import os, signal
        import numpy as np
        from capriccio import Performance
        from capriccio.clock import OfflineClock
        from capriccio.devices.video import Video
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
    images, _, _ = watch(tmp_path / "film.mp4")
    assert len(images) > 50


def test_a_full_disk_stops_the_film_with_one_sentence(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    output = Video(str(tmp_path / "film.mp4"))
    with (
        files_at_most(20_000),
        pytest.raises(ShowError, match=r"cannot write .*film.mp4': File too large; free"),
    ):
        show(output, [noise] * 400, performance())
    output.close()


# -- midifile ---------------------------------------------------------------------------------


def perform(path, events, facts=None):
    """Send (method, thing, beats) to a MIDI file, and read it back."""
    facts = facts or performance()
    output = MidiFile(str(path))
    output.start(facts)
    for method, thing, beats in events:
        getattr(output, method)(thing, facts.clock.moment(beats=beats, span=0.0))
    output.close()
    return mido.MidiFile(path, charset="utf-8")


def heard(file):
    """Give a MIDI file's channel messages as (ticks, words)."""
    found = []
    for track in file.tracks:
        ticks = 0
        for message in track:
            ticks += message.time
            if not message.is_meta:
                found.append((ticks, str(message.copy(time=0)).removesuffix(" time=0")))
    return found


def test_a_midi_file_has_the_notes_the_tempo_and_the_meter(tmp_path):
    low, high = Note(60, velocity=0.5), Note(64, velocity=1.0, channel=16)
    file = perform(
        tmp_path / "song.mid",
        [
            ("note_on", low, 0.0),
            ("note_on", high, 0.5),
            ("control", (7, 0.5, 1), 1.0),
            ("note_off", low, 1.0),
            ("note_off", high, 2.0),
        ],
    )
    assert (file.type, file.ticks_per_beat) == (1, 480)
    conductor = {message.type: message for message in file.tracks[0]}
    assert conductor["track_name"].name == "étude"
    assert conductor["set_tempo"].tempo == mido.bpm2tempo(90)
    assert conductor["time_signature"].numerator == 3
    assert conductor["time_signature"].denominator == 4
    assert heard(file) == [
        (0, "note_on channel=0 note=60 velocity=64"),
        (480, "note_off channel=0 note=60 velocity=0"),
        (480, "control_change channel=0 control=7 value=64"),
        (240, "note_on channel=15 note=64 velocity=127"),
        (960, "note_off channel=15 note=64 velocity=0"),
    ]


def test_a_note_ends_before_the_next_begins_at_the_same_tick(tmp_path):
    first, second = Note(60), Note(60, velocity=0.1)
    file = perform(
        tmp_path / "song.mid",
        [("note_on", first, 0), ("note_off", first, 1), ("note_on", second, 1)],
    )
    assert heard(file)[:3] == [
        (0, "note_on channel=0 note=60 velocity=102"),
        (480, "note_off channel=0 note=60 velocity=0"),
        (480, "note_on channel=0 note=60 velocity=13"),
    ]


def test_a_note_shorter_than_a_tick_still_begins_before_it_ends(tmp_path):
    note = Note(60, length=1e-6)
    file = perform(tmp_path / "song.mid", [("note_on", note, 1.0), ("note_off", note, 1.000001)])
    assert [(ticks, words.split()[0]) for ticks, words in heard(file)] == [
        (480, "note_on"),
        (481, "note_off"),
    ]


def test_a_silent_note_is_not_taken_for_an_end(tmp_path):
    file = perform(tmp_path / "song.mid", [("note_on", Note(60, velocity=0.0), 0.0)])
    assert heard(file)[0] == (0, "note_on channel=0 note=60 velocity=1")


def test_a_show_that_is_broken_off_ends_its_notes_in_the_file(tmp_path):
    file = perform(tmp_path / "song.mid", [("note_on", Note(60), 0.0), ("note_on", Note(67), 2.0)])
    assert heard(file)[2:] == [
        (961, "note_off channel=0 note=60 velocity=0"),
        (961, "note_off channel=0 note=67 velocity=0"),
    ]


def test_the_same_music_makes_the_same_bytes(tmp_path):
    events = [("note_on", Note(60), 0.1), ("note_off", Note(60), 0.7)]
    perform(tmp_path / "a.mid", events)
    perform(tmp_path / "b.mid", events)
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()


def test_a_controller_that_midi_does_not_have_is_told():
    with pytest.raises(ValueError, match=r"control 128 on channel 1; controllers are 0\.\.127"):
        messages.control((128, 0.5, 1))


def test_a_folder_without_rights_is_told(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(ShowError, match="Permission denied"):
        MidiFile(str(tmp_path / "song.mid")).start(performance())
