"""A MIDI clock that is followed: by timestamps, and on a real port."""

import random
import time

import pytest
from capriccio import Performance, ShowError
from capriccio.clock import LiveClock, OfflineClock
from capriccio.devices.midi.clock_in import ClockEstimate, ClockFollower, ClockInput
from capriccio.devices.midi.player_process import CONTINUE, POSITION, START, STOP, TICK
from helpers.controllers import plugged
from helpers.devices import wait_for
from hypothesis import given
from hypothesis import strategies as st

# -- the estimate --------------------------------------------------------------------------------


def jittered(bpm: float, ticks: int, ms: float, seed: int, since: float = 0.0) -> list[float]:
    """Return when ticks come that are early or late by up to `ms`."""
    chance = random.Random(seed)
    return [since + k * 60 / bpm / 24 + chance.uniform(-ms, ms) / 1000 for k in range(ticks)]


@given(st.floats(40, 240), st.integers(0, 1000))
def test_a_tempo_is_found_in_ticks_three_milliseconds_off(bpm, seed):
    estimate = ClockEstimate()
    for seconds in jittered(bpm, 192, 3.0, seed):
        estimate.add_tick(seconds)
    assert estimate.bpm == pytest.approx(bpm, rel=0.01)
    assert abs(estimate.ticks_since(191 * 60 / bpm / 24)) * 60 / bpm / 24 < 0.003


def test_without_jitter_it_is_exact_at_once():
    estimate = ClockEstimate()
    for seconds in jittered(97, 6, 0, 0):
        estimate.add_tick(seconds)
    assert estimate.bpm == pytest.approx(97)


@pytest.mark.parametrize("then", [60, 100, 140, 240])
def test_another_tempo_is_found_within_two_beats(then):
    estimate = ClockEstimate()
    for seconds in jittered(120, 96, 1.0, 7):
        estimate.add_tick(seconds)
    for seconds in jittered(then, 48, 1.0, 8, since=96 * 60 / 120 / 24):
        estimate.add_tick(seconds)
    assert estimate.bpm == pytest.approx(then, rel=0.02)


def test_one_tick_that_is_held_up_changes_next_to_nothing():
    estimate = ClockEstimate()
    for number, seconds in enumerate(jittered(120, 192, 0, 0)):
        estimate.add_tick(seconds + (0.2 if number == 150 else 0))
    assert estimate.bpm == pytest.approx(120, rel=0.005)


def test_ticks_that_come_at_one_time_have_no_tempo():
    estimate = ClockEstimate()
    for _ in range(12):
        estimate.add_tick(1.0)
    assert estimate.bpm == 0.0


# -- following --------------------------------------------------------------------------------


class Band:
    """Another machine with its clock, and a show that follows it; time moves as it plays."""

    def __init__(self, bpm: float = 120.0, ahead: float = 0.25):
        self.clock = OfflineClock(bpm)
        self.clock.change(standing=True, seconds=0.0)
        self.clock.wait(1.0)
        self.clock.ahead = ahead
        self.follower = ClockFollower(self.clock, "the clock of 'TR-8'")
        self.seconds, self.tick, self.chance = 1.0, 0, random.Random(1)

    def send(self, *message: int) -> None:
        self.clock.wait(self.seconds)
        self.follower.receive(self.seconds, bytes(message))

    def play(self, beats: float, bpm: float, ms: float = 0.0) -> None:
        """Send `beats` of ticks."""
        for _ in range(round(beats * 24)):
            self.clock.wait(self.seconds)
            self.follower.check(self.seconds)
            self.follower.receive(self.seconds + self.chance.uniform(-ms, ms) / 1000, bytes([TICK]))
            self.seconds += 60 / bpm / 24

    def rest(self, seconds: float) -> None:
        self.seconds += seconds
        self.clock.wait(self.seconds)
        self.follower.check(self.seconds)

    @property
    def beats(self) -> float:
        """The beats of the show when the next tick is due."""
        return self.clock.beats_at(self.seconds)


def test_a_show_stands_still_until_the_start_and_begins_with_the_first_tick():
    band = Band()
    band.play(4, 120)  # many machines tick before they start
    assert band.beats == 0
    band.send(START)
    began = band.seconds
    band.play(4, 120)
    assert band.clock.seconds_at(0.0) == pytest.approx(began, abs=0.001)
    assert band.beats == pytest.approx(4, abs=0.01)


@pytest.mark.parametrize("bpm", [60, 90, 133, 200])
@pytest.mark.parametrize("ms", [0, 3])
def test_the_song_is_followed_whatever_the_tempo_of_the_show_was(bpm, ms):
    band = Band(bpm=120)
    band.send(START)
    band.play(32, bpm, ms)
    off = [band.beats - 32]
    for beat in range(33, 65):
        band.play(1, bpm, ms)
        off.append(band.beats - beat)
    assert max(map(abs, off)) * 60 / bpm < 0.005


def test_a_song_that_gets_slower_is_followed():
    band = Band()
    band.send(START)
    band.play(8, 120)
    for beat in range(32):
        band.play(1, 120 - 2 * beat, 2.0)
    assert band.beats == pytest.approx(40, abs=0.1)
    band.play(16, 58, 2.0)
    assert band.beats == pytest.approx(56, abs=0.02)


def test_after_a_stop_it_goes_on_where_the_song_does():
    band = Band()
    band.send(START)
    band.play(10, 120)
    band.send(STOP)
    band.rest(3.0)
    assert band.beats == pytest.approx(10.5, abs=0.01)  # what was already sent is played
    assert band.clock.tempo.stands_at(band.seconds)
    band.send(CONTINUE)
    band.play(8, 120)
    assert band.beats == pytest.approx(18, abs=0.02)


def test_a_start_from_the_beginning_is_the_next_bar_of_the_show():
    band = Band()
    band.send(START)
    band.play(9, 120)
    band.send(STOP)
    band.rest(1.0)
    band.send(START)
    band.play(8, 120)
    assert band.beats % 4 == pytest.approx(0, abs=0.02)
    assert band.beats == pytest.approx(20, abs=0.02)  # it stood at 9.5, and began again at 12


@pytest.mark.parametrize("sixteenths", [0, 8, 22, 16383])
def test_the_song_position_sets_at_which_beat_of_a_bar_it_goes_on(sixteenths):
    band = Band()
    band.send(START)
    band.play(6, 120)
    band.send(STOP)
    band.rest(1.0)
    band.send(POSITION, sixteenths & 0x7F, sixteenths >> 7)
    band.send(CONTINUE)
    band.play(8, 120)
    song = sixteenths / 4 + 8
    away = (band.beats - song) % 4
    assert min(away, 4 - away) < 0.02
    assert band.beats < 20


def test_a_song_that_jumps_while_it_plays_is_joined_within_a_bar():
    band = Band()
    band.send(START)
    band.play(10, 120)
    band.send(POSITION, 0, 0)  # it loops
    band.play(8, 120)
    assert band.beats % 4 == pytest.approx(0, abs=0.02)


def test_a_lost_clock_keeps_the_last_tempo_and_is_followed_when_it_is_back(capsys):
    band = Band()
    band.send(START)
    band.play(16, 100, 1.0)
    for _ in range(40):
        band.rest(0.1)
    said = capsys.readouterr().err
    assert said.count("the clock of 'TR-8' has fallen silent; the tempo stays at 100") == 1
    assert band.clock.leader == ""
    assert band.beats == pytest.approx(16 + 4.0 * 100 / 60, abs=0.1)
    band.play(12, 110, 1.0)
    assert "the clock of 'TR-8' is back, and is followed" in capsys.readouterr().err
    assert band.clock.leader == "the clock of 'TR-8'"
    assert band.clock.tempo.bpm_at(band.seconds) == pytest.approx(110, rel=0.02)
    assert band.beats * 24 % 1 == pytest.approx(0, abs=0.1) or band.beats * 24 % 1 > 0.9


def test_a_clock_that_rests_after_its_stop_is_not_lost(capsys):
    band = Band()
    band.send(START)
    band.play(8, 120)
    band.send(STOP)
    band.rest(20.0)
    assert "silent" not in capsys.readouterr().err


def test_the_space_bar_goes_on_without_the_other_clock_and_stands_still():
    band = Band(bpm=90)
    band.follower.toggle()
    band.rest(2.25)
    assert band.beats == pytest.approx(2.0 * 90 / 60, abs=0.4)
    band.follower.toggle()
    band.rest(5.0)
    assert band.clock.tempo.stands_at(band.seconds)


@given(st.lists(st.tuples(st.floats(0, 0.5), st.binary(min_size=1, max_size=3)), max_size=60))
def test_time_does_not_go_back_whatever_is_received(messages):
    clock = OfflineClock()
    clock.change(standing=True, seconds=0.0)
    follower = ClockFollower(clock, "noise")
    seconds, beats = 0.0, 0.0
    for since, message in messages:
        seconds += since
        clock.wait(seconds)
        follower.check(seconds)
        follower.receive(seconds, message)
        assert clock.beats_at(seconds) >= beats - 1e-9
        beats = clock.beats_at(seconds)


# -- on real ports ----------------------------------------------------------------------------


def test_a_real_clock_is_followed_lost_and_found_again(jack, capfd):
    clock = LiveClock(90)
    performance = Performance(clock)
    with plugged("drums") as drums:
        output = ClockInput("drums")
        output.start(performance)
        clock.start(0.1)
        assert clock.beats_at(clock.seconds()) == 0

        def play(beats: float) -> None:
            for _ in range(round(beats * 24)):
                drums.send((TICK,))
                time.sleep(60 / 140 / 24)
                performance.parameters.apply_pending(clock.seconds())

        play(1)
        drums.send((START,))
        began = clock.seconds()
        play(12)
        played = 12 * 60 / (clock.seconds() - began)
        wait_for(lambda: clock.leader)
        real = clock.tempo.bpm_at(clock.seconds())
        assert 0.75 < real / played < 1.2  # which is as fast as this machine let the sleeps be
        assert clock.beats_at(clock.seconds()) > 6
        time.sleep(1.0)
        performance.parameters.apply_pending(clock.seconds())
        assert (
            "the clock of 'drums' has fallen silent; the tempo stays at" in capfd.readouterr().err
        )
        play(2)
        assert "the clock of 'drums' is back" in capfd.readouterr().err
        drums.send((STOP,))
        wait_for(lambda: clock.tempo.stands_at(clock.soonest()))
        output.close()
        drums.send((START,), (TICK,))
    time.sleep(0.1)
    assert clock.tempo.stands_at(clock.soonest())  # the input is closed


def test_a_clock_that_is_missing_and_a_show_offline_are_reported(jack):
    with pytest.raises(ShowError, match="no MIDI input is called 'IAC'"):
        ClockInput("IAC").start(Performance(LiveClock()))
    with pytest.raises(ShowError, match="another clock is followed live; leave out --follow, or"):
        ClockInput("IAC").start(Performance(OfflineClock()))
