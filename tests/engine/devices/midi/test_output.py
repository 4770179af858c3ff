"""MIDI out: played when it is due, by a process of its own, and every note ended."""

import ctypes
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from capriccio import Note, Performance, ShowError, Sketch
from capriccio.clock import LiveClock, OfflineClock
from capriccio.devices.midi import player_process, ports
from capriccio.devices.midi.output import Midi
from capriccio.midi_ports import open_client, open_port
from helpers.devices import ROOT, JackServer, Synth, midi_library, needs, wait_for
from helpers.shows import forget

HELD = """
    import os, time
    from capriccio import Note, Sketch

    sketch = Sketch(bpm=120, fps=20, size=(64, 64))

    def later():
        return []

    @sketch.play(bars=1)
    def hold(now):
        if now.beats:
            return later()
        return [Note(60 + 5 * voice, length=400, channel=voice + 1) for voice in range(3)]
"""
# What follows the note-offs on every channel that was used: pedal up, no sound, no notes.
SILENCE = [(0xB0 | channel, controller, 0) for channel in range(3) for controller in (64, 120, 123)]


def started(target: str) -> tuple[Midi, LiveClock]:
    """Return an output that is playing, and its clock."""
    output, clock = Midi(target), LiveClock()
    output.start(Performance(clock))
    clock.start()
    return output, clock


def at(clock, seconds):
    return clock.moment(seconds=seconds, span=0.0)


def run(tmp_path, sketch: str, *flags: str, target: str = "midi:celesta") -> subprocess.Popen:
    """Perform a sketch with the real command, in a process group of its own."""
    file = tmp_path / "piece.py"
    file.write_text(textwrap.dedent(sketch))
    return subprocess.Popen(
        [sys.executable, "-m", "capriccio", "run", str(file), "--to", target, *flags],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "engine")},
    )


def perform(tmp_path, sketch: str, target: str = "midi:celesta") -> subprocess.Popen:
    """Perform a sketch to one output alone.

    The real command reads controllers as well, and a JACK server that waits for its clients waits
    for ever where one of those is killed.
    """
    file = tmp_path / "piece.py"
    file.write_text(textwrap.dedent(sketch))
    code = (
        "import sys; from capriccio.registry import output; from capriccio.loader import "
        "load_sketch; load_sketch(sys.argv[1]).perform([output(sys.argv[2])], live=True)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(file), target],
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "engine")},
    )


# -- time -------------------------------------------------------------------------------------


def test_notes_are_on_time_while_the_sketch_holds_the_interpreter(synth, capsys):
    output, clock = started("celesta")
    notes = [Note(40 + number % 40) for number in range(200)]
    libc = ctypes.PyDLL(None)  # whose calls keep the interpreter, as a slow frame does
    handed = 0
    while handed < len(notes):
        while handed < len(notes) and 0.3 + handed / 100 < clock.seconds() + 0.25:
            output.note_on(notes[handed], at(clock, 0.3 + handed / 100))
            output.note_off(notes[handed], at(clock, 0.305 + handed / 100))
            handed += 1
        libc.usleep(12_000)
        time.sleep(0.0047)
    wait_for(lambda: len(synth.messages) == 400)
    output.close()
    assert [pitch for status, pitch, _ in synth.messages if status == 0x90] == [
        note.pitch for note in notes
    ]
    assert not synth.sounding
    kept = output.timing
    with capsys.disabled():
        print(f"\n{kept}")
    assert kept.events == 400
    assert kept.p50_ms <= kept.p99_ms <= kept.max_ms
    # Were they played in this process, most would wait for the end of some held stretch.
    assert kept.p50_ms < 2.0


def test_its_timing_can_be_watched_while_it_plays(synth):
    output, clock = Midi("celesta"), LiveClock()
    performance = Performance(clock)
    output.start(performance)
    clock.start()
    meter = performance.parameters.gauges["MIDI jitter celesta"]
    assert meter.read() == "" and meter.good()
    output.note_on(Note(60), at(clock, 0.1))
    wait_for(lambda: output.recent_timing)
    assert output.recent_timing.events == 1 and output.recent_timing.late == 0
    assert meter.read() == f"{output.recent_timing.p99_ms:.2f} ms"
    output.note_on(Note(62), at(clock, -1.0))
    wait_for(lambda: output.recent_timing.events == 2)
    assert not meter.good()  # a second late can be heard
    output.close()


def test_events_arrive_in_the_order_in_which_they_are_due(synth):
    output, clock = started("celesta")
    for seconds in (0.30, 0.15, 0.20, 0.25, 0.10):
        output.note_on(Note(round(100 * seconds)), at(clock, seconds))
    wait_for(lambda: synth.begun == 5)
    output.close()
    arrived = [(heard, pitch) for heard, (status, pitch, _) in synth.heard if status == 0x90]
    assert [pitch for _, pitch in arrived] == [10, 15, 20, 25, 30]
    assert 0.15 < arrived[-1][0] - arrived[0][0] < 1.0  # spread as they were, not all at once


def test_events_due_together_keep_their_order_and_none_is_early(synth):
    output, clock = started("celesta")
    due = clock.monotonic(0.2)
    for number in range(40):
        output.control((number, 1.0, 1), at(clock, 0.2))
    wait_for(lambda: len(synth.messages) == 40)
    output.close()
    assert [message[1] for message in synth.messages[:40]] == list(range(40))
    assert synth.heard[0][0] >= due


def test_a_late_event_is_sent_at_once_and_counted(synth):
    output, clock = started("celesta")
    output.note_on(Note(60), at(clock, -1.0))
    output.note_on(Note(62), at(clock, 30.0))  # is on its way, and must not keep the other one
    wait_for(lambda: synth.messages == [(0x90, 60, 102)])
    output.close()
    assert output.timing.late == output.timing.events == 1
    assert output.timing.max_ms >= 1000
    assert (0x90, 62, 102) not in synth.messages


def test_a_batch_of_events_arrives_as_a_whole(synth):
    output, clock = started("celesta")
    output.sent_until(at(clock, 0.0))  # a stage says how far it is
    moves = [(number % 128, number // 128 / 127, 1 + number % 16) for number in range(1000)]
    for move in moves:  # more than a pipe takes at once
        output.control(move, at(clock, 0.0))
    time.sleep(0.2)
    assert synth.messages == []
    output.sent_until(at(clock, 0.25))
    wait_for(lambda: len(synth.messages) == 1000)
    assert [(move[1], move[2]) for move in synth.messages] == [
        (controller, round(value * 127)) for controller, value, _ in moves
    ]
    output.note_on(Note(60), at(clock, 0.0))
    output.panic()  # which does not wait for the batch
    wait_for(lambda: synth.messages[-1] == (0xBF, 123, 0))
    output.close()
    assert synth.begun == 0


# -- the end of every note --------------------------------------------------------------------


def assert_silent(synth):
    """Assert that three notes were begun and ended one by one, and then their channels silenced."""
    wait_for(lambda: synth.messages[-9:] == SILENCE, what=f"silence in {synth.messages}")
    assert synth.begun == 3
    assert not synth.sounding
    wait_for(lambda: not our_ports(), what="the port to be closed")


def our_ports():
    """Return the ports that performances have open now."""
    names = ports.list_ports("input", ports.find_api())
    return [name for name in names if name.startswith(ports.CLIENT)]


def test_a_show_that_ends_has_ended_its_notes(synth, tmp_path):
    child = run(tmp_path, HELD, "--seconds", "0.5")
    assert child.wait(120) == 0, child.stderr.read()
    assert_silent(synth)
    assert synth.messages[3:6] == [(0x80, 60, 0), (0x81, 65, 0), (0x82, 70, 0)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_sketch_ends_its_notes(synth, tmp_path, number):
    child = perform(tmp_path, HELD)
    wait_for(lambda: synth.begun == 3)
    child.send_signal(number)
    assert_silent(synth)
    assert child.wait(120) in (0, -number)


def test_killing_the_process_group_ends_the_notes(synth, tmp_path):
    child = perform(tmp_path, HELD)
    wait_for(lambda: synth.begun == 3)
    os.killpg(child.pid, signal.SIGKILL)
    assert_silent(synth)
    child.wait()


def test_a_killed_sketch_whose_fork_lives_on_ends_its_notes(synth, tmp_path):
    # Forked within the show, it has a copy of the pipe to the player.
    forked = tmp_path / "forked"
    fork = f"os.fork() or (open({str(forked)!r}, 'w').close(), time.sleep(60))"
    child = perform(tmp_path, HELD.replace("return []", f"{fork}; return []"))
    wait_for(lambda: synth.begun == 3 and forked.exists())
    child.send_signal(signal.SIGKILL)
    try:
        assert_silent(synth)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


ALL_CHANNELS = [
    (0xB0 | channel, controller, 0) for channel in range(16) for controller in (64, 120, 123)
]


@pytest.fixture
def server(monkeypatch):
    """A JACK server that goes on where its clients are killed, and can be killed itself."""
    needs("jackd")
    server = JackServer(waits=False, period=2048)  # on which nobody comes late
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    yield server
    server.close()


@pytest.fixture
def viola(server):
    """A synthesizer on that server."""
    viola = Synth("viola")
    yield viola
    viola.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP])
def test_a_player_that_ends_or_hangs_is_replaced_and_the_music_goes_on(viola, number, capfd):
    output, clock = started("viola")
    logged, first = log_of(capfd), output.process.pid
    for voice in range(3):
        output.note_on(Note(60, channel=voice + 1), at(clock, 0.0))
    wait_for(lambda: viola.begun == 3)
    os.kill(first, number)
    for late in range(2):  # ends that it may be sent and does not send any more
        output.note_off(Note(60, channel=late + 1), at(clock, clock.seconds()))
    output.note_on(Note(72), at(clock, clock.seconds() + 30))  # of which the next one is told
    wait_for(lambda: "it is started again" in logged())
    ended = {(0x80 | channel, 60, 0) for channel in range(3)}
    wait_for(lambda: [one for one in viola.messages if one[0] & 0xF0 == 0xB0][-48:] == ALL_CHANNELS)
    wait_for(lambda: ended <= set(viola.messages), 10, "the ends of all notes")
    assert output.process.pid != first and output.process.restarts == 1
    output.note_on(Note(64), at(clock, clock.seconds()))
    wait_for(lambda: viola.messages[-1] == (0x90, 64, 102))
    output.close()
    assert not viola.sounding
    assert viola.begun == 4


def test_what_a_dead_player_had_been_sent_is_played_by_the_next_one(viola):
    output, clock = started("viola")
    os.kill(output.process.pid, signal.SIGKILL)
    output.note_on(Note(60), at(clock, clock.seconds() + 2))
    output.note_off(Note(60), at(clock, clock.seconds() + 2))
    wait_for(lambda: output.process.restarts == 1)
    wait_for(lambda: viola.begun == 1 and not viola.sounding)
    output.close()


def test_a_system_that_starts_again_is_played_to_again(server, viola, capfd):
    output, clock = started("viola")
    logged = log_of(capfd)
    output.note_on(Note(60), at(clock, 0.0))
    wait_for(lambda: viola.begun == 1)
    server.kill()
    wait_for(lambda: "without its port 'viola': the MIDI system has ended" in logged())
    viola.close()  # the instrument is started again as well
    server.start()
    again = Synth("viola")
    wait_for(lambda: "has its port 'viola" in logged())
    wait_for(lambda: again.messages == [(0x80, 60, 0), *ALL_CHANNELS])
    output.note_on(Note(64), at(clock, clock.seconds()))
    wait_for(lambda: again.messages[-1] == (0x90, 64, 102))
    assert output.process.restarts == 0
    output.close()
    assert not again.sounding
    again.close()


STUCK = HELD.replace("Sketch\n", "Sketch, controls\n    hands = controls()\n", 1).replace(
    "if now.beats:", "if hands[1] < 2 and now.beats:"
)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="there is no such signal here")
@pytest.mark.parametrize("goes_on", [True, False])
def test_a_show_begins_without_a_stuck_system_and_has_it_when_it_goes_on(
    server, viola, tmp_path, goes_on
):
    server.child.send_signal(signal.SIGSTOP)
    try:
        child = run(tmp_path, STUCK, target="midi:vio")
        said = []
        reader = threading.Thread(target=lambda: said.extend(child.stderr), daemon=True)
        reader.start()
        told = [
            "JACK does not answer; MIDI inputs are read when it does",
            "is without its port 'vio': JACK does not answer",
        ]
        wait_for(lambda: all(words in "".join(said) for words in told), 60)
        if goes_on:
            server.child.send_signal(signal.SIGCONT)
            wait_for(lambda: (0xB0, 123, 0) in viola.messages)
            wait_for(lambda: "has its port 'viola:" in "".join(said))
        child.send_signal(signal.SIGINT)
        assert child.wait(120) == 0
    finally:
        server.child.send_signal(signal.SIGCONT)
        child.kill()
    reader.join()
    assert "leaked" not in "".join(said)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="there is no such signal here")
def test_a_system_that_is_stuck_in_the_show_holds_up_no_end(server, viola, tmp_path):
    child = run(tmp_path, STUCK, target="midi:viola")
    wait_for(lambda: viola.begun == 3, 60)
    server.child.send_signal(signal.SIGSTOP)
    try:
        child.send_signal(signal.SIGINT)
        assert child.wait(120) == 0
    finally:
        server.child.send_signal(signal.SIGCONT)
        child.kill()
    assert "leaked" not in child.stderr.read()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="there is no such signal here")
def test_a_show_that_stands_still_has_its_notes_ended_and_is_told(synth, tmp_path, capfd):
    child = perform(tmp_path, HELD)
    wait_for(lambda: synth.begun == 3)
    child.send_signal(signal.SIGSTOP)
    try:
        wait_for(lambda: synth.messages[-48:] == ALL_CHANNELS)
        assert not synth.sounding
    finally:
        child.send_signal(signal.SIGCONT)
    logged = log_of(capfd)
    wait_for(lambda: "stood still for 1.5 s" in logged())
    child.send_signal(signal.SIGTERM)
    assert child.wait(120) == 0


def test_a_cue_that_raises_before_the_first_beat_leaves_nothing_behind(synth, tmp_path):
    child = run(tmp_path, HELD.replace("if now.beats:", "if 1 / 0:"))
    assert child.wait(120) == 1
    assert "division by zero" in child.stderr.read()
    wait_for(lambda: not our_ports())
    assert synth.begun == 0


def test_a_cue_that_raises_in_the_show_leaves_no_note_sounding(synth, tmp_path):
    child = run(tmp_path, HELD.replace("return []", "return [1 / 0]"), "--seconds", "3")
    assert child.wait(120) == 0
    assert "division by zero" in child.stderr.read()
    assert_silent(synth)


def test_later_notes_are_not_played_after_the_end(synth):
    output, clock = started("celesta")
    output.note_on(Note(60), at(clock, 0.2))
    output.close()
    time.sleep(0.4)
    assert synth.begun == 0
    output.note_off(Note(60), at(clock, 0.5))
    output.close()


# -- ports ------------------------------------------------------------------------------------


def test_without_a_name_it_is_a_port_that_others_connect_to(jack):
    output, clock = started("")
    try:
        [name] = our_ports()
        assert name.endswith(":capriccio") or name.startswith("capriccio:capriccio")
        ear = open_client("input", ports.find_api(), "ear")
        open_port(ear, name, "in")
        output.note_on(Note(60), at(clock, 0.0))
        assert wait_for(ear.get_message)[0] == [0x90, 60, 102]
        ear.delete()
    finally:
        output.close()
    assert not our_ports()


def test_a_part_of_a_name_finds_its_port(synth):
    output, clock = started("CELES")
    output.note_on(Note(60), at(clock, 0.0))
    wait_for(lambda: synth.begun)
    output.close()


def test_a_port_that_is_missing_is_reported_before_the_show(synth, tmp_path):
    child = run(tmp_path, HELD, target="midi:IAC")
    assert child.wait(120) == 1
    said = child.stderr.read()
    assert "no MIDI output is called 'IAC'; connected: '" in said
    assert "celesta" in said
    assert "Traceback" not in said


def test_a_port_that_goes_before_it_is_opened_is_reported(jack, monkeypatch):
    monkeypatch.setattr(ports, "find_output", lambda name: (ports.find_api(), "gone:by"))
    with pytest.raises(ShowError, match="cannot open its port: 'gone:by' has just gone"):
        Midi("gone").start(Performance(LiveClock()))
    with pytest.raises(ConnectionError, match="'gone:by' has just gone"):
        player_process.connect(ports.find_api(), "gone:by")


def log_of(capfd):
    """Return a function that returns everything that is logged from now on."""
    forget()  # warnings of other tests, which are logged only once
    lines: list[str] = []

    def logged() -> str:
        lines.append(capfd.readouterr().err)
        return "".join(lines)

    return logged


def test_a_port_that_vanishes_is_reported_once_and_the_show_goes_on(jack, synth, capfd):
    viola = Synth("viola")
    output, clock = started("viola")
    output.note_on(Note(60), at(clock, 0.0))
    wait_for(lambda: viola.begun)
    logged = log_of(capfd)
    viola.close()
    lost = "without its port 'viola': it is no longer connected; the show goes on"
    wait_for(lambda: lost in logged())
    output.note_on(Note(62), at(clock, clock.seconds()))
    wait_for(lambda: output.recent_timing and output.recent_timing.events == 2)
    output.close()
    assert logged().count("without") == 1
    assert output.timing.events == 2


def test_a_port_that_returns_is_silenced_and_played_to_again(jack, capfd):
    viola = Synth("viola")
    output, clock = started("viola")
    output.note_on(Note(60, channel=2), at(clock, 0.0))
    wait_for(lambda: viola.begun)
    logged = log_of(capfd)
    viola.close()
    wait_for(lambda: "is without its port 'viola'" in logged())
    output.note_off(Note(60, channel=2), at(clock, clock.seconds()))  # the port is lost
    output.note_on(Note(62), at(clock, clock.seconds()))
    output.note_on(Note(64), at(clock, clock.seconds() + 30))
    viola = Synth("viola")
    wait_for(lambda: "has its port 'viola" in logged())
    wait_for(lambda: viola.messages == [(0x81, 60, 0), *ALL_CHANNELS])
    output.note_on(Note(65), at(clock, clock.seconds()))
    wait_for(lambda: viola.messages[-1] == (0x90, 65, 102))
    output.close()
    wait_for(lambda: viola.messages[-3:] and not viola.sounding)
    assert viola.begun == 1
    viola.close()


# -- panic ------------------------------------------------------------------------------------


def test_a_panic_silences_everything_at_once_and_the_music_goes_on(synth):
    output, clock = started("celesta")
    for voice in range(3):
        output.note_on(Note(60 + voice, channel=voice + 1), at(clock, 0.0))
    output.note_on(Note(72), at(clock, 2.0))
    wait_for(lambda: synth.begun == 3)
    output.panic()
    everything = [(0x80, 60, 0), (0x81, 61, 0), (0x82, 62, 0), *ALL_CHANNELS]
    wait_for(lambda: len(synth.messages) >= 3 + len(everything))
    assert synth.messages[3 : 3 + len(everything)] == everything
    assert clock.seconds() < 2.0 or synth.begun == 4
    wait_for(lambda: synth.messages[-1] == (0x90, 72, 102))
    output.close()
    output.panic()  # which does nothing any more


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there is no such signal here")
def test_a_signal_to_the_sketch_silences_it_and_the_show_goes_on(synth, tmp_path):
    # The draw cue hangs in a call that never lets go of the interpreter's main thread.
    hangs = """
    import numpy as np

    @sketch.draw
    def hang(now):
        if now.seconds:
            time.sleep(60)
        return np.zeros((8, 8, 3))
    """
    child = perform(tmp_path, HELD + hangs)
    try:
        wait_for(lambda: synth.begun == 3)
        child.send_signal(signal.SIGUSR1)
        wait_for(lambda: synth.messages[-1] == (0xBF, 123, 0))
        assert not synth.sounding
        assert child.poll() is None
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(120)


def test_the_panic_parameter_does_not_wait_for_a_frame(synth):
    from capriccio.stage.cues import PlayCue
    from capriccio.stage.stage import Stage

    output = Midi("celesta")
    performance = Performance(LiveClock(), fps=0.5)
    pressed = []

    def draw(now):
        if now.seconds:
            pressed.append(performance.parameters.set("/show/panic"))
            wait_for(lambda: synth.messages[-1] == (0xBF, 123, 0))
        return np.zeros((8, 8, 3))

    stage = Stage(
        performance, [output], draw=draw, plays=[PlayCue(lambda now: [Note(60, length=99)], 8)]
    )
    stage.perform(3.0)
    assert pressed
    assert synth.messages.index((0x80, 60, 0)) < synth.messages.index((0xBF, 123, 0))


# -- what is missing --------------------------------------------------------------------------


def test_with_a_midi_system_nothing_is_missing_and_nothing_is_printed(jack, capfd):
    assert Midi.missing() == ""
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(os.path.exists("/dev/snd/seq"), reason="this machine has ALSA's sequencer")
def test_without_a_midi_system_it_is_missing_and_starts_no_server(monkeypatch, capfd):
    midi_library()
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none")
    assert Midi.missing().startswith("no MIDI system answers (tried ")
    assert capfd.readouterr().err == ""
    with pytest.raises(ShowError, match="no MIDI system answers"):
        Midi("IAC").start(Performance(LiveClock()))


def test_without_its_library_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "supriya_midi", None)
    assert Midi.missing().startswith("no MIDI: supriya-midi does not load: ")
    with pytest.raises(ShowError, match="no MIDI: supriya-midi does not load"):
        Midi().start(Performance(LiveClock()))


def test_offline_it_refuses_and_names_midifile():
    sketch = Sketch()
    sketch.play(bars=1)(lambda now: [])
    with pytest.raises(ShowError, match=r"plays in real time; offline, write midifile:FILE\.mid"):
        sketch.perform([Midi()], seconds=1)
    assert not OfflineClock.live
