"""Controls: what hands do, as floats from 0 to 1, live from a port or from a file as if played."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager

import mido
import pytest
from capriccio import Note, Performance, ShowError, Sketch, controls
from capriccio.clock import LiveClock, OfflineClock
from capriccio.devices.midi import ports
from capriccio.devices.midi.parser import DriverClock, MessageParser
from capriccio.performance import current_performance
from capriccio.testing import Memory
from helpers.devices import midi_library, wait_for
from hypothesis import given
from hypothesis import strategies as st


@contextmanager
def show(clock):
    """Be within a performance, as a cue is."""
    token = current_performance.set(Performance(clock))
    try:
        yield clock
    finally:
        current_performance.reset(token)


def tune(path, *events, ticks=480):
    """Write a MIDI file of (beats, message), and give its path."""
    track, last = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=123456)]), 0
    for beats, message in events:
        track.append(message.copy(time=round(beats * ticks) - last))
        last = round(beats * ticks)
    file = mido.MidiFile(type=0, ticks_per_beat=ticks)
    file.tracks.append(track)
    file.save(path)
    return path


def key(pitch, velocity=100, channel=0):
    return mido.Message("note_on", note=pitch, velocity=velocity, channel=channel)


def turn(controller, value):
    return mido.Message("control_change", control=controller, value=value)


# -- bytes ------------------------------------------------------------------------------------

data = st.integers(0, 127)
two = st.builds(
    lambda kind, channel, *pair: bytes([kind | channel, *pair]),
    st.sampled_from([0x80, 0x90, 0xA0, 0xB0, 0xE0]),
    st.integers(0, 15),
    data,
    data,
)
one = st.builds(
    lambda kind, channel, value: bytes([kind | channel, value]),
    st.sampled_from([0xC0, 0xD0]),
    st.integers(0, 15),
    data,
)


@given(st.lists(st.binary(max_size=20)))
def test_of_any_bytes_in_any_pieces_only_whole_messages_are_heard(pieces):
    stream = MessageParser()
    heard = [message for piece in pieces for message in stream.take(piece)]
    for message in heard:
        assert 0x80 <= message[0] < 0xF0
        assert len(message) == (2 if message[0] & 0xF0 in (0xC0, 0xD0) else 3)
        assert max(message[1:]) < 0x80
    assert heard == MessageParser().take(b"".join(pieces))


@given(st.lists(two | one), st.data())
def test_messages_are_heard_through_running_status_clock_and_other_peoples_messages(whole, draw):
    wire, status = b"", None
    for message in whole:
        if draw.draw(st.booleans()):  # what belongs to nobody: it ends the running status
            wire += draw.draw(st.sampled_from([b"\xf0\x7e\x01\x02\xf7", b"\xf3\x05", b"\xf6"]))
            status = None
        bare = message[1:] if message[0] == status else message
        for byte in bare:
            wire += draw.draw(st.sampled_from([b"", b"\xf8", b"\xfe"])) + bytes([byte])
        status = message[0]
    assert MessageParser().take(wire) == whole


def test_a_message_cut_short_is_not_heard_and_spoils_none_after_it():
    assert MessageParser().take(
        b"\x90\x3c\xb0\x01\x7f\x3c\xf0\x01\x40\xf7\x40\x40\x90\x3e\x40"
    ) == [
        b"\xb0\x01\x7f",
        b"\x90\x3e\x40",
    ]


@pytest.mark.parametrize("delays", [(12, 0, 7, 3, 11), (0, 5, 12, 1, 9)])
def test_the_time_between_notes_is_the_drivers_however_late_we_hear_of_them(delays):
    stopwatch, first = DriverClock(), 100.0
    found = [
        stopwatch.played(first + 0.5 * number + delay / 1000, 0.5 if number else 0.0)
        for number, delay in enumerate(delays)
    ]
    best = min(delays[:2]) / 1000
    for number, seconds in enumerate(found[1:], 1):
        assert seconds == pytest.approx(first + 0.5 * number + best)


def test_after_a_silence_or_a_wrong_measure_the_time_is_taken_anew():
    stopwatch = DriverClock()
    assert stopwatch.played(1.0, 0.0) == 1.0
    assert stopwatch.played(9.0, 7.9) == 9.0
    assert stopwatch.played(10.0, 0.1) == 10.0
    assert stopwatch.played(10.5, 5.0) == 10.5


# -- what can be read -------------------------------------------------------------------------


def test_without_a_controller_everything_rests():
    hands = controls()
    for clock in (OfflineClock(), None):
        with show(clock) if clock else contextmanager(lambda: iter([None]))():
            assert hands[1] == 0.5
            assert hands.get(64, 0.0) == 0.0
            assert hands.key(60) == 0.0
            assert (hands.bend, hands.pressure) == (0.5, 0.0)
            assert hands.played(OfflineClock().moment(beats=8.0, span=8.0)) == []


def test_a_file_is_followed_by_the_beats_of_the_show(tmp_path):
    file = tune(
        tmp_path / "a.mid",
        (0, turn(1, 127)),
        (1, key(60, 127)),
        (1, turn(1, 0)),
        (2, mido.Message("pitchwheel", pitch=8191)),
        (2, mido.Message("aftertouch", value=127)),
        (3, key(60, 0)),
        (3, mido.Message("pitchwheel", pitch=-8192)),
        (4, mido.Message("pitchwheel", pitch=0)),
    )
    hands = controls(simulate=file)
    read = []
    with show(OfflineClock(bpm=30)) as clock:
        for beats in (0, 0.99, 1, 2, 3, 4):
            clock.wait(clock.seconds_at(beats))
            read.append((hands[1], hands.key(60), hands.bend, hands.pressure))
    assert read == [
        (1, 0, 0.5, 0),
        (1, 0, 0.5, 0),
        (0, 1, 0.5, 0),
        (0, 1, 1.0, 1),
        (0, 0, 0.0, 1),
        (0, 0, 0.5, 1),
    ]


def test_the_notes_played_are_a_phrase_of_the_stretch_before_now(tmp_path):
    file = tune(
        tmp_path / "a.mid",
        (0.5, key(60, 127)),
        (1.25, key(60, 0)),
        (4.0, key(64, 127, channel=8)),
        (5.0, key(67, 127)),
        (5.0, key(67, 127)),  # struck again before it was let go
        (5.5, key(64, 0, channel=8)),
        (7.75, key(72, 127)),
    )
    hands = controls(simulate=file)
    with show(OfflineClock()) as clock:
        clock.wait(clock.seconds_at(8.0))
        first, second = (clock.moment(beats=beats, span=4.0) for beats in (4.0, 8.0))
        assert hands.played(first) == [Note(60, 0.5, 0.75, 1.0, 1)]
        assert hands.played(second) == [
            Note(64, 0.0, 1.5, 1.0, 9),
            Note(67, 1.0, 1 / 32, 1.0, 1),
            Note(67, 1.0, 3.0, 1.0, 1),
            Note(72, 3.75, 0.25, 1.0, 1),
        ]
        assert hands.played(second, beats=0.5) == [Note(72, 0.25, 0.25, 1.0, 1)]


@pytest.mark.parametrize("controller", [120, 123])
def test_silence_from_the_keyboard_lets_its_keys_go(tmp_path, controller):
    file = tune(tmp_path / "a.mid", (0, key(60)), (0, key(64, channel=1)), (1, turn(controller, 0)))
    hands = controls(simulate=file)
    with show(OfflineClock()) as clock:
        clock.wait(clock.seconds_at(1.0))
        assert hands.key(60) == 0.0
        assert hands.key(64) == pytest.approx(100 / 127)


def test_the_same_file_gives_the_same_show_again(tmp_path):
    file = tune(tmp_path / "a.mid", (0, turn(1, 64)), (1.9, key(62)), (3, key(62, 0)))
    hands = controls(simulate=file)
    sketch = Sketch(bpm=90, fps=7)
    seen = []

    @sketch.play(bars=1)
    def echo(now):
        return [note._replace(velocity=hands[1]) for note in hands.played(now)]

    @sketch.draw
    def watch(now):
        import numpy as np

        seen.append((now.beats, hands.key(62)))
        return np.zeros((8, 8, 3), np.uint8)

    scores = []
    for _ in range(2):
        memory = Memory()
        sketch.perform([memory], seconds=6)
        scores.append(memory.score())
    assert scores[0] == scores[1]
    assert scores[0].splitlines()[0].split() == ["5.900", "on", "1", "D4", "0.50"]
    half = len(seen) // 2
    assert seen[:half] == seen[half:]
    assert all((held > 0) == (1.9 - 1e-6 <= beats < 3 - 1e-6) for beats, held in seen)


def test_a_thread_that_knows_of_no_show_reads_the_one_that_is_on(tmp_path):
    hands = controls(simulate=tune(tmp_path / "a.mid", (0, turn(1, 127))))
    read = []
    with show(OfflineClock()):
        assert hands[1] == 1.0
        reader = threading.Thread(target=lambda: read.append(hands[1]))
        reader.start()
        reader.join()
    assert read == [1.0]


def test_building_controls_opens_nothing(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "rtmidi", None)
    monkeypatch.setitem(__import__("sys").modules, "mido", None)
    controls()
    controls("nanoKEY2")
    (tmp_path / "a.mid").touch()
    controls(simulate=tmp_path / "a.mid")


# -- a real port ------------------------------------------------------------------------------


@pytest.fixture
def keyboard(jack):
    """A real MIDI port that keys are pressed on."""
    rtmidi = midi_library()
    with ports.hushed():
        port = rtmidi.MidiOut(ports.system(), name="keyboard")
        port.open_virtual_port("keys")
    yield port
    if not port.is_deleted:
        port.close_port()
        port.delete()


def until(claim, port, message):
    """Send a message again and again until `claim()` is true: JACK connects when it likes."""
    wait_for(lambda: port.send_message(message) or claim())


@pytest.mark.parametrize("port", ["", "KEYBOARD"])
def test_a_live_show_hears_what_is_played(keyboard, port):
    hands, clock = controls(port), LiveClock(bpm=60)
    with show(clock):
        assert hands[1] == 0.5  # which opens the ports
        clock.start()
        until(lambda: hands[1] == 1.0, keyboard, [0xB3, 1, 127])
        keyboard.send_message([0x90, 60, 127])
        wait_for(lambda: hands.key(60) == 1.0)
        before = clock.seconds()
        clock.wait(before + 0.1)  # no note is shorter than 1/32 beat
        keyboard.send_message([0x90, 60, 0])
        wait_for(lambda: hands.key(60) == 0.0)
        now = clock.moment(seconds=clock.seconds(), span=60.0)
        [note] = hands.played(now)
    assert (note.pitch, note.velocity, note.channel) == (60, 1.0, 1)
    assert 0.0 <= note.start + now.beats - 60.0 <= before
    assert note.length < 20.0  # it was let go, and not in another show's time


def test_our_own_port_is_heard_only_by_its_name(jack):
    rtmidi = midi_library()
    with ports.hushed():
        echo = rtmidi.MidiOut(ports.system(), name=ports.CLIENT)
        echo.open_virtual_port(ports.CLIENT)
    everything, named = controls(), controls(ports.CLIENT)
    with show(LiveClock()):
        assert everything[1] == named[1] == 0.5
        until(lambda: named[1] == 1.0, echo, [0xB0, 1, 127])
        assert everything[1] == 0.5
    echo.close_port()
    echo.delete()


def test_an_input_that_vanishes_keeps_where_its_dials_stood(keyboard):
    hands = controls("keyboard")
    with show(LiveClock()):
        assert hands[1] == 0.5
        until(lambda: hands[1] == 1.0, keyboard, [0xB0, 1, 127])
        keyboard.close_port()
        keyboard.delete()
        assert hands[1] == 1.0


def test_a_keyboard_that_is_not_there_is_told(keyboard):
    hands = controls("nanoKEY2")
    with (
        show(LiveClock()),
        pytest.raises(ShowError, match=r"no MIDI input is called 'nanoKEY2'; connected: .*'keyb"),
    ):
        hands[1]


@pytest.mark.skipif(os.path.exists("/dev/snd/seq"), reason="this machine has ALSA's sequencer")
def test_a_show_without_a_midi_system_plays_with_hands_at_rest(tmp_path):
    (tmp_path / "piece.py").write_text(
        "import os\n"
        "from capriccio import Sketch, controls\n"
        "hands = controls(os.environ.get('PORT', ''))\n"
        "sketch = Sketch(fps=10)\n"
        "@sketch.play(bars=1)\n"
        "def rest(now):\n"
        "    assert hands[1] == 0.5\n"
    )
    live = (
        "import sys; from capriccio.sketch import load_sketch; "
        "load_sketch(sys.argv[1]).perform(seconds=0.3, live=True)"
    )
    environment = {**os.environ, "JACK_DEFAULT_SERVER": "nobody"}
    for port, words in (("", ""), ("nanoKEY2", "no MIDI")):
        child = subprocess.run(
            [sys.executable, "-c", live, str(tmp_path / "piece.py")],
            env={**environment, "PORT": port},
            capture_output=True,
            text=True,
        )
        assert (child.returncode == 0) == (not words), child.stderr
        assert words in child.stderr
        assert "ALSA" not in child.stderr.replace("tried ALSA", "")


# -- what cannot be ---------------------------------------------------------------------------


def test_numbers_that_midi_does_not_have_are_told():
    with pytest.raises(ValueError, match=r"no controller 128; MIDI has 0\.\.127"):
        controls()[128]
    with pytest.raises(ValueError, match=r"no key of pitch -1; a pitch is a whole number 0\.\.127"):
        controls().key(-1)


def test_a_port_and_a_file_at_once_are_one_too_many(tmp_path):
    file = tune(tmp_path / "a.mid")
    with pytest.raises(ShowError, match=r"controls of port 'A' cannot simulate '.*' as well; give"):
        controls("A", simulate=file)


def test_a_file_that_is_not_there_is_told_at_once(tmp_path):
    with pytest.raises(ShowError, match=r"controls find no file '.*none.mid' to simulate"):
        controls(simulate=tmp_path / "none.mid")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no MIDI at all", "as a MIDI file: "),
        (b"", "as a MIDI file: EOFError"),
        (b"MThd\0\0\0\6\0\0\0\0\xe7\x28", "as a MIDI file: its time is not in beats"),
    ],
)
def test_a_broken_file_stops_the_show_with_its_name(tmp_path, content, words):
    (tmp_path / "a.mid").write_bytes(content)
    hands = controls(simulate=tmp_path / "a.mid")
    with (
        show(OfflineClock()),
        pytest.raises(ShowError, match=rf"controls cannot read '.*a\.mid' {words}"),
    ):
        hands[1]
