"""The MIDI clock that is sent: by timestamps, and on a real port."""

import time

import pytest
from capriccio import Performance
from capriccio.clock import LiveClock, OfflineClock
from capriccio.devices.midi.clock_out import ClockTicks
from capriccio.devices.midi.output import Midi
from capriccio.devices.midi.player_process import CONTINUE, POSITION, START, STOP, TICK
from helpers.devices import wait_for
from hypothesis import given
from hypothesis import strategies as st

NAMES = {TICK: ".", START: "start", CONTINUE: "continue", STOP: "stop"}


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


def test_it_continues_at_the_next_sixteenth_which_a_song_position_can_express():
    clock = OfflineClock(60)
    clock.tempo.change(2.1, 60, standing=True)
    clock.tempo.change(4.0, 60)
    given = sent(clock, 5.0)
    assert words(given) == "start 51 stop at 9 continue 21"
    assert next(at for at, message in given if message[0] == CONTINUE) == pytest.approx(4.15)


def test_where_beats_are_skipped_the_song_position_skips_them():
    clock = OfflineClock(60)
    clock.tempo.change(2.0, 60, beats=8.0)
    assert words(sent(clock, 3.0)) == "start 48 stop at 32 continue 24"


def test_a_show_that_stands_still_at_first_starts_when_it_goes_on():
    clock = OfflineClock(60)
    clock.tempo.change(0.0, 60, standing=True)
    clock.tempo.change(3.0, 60)
    assert words(sent(clock, 4.0)) == "start 24"


def test_a_clock_that_is_sent_arrives_and_is_stopped_at_the_end(synth):
    synth.receive_clock()
    output = Midi("celesta,clock")
    assert output.port == "celesta"
    clock = LiveClock(120)
    output.start(Performance(clock))
    clock.start(0.1)
    while clock.seconds() < 1.0:
        output.sent_until(clock.moment(seconds=clock.seconds() + 0.25, span=0.0))
        assert synth.messages is not None  # read soon, so that it is known when
        time.sleep(0.005)
    wait_for(lambda: len(synth.messages) > 40)
    output.close()
    wait_for(lambda: synth.messages[-1] == (STOP,))
    found = [message[0] for message in synth.messages]
    assert found[0] == START and set(found[1:-1]) == {TICK}
    beats = [at for at, message in synth.heard if message[0] == TICK]
    assert 0.4 < beats[24] - beats[0] < 0.7  # a beat, as the JACK server's periods have it
