"""Where a cue hangs, other threads go on with the show."""

import threading

from capriccio import Note
from capriccio.testing import Memory
from helpers.shows import (
    GREY,
    Timed,
    beat,
    live_stage,
    released,
    turns,
)


def test_live_music_goes_on_when_a_picture_hangs(quick_watchdog, capsys):
    """While the draw cue hangs, the test itself lets the time pass."""
    heard, timed = Memory(), Timed()

    def draw(now):
        if now.seconds == 0.5:
            while stage.clock.seconds() < 3 and not stage.show.stopping.is_set():
                stage.clock.wait(stage.clock.seconds() + 0.01)
                threading.Event().wait(0.003)
            during.extend([len(heard.notes), len(timed.notes)])
        return GREY

    during = []
    timed.stage = stage = live_stage([heard, timed], draw=draw, plays=[(beat, 1)])
    stats = stage.perform(3.5)
    assert during[0] >= 5 and during[1] >= 6  # 7 beats in three seconds, one before the hanging
    assert heard.sounding == timed.sounding == []
    assert len(heard.notes) == len(timed.notes) == 7
    words = "draw cue 'draw' does not answer; the last image stays"
    assert stats.troubles == {words: 1}
    assert capsys.readouterr().err == f"capriccio: {words}\n"


def test_live_pictures_and_the_other_music_go_on_when_a_play_cue_hangs(quick_watchdog, capsys):
    let, memory = threading.Event(), Memory()

    def hanging(now):
        if now.beats:
            stage.clock.hang(let)
        return [Note(40, 0, 9)]

    def other(now):
        return [Note(80)]

    def draw(now):
        threading.Event().wait(0.01)  # real time for the stagehand to notice
        return GREY

    with released(let):
        stage = live_stage([memory], draw=draw, plays=[(hanging, 1), (other, 0.25)])
        stats = stage.perform(6)
    assert len(memory.images) == 60
    pitches = [note.pitch for note in memory.notes]
    assert pitches.count(40) == 1 and pitches.count(80) >= 8
    assert memory.sounding == []  # what was composed before is ended
    assert stats.troubles["play cue 'hanging' does not answer; it rests"] == 1
    assert capsys.readouterr().err.count("does not answer") == 1


def test_live_a_play_cue_that_comes_back_plays_again(quick_watchdog):
    let, memory = threading.Event(), Memory()

    def hanging(now):
        if now.beats == 4:
            stage.clock.hang(let)
        return [Note(40)]

    def draw(now):
        threading.Event().wait(0.01)
        if now.seconds >= 6:
            stage.clock.let_go(let)
        return GREY

    with released(let):
        stage = live_stage([memory], draw=draw, plays=[(hanging, 1), (beat, 1)])
        stage.perform(12)
    begun = [now for now, begins, pitch in turns(memory) if begins and pitch == 40]
    assert begun[0] == 0 and begun[-1] == 20 and 4 not in begun
