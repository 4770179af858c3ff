"""Play cues are called ahead of time, and their notes distributed."""

import threading

import numpy as np
import pytest
from capriccio import Note, ShowError
from capriccio.testing import Memory
from helpers.shows import GREY, beat, live_stage, moments_of, offline_stage, released, turns


@pytest.mark.parametrize("meter", [3, 4, 5, 7])
@pytest.mark.parametrize("bars", [2, 1, 0.5, 1.5, 1 / 3])
def test_a_play_cue_is_called_for_every_turn_with_its_span(meter, bars):
    seen = []
    offline_stage([], plays=[(moments_of(seen), bars)], meter=meter, bpm=60).perform(20)
    assert [now.beats for now in seen] == [
        number * bars * meter for number in range(100) if number * bars * meter < 20 - 1e-6
    ]
    assert {now.span for now in seen} == {bars * meter}
    assert {now.meter for now in seen} == {meter}


def test_no_note_starts_at_the_end_of_the_show():
    memory, seen = Memory(), []

    def cue(now):
        seen.append(now.beats)
        return beat(now)

    offline_stage([memory], plays=[(cue, 1)], fps=10).perform(2.0)
    assert seen == [0]  # beat 4 is the end
    memory = Memory()
    offline_stage([memory], plays=[(lambda now: [Note(60), Note(62, 3.0)], 1)]).perform(1.5)
    assert turns(memory) == [(0, True, 60), (1, False, 60)]


def test_too_many_waiting_notes_are_refused(monkeypatch):
    monkeypatch.setattr("capriccio.stage.scheduling.MAX_NOTES", 50)
    later = [Note(60, 1e6) for _ in range(20)]
    message = r"^play cue 'flood' has more than 50 notes waiting; write fewer$"

    def flood(now):
        return later

    with pytest.raises(ShowError, match=message):
        offline_stage([], plays=[(flood, 1)]).perform(60)
    stage = live_stage([], plays=[(flood, 1)], fps=2)
    assert stage.perform(20).troubles
    assert len(stage.loudness_queue) == 0


def test_float32_notes_keep_their_beats_in_a_long_show():
    start = np.float32(0.1)
    memory = Memory()
    cue = (lambda now: [Note(np.int64(60), start, np.float32(0.2))] if now.beats else [], 100_000)
    offline_stage([memory], plays=[cue], bpm=9999, fps=0.1).perform(2401)
    assert [call.now.beats for call in memory.calls if call.method == "note_on"] == [
        400_000 + float(start)
    ]


def test_a_late_phrase_loses_only_the_notes_whose_start_has_passed(capsys):
    let, memory = threading.Event(), Memory()

    def play(now):
        if now.beats == 4:
            stage.clock.hang(let)
        return beat(now)

    def draw(now):
        if now.seconds >= 2.7:  # beat 5.4
            stage.clock.let_go(let)
        return GREY

    with released(let):
        stage = live_stage([memory], draw=draw, plays=[(play, 1)], fps=10)
        stats = stage.perform(6)
    begun = [now for now, begins, _ in turns(memory) if begins]
    assert begun == [0, 1, 2, 3, *range(6, 12)]
    words = "play cue 'play' came too late for 2 of its notes"
    assert stats.troubles == {words: 1}
    assert capsys.readouterr().err == f"capriccio: {words}\n"


def test_missed_turns_are_not_made_up_for():
    let, seen, memory = threading.Event(), [], Memory()

    def play(now):
        seen.append(now.beats)
        if now.beats == 4:
            stage.clock.hang(let)
        return beat(now)

    def draw(now):
        if now.seconds >= 8.5:  # beat 17, in the bar that begins at 16
            stage.clock.let_go(let)
        return GREY

    with released(let):
        stage = live_stage([memory], draw=draw, plays=[(play, 1)], fps=4)
        stats = stage.perform(11.9)
    assert seen == [0, 4, 16, 20, 24]
    assert stats.troubles["play cue 'play' missed 2 of its turns"] == 1
    assert [now for now, begins, _ in turns(memory) if begins] == [0, 1, 2, 3, *range(18, 24)]
