"""Moments and clocks: time is converted and waited for exactly."""

import math
import time

import pytest
from capriccio import Moment
from capriccio.clock import LiveClock, OfflineClock, wait_until
from hypothesis import assume, given
from hypothesis import strategies as st

BEATS = st.floats(0, 1e5)
PERIODS = st.floats(0.01, 1e3)


# -- oscillators ------------------------------------------------------------------------------


@given(BEATS, PERIODS)
def test_oscillators_stay_within_0_to_1(beats, period):
    now = Moment(beats=beats)
    assert 0 <= now.phase(beats=period) < 1
    assert 0 <= now.wave(beats=period) <= 1
    assert 0.001 <= now.pulse(beats=period) <= 1


def test_a_phase_rises_from_0_to_1_and_starts_again():
    seen = [Moment(beats=beats).phase(beats=2) for beats in (0, 0.5, 1, 1.5, 2, 2.5)]
    assert seen == [0, 0.25, 0.5, 0.75, 0, 0.25]


def test_a_wave_rises_and_falls():
    seen = [Moment(beats=beats).wave(beats=4) for beats in range(5)]
    assert seen == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_a_pulse_is_1_on_the_beat_and_decays():
    seen = [Moment(beats=beats).pulse(beats=1) for beats in (0, 0.25, 0.5, 0.75, 1)]
    assert seen[0] == seen[-1] == 1
    assert seen[0] > seen[1] > seen[2] > seen[3] > 0.001


def test_bars_follow_the_meter_and_the_default_period_is_one_bar():
    waltz = Moment(beats=3, meter=3)
    assert waltz.phase(bars=2) == 0.5
    assert waltz.phase(bars=1, beats=1) == 0.75
    assert waltz.phase() == 0
    assert Moment(beats=3).phase() == 0.75


@pytest.mark.parametrize("period", [{"beats": -1}, {"bars": math.inf}, {"beats": math.nan}])
def test_an_invalid_period_is_refused(period):
    with pytest.raises(ValueError, match=r"^a period must be positive and finite, got .* beats$"):
        Moment().phase(**period)


def test_a_moment_is_immutable():
    with pytest.raises(AttributeError, match="cannot assign to field 'beats'"):
        Moment().beats = 1


# -- clocks -----------------------------------------------------------------------------------


@given(BEATS, st.floats(20, 400))
def test_beats_convert_to_seconds_and_back(beats, bpm):
    clock = OfflineClock(bpm)
    assert clock.beats_at(clock.seconds_at(beats)) == pytest.approx(beats)
    assert clock.moment(beats=beats, span=1).seconds == clock.seconds_at(beats)
    assert clock.moment(seconds=beats, span=1).beats == clock.beats_at(beats)


def test_a_moment_has_the_meter_and_the_span():
    assert OfflineClock(60, 3).moment(beats=6, span=0.5) == Moment(6, 6, 0.5, 3)


def test_a_moment_has_the_tempo_from_the_first_beat_on():
    assert OfflineClock(84).moment(beats=0, span=4).bpm == 84


@pytest.mark.parametrize("bpm", [0, -1, 10_000, math.nan, math.inf])
def test_an_invalid_tempo_is_refused(bpm):
    with pytest.raises(ValueError, match=r"^bpm must be above 0 and below 10000, got "):
        OfflineClock(bpm)


@pytest.mark.parametrize("meter", [0, 65, 3.5, "4"])
def test_an_invalid_meter_is_refused(meter):
    with pytest.raises(ValueError, match=r"^meter must be a whole number of beats 1\.\.64, got "):
        OfflineClock(meter=meter)


@given(st.lists(st.floats(0, 1e6)))
def test_an_offline_clock_goes_where_it_is_set_and_never_back(times):
    clock = OfflineClock()
    latest = 0.0
    for seconds in times:
        clock.wait(seconds)
        latest = max(latest, seconds)
        assert clock.seconds() == latest
    clock.start()
    assert clock.seconds() == 0
    assert not clock.live


def test_a_live_clock_is_0_until_it_is_started():
    clock = LiveClock()
    assert clock.live
    assert clock.seconds() == 0
    assert clock.monotonic(0.5) == pytest.approx(time.monotonic() + 0.5, abs=0.1)
    clock.start()
    assert 0 <= clock.seconds() < 0.5
    assert clock.monotonic(2.0) - clock.monotonic(1.0) == pytest.approx(1.0)


def test_a_live_clock_waits_for_absolute_times():
    clock = LiveClock()
    clock.start()
    for step in range(1, 11):
        clock.wait(step * 0.004)
        assert clock.seconds() >= step * 0.004
    assert clock.seconds() < 0.5
    before = clock.seconds()
    clock.wait(0.001)  # long passed
    assert clock.seconds() - before < 0.25


@given(st.floats(-1, 0))
def test_a_deadline_that_has_passed_is_not_waited_for(ago):
    assume(ago < 0)
    before = time.monotonic()
    wait_until(before + ago)
    assert time.monotonic() - before < 0.25


# -- changes ----------------------------------------------------------------------------------


def test_a_live_clock_can_start_with_a_lead():
    clock = LiveClock()
    assert not clock.started
    clock.start(lead=5.0)
    assert clock.started
    assert -5.0 <= clock.seconds() < -4.0


def test_a_change_takes_effect_after_what_was_sent_ahead():
    clock = OfflineClock(120)
    clock.ahead = 0.25
    clock.wait(1.0)
    clock.change(60)
    assert clock.tempo.bpm_at(1.2) == 120
    assert clock.tempo.bpm_at(1.25) == 60
    assert clock.bpm == 120
    clock.wait(2.0)
    assert clock.bpm == 60


def test_a_change_to_the_same_tempo_is_not_announced():
    clock, changes = OfflineClock(120), []
    clock.listeners.append(changes.append)
    clock.change(120)
    assert changes == []
    clock.change(90)
    clock.change(90)
    assert [change.bpm for change in changes] == [90]


def test_a_change_of_tempo_does_not_restart_a_stopped_clock():
    clock = OfflineClock(120)
    clock.change(standing=True)
    clock.change(90)
    clock.wait(10.0)
    assert clock.beats_at(10.0) == 0
    clock.change(standing=False)
    assert clock.beats_at(12.0) == pytest.approx(3.0)


def test_stopped_beats_go_on_from_any_time_since():
    clock = OfflineClock(60)
    clock.ahead = 0.25
    clock.change(seconds=1.0, standing=True)
    clock.wait(9.0)
    clock.change(seconds=8.5, standing=False)  # heard a little later than it was
    assert clock.beats_at(9.5) == pytest.approx(2.0)
    clock.change(120, seconds=8.6)  # now it is too late for that
    assert clock.tempo.bpm_at(9.2) == 60
