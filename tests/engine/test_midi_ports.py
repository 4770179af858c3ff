"""MIDI ports are listed whole and opened by name while others come and go."""

import signal

import pytest
from capriccio import midi_ports
from capriccio.midi_ports import (
    DUMMY,
    JACK,
    MAX_CLIENT_TRIES,
    MAX_TRIES,
    SystemStuck,
    SystemWatch,
    close_client,
    is_stuck,
    jack_library,
    open_client,
    open_port,
    port_names,
    system_name,
    systems,
    try_again,
)
from helpers.devices import JackServer, midi_library, needs, wait_for


class Port:
    """Stands in for RtMidi where no real system can be made to change at a given moment.

    `lists` are what it finds, one after the other and the last for ever; an error is raised.
    """

    def __init__(self, *lists):
        self.lists, self.asked, self.opened, self.closed = list(lists), 0, [], 0
        self.refuses: Exception | None = None

    def get_ports(self):
        self.asked += 1
        found = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        if isinstance(found, Exception):
            raise found
        return found

    def open_port(self, number, name):
        if self.refuses:
            raise self.refuses
        self.opened.append((number, name))

    def close_port(self):
        self.closed += 1


def gone():
    return RuntimeError("the 'portNumber' argument (1) is invalid")


def test_a_client_that_is_refused_while_another_one_goes_is_tried_again():
    tries = []

    def connect():
        tries.append(1)
        if len(tries) != MAX_CLIENT_TRIES:
            raise RuntimeError("JACK server not running?")
        return "a client"

    assert try_again(connect) == "a client"
    with pytest.raises(RuntimeError, match="JACK server not running"):
        try_again(connect)
    assert len(tries) == 2 * MAX_CLIENT_TRIES


def test_the_systems_that_the_library_speaks_to_have_names():
    midi_library()
    assert DUMMY not in systems()
    assert all(system_name(api) for api in systems())


def test_a_port_that_goes_while_ports_are_listed_does_not_stop_the_list():
    assert port_names(Port(gone(), ["a", "b"])) == ["a", "b"]


def test_a_list_that_changes_while_it_is_made_is_made_anew():
    torn = ["a", "a"]  # another one came before `a`, and the last was not asked for
    assert port_names(Port(torn, ["new", "a", "b"])) == ["new", "a", "b"]


def test_one_question_is_enough_where_the_list_is_known():
    port = Port(["a", "b"])
    assert port_names(port, ["a", "b"]) == ["a", "b"]
    assert port.asked == 1


def test_a_system_that_lists_nothing_any_more_is_reported():
    port = Port(gone())
    with pytest.raises(RuntimeError, match="portNumber"):
        port_names(port)
    assert port.asked == MAX_TRIES


def test_a_port_is_opened_by_its_name():
    port = Port(["a", "b"])
    open_port(port, "b", "capriccio")
    assert port.opened == [(1, "capriccio")]
    assert not port.closed
    assert port.asked == 3  # twice before, and once more after


def test_a_number_that_has_come_to_mean_another_port_is_released():
    # It was 1 when it was looked up, and 0 by the time it was opened.
    port = Port(["gone soon", "b", "c"], ["gone soon", "b", "c"], ["b", "c"])
    open_port(port, "b", "capriccio")
    assert port.opened == [(1, "capriccio"), (0, "capriccio")]
    assert port.closed == 1


def test_a_port_that_comes_after_ours_changes_nothing():
    port = Port(["a", "b"], ["a", "b"], ["a", "b", "new"])
    open_port(port, "b", "capriccio")
    assert port.opened == [(1, "capriccio")]
    assert not port.closed


@pytest.mark.parametrize("lists", [[["a"]], [["a", "b"], ["a", "b"], ["a"]]])
def test_a_port_that_has_gone_is_reported_and_no_other_stays_open(lists):
    port = Port(*lists)
    with pytest.raises(ConnectionError, match="'b' has just gone"):
        open_port(port, "b", "capriccio")
    assert port.closed == len(port.opened)


def test_a_port_that_refuses_is_reported_at_once():
    port = Port(["a", "b"])
    port.refuses = RuntimeError("busy")
    with pytest.raises(ConnectionError, match="busy"):
        open_port(port, "b", "capriccio")
    assert port.asked <= 4


def test_a_system_that_does_not_answer_is_reported(monkeypatch):
    midi_library()
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none")
    with pytest.raises(ConnectionError, match="JACK server not running"):
        open_client("output", JACK, "capriccio")
    if jack_library():
        with pytest.raises(ConnectionError, match="JACK does not run"):
            SystemWatch(JACK, "capriccio")


def test_a_system_that_ends_is_noticed(monkeypatch):
    needs("jackd")
    server = JackServer(waits=False)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    watch, client = SystemWatch(JACK, "capriccio"), open_client("input", JACK, "capriccio")
    assert not watch.ended
    server.kill()
    wait_for(lambda: watch.ended)
    for _ in range(2):
        close_client(client)
        watch.close()
    server.start()
    assert not SystemWatch(JACK, "capriccio").close()
    server.close()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="there is no such signal here")
def test_a_stuck_system_is_given_up_and_asked_again_when_it_goes_on(monkeypatch):
    needs("jackd")
    server = JackServer(waits=False)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    watch, client = SystemWatch(JACK, "capriccio"), open_client("input", JACK, "capriccio")
    wait_for(watch.answers)
    monkeypatch.setattr(midi_ports, "ANSWER_SECONDS", 0.5)
    server.child.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(SystemStuck, match="JACK does not answer"):
            SystemWatch(JACK, "capriccio")
        assert is_stuck() and not watch.answers()
        with pytest.raises(SystemStuck):
            open_client("input", JACK, "capriccio")
        watch.close_client(client)  # which is not waited for
        watch.close()
        assert SystemWatch.abandoned
        monkeypatch.setattr(SystemWatch, "abandoned", False)
    finally:
        server.child.send_signal(signal.SIGCONT)
    wait_for(lambda: not is_stuck() and watch.answers())
    watch.close_client(client)
    watch.close()
    server.close()


def test_no_other_system_is_watched():
    watch = SystemWatch(DUMMY, "capriccio")
    watch.close()
    assert not watch.ended
