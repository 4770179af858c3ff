"""Tempo: beats and seconds through every change, taps, and shows whose tempo moves."""

import math
from fractions import Fraction
from itertools import pairwise

import mido
import numpy as np
import pytest
from capriccio import Note, Output, ShowError, Sketch
from capriccio.devices.midi.file import MidiFile
from capriccio.recording.take import read_take
from capriccio.registry import output
from capriccio.tempo import MOST_BEATS, STEPS_PER_BEAT, Taps, TempoMap
from capriccio.testing import Memory
from helpers.rehearsal import live_stage, offline_stage
from hypothesis import given
from hypothesis import strategies as st

TEMPOS = st.floats(20, 300)
CHANGES = st.lists(
    st.tuples(st.floats(0, 60), TEMPOS, st.sampled_from([0.0, 0.5, 3.0]), st.booleans()),
    max_size=8,
)


# -- the map ----------------------------------------------------------------------------------


@given(TEMPOS, CHANGES, st.lists(st.floats(-1, 120), min_size=2))
def test_time_never_goes_back_whatever_changes(bpm, changes, times):
    tempo = TempoMap(bpm)
    for seconds, to, over, standing in changes:
        tempo.change(seconds, to, over=over, standing=standing)
    beats = [tempo.beats_at(seconds) for seconds in sorted(times)]
    assert beats == sorted(beats)
    assert [tempo.seconds_at(beat) for beat in beats] == sorted(map(tempo.seconds_at, beats))


@given(TEMPOS, CHANGES, st.floats(0, 120))
def test_seconds_and_beats_are_two_words_for_one_time_through_every_change(bpm, changes, seconds):
    tempo = TempoMap(bpm)
    for at, to, over, _ in changes:
        tempo.change(at, to, over=over)
    assert tempo.seconds_at(tempo.beats_at(seconds)) == pytest.approx(seconds, abs=1e-6)


@given(CHANGES, st.floats(0, 60), TEMPOS)
def test_a_change_leaves_what_was_before_it_as_it_was(changes, seconds, bpm):
    tempo = TempoMap(120)
    for at, to, over, standing in changes:
        tempo.change(at, to, over=over, standing=standing)
    times = np.linspace(0, seconds, 50)
    before = [tempo.beats_at(at) for at in times]
    tempo.change(seconds, bpm)
    assert [tempo.beats_at(at) for at in times] == pytest.approx(before, abs=1e-9)
    assert tempo.beats_at(seconds + 60) - tempo.beats_at(seconds) == pytest.approx(bpm)


def test_a_change_in_another_thread_is_before_a_question_or_after_it():
    class Interrupted(TempoMap):
        """A map whose tempo changes as soon as it was found to be steady."""

        _steady = property(lambda self: self.found.pop(0), lambda self, bpm: None)
        found: list[float]

    tempo = Interrupted(120)
    for ask, right in ((tempo.beats_at, 6.0), (tempo.seconds_at, 1.5), (tempo.bpm_at, 120.0)):
        tempo.found = [120.0, 0.0]
        assert ask(3.0) == right


def test_without_a_change_every_number_is_what_it_was():
    tempo = TempoMap(97)
    for number in range(1000):
        assert tempo.beats_at(number * 0.37) == number * 0.37 * 97 / 60
        assert tempo.seconds_at(number * 0.37) == number * 0.37 * 60 / 97


def test_a_ramp_takes_as_long_as_the_curve_it_stands_for():
    tempo = TempoMap(60)
    tempo.change(1.0, 120, over=8)
    assert tempo.beats_at(1.0) == 1.0
    assert tempo.bpm_at(1.01) < 61
    # dt = 60 db / (60 + 60 b / 8), the integral of which is 8 ln 2.
    assert tempo.seconds_at(9.0) == pytest.approx(1 + 8 * math.log(2), abs=1e-4)
    assert tempo.bpm_at(tempo.seconds_at(9.0)) == 120
    assert len(tempo.stretches()) == 2 + 8 * STEPS_PER_BEAT
    tempos = [stretch.bpm for stretch in tempo.stretches()]
    assert tempos == sorted(tempos)


def test_beats_stand_still_and_go_on():
    tempo = TempoMap(60)
    tempo.change(2.0, 60, standing=True)
    assert tempo.beats_at(50.0) == 2.0
    assert tempo.seconds_at(2.0) == 2.0
    assert tempo.seconds_at(2.5) == math.inf
    assert tempo.stands_at(3.0) and tempo.bpm_at(3.0) == 60
    tempo.change(10.0, 60, beats=4.0)
    assert tempo.beats_at(9.9) == 2.0
    assert tempo.beats_at(11.0) == 5.0
    assert tempo.seconds_at(3.0) == 10.0  # which never come
    assert tempo.seconds_at(4.0) == 10.0


def test_an_hour_of_eighths_drifts_less_than_a_nanosecond():
    tempo = TempoMap(113)
    bpms = [113 + 7 * (number % 5) for number in range(600)]
    exact, at = 0.0, 0.0
    for bpm in bpms:  # a change every six seconds
        tempo.change(at, bpm)
        at += 6.0
        exact += bpm / 10
    assert at == 3600
    assert abs(tempo.beats_at(3600.0) - exact) < 1e-9 * exact
    assert abs(tempo.seconds_at(tempo.beats_at(3600.0)) - 3600) < 1e-9


@pytest.mark.parametrize("bpm", [0, -1, 10_000, math.nan])
def test_a_change_to_what_is_no_tempo_is_told(bpm):
    with pytest.raises(ValueError, match="bpm; give more than 0 and less than 10000"):
        TempoMap(120).change(1.0, bpm)


@pytest.mark.parametrize("over", [-1, MOST_BEATS + 1, math.nan])
def test_a_ramp_of_no_length_is_told(over):
    with pytest.raises(ValueError, match=rf"a ramp over .* beats; give 0 to {MOST_BEATS}"):
        TempoMap(120).change(1.0, 60, over=over)


# -- taps -------------------------------------------------------------------------------------


def tapped(*taps: float) -> list[float | None]:
    hand = Taps()
    return [hand.tap(seconds) for seconds in taps]


def test_four_taps_make_a_tempo():
    assert tapped(0, 0.5, 1.0, 1.5) == [None, None, None, pytest.approx(120)]


@given(st.lists(st.floats(-0.02, 0.02), min_size=8, max_size=8), st.floats(50, 200))
def test_an_unsteady_hand_is_averaged(slips, bpm):
    taps = [number * 60 / bpm + slip for number, slip in enumerate(slips)]
    off = 0.04 / (7 * 60 / bpm)  # the first and the last slip are shared by seven beats
    assert tapped(*taps)[-1] == pytest.approx(bpm, rel=off / (1 - off) + 1e-9)


@pytest.mark.parametrize("slip", [0.2, -0.2])
def test_a_tap_that_slips_does_not_count(slip):
    taps = [number * 0.5 for number in range(8)]
    taps[4] += slip
    assert tapped(*taps)[-1] == pytest.approx(120)


def test_a_missed_tap_does_not_count():
    assert tapped(0, 0.5, 1.0, 2.0, 2.5, 3.0)[-1] == pytest.approx(120)


def test_after_a_pause_another_tempo_begins():
    assert tapped(0, 0.5, 1.0, 1.5, 9.0, 10.0, 11.0)[4:] == [None, None, None]
    assert tapped(0, 0.5, 1.0, 1.5, 9.0, 10.0, 11.0, 12.0)[-1] == pytest.approx(60)


def test_the_last_eight_taps_follow_a_hand_that_gets_faster():
    taps = [float(number) for number in range(8)] + [7 + 0.5 * number for number in range(1, 9)]
    assert tapped(*taps)[-1] == pytest.approx(120)


# -- shows ------------------------------------------------------------------------------------


def eighths(now):
    return [Note(60, start=beat / 2, length=0.25) for beat in range(int(now.span * 2))]


def times(memory, method="note_on") -> list[float]:
    return [call.now.seconds for call in memory.calls if call.method == method]


def sketch_that(change, bpm=120.0) -> tuple[Sketch, Memory]:
    sketch = Sketch(bpm=bpm, fps=10, size=(16, 16))

    @sketch.play(bars=1)
    def cue(now):
        change(sketch, now)
        return eighths(now)

    return sketch, Memory()


def test_a_sketch_changes_its_tempo_at_the_moment_of_its_cue():
    sketch, memory = sketch_that(lambda sketch, now: now.beats == 4 and sketch.tempo(now, 60))
    sketch.perform([memory], seconds=6)
    assert times(memory)[:12] == pytest.approx([*(0.25 * k for k in range(8)), 2.0, 2.5, 3.0, 3.5])


def test_a_ramp_is_the_same_at_every_frame_rate_and_every_time():
    def scores(fps):
        sketch, memory = sketch_that(lambda sketch, now: sketch.tempo(now, 80 + now.beats, 3))
        sketch.fps = fps
        sketch.perform([memory], seconds=8)
        return times(memory), memory.score()

    assert scores(10) == scores(10) == scores(37)


def test_a_midi_file_carries_the_tempo(tmp_path):
    sketch, memory = sketch_that(lambda sketch, now: now.beats == 4 and sketch.tempo(now, 60, 2))
    sketch.perform([memory, MidiFile(str(tmp_path / "a.mid"))], seconds=8)
    heard, at = [], 0.0
    for message in mido.MidiFile(tmp_path / "a.mid"):
        at += message.time
        if message.type == "note_on":
            heard.append(at)
    assert heard == pytest.approx(times(memory), abs=0.002)  # a tick is a millisecond


def test_a_change_does_not_touch_what_was_handed_over(monkeypatch):
    memory = Memory()
    memory.timed = True
    handed = {}

    def drawn(now):
        if now.seconds == 2.0:
            handed.update({call.now.beats: call.now.seconds for call in memory.calls[1:]})
            stage.performance.parameters.set("/show/tempo", 60)
        return np.zeros((8, 8, 3))

    stage = live_stage([memory], draw=drawn, plays=[(eighths, 1)])
    stage.perform(4.0)
    starts = times(memory)
    gaps = [after - before for before, after in pairwise(starts)]
    assert gaps[:8] == pytest.approx([0.25] * 8)
    assert gaps[-2:] == pytest.approx([0.5] * 2)
    assert len([gap for gap in gaps if 0.26 < gap < 0.49]) <= 1
    for call in memory.calls:
        if call.method == "note_on" and call.now.beats in handed:
            assert call.now.seconds == handed[call.now.beats]


def test_the_parameters_has_the_tempo_with_its_span_and_taps():
    stage = live_stage([Memory()], draw=lambda now: np.zeros((8, 8, 3)))
    controls = stage.performance.parameters.by_address
    assert controls["/show/tempo"].span == (20.0, 300.0)
    assert controls["/show/tempo"].value() == 120.0
    assert controls["/show/tap"].key == "t" and controls["/show/panic"].key == "p"
    assert controls["/show/tempo"].fit(1e9) == 300.0
    with pytest.raises(TypeError, match="a tempo of 'fast'; give a number of beats a minute"):
        stage.performance.parameters.set("/show/tempo", "fast")
    with pytest.raises(ValueError, match="a tempo of nan; give a number of beats a minute"):
        stage.performance.parameters.set("/show/tempo", math.nan)


def test_taps_on_the_parameters_change_the_tempo_without_waiting_for_a_frame():
    stage = live_stage([Memory()], draw=lambda now: np.zeros((8, 8, 3)))
    for number in range(4):
        stage.clock.wait(0.75 * number)
        stage.performance.parameters.set("/show/tap")
    assert stage.clock.tempo.bpm_at(10.0) == pytest.approx(80)


def test_a_tempo_that_another_clock_leads_is_left_alone(capsys):
    stage = live_stage([Memory()], draw=lambda now: np.zeros((8, 8, 3)))
    stage.clock.leader = "the clock of 'TR-8'"
    stage.performance.parameters.set("/show/tempo", 60)
    stage.performance.parameters.apply_pending(0.0)
    assert stage.clock.tempo.bpm_at(10.0) == 120
    assert "the tempo is that of the clock of 'TR-8'" in capsys.readouterr().err


def test_a_show_that_stands_still_ends_its_notes_and_goes_on_where_it_was():
    memory = Memory()

    def drawn(now):
        if now.seconds == 1.0:
            stage.clock.change(standing=True)
        if now.seconds == 3.0:
            stage.clock.change(standing=False)
        return np.zeros((8, 8, 3))

    def long(now):
        return [Note(50, length=16)] if now.beats == 0 else eighths(now)

    stage = live_stage([memory], draw=drawn, plays=[(long, 1)])
    stage.perform(5.5)
    assert memory.sounding == []
    offs = times(memory, "note_off")
    assert offs[0] == pytest.approx(1.25, abs=0.001)  # what had been handed over is played
    assert not [at for at in times(memory) if 1.26 < at < 3.24]
    first = next(call.now for call in memory.calls if call.method == "note_on" and call.now.beats)
    assert (first.beats, first.seconds) == pytest.approx((4.0, 3.25 + 0.75), abs=0.001)


def test_beats_that_are_skipped_are_not_played():
    memory = Memory()

    def drawn(now):
        if now.seconds == 1.0:
            stage.clock.change(beats=8.0)
        return np.zeros((8, 8, 3))

    stage = live_stage([memory], draw=drawn, plays=[(eighths, 1)])
    stage.perform(4.0)
    beats = [call.now.beats for call in memory.calls if call.method == "note_on"]
    assert beats == sorted(beats)
    assert not [beat for beat in beats if 2.51 < beat < 8]
    assert 8.0 in beats
    assert memory.sounding == []


def test_a_take_is_performed_again_with_its_tempo():
    turns = []
    memory = Memory()

    def drawn(now):
        if now.seconds == 1.0:
            stage.performance.parameters.set("/show/tempo", 60)
        return np.zeros((8, 8, 3))

    stage = live_stage([memory], draw=drawn, plays=[(eighths, 1)])
    stage.performance.parameters.subscribe(turns.append)
    stage.perform(3.0)
    facts = '{"take":1,"sketch":"a.py","sha256":"","bpm":120,"meter":4,"fps":10,"size":[16,16]}'
    lines = [facts] + [
        f'[{turn.seconds},"tempo",{str([*turn.value]).lower()}]'
        for turn in turns
        if turn.address == "tempo"
    ]
    clock = read_take("\n".join(lines) + "\n", "a take").clock()
    for beats in np.linspace(0, 8, 65):
        assert clock.seconds_at(beats) == stage.clock.seconds_at(beats)


# -- early and late ---------------------------------------------------------------------------


@pytest.mark.parametrize("ms", [-100, 0, 300])
def test_a_timed_output_is_early_or_late_by_its_delay(ms):
    class Sound(Memory):
        timed = True
        show = Output.show  # it shows nothing, or it could not be early

    memory = Sound()
    memory.delay = ms / 1000
    live_stage([memory], plays=[(eighths, 1)], draw=lambda now: np.zeros((8, 8, 3))).perform(4.0)
    expected = [call.now.beats / 2 + ms / 1000 for call in memory.calls if call.method == "note_on"]
    assert len(expected) > 10
    assert times(memory) == pytest.approx(expected)


@pytest.mark.parametrize("ms", [0, 150, 333])
def test_a_picture_is_shown_late_by_its_delay_and_none_is_shown_twice(ms):
    class Glass(Memory):
        def show(self, image, now):
            super().show(image, now)
            late.append(round(1000 * (stage.clock.seconds() - now.seconds)))

    glass, late = Glass(), []
    glass.delay = ms / 1000
    stage = live_stage([glass], draw=lambda now: np.full((8, 8, 3), now.seconds / 10))
    stage.perform(4.0)
    shown = [call.now.seconds for call in glass.calls if call.method == "show"]
    assert shown == sorted(set(shown)) and len(shown) >= 36
    assert late[1:] == pytest.approx([ms] * (len(late) - 1), abs=1)


@pytest.mark.parametrize(
    ("ms", "live", "words"),
    [
        (-5, True, r"cannot show a picture 5 ms early; have the sound late instead: midi@5ms"),
        (1001, True, r"has a delay of 1001 ms; give at most 1000"),
        (5, False, r"has a delay of 5 ms; files are exact, leave it out"),
    ],
)
def test_a_delay_that_cannot_be_is_told(ms, live, words):
    memory = Memory()
    memory.delay = ms / 1000
    with pytest.raises(ShowError, match=words):
        (live_stage if live else offline_stage)([memory], plays=[(eighths, 1)])


def test_words_on_the_command_line_say_the_delay():
    assert output("midi:nanoKEY2 @ home@-15ms").delay == -0.015
    assert output("midi:nanoKEY2 @ home@-15ms").target == "nanoKEY2 @ home"
    assert output("screen:1@40.5ms").delay == 0.0405
    assert output("midi@40ms").target == ""
    assert output("midi:a@b").delay == 0


# -- an hour ----------------------------------------------------------------------------------


def test_an_hour_of_music_is_due_to_the_microsecond():
    """Eight notes a second at a tempo that no float holds exactly, against exact fractions."""
    sketch, last = Sketch(bpm=97, fps=0.1, size=(16, 16)), []
    sketch.play(bars=4)(lambda now: [Note(60, start=k * 97 / 480, length=0.1) for k in range(80)])

    class Ear(Output):
        def note_on(self, note, now):
            last.append((now.beats, now.seconds))

    sketch.perform([Ear()], seconds=3600)
    assert len(last) > 20_000
    off = [abs(Fraction(beats) * 60 / 97 - Fraction(seconds)) for beats, seconds in last]
    assert max(off) < Fraction(1, 10**9)
    assert last[-1][1] > 3598
