"""The output `audio`, in files and at a sound card."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import deque
from itertools import pairwise
from types import SimpleNamespace

import mido
import numpy as np
import pytest
from capriccio import Note, Performance, ShowError, Sketch
from capriccio.clock import LiveClock, OfflineClock
from capriccio.testing import check_output
from capriccio_audio.instrument_samples import RATE
from capriccio_audio.output import Audio
from capriccio_audio.protocol import EVENT, NOTE_OFF, NOTE_ON, SETTING, pack
from capriccio_audio.sound_file import read_sound
from helpers.devices import JackServer, jack_daemon, wait_for
from helpers.output_shows import files_at_most


def strokes(seconds):
    """Return a sketch that plays one stroke at each of these times, and draws black."""
    sketch = Sketch(bpm=120, fps=25, size=(32, 32))

    @sketch.play(bars=16)
    def play(now):
        return [Note(75, 2 * at, 0.1, 1.0, 10) for at in seconds]

    @sketch.draw
    def draw(now):
        return np.zeros((32, 32, 3), np.uint8)

    return sketch


def onsets(path):
    sound = np.abs(read_sound(path)).max(axis=0)
    found, at = [], 0
    while len(loud := np.flatnonzero(sound[at:] > 0.1)):
        found.append((at + int(loud[0])) / RATE)
        at += int(loud[0]) + round(0.15 * RATE)
    return found


TIMES = [0.0, 0.5, 0.75, 1.234, 1.9]


@pytest.mark.parametrize("ending", [".wav", ".flac", ".ogg"])
def test_a_sound_file_has_every_note_at_its_time(tmp_path, ending):
    strokes(TIMES).render(tmp_path / f"a{ending}", tmp_path / "a.mid", seconds=2.5)
    found = onsets(tmp_path / f"a{ending}")
    now, played = 0.0, []
    for message in mido.MidiFile(tmp_path / "a.mid"):
        now += message.time
        if message.type == "note_on":
            played.append(now)
    assert len(found) == len(played) == 5
    assert np.abs(np.subtract(found, played)).max() < 0.005


def test_a_film_has_the_sound_of_the_show(tmp_path):
    import av

    strokes(TIMES).render(tmp_path / "a.mp4", seconds=2.0)
    with av.open(str(tmp_path / "a.mp4")) as film:
        (track,), (frames,) = film.streams.audio, film.streams.video
        assert track.codec_context.name == "aac"
        assert abs(float(track.duration * track.time_base) - 2.0) < 0.03
        assert frames.frames == 50
        heard = [(frame.pts, frame.samples) for frame in film.decode(track)]
    assert heard[0][0] == 0
    assert all(at + many == after for (at, many), (after, _) in pairwise(heard))
    assert np.abs(np.subtract(onsets(tmp_path / "a.mp4"), TIMES)).max() < 0.005


def test_a_silent_film_and_one_of_a_sketch_that_does_not_play_have_no_sound(tmp_path):
    import av

    sketch = strokes([0.0])
    sketch.perform([f"video:{tmp_path / 'a.mp4'},silent"], seconds=0.2)
    sketch = Sketch(fps=25, size=(32, 32))
    sketch.draw(lambda now: np.zeros((32, 32, 3), np.uint8))
    sketch.render(tmp_path / "b.mp4", seconds=0.2)
    for name in "ab":
        with av.open(str(tmp_path / f"{name}.mp4")) as film:
            assert not film.streams.audio


def test_the_same_show_gives_the_same_bytes(tmp_path):
    for name in ("a.wav", "b.wav"):
        strokes(TIMES).render(tmp_path / name, seconds=1.0)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_a_sketch_chooses_the_instrument(tmp_path):
    def sound(instrument):
        sketch = Sketch(bpm=120, fps=5, size=(32, 32))
        sketch.instruments({1: instrument})
        sketch.play(bars=1)(lambda now: [Note(60, 0, 2)])
        sketch.render(tmp_path / "a.wav", seconds=1.0)
        return read_sound(tmp_path / "a.wav")

    assert not np.array_equal(sound("organ")[:, :RATE], sound("choir")[:, :RATE])
    assert np.array_equal(sound("Church Organ")[:, :RATE], sound("organ")[:, :RATE])


def test_offline_there_is_no_sound_card():
    with pytest.raises(ShowError, match=r"plays in real time; offline, write audio:FILE\.wav"):
        Audio("").start(Performance(OfflineClock()))


def test_a_path_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ShowError, match="cannot write"):
        Audio(str(tmp_path / "file" / "a.wav")).start(Performance(OfflineClock()))


# -- a sound card ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def jack():
    # Not waiting for its clients: it would for ever where one of them is killed.
    with jack_daemon(waits=False) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("JACK_DEFAULT_SERVER", server)
        yield server


@pytest.mark.system
def test_a_live_show_sounds_at_the_sound_card(jack):
    out = Audio()
    stats = strokes([0.0, 0.3]).perform([out], seconds=1.0, live=True)
    assert stats.notes == 2
    assert not stats.troubles
    assert out.device
    assert out.process is None


@pytest.mark.system
def test_an_unknown_sound_card_is_told_with_those_there_are(jack):
    with pytest.raises(ShowError, match="no sound card is called 'Scarlett'; there are:"):
        Audio("Scarlett").start(Performance(LiveClock()))


@pytest.mark.system
def test_where_the_process_is_killed_another_one_plays_on(jack, caplog):
    """It has what was set and what sounds, and the show never stops."""
    out, sketch = Audio(), strokes([0.0, 0.9, 1.0, 1.1])
    pids, killed = [], []

    @sketch.draw
    def draw(now):
        if out.process:
            pids.append(out.process.pid)
            if now.seconds >= 0.4 and not killed:
                killed.append(time.monotonic())
                os.kill(out.process.pid, signal.SIGKILL)
            out.closed = len(set(pids)) == 2 and not out._replaced
        return np.zeros((32, 32, 3), np.uint8)

    stats = sketch.perform([out], seconds=20.0, live=True)
    assert stats.seconds < 20
    assert list(stats.troubles.values()) == [1]
    assert len(set(pids)) == 2
    told = [it.message for it in caplog.records if "is started again" in it.message]
    assert told == ["the process of output 'audio' ended with -9; it is started again"]


def test_another_process_is_given_what_is_set_and_what_sounds():
    out, written = Audio(), []
    out.process = SimpleNamespace(write=written.append)
    out._wanted, out._replaced, out._batch = {"device": ""}, False, None
    out._writing, out._sent, out._sounding, out._set_last = threading.Lock(), deque(), {}, {}
    later = time.monotonic() + 60
    out._write([(0.0, pack(0.0, SETTING, 0, 0, 0.3)), (0.0, pack(0.0, NOTE_ON, 1, 60, 0.5))])
    out._write([(0.0, pack(0.0, NOTE_ON, 1, 64, 0.5)), (0.0, pack(0.0, NOTE_OFF, 1, 64))])
    out._write([(later, pack(later, NOTE_OFF, 1, 60))])
    before = len(written)
    assert '"again": true' in out._next_command()[-1]
    out._write([(later, pack(later, NOTE_ON, 1, 67, 0.5))])
    assert len(written) == before  # while it starts, nothing is written to it
    out._resume()
    resumed = [EVENT.unpack(event)[1:4] for event in chunks(written[-1])]
    assert resumed == [(SETTING, 0, 0), (NOTE_ON, 1, 60), (NOTE_OFF, 1, 60), (NOTE_ON, 1, 67)]
    out.panic()
    out._next_command()
    out._resume()
    assert [EVENT.unpack(event)[1] for event in chunks(written[-1])] == [SETTING]


def chunks(events):
    return [events[at : at + EVENT.size] for at in range(0, len(events), EVENT.size)]


@pytest.mark.slow
@pytest.mark.system
def test_a_sound_card_that_is_unplugged_is_used_again_when_it_is_back(monkeypatch, caplog):
    """By the process that lost it, or by another one where that one hangs in its driver."""
    server = JackServer(waits=False)
    try:
        monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
        out, sketch, went = Audio(), strokes([0.0, 0.5, 1.0]), []

        def words():
            return " ".join(it.message for it in caplog.records)

        @sketch.draw
        def draw(now):
            if now.seconds >= 0.3 and not went:
                went.append(now.seconds)
                server.kill()
            if len(went) == 1 and ("without its device" in words() or "started again" in words()):
                went.append(now.seconds)
                out.latency_ms = 0.0
                server.start()
            if len(went) == 2 and out.latency_ms:  # which is told when the device asks for sound
                went.append(now.seconds)
                out.closed = True
            return np.zeros((32, 32, 3), np.uint8)

        stats = sketch.perform([out], seconds=60.0, live=True)
        assert len(went) == 3, words()
        assert all(count == 1 for count in stats.troubles.values())
    finally:
        server.close()


@pytest.mark.system
def test_a_sound_card_of_another_rate_is_played_as_well(monkeypatch):
    server = JackServer(waits=False, rate=44_100)
    try:
        monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
        out = Audio()
        stats = strokes([0.0, 0.3]).perform([out], seconds=0.6, live=True)
        assert stats.notes == 2
        assert not stats.troubles
        assert 2 < out.latency_ms < 50
    finally:
        server.close()


def test_a_full_disk_ends_the_file_and_not_the_show(tmp_path, caplog):
    """It is told once, and what was written can be read."""
    sketch = strokes([0.0, 0.2, 0.4])
    out = Audio(str(tmp_path / "a.wav"))
    with files_at_most(100_000):
        stats = sketch.perform([out], seconds=1.3, live=True)
    assert stats.frames > 20
    told = [it.message for it in caplog.records if "cannot write" in it.message]
    assert "File too large" in told[0]
    assert len(told) == 1
    assert read_sound(tmp_path / "a.wav").shape[1] > 0.3 * RATE


@pytest.mark.system
def test_the_process_ends_with_the_sketch_that_is_killed(jack, tmp_path):
    file = tmp_path / "piece.py"
    file.write_text(
        textwrap.dedent(
            """
            from capriccio import Note, Sketch
            sketch = Sketch(bpm=120, fps=20, size=(32, 32))

            @sketch.play(bars=1)
            def hold(now):
                return [Note(60, length=400)]

            sketch.run(["--to", "audio", "--no-take"])
            """
        )
    )
    sketch = subprocess.Popen([sys.executable, str(file)], stderr=subprocess.DEVNULL)

    def children():
        listed = subprocess.run(
            ["pgrep", "-P", str(sketch.pid), "-f", "capriccio_audio.player_process"],
            capture_output=True,
            text=True,
        )
        return [int(number) for number in listed.stdout.split()]

    wait_for(children, what="the process that plays")
    (player,) = children()
    sketch.kill()
    sketch.wait()
    wait_for(lambda: not os.path.exists(f"/proc/{player}"), what="its end")


@pytest.mark.system
def test_the_output_keeps_the_contract(jack, tmp_path):
    check_output(Audio, target=str(tmp_path / "a.wav"))
