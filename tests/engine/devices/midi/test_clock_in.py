"""MIDI clock, as it is sent and as it is followed: by timestamps, and on real ports."""

import random
import subprocess
import sys
import threading
import time

import pytest
from capriccio import Performance, ShowError
from capriccio.clock import LiveClock, OfflineClock
from capriccio.devices.midi.ableton_link import LinkFollower, LinkInput
from capriccio.devices.midi.clock_in import ClockEstimate, ClockFollower, ClockInput
from capriccio.devices.midi.clock_out import ClockTicks
from capriccio.devices.midi.output import Midi
from helpers.controllers import plugged
from helpers.devices import wait_for
from hypothesis import given
from hypothesis import strategies as st

POSITION, TICK, START, CONTINUE, STOP = 0xF2, 0xF8, 0xFA, 0xFB, 0xFC
NAMES = {TICK: ".", START: "start", CONTINUE: "continue", STOP: "stop"}


# -- sending ----------------------------------------------------------------------------------


def sent(clock, until: float, step: float = 0.02) -> list[tuple[float, bytes]]:
    ticks, given = ClockTicks(clock), []
    for number in range(round(until / step) + 1):
        given += ticks.until(number * step)
    return given


def words(given) -> str:
    """Write down what was sent, ticks that follow one another as their number."""
    found: list = []
    for _, message in given:
        if message[0] == TICK:
            found.append(found.pop() + 1 if found and isinstance(found[-1], int) else 1)
        elif message[0] == POSITION:
            found.append(f"at {message[1] | message[2] << 7}")
        else:
            found.append(NAMES[message[0]])
    return " ".join(map(str, found))


@given(st.floats(20, 300))
def test_twenty_four_ticks_a_beat_each_at_its_time(bpm):
    clock = OfflineClock(bpm)
    given = sent(clock, 4.0)
    assert given[0] == (0.0, bytes([START]))
    times = [at for at, message in given if message[0] == TICK]
    assert times == [clock.seconds_at(number / 24) for number in range(len(times))]
    assert clock.seconds_at(len(times) / 24) >= 4.0 > times[-1]


def test_ticks_follow_a_ramp():
    clock = OfflineClock(60)
    clock.tempo.change(1.0, 180, over=4)
    times = [at for at, message in sent(clock, 6.0) if message[0] == TICK]
    assert [clock.beats_at(at) * 24 for at in times] == pytest.approx(list(range(len(times))))


def test_where_the_show_stands_still_the_clock_stops_and_continues():
    clock = OfflineClock(60)
    clock.tempo.change(2.0, 60, standing=True)
    clock.tempo.change(4.0, 60)
    assert words(sent(clock, 5.0)) == "start 48 stop at 8 continue 24"


def test_it_continues_at_the_next_sixteenth_or_nobody_could_say_where():
    clock = OfflineClock(60)
    clock.tempo.change(2.1, 60, standing=True)
    clock.tempo.change(4.0, 60)
    given = sent(clock, 5.0)
    assert words(given) == "start 51 stop at 9 continue 21"
    assert next(at for at, message in given if message[0] == CONTINUE) == pytest.approx(4.15)


def test_where_beats_are_skipped_the_song_position_says_so():
    clock = OfflineClock(60)
    clock.tempo.change(2.0, 60, beats=8.0)
    assert words(sent(clock, 3.0)) == "start 48 stop at 32 continue 24"


def test_a_show_that_stands_still_at_first_starts_when_it_goes_on():
    clock = OfflineClock(60)
    clock.tempo.change(0.0, 60, standing=True)
    clock.tempo.change(3.0, 60)
    assert words(sent(clock, 4.0)) == "start 24"


def test_a_clock_that_is_sent_arrives_and_is_stopped_at_the_end(synth):
    synth._port.ignore_types(timing=False)
    output = Midi("celesta,clock")
    assert output.port == "celesta"
    clock = LiveClock(120)
    output.start(Performance(clock))
    clock.start(0.1)
    while clock.seconds() < 1.0:
        output.sent_until(clock.moment(seconds=clock.seconds() + 0.25, span=0.0))
        assert synth.messages is not None  # heard soon, so that it is known when
        time.sleep(0.005)
    wait_for(lambda: len(synth.messages) > 40)
    output.close()
    wait_for(lambda: synth.messages[-1] == (STOP,))
    found = [message[0] for message in synth.messages]
    assert found[0] == START and set(found[1:-1]) == {TICK}
    beats = [at for at, message in synth.heard if message[0] == TICK]
    assert 0.4 < beats[24] - beats[0] < 0.7  # a beat, as the JACK server's periods have it


# -- the pulse --------------------------------------------------------------------------------


def jittered(bpm: float, ticks: int, ms: float, seed: int, since: float = 0.0) -> list[float]:
    """Give when ticks come that are early or late by so many milliseconds."""
    chance = random.Random(seed)
    return [since + k * 60 / bpm / 24 + chance.uniform(-ms, ms) / 1000 for k in range(ticks)]


@given(st.floats(40, 240), st.integers(0, 1000))
def test_a_pulse_is_found_in_ticks_three_milliseconds_off(bpm, seed):
    pulse = ClockEstimate()
    for seconds in jittered(bpm, 192, 3.0, seed):
        pulse.hear(seconds)
    assert pulse.bpm == pytest.approx(bpm, rel=0.01)
    assert abs(pulse.ticks_since(191 * 60 / bpm / 24)) * 60 / bpm / 24 < 0.003


def test_without_jitter_it_is_exact_at_once():
    pulse = ClockEstimate()
    for seconds in jittered(97, 6, 0, 0):
        pulse.hear(seconds)
    assert pulse.bpm == pytest.approx(97)


@pytest.mark.parametrize("then", [60, 100, 140, 240])
def test_another_tempo_is_taken_up_within_two_beats(then):
    pulse = ClockEstimate()
    for seconds in jittered(120, 96, 1.0, 7):
        pulse.hear(seconds)
    for seconds in jittered(then, 48, 1.0, 8, since=96 * 60 / 120 / 24):
        pulse.hear(seconds)
    assert pulse.bpm == pytest.approx(then, rel=0.02)


def test_one_tick_that_is_held_up_changes_next_to_nothing():
    pulse = ClockEstimate()
    for number, seconds in enumerate(jittered(120, 192, 0, 0)):
        pulse.hear(seconds + (0.2 if number == 150 else 0))
    assert pulse.bpm == pytest.approx(120, rel=0.005)


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

    def say(self, *message: int) -> None:
        self.clock.wait(self.seconds)
        self.follower.hear(self.seconds, bytes(message))

    def play(self, beats: float, bpm: float, ms: float = 0.0) -> None:
        """Send so many beats of ticks."""
        for _ in range(round(beats * 24)):
            self.clock.wait(self.seconds)
            self.follower.look(self.seconds)
            self.follower.hear(self.seconds + self.chance.uniform(-ms, ms) / 1000, bytes([TICK]))
            self.seconds += 60 / bpm / 24

    def rest(self, seconds: float) -> None:
        self.seconds += seconds
        self.clock.wait(self.seconds)
        self.follower.look(self.seconds)

    @property
    def beats(self) -> float:
        """The beats of the show when the next tick is due."""
        return self.clock.beats_at(self.seconds)


def test_a_show_stands_still_until_the_start_and_begins_with_the_first_tick():
    band = Band()
    band.play(4, 120)  # many machines tick before they start
    assert band.beats == 0
    band.say(START)
    began = band.seconds
    band.play(4, 120)
    assert band.clock.seconds_at(0.0) == pytest.approx(began, abs=0.001)
    assert band.beats == pytest.approx(4, abs=0.01)


@pytest.mark.parametrize("bpm", [60, 90, 133, 200])
@pytest.mark.parametrize("ms", [0, 3])
def test_the_song_is_followed_whatever_the_tempo_of_the_show_was(bpm, ms):
    band = Band(bpm=120)
    band.say(START)
    band.play(32, bpm, ms)
    off = [band.beats - 32]
    for beat in range(33, 65):
        band.play(1, bpm, ms)
        off.append(band.beats - beat)
    assert max(map(abs, off)) * 60 / bpm < 0.005


def test_a_song_that_gets_slower_is_followed():
    band = Band()
    band.say(START)
    band.play(8, 120)
    for beat in range(32):
        band.play(1, 120 - 2 * beat, 2.0)
    assert band.beats == pytest.approx(40, abs=0.1)
    band.play(16, 58, 2.0)
    assert band.beats == pytest.approx(56, abs=0.02)


def test_after_a_stop_it_goes_on_where_the_song_does():
    band = Band()
    band.say(START)
    band.play(10, 120)
    band.say(STOP)
    band.rest(3.0)
    assert band.beats == pytest.approx(10.5, abs=0.01)  # what was handed over is played
    assert band.clock.tempo.stands_at(band.seconds)
    band.say(CONTINUE)
    band.play(8, 120)
    assert band.beats == pytest.approx(18, abs=0.02)


def test_a_start_from_the_beginning_is_the_next_bar_of_the_show():
    band = Band()
    band.say(START)
    band.play(9, 120)
    band.say(STOP)
    band.rest(1.0)
    band.say(START)
    band.play(8, 120)
    assert band.beats % 4 == pytest.approx(0, abs=0.02)
    assert band.beats == pytest.approx(20, abs=0.02)  # it stood at 9.5, and began again at 12


@pytest.mark.parametrize("sixteenths", [0, 8, 22, 16383])
def test_the_song_position_says_at_which_beat_of_a_bar_it_goes_on(sixteenths):
    band = Band()
    band.say(START)
    band.play(6, 120)
    band.say(STOP)
    band.rest(1.0)
    band.say(POSITION, sixteenths & 0x7F, sixteenths >> 7)
    band.say(CONTINUE)
    band.play(8, 120)
    song = sixteenths / 4 + 8
    away = (band.beats - song) % 4
    assert min(away, 4 - away) < 0.02
    assert band.beats < 20


def test_a_song_that_jumps_while_it_plays_is_joined_within_a_bar():
    band = Band()
    band.say(START)
    band.play(10, 120)
    band.say(POSITION, 0, 0)  # it loops
    band.play(8, 120)
    assert band.beats % 4 == pytest.approx(0, abs=0.02)


def test_a_lost_clock_keeps_the_last_tempo_and_says_so_and_is_followed_when_it_is_back(capsys):
    band = Band()
    band.say(START)
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
    band.say(START)
    band.play(8, 120)
    band.say(STOP)
    band.rest(20.0)
    assert "silent" not in capsys.readouterr().err


def test_the_space_bar_goes_on_without_the_other_clock_and_stands_still():
    band = Band(bpm=90)
    band.follower.press()
    band.rest(2.25)
    assert band.beats == pytest.approx(2.0 * 90 / 60, abs=0.4)
    band.follower.press()
    band.rest(5.0)
    assert band.clock.tempo.stands_at(band.seconds)


@given(st.lists(st.tuples(st.floats(0, 0.5), st.binary(min_size=1, max_size=3)), max_size=60))
def test_whatever_comes_time_does_not_go_back(messages):
    clock = OfflineClock()
    clock.change(standing=True, seconds=0.0)
    follower = ClockFollower(clock, "noise")
    seconds, beats = 0.0, 0.0
    for since, message in messages:
        seconds += since
        clock.wait(seconds)
        follower.look(seconds)
        follower.hear(seconds, message)
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
    assert clock.tempo.stands_at(clock.soonest())  # nobody listens any more


def test_a_clock_that_is_not_there_and_one_that_files_would_follow_are_told(jack):
    with pytest.raises(ShowError, match="no MIDI input is called 'IAC'"):
        ClockInput("IAC").start(Performance(LiveClock()))
    with pytest.raises(ShowError, match="another clock is followed live; leave out --follow, or"):
        ClockInput("IAC").start(Performance(OfflineClock()))


# -- Ableton Link -----------------------------------------------------------------------------


def test_a_show_begins_with_the_next_bar_of_a_link_and_follows_its_tempo():
    clock = OfflineClock(120)
    clock.change(standing=True)
    clock.ahead = 0.25
    linked = LinkFollower(clock)

    def goes(seconds: float) -> float:
        """Say where the others are: at beat 6.5 when it begins, in 120 and then in 96 bpm."""
        return 6.5 + 2 * min(seconds, 8) + 1.6 * max(0.0, seconds - 8)

    for step in range(300):
        clock.wait(step / 10)
        linked.see(step / 10, goes(step / 10), 120 if step < 80 else 96, 1)
    assert clock.seconds_at(0.0) == pytest.approx(0.75)  # when they come to beat 8
    for seconds in (2, 5, 8, 20, 29):
        assert clock.beats_at(seconds) == pytest.approx(goes(seconds) - 8, abs=0.01)


def test_the_last_tempo_of_a_link_stays_when_the_others_leave(capsys):
    linked = LinkFollower(OfflineClock(120))
    for peers in (0, 2, 2, 0, 0):
        linked.see(0.0, 0.0, 97.0, peers)
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "capriccio: 2 others on Ableton Link, at 97.0 bpm",
        "capriccio: nobody else is on Ableton Link any more; the tempo stays at 97.0 bpm",
    ]


OTHER = """
import asyncio, time, aalink

async def main():
    link = aalink.Link(143)
    link.enabled = True
    while True:
        await asyncio.sleep(0.1)
        print(time.monotonic(), link.beat, flush=True)

asyncio.run(main())
"""


def test_a_real_link_is_joined():
    pytest.importorskip("aalink", reason="aalink is not installed; pip install 'capriccio[link]'")
    other = subprocess.Popen([sys.executable, "-c", OTHER], stdout=subprocess.PIPE, text=True)
    link, clock = LinkInput(), LiveClock(90)
    try:
        other.stdout.readline()  # it was there first, so the tempo is its own
        time.sleep(0.5)
        link.start(Performance(clock))
        clock.start(0.1)
        try:
            wait_for(lambda: link.linked.peers, seconds=10)
        except AssertionError:
            pytest.skip("no multicast on this machine")
        wait_for(lambda: abs(clock.tempo.bpm_at(clock.soonest()) - 143) < 1)
        wait_for(lambda: clock.beats_at(clock.seconds()) > 4)
        zero = clock.monotonic(0.0)
        wait_for(lambda: abs(apart(other, clock, zero)) < 0.05)
        assert max(abs(apart(other, clock, zero)) for _ in range(10)) < 0.1
    finally:
        link.close()
        other.kill()
        other.wait()
    assert not [thread for thread in threading.enumerate() if thread.name == "link"]


def apart(other: subprocess.Popen, clock, zero: float) -> float:
    """Give how far from ours, in a bar of four, were the beats of the other when it told them."""
    when, beats = map(float, other.stdout.readline().split())
    return (beats - clock.beats_at(when - zero) + 2) % 4 - 2


def test_a_link_that_cannot_be_is_told(monkeypatch):
    with pytest.raises(ShowError, match="another clock is followed live; leave out --follow, or"):
        LinkInput().start(Performance(OfflineClock()))
    monkeypatch.setattr("capriccio.devices.midi.ableton_link.find_spec", lambda name: None)
    with pytest.raises(ShowError, match="Ableton Link needs aalink, which is under the GPL; inst"):
        LinkInput().start(Performance(LiveClock()))
