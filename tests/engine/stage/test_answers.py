"""Answers: a cue that is called the moment a human plays, and whose phrase sounds at once."""

import gc
import json
import sys
import threading
import time

import mido
import pytest
from capriccio import Note, Performance, ShowError, Sketch, controls, output
from capriccio.clock import LiveClock
from capriccio.events import AnswerPlayed
from capriccio.recording.take import encode, read_take
from capriccio.stage.answers import MISSED_SECONDS, AnswerCue
from capriccio.stage.stage import Stage
from capriccio.testing import Memory
from helpers.controllers import cc, plugged, until
from helpers.devices import wait_for
from helpers.shows import Passes, Timed, WoundClock, forget, grey, released, turns


@pytest.fixture
def tune(tmp_path):
    """Write a MIDI file: give it notes as (beats, pitch) and, if need be, their velocity."""

    def write(*notes, velocity=127):
        track, ticks = mido.MidiTrack(), 0
        for beats, pitch in notes:
            at = round(beats * 480)
            track.append(
                mido.Message("note_on", note=pitch, velocity=velocity, time=at - ticks, channel=2)
            )
            ticks = at
        file = mido.MidiFile(ticks_per_beat=480)
        file.tracks.append(track)
        file.save(tmp_path / "tune.mid")
        return controls(simulate=tmp_path / "tune.mid")

    return write


def sketch_of(hands, function, *, bpm=60.0, fps=10.0, **options):
    sketch = Sketch(bpm=bpm, fps=fps, size=(16, 16))
    sketch.answer(hands, **options)(function)
    return sketch


def performed(sketch, seconds=4.0):
    memory = Memory()
    sketch.perform([memory], seconds=seconds)
    return memory


def begun(memory):
    return [(beats, pitch) for beats, begins, pitch in turns(memory) if begins]


def echo(now, notes):
    """An answer: the same an octave lower, half a beat long."""
    return [note._replace(pitch=note.pitch - 12, length=0.5) for note in notes]


# -- on the exact clock -----------------------------------------------------------------------


def test_a_note_is_answered_at_its_own_moment_whatever_the_frame_rate(tune):
    for fps in (0.5, 7.0, 30.0):
        hands = tune((0, 60), (0.3125, 62), (1.0, 64), (2.9375, 65))
        assert begun(performed(sketch_of(hands, echo, fps=fps))) == [
            (0.0, 48),
            (0.3125, 50),
            (1.0, 52),
            (2.9375, 53),
        ]


def test_the_cue_gets_time_pitch_and_velocity_of_what_was_played(tune):
    heard = []
    hands = tune((1.25, 60), velocity=64)
    performed(sketch_of(hands, lambda now, notes: heard.append((now, notes)), bpm=120.0))
    [(now, [note])] = heard
    assert (now.beats, now.seconds, now.span, now.bpm) == (1.25, 0.625, 1.0, 120.0)
    assert note == Note(60, 0.0, 1.0, 64 / 127, channel=3)


def test_each_note_is_answered_by_itself_and_a_chord_only_where_asked(tune):
    heard = []
    notes = (1.0, 60), (1.0, 64), (1.02, 67), (1.2, 72)

    def told(now, notes):
        heard.append((round(now.beats, 9), [note.pitch for note in notes]))

    performed(sketch_of(tune(*notes), told))
    at = round(1.02 * 480) / 480
    assert heard == [(1.0, [60]), (1.0, [64]), (round(at, 9), [67]), (1.2, [72])]
    heard.clear()
    performed(sketch_of(tune(*notes), told, seconds=0.05))
    assert heard == [(1.05, [60, 64, 67]), (1.25, [72])]


def test_an_answer_may_begin_later_and_rest(tune):
    def later(now, notes):
        if notes[0].pitch == 60:
            return [Note(40, start=0.75)]
        return None if notes[0].pitch == 61 else []

    memory = performed(sketch_of(tune((1, 60), (2, 61), (2.5, 62)), later))
    assert begun(memory) == [(1.75, 40)]
    assert memory.sounding == []


def test_a_play_cue_comes_before_the_answer_at_the_same_beat(tune):
    order = []
    sketch = sketch_of(tune((0, 60), (4, 60), (5, 60)), lambda now, notes: order.append(now.beats))
    sketch.play(bars=1)(lambda now: order.append(f"bar at {now.beats:g}"))
    performed(sketch, seconds=7.0)
    assert order == ["bar at 0", 0.0, "bar at 4", 4.0, 5.0]


def test_several_cues_answer_the_same_controls_in_order_of_definition(tune):
    sketch = sketch_of(tune((1, 60), (2, 62)), lambda now, notes: [Note(40, 0, 0.1)])
    sketch.answer(sketch._answers[0].controls)(lambda now, notes: [Note(41, 0, 0.1)])
    assert begun(performed(sketch)) == [(1.0, 40), (1.0, 41), (2.0, 40), (2.0, 41)]


def test_controls_are_read_in_the_cue_as_of_its_moment(tune):
    hands = tune((1, 60), (1.5, 62), (1.75, 64))
    held = []

    def look(now, notes):
        held.append([note.pitch for note in hands.played(now, beats=4)] + [hands.key(62)])

    performed(sketch_of(hands, look))
    assert held == [[0.0], [60, 1.0], [60, 62, 1.0]]


def test_pictures_hear_the_answer_from_its_moment_on(tune):
    loud = {}
    sketch = sketch_of(tune((1, 60)), lambda now, notes: [Note(40, 0, 4, velocity=1.0)])

    @sketch.draw
    def look(now):
        loud[round(now.beats, 1)] = sketch.loudness
        return grey(now)

    performed(sketch, seconds=2.0)
    assert loud[0.9] == 0.0
    assert loud[1.0] == 1.0
    assert loud[1.5] == pytest.approx(0.5**0.5)


def test_a_sketch_may_be_performed_twice_and_answers_the_same(tune):
    sketch = sketch_of(tune((0, 60), (1, 62)), echo)
    assert begun(performed(sketch)) == begun(performed(sketch)) == [(0.0, 48), (1.0, 50)]


# -- what is wrong ----------------------------------------------------------------------------


def test_offline_errors_are_raised(tune):
    def fail(now, notes):
        raise OSError("out of strings")

    with pytest.raises(OSError, match="out of strings"):
        performed(sketch_of(tune((1, 60)), fail))
    with pytest.raises(TypeError, match="answer cue 'wrong' returned a str, expected a phrase"):

        def wrong(now, notes):
            return "la la la"

        performed(sketch_of(tune((1, 60)), wrong))
    with pytest.raises(ShowError, match="has more than 100000 notes waiting; write fewer"):
        performed(sketch_of(tune((1, 60)), lambda now, notes: notes * 100_001))


def test_an_answer_cue_needs_controls():
    sketch = Sketch()
    with pytest.raises(TypeError, match="needs to know whom; write @sketch"):
        sketch.answer(lambda now, notes: [])
    for seconds in (-0.1, 1.5, float("nan"), "soon"):
        with pytest.raises(ValueError, match=r"^the seconds of a chord must be 0 to 1, got "):
            sketch.answer(controls(), seconds=seconds)


def test_without_a_human_nothing_is_answered_and_the_show_goes_on():
    sketch = sketch_of(controls(), echo)
    memory = performed(sketch)
    assert begun(memory) == []


# -- live -------------------------------------------------------------------------------------


def live_stage(outputs, *cues, draw=grey, fps=10.0, bpm=60.0):
    """Set a stage whose time the test winds; each of `cues` is (function, hands)."""
    clock = WoundClock(bpm)
    answers = [AnswerCue(function, hands) for function, hands in cues]
    stage = Stage(Performance(clock, (8, 6), fps, "a test"), outputs, draw=draw, answers=answers)
    clock.stage, clock.passes = stage, Passes()
    stage.show.stopping = clock.passes
    forget()
    return stage


def test_live_an_answer_does_not_wait_for_the_composer(tune, monkeypatch):
    monkeypatch.setattr("capriccio.stage.scheduling.TICK_SECONDS", 60.0)
    memory = Timed()
    clock, answers = LiveClock(60.0), [AnswerCue(echo, tune((0.2, 60), (0.3, 62)))]
    stage = memory.stage = Stage(Performance(clock, (8, 6), 10.0), [memory], answers=answers)
    stage.perform(1.5)
    assert [pitch for _, pitch in begun(memory)] == [48, 50]
    assert max(memory.ahead) <= 0.001  # nor was it composed a second before
    assert memory.sounding == []


def test_an_error_is_logged_and_the_next_note_is_answered(tune, capsys):
    def choosy(now, notes):
        if notes[0].pitch == 60:
            raise ValueError("not that one")
        return echo(now, notes)

    memory = Memory()
    stage = live_stage([memory], (choosy, tune((0.5, 60), (1.0, 62))))
    stats = stage.perform(2.0)
    assert [pitch for _, pitch in begun(memory)] == [50]
    told = capsys.readouterr().err
    assert "answer cue 'choosy' raised ValueError: not that one (test_answers.py, line" in told
    assert "nothing is answered" in told
    assert len(memory.images) == stats.frames == 20


def test_a_cue_that_hangs_holds_up_neither_pictures_nor_other_answers(tune, capsys):
    let = threading.Event()
    stages = []

    def stuck(now, notes):
        stages[0].clock.hang(let)

    hands, other, memory = tune((0.5, 60)), tune((0.5, 60), (1.0, 62), (1.5, 64)), Memory()
    with released(let):
        stages.append(live_stage([memory], (stuck, hands), (echo, other)))
        stages[0].perform(2.0)
        assert [pitch for _, pitch in begun(memory)] == [48, 50, 52]
        assert len(memory.images) == 20


def test_notes_played_while_a_cue_hung_are_not_answered_later(tune, capsys):
    let, answered = threading.Event(), []
    stages = []

    def slow(now, notes):
        answered.append(notes[0].pitch)
        if notes[0].pitch == 60:
            stages[0].clock.hang(let)

    def draw(now):
        if now.beats >= 2.0 and not let.is_set():
            stages[0].clock.let_go(let)
        return grey(now)

    hands = tune((0.5, 60), (0.75, 61), (1.0, 62), (2.5, 64))
    with released(let):
        stages.append(live_stage([Memory()], (slow, hands), draw=draw))
        stages[0].perform(4.0)
    assert answered == [60, 64]
    assert MISSED_SECONDS < 2.0 - 1.0
    assert "answer cue 'slow' came too late for what was played" in capsys.readouterr().err


def test_the_switch_interval_is_restored_after_the_show(tune):
    before, during = sys.getswitchinterval(), []
    stage = live_stage(
        [Memory()],
        (lambda now, notes: during.append(sys.getswitchinterval()), tune((0.5, 60))),
    )
    stage.perform(1.0)
    assert during[0] < before == sys.getswitchinterval()


def test_other_cues_take_over_for_later_notes(tune):
    hands = tune((0.5, 60), (1.5, 62))
    stages, memory = [], Memory()

    def draw(now):
        if now.beats == 1.0:
            lower = [AnswerCue(lambda now, notes: [Note(20, 0, 0.1)], hands)]
            stages[0].answers.replace(lower, now.beats)
        return grey(now)

    stages.append(live_stage([memory], (echo, hands), draw=draw))
    stages[0].perform(2.5)
    assert [pitch for _, pitch in begun(memory)] == [48, 20]


# -- takes ------------------------------------------------------------------------------------


def test_a_take_holds_what_was_answered_and_a_replay_plays_it_again(tune):
    sketch = sketch_of(tune((0.5, 60), (1.0, 62)), echo, fps=10.0)
    stage, told = sketch.stage([Memory()]), []
    stage.performance.parameters.subscribe(told.append)
    stage.perform(2.0)
    facts = {"take": 1, "sketch": "a", "sha256": "", "bpm": 60, "meter": 4, "fps": 10}
    header = json.dumps({**facts, "size": [16, 16]})
    answers = [event for event in told if isinstance(event, AnswerPlayed)]
    lines = [header, *map(encode, answers), '[2.0, "end", null]', ""]
    take = read_take("\n".join(lines), "a.jsonl")
    assert [answer.heard[0].pitch for answer in take.answers] == [60, 62]

    heard = []

    def another(now, notes):  # the sketch may have been changed: the notes are those of the show
        heard.append((now.beats, notes[0].pitch))
        return [Note(1)]

    memory = Memory()
    sketch_of(tune((0.5, 60)), another).replay(take, [memory])
    assert begun(memory) == [(0.5, 48), (1.0, 50)]
    assert heard == [(0.5, 60), (1.0, 62)]


# -- real ports -------------------------------------------------------------------------------


def test_a_real_key_is_answered_on_a_real_port(synth):
    answered = []

    def told(now, notes):
        answered.append(notes[0])
        return [Note(notes[0].pitch - 24, 0, 0.05, notes[0].velocity, channel=5)]

    sketch = sketch_of(controls(), told, fps=20.0)
    with plugged("clavier") as clavier:
        show = threading.Thread(
            target=sketch.perform,
            args=([output(f"midi:{synth.name}")],),
            kwargs={"seconds": 6.0, "live": True},
        )
        show.start()
        until(lambda: answered, clavier, (0x90, 60, 100), (0x80, 60, 0))
        for pitch in range(61, 81):
            clavier.send((0x90, pitch, 100))
            time.sleep(0.005)
        wait_for(
            lambda: {(0x94, pitch - 24, 100) for pitch in range(60, 81)} <= set(synth.messages)
        )
        show.join()
    assert not synth.sounding
    assert {note.velocity for note in answered} == {100 / 127}
    del sketch, show
    gc.collect()  # controls listen as long as somebody has them


# -- passed on as it is played ----------------------------------------------------------------


@pytest.fixture
def played(tmp_path):
    """Return controls that are played: messages, each with its beats."""

    def write(*messages):
        track, ticks = mido.MidiTrack(), 0
        for beats, data in messages:
            at = round(beats * 480)
            track.append(mido.Message.from_bytes(data, time=at - ticks))
            ticks = at
        file = mido.MidiFile(ticks_per_beat=480)
        file.tracks.append(track)
        file.save(tmp_path / "played.mid")
        return controls(simulate=tmp_path / "played.mid")

    return write


def on(pitch, level=127):
    return 0x90, pitch, level


def off(pitch):
    return 0x80, pitch, 0


def thru_sketch(hands, fps=10.0, **options):
    sketch = Sketch(bpm=60.0, fps=fps, size=(16, 16))
    sketch.thru(hands, **options)
    return sketch


KEYS = [(0.0, on(60)), (0.3125, on(64, 64)), (1.1875, off(60)), (2.5, off(64)), (3.0, on(67))]
SOUNDS = [
    (0.0, True, 60),
    (0.3125, True, 64),
    (1.1875, False, 60),
    (2.5, False, 64),
    (3.0, True, 67),
    (4.0, False, 67),  # with the show
]


@pytest.mark.parametrize("fps", [0.5, 7.0, 30.0])
def test_keys_sound_as_long_as_they_are_held_whatever_the_frame_rate(played, fps):
    memory = performed(thru_sketch(played(*KEYS), fps, channel=5))
    assert turns(memory) == SOUNDS
    assert {note.channel for note in memory.notes} == {5}
    assert [note.velocity for note in memory.notes] == [1.0, 64 / 127, 1.0]
    assert memory.sounding == []


def test_the_pedal_holds_what_was_released_while_it_is_down(played):
    hands = played(
        (0.0, on(60)), (0.25, cc(64, 127)), (0.5, off(60)), (0.75, on(62)), (1.0, on(60)),
        (1.25, off(60)), (1.5, cc(64, 0)), (2.0, off(62)),
    )  # fmt: skip
    assert turns(performed(thru_sketch(hands))) == [
        (0.0, True, 60),
        (0.75, True, 62),
        (1.0, False, 60),  # played again
        (1.0, True, 60),
        (1.5, False, 60),
        (2.0, False, 62),
    ]


def test_what_is_played_has_the_instrument_of_its_channel_and_is_loud(played):
    sketch, loud = thru_sketch(played(*KEYS), channel=5, instrument="organ"), {}

    @sketch.draw
    def look(now):
        loud[round(now.beats, 1)] = sketch.loudness
        return grey(now)

    memory = performed(sketch)
    assert memory.calls[0].thing.instruments == {5: "organ"}
    assert loud[0.0] == 1.0 and loud[2.4] == pytest.approx(64 / 127 * 0.5 ** (2.4 - 0.3125))
    assert loud[2.5] == 0.0


def test_a_cell_that_runs_again_passes_nothing_on_twice(played):
    hands = played(*KEYS)
    sketch = thru_sketch(hands)
    sketch.thru(hands, channel=2)
    memory = performed(sketch)
    assert turns(memory) == SOUNDS and memory.notes[0].channel == 2


def test_only_the_keys_of_controls_are_passed_on():
    with pytest.raises(TypeError, match="thru needs to know whom; write"):
        Sketch().thru(lambda now: [])
    with pytest.raises(ValueError, match=r"^a channel must be 1\.\.16, got 0"):
        Sketch().thru(controls(), channel=0)
    with pytest.raises(ValueError, match="no instrument is called 'lute'"):
        Sketch().thru(controls(), instrument="lute")


def test_a_take_holds_what_was_passed_on_and_a_replay_plays_it_again(played):
    """Live, as it was heard, to the last key, which is held when the show ends."""
    sketch, told, live = thru_sketch(played(*KEYS), 10.0, channel=5), [], Memory()
    stage = sketch.stage([live], live=True)
    stage.performance.parameters.subscribe(told.append)
    stage.perform(3.5)
    facts = {"take": 1, "sketch": "a", "sha256": "", "bpm": 60, "meter": 4, "fps": 10}
    header = json.dumps({**facts, "size": [16, 16]})
    answers = [encode(event) for event in told if isinstance(event, AnswerPlayed)]
    take = read_take("\n".join([header, *answers, '[3.5, "end", null]', ""]), "a.jsonl")
    memory = Memory()
    sketch.replay(take, [memory])
    assert [what for _, *what in turns(memory)] == [what for _, *what in SOUNDS]
    assert [at for at, *_ in turns(memory)] == pytest.approx(
        [at for at, *_ in turns(live)], abs=1e-6
    )
    assert {note.channel for note in memory.notes} == {5}


def test_a_key_that_is_held_while_other_cues_take_over_is_ended_when_it_is_released(played):
    hands = played((0.5, on(60)), (1.5, on(62)), (1.75, off(62)), (2.0, off(60)))
    stages, memory = [], Memory()

    def draw(now):
        if now.beats == 1.0:
            stages[0].answers.replace([AnswerCue(None, hands, channel=2)], now.beats)
        return grey(now)

    stages.append(live_stage([memory], (None, hands), draw=draw))
    stages[0].perform(3.0)
    assert [(begins, pitch) for _, begins, pitch in turns(memory)] == [
        (True, 60), (True, 62), (False, 62), (False, 60),
    ]  # fmt: skip
    assert [note.channel for note in memory.notes] == [1, 2]


def test_what_was_played_while_the_show_stood_still_is_not_played_later(played):
    hands, memory = played((0.5, on(60)), (0.6, off(60)), (2.5, on(62))), Memory()
    stage = live_stage([memory], (None, hands))
    stage.show.started = True
    (cue,) = stage.answers.cues
    stage.clock.wait(2.0)
    hands.open()
    stage.answers._pass_on(cue)
    assert len(stage.delivery.queues[0]) == 0


def test_a_real_keyboard_sounds_on_a_real_port(synth):
    sketch, shows = thru_sketch(controls(), 20.0, channel=5), []
    with plugged("clavier") as clavier:
        show = threading.Thread(
            target=lambda show: shows.append(
                show.perform([output(f"midi:{synth.name}")], seconds=60.0, live=True)
            ),
            args=(sketch,),
        )
        show.start()
        until(lambda: synth.begun, clavier, (0x90, 60, 100), (0x80, 60, 0))
        clavier.send((0xB0, 64, 127), (0x90, 61, 100), (0x80, 61, 0))
        wait_for(lambda: (0x94, 61, 100) in synth.messages)
        clavier.send((0x90, 62, 90), (0x80, 62, 0))
        wait_for(lambda: (0x94, 62, 90) in synth.messages)
        assert {(4, 61), (4, 62)} <= synth.sounding  # the pedal holds them
        clavier.send((0xB0, 64, 0))
        wait_for(lambda: not synth.sounding)
        sketch.current_stage.watchdog.stop_requests += 1
        show.join()
    assert not shows[0].troubles
    del sketch, show
    gc.collect()
