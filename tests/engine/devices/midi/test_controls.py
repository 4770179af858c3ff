"""Controls: a controller as floats from 0 to 1, live from a port or simulated from a file."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager

import mido
import pytest
from capriccio import Note, ShowError, Sketch, controls
from capriccio.clock import LiveClock, OfflineClock
from capriccio.devices.midi import ports
from capriccio.midi_ports import open_client
from capriccio.testing import Memory
from helpers.devices import wait_for
from helpers.midi_files import control_change, midi_file, note_on, performing

# -- what can be read -------------------------------------------------------------------------


def test_without_a_controller_everything_rests():
    hands = controls()
    for clock in (OfflineClock(), None):
        with performing(clock) if clock else contextmanager(lambda: iter([None]))():
            assert hands[1] == 0.5
            assert hands.get(64, 0.0) == 0.0
            assert hands.key(60) == 0.0
            assert (hands.bend, hands.pressure) == (0.5, 0.0)
            assert hands.played(OfflineClock().moment(beats=8.0, span=8.0)) == []


def test_a_file_is_followed_by_the_beats_of_the_show(tmp_path):
    file = midi_file(
        tmp_path / "a.mid",
        (0, control_change(1, 127)),
        (1, note_on(60, 127)),
        (1, control_change(1, 0)),
        (2, mido.Message("pitchwheel", pitch=8191)),
        (2, mido.Message("aftertouch", value=127)),
        (3, note_on(60, 0)),
        (3, mido.Message("pitchwheel", pitch=-8192)),
        (4, mido.Message("pitchwheel", pitch=0)),
    )
    hands = controls(simulate=file)
    read = []
    with performing(OfflineClock(bpm=30)) as clock:
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
    file = midi_file(
        tmp_path / "a.mid",
        (0.5, note_on(60, 127)),
        (1.25, note_on(60, 0)),
        (4.0, note_on(64, 127, channel=8)),
        (5.0, note_on(67, 127)),
        (5.0, note_on(67, 127)),  # struck again before it was let go
        (5.5, note_on(64, 0, channel=8)),
        (7.75, note_on(72, 127)),
    )
    hands = controls(simulate=file)
    with performing(OfflineClock()) as clock:
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
def test_all_notes_off_releases_the_keys_of_its_channel(tmp_path, controller):
    file = midi_file(
        tmp_path / "a.mid",
        (0, note_on(60)),
        (0, note_on(64, channel=1)),
        (1, control_change(controller, 0)),
    )
    hands = controls(simulate=file)
    with performing(OfflineClock()) as clock:
        clock.wait(clock.seconds_at(1.0))
        assert hands.key(60) == 0.0
        assert hands.key(64) == pytest.approx(100 / 127)


def test_the_same_file_gives_the_same_show_again(tmp_path):
    file = midi_file(
        tmp_path / "a.mid", (0, control_change(1, 64)), (1.9, note_on(62)), (3, note_on(62, 0))
    )
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


def test_a_thread_without_a_show_reads_the_one_that_is_running(tmp_path):
    hands = controls(simulate=midi_file(tmp_path / "a.mid", (0, control_change(1, 127))))
    read = []
    with performing(OfflineClock()):
        assert hands[1] == 1.0
        reader = threading.Thread(target=lambda: read.append(hands[1]))
        reader.start()
        reader.join()
    assert read == [1.0]


def test_building_controls_opens_nothing(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "supriya_midi", None)
    monkeypatch.setitem(__import__("sys").modules, "mido", None)
    controls()
    controls("nanoKEY2")
    (tmp_path / "a.mid").touch()
    controls(simulate=tmp_path / "a.mid")


# -- a real port ------------------------------------------------------------------------------


@pytest.fixture
def keyboard(jack):
    """A real MIDI port that keys are pressed on."""
    with ports.stderr_silenced():
        port = open_client("output", ports.find_api(), "keyboard")
        port.open_virtual_port("keys")
    yield port
    if not port.is_deleted:
        port.close_port()
        port.delete()


@pytest.fixture
def own_port(jack):
    """A port like the one that the output `midi` opens."""
    with ports.stderr_silenced():
        port = open_client("output", ports.find_api(), ports.CLIENT)
        port.open_virtual_port(ports.CLIENT)
    yield port
    port.close_port()
    port.delete()


def until(claim, port, message):
    """Send a message repeatedly until `claim()` is true: JACK connects when it likes."""
    wait_for(lambda: port.send_message(message) or claim())


@pytest.mark.parametrize("port", ["", "KEYBOARD"])
def test_a_live_show_reads_what_is_played(keyboard, port):
    hands, clock = controls(port), LiveClock(bpm=60)
    with performing(clock):
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


def test_our_own_port_is_read_only_by_its_name(own_port):
    everything, named = controls(), controls(ports.CLIENT)
    with performing(LiveClock()):
        assert everything[1] == named[1] == 0.5
        until(lambda: named[1] == 1.0, own_port, [0xB0, 1, 127])
        assert everything[1] == 0.5


def test_an_input_that_vanishes_keeps_its_controllers_where_they_were(keyboard):
    hands = controls("keyboard")
    with performing(LiveClock()):
        assert hands[1] == 0.5
        until(lambda: hands[1] == 1.0, keyboard, [0xB0, 1, 127])
        keyboard.close_port()
        keyboard.delete()
        assert hands[1] == 1.0


def test_a_keyboard_that_is_missing_is_reported_without_our_own_port(keyboard, own_port):
    hands = controls("nanoKEY2")
    with (
        performing(LiveClock()),
        pytest.raises(ShowError, match="no MIDI input is called 'nanoKEY2'; conn") as raised,
    ):
        hands[1]
    assert "keyboard" in str(raised.value)
    assert ports.CLIENT not in str(raised.value)


@pytest.mark.skipif(os.path.exists("/dev/snd/seq"), reason="this machine has ALSA's sequencer")
def test_a_show_without_a_midi_system_plays_with_controls_at_rest(tmp_path):
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
        "import sys; from capriccio.loader import load_sketch; "
        "load_sketch(sys.argv[1]).perform(seconds=0.3, live=True)"
    )
    environment = {**os.environ, "JACK_DEFAULT_SERVER": "none"}
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


def test_numbers_that_midi_does_not_have_are_refused():
    with pytest.raises(ValueError, match=r"a controller must be 0\.\.127, got 128"):
        controls()[128]
    with pytest.raises(ValueError, match=r"a pitch must be 0\.\.127, got -1"):
        controls().key(-1)


def test_a_port_and_a_file_at_once_are_refused(tmp_path):
    file = midi_file(tmp_path / "a.mid")
    with pytest.raises(ShowError, match=r"controls of port 'A' cannot simulate '.*' as well; give"):
        controls("A", simulate=file)


def test_a_file_that_is_missing_is_reported_at_once(tmp_path):
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
        performing(OfflineClock()),
        pytest.raises(ShowError, match=rf"controls cannot read '.*a\.mid' {words}"),
    ):
        hands[1]
