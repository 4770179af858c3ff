"""A panic ends in the take, and in files, what it ended in the room, and nothing else."""

import os
import signal

import numpy as np
import pytest
from capriccio import Note, Performance
from capriccio.clock import LiveClock
from capriccio.devices.midi.output import Midi
from capriccio.recording.take import read_take
from capriccio.stage.cues import PlayCue
from capriccio.stage.stage import Stage
from capriccio.testing import Memory
from helpers.devices import wait_for
from helpers.shows import Timed, live_stage, turns
from helpers.takes import frames, record_piece, recording, replay, replay_piece


def drone(now):
    """A play cue: two bars at 120 bpm, a note that is long held, and one for after a panic."""
    return [Note(40, 0, 7.5), Note(64, 3, 0.5)]


def press(frame, parameters):
    if frame == 11:  # 2.2 beats
        parameters.set("/show/panic")


def play(path, *outputs):
    """Play drones live, with a panic at 2.2 beats; give the loudness at each frame."""
    loudness = []

    def draw(now):
        press(round(now.seconds * 10), stage.performance.parameters)
        loudness.append(round(stage.loudness(), 6))
        return np.full((6, 8, 3), stage.loudness())

    stage = live_stage(outputs, draw=draw, plays=[(drone, 2)])
    for output in outputs:
        output.stage = stage
    with recording(stage, path):
        stage.perform(6.0)
    return loudness


ENDED = [(0, True, 40), (2.200002, False, 40), (3, True, 64), (3.5, False, 64)]


def test_a_panic_ends_what_sounds_and_the_music_goes_on(tmp_path):
    memory = Memory()
    loudness = play(tmp_path / "a.jsonl", memory)
    assert turns(memory)[:4] == ENDED
    assert turns(memory)[4] == (8, True, 40)
    assert loudness[11] > 0 and loudness[12:15] == [0, 0, 0] and loudness[15] > 0


def test_a_panic_ends_the_same_notes_in_a_replay(tmp_path):
    memory = Memory()
    play(tmp_path / "a.jsonl", memory)
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    assert take.panics == [pytest.approx(1.1)]
    replayed = replay(take, plays=[(drone, 2)])
    assert turns(replayed)[:4] == ENDED
    assert replayed.score() == memory.score()


def test_pictures_of_a_replay_have_the_same_loudness_after_a_panic(tmp_path):
    quiet, loud = tmp_path / "quiet.jsonl", tmp_path / "loud.jsonl"
    _, live = record_piece(quiet, hands=press)
    _, replayed = replay_piece(quiet)
    _, without = record_piece(loud)
    assert frames(live) != frames(without)
    assert frames(replayed) == frames(live)
    assert replayed.score() == live.score()


def test_notes_sent_ahead_are_silenced_by_their_output_and_still_ended(tmp_path):
    ahead = Timed()
    play(tmp_path / "a.jsonl", ahead)
    assert turns(ahead)[:4] == [(0, True, 40), (3, True, 64), (3.5, False, 64), (7.5, False, 40)]
    assert ahead.sounding == []
    replayed = replay(read_take((tmp_path / "a.jsonl").read_text(), "a"))
    assert turns(replayed)[:4] == ENDED


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there is no such signal here")
def test_the_panic_of_a_signal_ends_the_notes_of_an_instrument_and_of_its_take(synth, tmp_path):
    performance = Performance(LiveClock(), (8, 6), 10.0)
    sent = []

    def draw(now):
        if now.seconds > 0.5 and synth.begun and not sent:
            os.kill(os.getpid(), signal.SIGUSR1)
            sent.append(performance.clock.seconds())
        return np.zeros((6, 8, 3), np.uint8)

    stage = Stage(
        performance,
        [Midi("celesta")],
        draw=draw,
        plays=[PlayCue(lambda now: [Note(60, length=99)], 99)],
    )
    with recording(stage, tmp_path / "a.jsonl"):
        stage.perform(2.0)
    wait_for(lambda: not synth.sounding)
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    (seconds,) = take.panics
    assert sent[0] <= seconds < take.seconds
    (end,) = (call for call in replay(take).calls if call.method == "note_off")
    assert end.now.seconds == pytest.approx(seconds, abs=1e-5)
