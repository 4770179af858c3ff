"""Rehearsals without a person: `--simulate` plays the controls that a sketch reads."""

import json
import os
import re
import subprocess
import sys
import textwrap

import mido
import numpy as np
import pytest
from capriccio import Note, ShowError, Sketch, controls
from capriccio.clock import OfflineClock
from capriccio.devices.midi.controller_state import ControllerState
from capriccio.devices.midi.simulated_player import SimulatedPlayer, Simulation
from capriccio.performance import current_frame
from capriccio.recording.take import read_take
from capriccio.testing import Memory
from helpers.midi_files import control_change, midi_file, note_on, performing
from helpers.shows import live_stage
from helpers.takes import frames, recording, replay

EVERYTHING = {
    ("cc", 1),
    ("cc", 74),
    ("cc14", 2),
    ("nrpn", 300),
    ("poly", 60),
    ("pressure", 0),
    ("bend", 0),
}


def standings(player, wanted, beats=400):
    """Return where all controls stand after each quarter of a beat."""
    keyboard, stood, step = ControllerState(), [], 0.25
    for number in range(int(beats / step)):
        keyboard.apply_all(player.between((number - 1) * step, number * step, wanted))
        stood.append(
            {
                "cc 1": keyboard.values.get(("cc", 1), 0.5),
                "cc 74": keyboard.values.get(("cc", 74), 0.5),
                "cc14 2": keyboard.values.get(("cc14", 2), 0.5),
                "nrpn 300": keyboard.values.get(("nrpn", 300), 0.5),
                "poly 60": keyboard.values.get(("poly", 60), 0.0),
                "bend": keyboard.bend,
                "keys": sum(held.velocity for held in keyboard.held.values()),
            }
        )
    return stood


# -- a player ---------------------------------------------------------------------------------


def test_a_player_moves_all_controls_that_are_read_far_and_slowly():
    stood = standings(SimulatedPlayer("a"), EVERYTHING)
    for name in stood[0].keys() - {"keys"}:
        values = [moment[name] for moment in stood]
        rest = 0.0 if name == "poly 60" else 0.5
        assert values[0] == pytest.approx(rest, abs=0.01), name
        assert min(values) < 0.2 and max(values) > 0.8, name
        assert max(abs(np.diff(values))) < 0.06, name


def test_a_player_moves_nothing_that_is_not_read():
    assert SimulatedPlayer("a").between(-1, 1000, frozenset()) == []
    messages = {event[2][:2] for event in SimulatedPlayer("a").between(-1, 1000, {("cc", 7)})}
    assert messages == {bytes([0xB0, 7])}


def test_the_same_seed_plays_the_same_however_it_is_asked():
    controls = EVERYTHING | {("note", -1)}
    whole = SimulatedPlayer("a").between(-1, 100, controls)
    player, pieces = SimulatedPlayer("a"), []
    for frame in range(3001):
        pieces += player.between((frame - 1) / 30, frame / 30, controls)
    assert whole == pieces
    for begin in (3.3, 31.9, 80.0):  # a player that was not asked for anything before
        later = SimulatedPlayer("a").between(begin, 100, controls)
        assert later == [event for event in whole if event[0] > begin]
    assert whole != SimulatedPlayer("b").between(-1, 100, controls)


def test_a_player_plays_keys_one_after_the_other_and_listens_in_between():
    keyboard, player = ControllerState(), SimulatedPlayer("a")
    keyboard.apply_all(player.between(-1, 159, {("note", -1)}))
    starts = [press.start for press in keyboard.presses]
    assert 40 < len(starts) < 160
    assert all(start % 16 < 8 for start in starts)
    assert all(press.end - press.start < 2 for press in keyboard.presses)
    assert not keyboard.held
    struck, found = -1.0, []
    while (struck := player.next_note(struck, {("note", -1)})) < 159:
        found.append(struck)
    assert found == starts


def test_a_player_plays_the_keys_that_a_sketch_reads():
    keyboard = ControllerState()
    keyboard.apply_all(
        SimulatedPlayer("a").between(-1, 160, {("note", 36), ("note", 38), ("note", -1)})
    )
    assert {press.pitch for press in keyboard.presses} == {36, 38}


# -- in a show --------------------------------------------------------------------------------


def piece(**flags):
    """A sketch that reads two controls, in pictures, phrases and answers; and what it read."""
    hands, other, read = controls(), controls(**flags), []
    sketch = Sketch(fps=10, size=(16, 16))

    @sketch.draw
    def draw(now):
        read.append((round(hands[1], 3), round(other[1], 3)))
        return np.full((16, 16, 3), hands[1])

    @sketch.play(bars=1)
    def echo(now):
        return hands.played(now)

    @sketch.answer(hands)
    def answer(now, notes):
        return [note._replace(channel=2) for note in notes]

    sketch.names.update(hands=hands, other=other)
    return sketch, read


def offline(rehearsal, seconds=6, **flags):
    memory, (sketch, read) = Memory(), piece(**flags)
    sketch.perform([memory], seconds=seconds, simulation=rehearsal)
    return memory, read


def test_a_file_plays_all_controls_even_those_of_a_port_or_another_file(tmp_path):
    file = midi_file(
        tmp_path / "a.mid", (0, control_change(1, 127)), (1, note_on(60)), (2, note_on(60, 0))
    )
    other = midi_file(tmp_path / "b.mid", (0, control_change(1, 0)))
    for flags in ({"port": "nanoKEY2"}, {"simulate": other}):
        memory, read = offline(Simulation(file), **flags)
        assert set(read) == {(1.0, 1.0)}
        assert [(note.pitch, note.channel) for note in memory.notes] == [(60, 2), (60, 1)]


def test_without_a_file_controls_keep_their_own_and_the_others_are_simulated(tmp_path):
    other = midi_file(tmp_path / "b.mid", (0, control_change(1, 0)))
    memory, read = offline(Simulation(), seconds=12, simulate=other)
    assert {there for _, there in read} == {0.0}
    assert len({here for here, _ in read}) > 20
    assert {note.channel for note in memory.notes} == {1, 2}


def test_the_same_seed_gives_the_same_show_with_a_player_for_each_controls():
    (first, read), (second, again), (third, _) = (offline(Simulation("", n)) for n in (3, 3, 4))
    assert first.score() == second.score() and read == again
    assert first.score() != third.score()
    assert any(here != there for here, there in read)


def test_notes_that_a_play_cue_knows_are_not_counted_again_by_a_late_frame(tmp_path):
    hands = controls(simulate=midi_file(tmp_path / "a.mid", (1, note_on(60)), (3, note_on(62))))
    with performing(OfflineClock(60)) as clock:
        clock.wait(2.0)
        assert hands.notes_since(0)[0] == 1
        for seconds, held in ((0.5, 0), (1.5, 1)):
            token = current_frame.set(clock.moment(seconds=seconds, span=1.0))
            assert bool(hands.key(60)) == held
            current_frame.reset(token)
        clock.wait(4.0)
        assert hands.notes_since(0)[0] == 2


@pytest.mark.parametrize("scripted", [True, False], ids=["a file", "a player"])
def test_a_live_simulation_is_recorded_and_replayed_without_it(tmp_path, scripted):
    file = tmp_path / "a.mid"
    moves = [(1.3, note_on(61)), *((beat / 3, control_change(1, beat * 9)) for beat in range(14))]
    midi_file(file, *sorted(moves, key=lambda move: move[0]))

    def cues():
        hands = controls()

        def draw(now):
            level = hands[1] * 0.5 + hands.key(61) * 0.3 + 0.1 * len(hands.played(now, beats=1))
            return np.full((6, 8, 3), level)

        def play(now):
            return [Note(60, 0, 0.5, hands[1]), *hands.played(now)]

        return draw, play

    (draw, play), memory = cues(), Memory()
    stage = live_stage([memory], draw=draw, plays=[(play, 0.25)])
    object.__setattr__(stage.performance, "simulation", Simulation(file if scripted else ""))
    with recording(stage, tmp_path / "a.jsonl"):
        stage.perform(8)
    assert len(set(frames(memory).values())) > 8
    file.unlink()
    draw, play = cues()
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    replayed = replay(take, draw=draw, plays=[(play, 0.25)])
    assert frames(replayed) == frames(memory)
    assert replayed.score() == memory.score()


# -- the command ------------------------------------------------------------------------------

PIECE = textwrap.dedent(
    """
    import numpy as np
    from capriccio import Generator, Sketch, controls

    class Sea(Generator):
        def generate(self, now, *, wave=0.5):
            return np.full((16, 16, 3), wave)

    sea, hands = Sea(), controls()
    sketch = Sketch(fps=10, size=(16, 16))

    @sketch.draw
    def draw(now):
        return sea(now) * 0.5 + hands[1] * 0.5

    @sketch.play(bars=1)
    def echo(now):
        return hands.played(now)

    sketch.run()
    """
)


@pytest.fixture
def run(tmp_path):
    (tmp_path / "piece.py").write_text(PIECE)
    home = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "home")}

    def perform(*words, fails=False):
        child = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=home, capture_output=True, text=True
        )
        assert bool(child.returncode) == fails, child.stderr
        return child.stdout + child.stderr

    return perform


def events(file):
    return [str(message) for message in mido.MidiFile(file) if not message.is_meta]


def test_the_flag_is_the_same_for_the_command_and_for_the_file_itself(run, tmp_path):
    flags = ("--offline", "--simulate", "--seconds", "6", "--to")
    run("-m", "capriccio", "run", "piece.py", *flags, "midifile:a.mid")
    run("piece.py", *flags, "midifile:b.mid")
    assert len(events(tmp_path / "a.mid")) > 4
    assert events(tmp_path / "a.mid") == events(tmp_path / "b.mid")
    printed = run("-m", "capriccio", "inspect", "a.mid")
    assert re.search(r"again .* --simulate\n", printed)


@pytest.mark.slow
def test_a_live_rehearsal_records_a_take_with_what_was_played_and_turned(run, tmp_path):
    flags = ("--simulate", "--seconds", "3", "--osc", "off", "--follow", "a clock")
    run("piece.py", *flags, "--to", "frames:a", "--to", "midifile:a.mid")
    (take,) = (tmp_path / "takes").glob("*.jsonl")
    header, *lines = map(json.loads, take.read_text().splitlines())
    assert header["simulate"] is True
    assert {"midi", "/sea/wave", "tempo"} <= {what for _, what, _ in lines}
    # The clock that is simulated has started: the beats go on.
    assert not read_take(take.read_text(), "a").clock().tempo.stands_at(2.9)
    run("-m", "capriccio", "replay", str(take), "--to", "midifile:b.mid")


def test_what_cannot_be_simulated_is_refused(run, tmp_path):
    words = ("-m", "capriccio", "run")
    assert "no sketch to run; name it before --simulate" in run(
        *words, "--simulate", "piece.py", fails=True
    )
    assert "controls find no file 'none.mid' to simulate" in run(
        *words, "piece.py", "--simulate", "none.mid", fails=True
    )
    with pytest.raises(
        ShowError, match=r"controls cannot read '.*' as a MIDI file: MThd not found"
    ):
        Simulation(tmp_path / "piece.py")
    assert "--simulate [FILE]" in run(*words, "--help")
