"""A live show is recorded while it goes on, as a take with stills."""

import os
import re
import resource
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from capriccio.events import ImageSeen, ParameterSet
from capriccio.parameters import Parameters
from capriccio.recording import recorder
from capriccio.recording.provenance import read_provenance
from capriccio.recording.recorder import MAX_IMAGES, MAX_STILLS, Recorder
from capriccio.recording.take import read_take
from helpers.command import capriccio
from helpers.devices import wait_for
from helpers.shows import live_stage
from helpers.takes import (
    RECIPE,
    Piece,
    frames,
    lines,
    record_piece,
    recording,
    replay_piece,
    turn_knob,
)
from PIL import Image


def test_a_take_holds_provenance_and_a_line_for_each_event(tmp_path):
    record_piece(tmp_path / "a.jsonl", hands=turn_knob)
    header, *rest = lines(tmp_path / "a.jsonl")
    assert header == {"take": 1, **RECIPE}
    assert [1.3, "/light/level", 0.3] in rest
    assert [3.2, "/light/level", None] in rest
    phrases = [line for line in rest if line[1] == "phrase"]
    assert [phrase[2][:3] for phrase in phrases] == [[0, 0, 4], [0, 4, 4], [0, 8, 4]]
    assert rest[-1] == [4.0, "end", None]


def test_a_show_that_fails_before_its_first_beat_leaves_no_take(tmp_path):
    stage = live_stage([], draw=lambda now: 1 / 0)
    with pytest.raises(ZeroDivisionError), recording(stage, tmp_path / "a.jsonl"):
        stage.perform(1)
    assert list(tmp_path.iterdir()) == []


def test_images_that_come_too_fast_are_left_out_and_told_once(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 600.0)  # nothing is written before the end
    made, parameters = Recorder(tmp_path / "a.jsonl", lambda: RECIPE), Parameters()
    made.begin(parameters, lambda: None)
    for number in range(MAX_IMAGES + 5):
        parameters.publish(ImageSeen(number / 10, "eye", np.full((32, 32, 3), number, np.uint8)))
    made.close(5.0)
    wait_for(lambda: lines(tmp_path / "a.jsonl")[-1] == [5.0, "end", None])
    kept = [line for line in lines(tmp_path / "a.jsonl")[1:] if line[1] == "image"]
    assert [line[0] for line in kept] == [number / 10 for number in range(MAX_IMAGES)]
    assert capfd.readouterr().err.count("the take lacks images of a camera") == 1


def test_two_takes_of_one_name_do_not_overwrite_each_other(tmp_path):
    record_piece(tmp_path / "a.jsonl", seconds=1)
    before = (tmp_path / "a.jsonl").read_bytes()
    record_piece(tmp_path / "a.jsonl", seconds=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-2.jsonl", "a.jsonl"]
    assert (tmp_path / "a.jsonl").read_bytes() == before


def test_an_unwritable_folder_is_logged_once_and_the_show_goes_on(tmp_path, capsys):
    (tmp_path / "takes").write_text("a file where the folder should be")
    _, memory = record_piece(tmp_path / "takes" / "a.jsonl", seconds=1)
    assert len(memory.images) == 10
    said = capsys.readouterr().err
    assert said.count("the take cannot be written to") == 1
    assert "the show goes on" in said


def test_a_full_disk_is_logged_once_and_the_show_goes_on(tmp_path, capsys):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    take, said = tmp_path / "a.jsonl", []

    def reported() -> bool:
        said.append(capsys.readouterr().err)
        return "cannot be written" in "".join(said)

    def hands(frame, parameters):
        if frame == 2:
            wait_for(lambda: take.read_text().count("\n") > 1, what="a turn to be written")
            resource.setrlimit(resource.RLIMIT_FSIZE, (take.stat().st_size + 200, before[1]))
        parameters.set("/light/level", frame / 40)
        if frame == 20:
            wait_for(reported, what="the recorder to give up")

    try:
        _, memory = record_piece(take, hands=hands)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(memory.images) == 40
    reported()
    assert "".join(said).count("the take cannot be written to") == 1
    assert read_take(take.read_text(), "a").turns  # what there is can be used


def full_for_a_while(frame, parameters, until, reported):
    """Turn a knob in every frame; the disk is full from frame 2 to frame `until`."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    if frame == 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, hard))
    parameters.set("/light/level", frame / 40)
    if frame == until:
        wait_for(lambda: reported("cannot be written"), what="the recorder to fail")
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        wait_for(lambda: reported("the take is written again"), what="the recorder to go on")


@pytest.fixture
def reported(capsys):
    said = []

    def has(words):
        said.append(capsys.readouterr().err)
        return words in "".join(said)

    return has


def test_a_take_goes_on_when_the_disk_has_room_again_and_lacks_nothing(tmp_path, reported):
    record_piece(tmp_path / "a.jsonl", hands=partial(full_for_a_while, until=20, reported=reported))
    assert reported("nothing is missing in it")
    values = [line[2] for line in lines(tmp_path / "a.jsonl")[1:] if line[1] == "/light/level"]
    assert values == [frame / 40 for frame in range(39)]  # the last was for the next frame
    assert lines(tmp_path / "a.jsonl")[-1] == [4.0, "end", None]


def test_a_take_that_lost_events_says_how_many(tmp_path, reported, monkeypatch):
    monkeypatch.setattr(recorder, "MAX_EVENTS", 5)
    record_piece(tmp_path / "a.jsonl", hands=partial(full_for_a_while, until=30, reported=reported))
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    assert sum(count for _, count in take.gaps) >= 10
    assert 0 < take.gaps[0][0] < 4 and take.ended == 4.0
    shown = capriccio("inspect", tmp_path / "a.jsonl").output
    assert re.search(r"gaps        \d+ events are missing, from \d\.\d s on", shown)


def test_a_file_that_something_has_closed_is_opened_again(tmp_path, reported):
    """Its descriptor belongs to another file by then, which must not be written to."""
    others = []

    def hands(frame, parameters):
        parameters.set("/light/level", frame / 40)
        if frame == 5:
            wait_for(lambda: (tmp_path / "a.jsonl").stat().st_size, what="the first lines")
            for number in os.listdir("/proc/self/fd"):
                with suppress(OSError):
                    if os.readlink(f"/proc/self/fd/{number}") == str(tmp_path / "a.jsonl"):
                        os.close(int(number))
            others.append((tmp_path / "other").open("wb"))
        if frame == 20:
            wait_for(lambda: reported("the take is written again"), what="the recorder to go on")

    record_piece(tmp_path / "a.jsonl", hands=hands)
    others[0].close()
    assert (tmp_path / "other").read_bytes() == b""
    values = [line[2] for line in lines(tmp_path / "a.jsonl")[1:] if line[1] == "/light/level"]
    assert values == [frame / 40 for frame in range(39)]  # the last was for the next frame


def test_a_take_that_cannot_be_ended_says_so(tmp_path, reported):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def hands(frame, parameters):
        if frame == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (400, before[1]))
        parameters.set("/light/level", frame / 40)

    try:
        record_piece(tmp_path / "a.jsonl", hands=hands)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert reported("the take ends early, at")


def test_a_take_stays_where_it_was_begun_when_a_sketch_changes_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()

    def hands(frame, parameters):
        if frame == 3:
            os.chdir("other")
        if frame == 10:
            parameters.set("/show/still")

    record_piece(Path("a.jsonl"), hands=hands)
    assert len(list(tmp_path.glob("a*"))) == 2 and not list((tmp_path / "other").iterdir())


def test_a_value_that_json_cannot_hold_costs_one_line(tmp_path, capsys):
    def hands(frame, parameters):
        if frame == 3:
            parameters.publish(ParameterSet(0.3, "/light/level", {1, 2}))
        if frame == 5:
            parameters.set("/light/level", 0.5)

    record_piece(tmp_path / "a.jsonl", seconds=2, hands=hands)
    assert [0.6, "/light/level", 0.5] in lines(tmp_path / "a.jsonl")
    assert "a take cannot hold" in capsys.readouterr().err


def test_a_still_carries_the_take_that_makes_it_again(tmp_path):
    def hands(frame, parameters):
        turn_knob(frame, parameters)
        if frame == 24:
            parameters.set("/show/still")  # taken in at frame 25, when frame 24 is to be seen

    _, live = record_piece(tmp_path / "a.jsonl", hands=hands)
    (still,) = tmp_path.glob("*.png")
    assert still.name == "a-0002.400s.png"
    picture = np.asarray(Image.open(still))
    assert picture.tobytes() == frames(live)[2.4]
    found = read_provenance(still)
    take = read_take(found.text, still.name)
    assert take.moment == 2.4
    assert all(turn.seconds <= 2.4 for turn in take.turns) and len(take.turns) == 8
    still.with_suffix(".jsonl").write_text(found.text)
    _, replayed = replay_piece(still.with_suffix(".jsonl"))
    assert list(frames(replayed).values()) == [picture.tobytes()]


def test_without_a_take_no_still_is_kept(tmp_path, capsys):
    (tmp_path / "takes").write_text("a file where the folder should be")
    stage = live_stage([], draw=Piece().draw)
    with recording(stage, tmp_path / "takes" / "a.jsonl") as recorder:
        stage.perform(1)
    assert "/show/still" not in stage.performance.parameters.by_address
    stage = live_stage([], draw=Piece().draw)
    with recording(stage, tmp_path / "a.jsonl") as recorder:
        stage.performance.parameters.set("/show/still")  # there is no picture yet
        recorder._give_up(OSError(28, "No space left on device"))
        stage.performance.parameters.set("/show/still")
        stage.perform(1)
    assert list(tmp_path.glob("*.png")) == [] and not recorder._waiting
    assert "a still cannot be kept now" in capsys.readouterr().err


def test_half_a_surrogate_pair_costs_one_line(tmp_path, capsys):
    def hands(frame, parameters):
        words = "\ud800" if frame == 3 else "whole"
        parameters.publish(ParameterSet(frame / 10, "/light/words", words))

    record_piece(tmp_path / "a.jsonl", seconds=2, hands=hands)
    said = [line[2] for line in lines(tmp_path / "a.jsonl")[1:] if line[1] == "/light/words"]
    assert said == ["whole"] * 19
    assert "a take cannot hold" in capsys.readouterr().err


def test_a_replay_keeps_no_stills(tmp_path):
    record_piece(
        tmp_path / "a.jsonl", hands=lambda frame, parameters: parameters.set("/show/still")
    )
    # The show, which took no time, did not wait for them.
    assert MAX_STILLS <= len(list(tmp_path.glob("*.png"))) < 39
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    assert {turn.address for turn in take.turns} == {"/show/still"}
    before = sorted(tmp_path.iterdir())
    replay_piece(tmp_path / "a.jsonl")
    assert sorted(tmp_path.iterdir()) == before
