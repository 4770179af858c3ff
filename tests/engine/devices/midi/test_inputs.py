"""MIDI inputs, real ones on JACK, that come and go."""

import gc
import threading
import time

import pytest
from capriccio import Performance, ShowError, controls, midi_ports
from capriccio.clock import LiveClock
from capriccio.devices.midi import inputs
from capriccio.performance import current_performance
from helpers.controllers import Device, cc, plugged, until
from helpers.devices import JackServer, needs, wait_for
from helpers.shows import forget

KEY = 0x90, 60, 127

# -- what was moved ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("port", "device"),
    [
        ("nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0", "nanoKONTROL2:nanoKONTROL2 MIDI"),
        ("nanoKONTROL2 0", "nanoKONTROL2"),
        ("celesta:celesta", "celesta:celesta"),
        ("16", "16"),
    ],
)
def test_a_device_has_the_same_name_wherever_it_is_plugged_in(port, device):
    assert inputs.device_name(port) == device


# -- controls() -------------------------------------------------------------------------------


@pytest.fixture
def live():
    """A live show that goes on around the test."""
    clock = LiveClock()
    clock.start()
    token = current_performance.set(Performance(clock))
    yield clock
    current_performance.reset(token)


def test_controls_read_14_bits_parameters_and_the_pressure_of_a_key(jack, live):
    with plugged("nano") as nano:
        hands = controls()
        assert hands.fine(1) == hands.nrpn(300) == 0.5
        assert hands.touch(60) == 0.0
        chosen = cc(99, 2), cc(98, 44), cc(6, 127)
        until(lambda: hands.nrpn(300) == 1.0, nano, cc(1, 64), cc(33, 1), (0xA0, 60, 127), *chosen)
        assert hands.fine(1) == (64 * 128 + 1) / 16383
        assert hands[1] == 64 / 127
        assert hands.touch(60) == 1.0


def test_numbers_that_do_not_exist_are_refused():
    hands = controls()
    with pytest.raises(ValueError, match=r"a controller of 14 bits must be 0\.\.31, got 32"):
        hands.fine(32)
    with pytest.raises(ValueError, match=r"a parameter \(NRPN\) must be 0\.\.16383, got -1"):
        hands.nrpn(-1)
    with pytest.raises(ValueError, match=r"a pitch must be 0\.\.127, got 128"):
        hands.touch(128)


def test_a_controller_that_is_plugged_in_later_is_read(jack, live):
    hands = controls()
    assert hands[5] == 0.5
    with plugged("late") as late:
        until(lambda: hands[5] == 1.0, late, cc(5, 127))


def test_a_controller_that_goes_while_it_is_opened_is_tried_again(jack, live, capsys, monkeypatch):
    losses = []

    def open_port(port, name, own_name):
        if not losses:
            losses.append(name)
            raise ConnectionResetError(f"{name!r} has just gone")
        midi_ports.open_port(port, name, own_name)

    monkeypatch.setattr(inputs, "open_port", open_port)
    with plugged("nano") as nano:
        hands = controls()
        assert hands[5] == 0.5
        until(lambda: hands[5] == 1.0, nano, cc(5, 127))
    assert len(losses) == 1
    assert "does not open" not in capsys.readouterr().err


def test_an_unplugged_controller_releases_its_keys_and_is_read_again(jack, live, capsys):
    forget()
    with plugged("nano") as nano:
        hands = controls()
        assert hands[5] == 0.5
        until(lambda: hands.key(60) == 1.0, nano, (0x90, 60, 127), cc(5, 127))
    wait_for(lambda: hands.key(60) == 0.0, what="the key to be let go")
    assert hands[5] == 1.0
    said = capsys.readouterr().err
    assert "nano" in said and "is gone; it is read again when it is back" in said
    with plugged("nano") as nano:
        until(lambda: hands[5] == 0.0, nano, cc(5, 0))


def test_a_system_that_starts_again_has_its_inputs_read_again(live, monkeypatch, capsys):
    forget()
    needs("jackd")
    server = JackServer(waits=False, period=2048)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    try:
        hands = controls()
        for level in 127, 0, 127:

            def heard(level=level):
                return hands[5] == level / 127 and hands.key(60)

            with plugged("nano") as nano:
                until(heard, nano, cc(5, level), KEY)
                server.kill()
                wait_for(lambda: not inputs.hub.open_ports and not hands.key(60))
            server.start()
        assert "the MIDI system has ended; inputs are read again" in capsys.readouterr().err
    finally:
        inputs.hub.close()
        server.close()


def test_one_port_is_read_alone_and_again_when_it_is_back(jack, live):
    other = Device("other")
    with plugged("nano") as nano:
        hands = controls("nano")
        assert hands[5] == 0.5
        until(lambda: hands[5] == 1.0, nano, cc(5, 127))
    wait_for(lambda: not inputs.hub.open_ports)
    with plugged("nano") as nano:
        other.send(cc(6, 127))
        until(lambda: hands[5] == 0.0, nano, cc(5, 0))
        assert hands[6] == 0.5
    other.unplug()


def test_a_port_that_is_missing_at_the_first_reading_is_reported(jack, live):
    with pytest.raises(ShowError, match="no MIDI input is called 'none'"):
        controls("none")[1]
    assert inputs.hub.is_idle


def test_two_subscriptions_share_a_port_and_the_last_one_closes_it(jack):
    with plugged("nano") as nano:
        received = [], []
        first, second = (
            inputs.subscribe(lambda port, when, message, mine=mine: mine.append(message))
            for mine in received
        )
        until(lambda: received[0] and received[1], nano, cc(1, 1))
        assert len(inputs.hub.open_ports) == 1
        first.stop()
        count = len(received[0])
        until(lambda: bytes(cc(2, 2)) in received[1], nano, cc(2, 2))
        assert len(received[0]) == count
        second.stop()
    assert not inputs.hub.open_ports and inputs.hub.is_idle


def test_controls_that_are_collected_close_their_ports(jack, live):
    with plugged("nano"):
        hands = controls()
        hands[1]
        assert inputs.hub.open_ports
        del hands
        gc.collect()
        wait_for(lambda: not inputs.hub.open_ports)


def test_the_time_of_a_message_is_on_the_monotonic_clock(jack):
    received = []
    with plugged("nano") as nano:
        listening = inputs.subscribe(lambda port, when, message: received.append((port, when)))
        before = time.monotonic()
        until(lambda: received, nano, cc(1, 1))
        listening.stop()
    assert "nano" in received[0][0]
    assert before <= received[0][1] <= time.monotonic()


def test_one_thread_reads_for_all_even_where_one_stops_while_another_is_added(jack):
    def looking():
        return [thread for thread in threading.enumerate() if thread.name == "MIDI inputs"]

    wait_for(lambda: not looking(), what="the threads of other tests")
    first = inputs.subscribe(lambda *message: None)
    first.stopped = True  # as `stop(wait=False)` leaves it while another one is added
    second = inputs.subscribe(lambda *message: None)
    assert len(looking()) == 1
    second.stop()
    wait_for(lambda: not looking(), what="the thread to end")
