"""A take is performed again: the same notes, the same frames."""

from typing import NamedTuple

import numpy as np
import pytest
from capriccio import Analyzer, Note, Output, Performance
from capriccio.recording.take import read_take
from capriccio.stage.cues import PlayCue
from capriccio.stage.replay import Replay
from capriccio.testing import Memory
from helpers.shows import live_stage
from helpers.takes import (
    Piece,
    frames,
    record_piece,
    recording,
    replay,
    replay_piece,
    turn_knob,
)


def test_a_replay_has_the_same_notes_and_frames(tmp_path):
    _, live = record_piece(tmp_path / "a.jsonl", hands=turn_knob)
    _, replayed = replay_piece(tmp_path / "a.jsonl")
    assert len(set(frames(live).values())) > 10  # it is no still life
    assert frames(replayed) == frames(live)
    assert replayed.score() == live.score()
    assert len(live.notes) == 8 and replayed.notes == live.notes


def test_notes_are_those_of_the_take_whatever_the_cue_returns_now(tmp_path):
    _, live = record_piece(tmp_path / "a.jsonl")
    other, replayed = replay_piece(tmp_path / "a.jsonl")
    assert other.chance.bit_generator.state != Piece().chance.bit_generator.state
    assert replayed.notes == live.notes


def test_a_play_cue_is_called_when_it_was_called_in_the_show(tmp_path):
    band, _ = record_piece(tmp_path / "a.jsonl")
    other, _ = replay_piece(tmp_path / "a.jsonl")
    assert other.said == band.said == [0.0, 4.0, 8.0]


def test_another_size_and_frame_rate_change_no_note(tmp_path):
    _, live = record_piece(tmp_path / "a.jsonl", hands=turn_knob)
    _, replayed = replay_piece(tmp_path / "a.jsonl", size=(16, 12), fps=20.0)
    assert replayed.score() == live.score()
    seen, larger = frames(live), frames(replayed)
    assert len(larger) == 2 * len(seen)
    assert all(larger[at] == picture for at, picture in seen.items())


def test_dropped_frames_are_drawn_unless_as_shown(tmp_path):
    class Layers:
        """Paint on in the last picture, so that each frame counts."""

        def __init__(self, stop=None):
            self.shade, self.stop = 0, stop

        def draw(self, now):
            if self.stop and round(now.seconds * 10) == 5:
                self.stop(now.seconds + 0.35)
            self.shade += 1
            return np.full((6, 8, 3), self.shade, np.uint8)

    memory = Memory()
    layers = Layers(lambda seconds: type(stage.clock).__mro__[1].wait(stage.clock, seconds))
    stage = live_stage([memory], draw=layers.draw)
    with recording(stage, tmp_path / "a.jsonl"):
        stats = stage.perform(2)
    assert stats.late == 2
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    assert len(frames(replay(take, draw=Layers().draw))) == 20
    take.record["moment"] = 1.9
    still = replay(take, draw=Layers().draw)
    assert list(frames(still).values()) == [frames(memory)[1.9]]


def test_an_error_in_a_cue_does_not_end_a_replay(tmp_path):
    def draw(now):
        if 0.45 < now.seconds < 0.75:
            raise ValueError("a bad moment")
        return np.full((6, 8, 3), round(now.seconds * 100), np.uint8)

    def play(now):
        if now.beats == 4:
            raise ValueError("a bad bar")
        return [Note(60)]

    memory = Memory()
    stage = live_stage([memory], draw=draw, plays=[(play, 1)])
    with recording(stage, tmp_path / "a.jsonl"):
        stage.perform(5)
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    replayed = replay(take, draw=draw, plays=[(play, 1)])
    assert frames(replayed) == frames(memory)
    assert replayed.score() == memory.score()


def test_an_error_in_an_output_ends_a_replay(tmp_path):
    record_piece(tmp_path / "a.jsonl", seconds=1)
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    full = Memory()
    full.show = lambda image, now: (_ for _ in ()).throw(OSError("no space left"))
    facts = Performance(take.clock(), (8, 6), 10.0, "a test", take=take)
    with pytest.raises(OSError, match="no space left"):
        Replay(facts, [full], draw=Piece().draw).perform(take.seconds)


def test_changes_of_missing_parameters_are_left_out(tmp_path, capsys):
    record_piece(tmp_path / "a.jsonl", hands=turn_knob)
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    replay(take, draw=lambda now: np.zeros((6, 8, 3), np.uint8))
    said = capsys.readouterr().err
    assert "no control '/light/level'" in said and "it is left out" in said


class Seen(NamedTuple):
    light: float
    word: str
    picture: np.ndarray


class Eye(Analyzer):
    """Read a number that nobody can foresee, and a picture that no take can hold."""

    def __init__(self, numbers):
        self.numbers = iter(numbers)

    def analyze(self, image):
        return Seen(next(self.numbers), "grey", image + 1)


def test_readings_are_those_of_each_frame_of_the_show(tmp_path):
    def piece(eye):
        def draw(now):
            seen = eye(np.zeros((6, 8, 3), np.uint8))
            assert seen.word == "grey" and seen.picture.max() == 1
            assert eye(np.zeros((6, 8, 3), np.uint8)).light == seen.light  # within one frame
            return np.full((6, 8, 3), seen.light)

        return draw

    memory = Memory()
    chance = np.random.default_rng(3)
    stage = live_stage([memory], draw=piece(Eye(chance.random(1000))))
    with recording(stage, tmp_path / "a.jsonl"):
        stage.perform(3)
    shown = frames(memory)
    assert len(set(shown.values())) > 3
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    eye = Eye(np.zeros(1000))
    assert frames(replay(take, draw=piece(eye))) == shown
    with pytest.raises(TimeoutError, match="has no reading yet"):
        take.readings("another", 1.0, lambda: None)


def test_the_music_of_a_take_is_replayed_without_drawing_pictures(tmp_path):
    record_piece(tmp_path / "a.jsonl")
    take, drawn = read_take((tmp_path / "a.jsonl").read_text(), "a.jsonl"), []

    class Listener(Memory):
        show = Output.show

    memory, facts = Listener(), Performance(take.clock(), (8, 6), 10.0, "a test", take=take)
    cues = [PlayCue(lambda now: [], 1)]
    Replay(facts, [memory], draw=drawn.append, plays=cues).perform(take.seconds)
    assert memory.notes and not drawn
