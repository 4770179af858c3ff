"""Tempo: conversion of beats and seconds through every change, and tap tempo."""

import math
from fractions import Fraction

import numpy as np
import pytest
from capriccio import Note, Output, Sketch
from capriccio.tempo import MAX_RAMP_BEATS, STEPS_PER_BEAT, TapTempo, TempoMap
from hypothesis import given
from hypothesis import strategies as st

TEMPOS = st.floats(20, 300)
CHANGES = st.lists(
    st.tuples(st.floats(0, 60), TEMPOS, st.sampled_from([0.0, 0.5, 3.0]), st.booleans()),
    max_size=8,
)


# -- TempoMap ----------------------------------------------------------------------------------


@given(TEMPOS, CHANGES, st.lists(st.floats(-1, 120), min_size=2))
def test_time_never_goes_back_through_any_changes(bpm, changes, times):
    tempo = TempoMap(bpm)
    for seconds, to, over, standing in changes:
        tempo.change(seconds, to, over=over, standing=standing)
    beats = [tempo.beats_at(seconds) for seconds in sorted(times)]
    assert beats == sorted(beats)
    assert [tempo.seconds_at(beat) for beat in beats] == sorted(map(tempo.seconds_at, beats))


@given(TEMPOS, CHANGES, st.floats(0, 120))
def test_seconds_convert_to_beats_and_back_through_any_changes(bpm, changes, seconds):
    tempo = TempoMap(bpm)
    for at, to, over, _ in changes:
        tempo.change(at, to, over=over)
    assert tempo.seconds_at(tempo.beats_at(seconds)) == pytest.approx(seconds, abs=1e-6)


@given(CHANGES, st.floats(0, 60), TEMPOS)
def test_a_change_does_not_affect_earlier_times(changes, seconds, bpm):
    tempo = TempoMap(120)
    for at, to, over, standing in changes:
        tempo.change(at, to, over=over, standing=standing)
    times = np.linspace(0, seconds, 50)
    before = [tempo.beats_at(at) for at in times]
    tempo.change(seconds, bpm)
    assert [tempo.beats_at(at) for at in times] == pytest.approx(before, abs=1e-9)
    assert tempo.beats_at(seconds + 60) - tempo.beats_at(seconds) == pytest.approx(bpm)


def test_a_change_by_another_thread_comes_before_a_conversion_or_after_it():
    class Interrupted(TempoMap):
        """A map whose tempo changes as soon as it was found to be steady."""

        _steady = property(lambda self: self.found.pop(0), lambda self, bpm: None)
        found: list[float]

    tempo = Interrupted(120)
    for ask, right in ((tempo.beats_at, 6.0), (tempo.seconds_at, 1.5), (tempo.bpm_at, 120.0)):
        tempo.found = [120.0, 0.0]
        assert ask(3.0) == right


def test_a_steady_tempo_converts_by_one_multiplication():
    tempo = TempoMap(97)
    for number in range(1000):
        assert tempo.beats_at(number * 0.37) == number * 0.37 * 97 / 60
        assert tempo.seconds_at(number * 0.37) == number * 0.37 * 60 / 97


def test_a_ramp_takes_as_long_as_the_exact_curve():
    tempo = TempoMap(60)
    tempo.change(1.0, 120, over=8)
    assert tempo.beats_at(1.0) == 1.0
    assert tempo.bpm_at(1.01) < 61
    # dt = 60 db / (60 + 60 b / 8), the integral of which is 8 ln 2.
    assert tempo.seconds_at(9.0) == pytest.approx(1 + 8 * math.log(2), abs=1e-4)
    assert tempo.bpm_at(tempo.seconds_at(9.0)) == 120
    assert len(tempo.segments()) == 2 + 8 * STEPS_PER_BEAT
    tempos = [segment.bpm for segment in tempo.segments()]
    assert tempos == sorted(tempos)


def test_beats_stop_and_go_on():
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
def test_an_invalid_tempo_is_refused(bpm):
    with pytest.raises(ValueError, match="bpm must be above 0 and below 10000, got "):
        TempoMap(120).change(1.0, bpm)


@pytest.mark.parametrize("over", [-1, MAX_RAMP_BEATS + 1, math.nan])
def test_a_ramp_of_invalid_length_is_refused(over):
    with pytest.raises(ValueError, match=rf"a ramp must take 0\.\.{MAX_RAMP_BEATS} beats, got "):
        TempoMap(120).change(1.0, 60, over=over)


# -- TapTempo -------------------------------------------------------------------------------------


def tap(*times: float) -> list[float | None]:
    tempo = TapTempo()
    return [tempo.tap(seconds) for seconds in times]


def test_four_tempogive_a_tempo():
    assert tap(0, 0.5, 1.0, 1.5) == [None, None, None, pytest.approx(120)]


@given(st.lists(st.floats(-0.02, 0.02), min_size=8, max_size=8), st.floats(50, 200))
def test_irregular_tempoare_averaged(slips, bpm):
    taps = [number * 60 / bpm + slip for number, slip in enumerate(slips)]
    off = 0.04 / (7 * 60 / bpm)  # the first and the last slip are shared by seven beats
    assert tap(*taps)[-1] == pytest.approx(bpm, rel=off / (1 - off) + 1e-9)


@pytest.mark.parametrize("slip", [0.2, -0.2])
def test_a_tap_far_off_does_not_count(slip):
    taps = [number * 0.5 for number in range(8)]
    taps[4] += slip
    assert tap(*taps)[-1] == pytest.approx(120)


def test_a_missed_tap_does_not_count():
    assert tap(0, 0.5, 1.0, 2.0, 2.5, 3.0)[-1] == pytest.approx(120)


def test_after_a_pause_a_new_tempo_starts():
    assert tap(0, 0.5, 1.0, 1.5, 9.0, 10.0, 11.0)[4:] == [None, None, None]
    assert tap(0, 0.5, 1.0, 1.5, 9.0, 10.0, 11.0, 12.0)[-1] == pytest.approx(60)


def test_the_last_eight_tempofollow_a_change():
    taps = [float(number) for number in range(8)] + [7 + 0.5 * number for number in range(1, 9)]
    assert tap(*taps)[-1] == pytest.approx(120)


# -- drift ------------------------------------------------------------------------------------


def test_an_hour_of_music_is_due_to_the_microsecond():
    """Eight notes a second at a tempo that no float holds exactly, against exact fractions."""
    sketch, last = Sketch(bpm=97, fps=0.1, size=(16, 16)), []
    sketch.play(bars=4)(lambda now: [Note(60, start=k * 97 / 480, length=0.1) for k in range(80)])

    class Timestamps(Output):
        def note_on(self, note, now):
            last.append((now.beats, now.seconds))

    sketch.perform([Timestamps()], seconds=3600)
    assert len(last) > 20_000
    off = [abs(Fraction(beats) * 60 / 97 - Fraction(seconds)) for beats, seconds in last]
    assert max(off) < Fraction(1, 10**9)
    assert last[-1][1] > 3598
