"""OSC input: real datagrams set the parameters, and no bytes harm the show."""

import logging
import math
import socket
import struct
import time
from contextlib import contextmanager

import pytest
from capriccio import Performance, ShowError
from capriccio.clock import LiveClock
from capriccio.log import summarize
from capriccio.parameters import Parameter, Parameters
from capriccio.remote.osc import (
    MAX_BYTES,
    MAX_DEPTH,
    Endpoint,
    OscDispatcher,
    OscInput,
    convert_arguments,
    parse_endpoint,
    parse_message,
    split_packet,
)
from capriccio.testing import Memory
from helpers.controllers import field_sketch
from helpers.devices import wait_for
from helpers.osc import bundle, free_udp_port, message, packet
from hypothesis import given, settings
from hypothesis import strategies as st

texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=9)
numbers = st.integers(-(2**31), 2**31 - 1) | st.floats(width=32, allow_nan=False)
values = texts | numbers | st.booleans() | st.none() | st.binary(min_size=1, max_size=9)

# -- endpoints --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "endpoint"),
    [
        ("9001", Endpoint("127.0.0.1", 9001, "")),
        ("localhost:9001", Endpoint("localhost", 9001, "")),
        ("[::1]:9001", Endpoint("::1", 9001, "")),
        ("0.0.0.0:9000/pear", Endpoint("0.0.0.0", 9000, "pear")),
        ("9000/pear", Endpoint("127.0.0.1", 9000, "pear")),
    ],
)
def test_an_endpoint_is_a_port_or_a_host_and_a_port(target, endpoint):
    assert parse_endpoint(target) == endpoint


@pytest.mark.parametrize("target", ["", "here", "here:", "99999", "0", "-1", "9000/a/b", "9000:x"])
def test_an_invalid_endpoint_is_an_error(target):
    with pytest.raises(
        ShowError, match=f"OSC needs a port, such as 9000, or HOST:PORT/WORD, got {target!r}"
    ):
        parse_endpoint(target)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "[::]", "stage.local"])
def test_an_endpoint_that_other_machines_can_reach_needs_a_word(host):
    with pytest.raises(ShowError, match="is open to other machines; add a word that every address"):
        parse_endpoint(f"{host}:9000")
    assert parse_endpoint(f"{host}:9000/pear").prefix == "pear"


# -- receiving --------------------------------------------------------------------------------


class Sender:
    """Sends real datagrams to an OSC input, and applies what it sets."""

    def __init__(self, parameters: Parameters, port: int):
        self.parameters, self.port = parameters, port
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))

    def send(self, *packets: bytes) -> None:
        for one in packets:
            self.socket.send(one)

    def wait(self, claim):
        """Apply what was received until a claim is true."""

        def applied():
            self.parameters.apply_pending(0.0)
            return claim()

        return wait_for(applied)


@contextmanager
def receiving(parameters: Parameters, word: str = ""):
    port = free_udp_port()
    osc = OscInput(f"{port}{word and '/'}{word}")
    osc.start(Performance(LiveClock(), parameters=parameters))
    sender = Sender(parameters, port)
    try:
        yield sender
    finally:
        sender.socket.close()
        osc.close()
        osc.close()
        summarize()


@pytest.fixture
def field():
    """The part of a sketch, and what sends OSC to its parameters."""
    sketch, part = field_sketch()
    with receiving(sketch.stage().performance.parameters) as sender:
        yield part, sender


@pytest.mark.parametrize(
    ("sent", "held"),
    [(0.75, 0.75), (1, 1.0), (True, 1.0), ("0.5", 0.5), (7.5, 1.0), (-math.inf, 0.0)],
)
def test_a_number_sets_a_knob_and_is_clipped_to_its_range(field, sent, held):
    part, sender = field
    sender.send(packet("/field/light", sent))
    sender.wait(lambda: part.knob_state.held == {"light": held})


def test_a_bundle_sets_several_knobs_and_a_message_without_a_value_releases(field):
    part, sender = field
    sender.send(bundle(message("/field/light", 0.5), message("/field/words", "dusk")).dgram)
    sender.wait(lambda: part.knob_state.held == {"light": 0.5, "words": "dusk"})
    sender.send(packet("/field/light"), packet("/field/words", None))
    sender.wait(lambda: part.knob_state.held == {})


def test_a_show_draws_with_the_values_received():
    sketch, _ = field_sketch(fps=30)
    osc = OscInput(str(free_udp_port()))
    memory = Memory()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

        def draw(now):
            sender.sendto(packet("/field/light", 1.0), ("127.0.0.1", osc.endpoint.port))
            memory.closed = sketch.names["field"].knob_state.held.get("light") == 1.0
            return sketch.names["field"](now)

        sketch._draw = draw
        sketch.perform([memory], inputs=[osc], live=True, seconds=20)
    assert memory.images[-1].mean() == 255
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", osc.endpoint.port))  # it is free again


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (["much"], "must be a number 0..1, got 'much'"),
        ([math.nan], "must be a number 0..1, got nan"),
        ([b"much"], "expected a number or words, got a blob"),
        ([0.5, 0.5], "expected one value, got 2"),
    ],
)
def test_an_invalid_value_is_logged_and_the_next_one_is_set(field, capsys, sent, error):
    part, sender = field
    sender.send(packet("/field/light", *sent), packet("/field/warmth", 1.0))
    sender.wait(lambda: part.knob_state.held == {"warmth": 1.0})
    logged = capsys.readouterr().err
    assert "OSC: /field/light: " in logged and error in logged


def test_an_unknown_address_is_logged_once_with_the_nearest_one(field, capsys):
    part, sender = field
    sender.send(*[packet("/field/ligth", 0.5)] * 20, packet("/field/light", 1.0))
    sender.wait(lambda: part.knob_state.held)
    logged = capsys.readouterr().err
    assert logged.count("no control '/field/ligth'; did you mean '/field/light'?") == 1
    assert summarize()["OSC: no control '/field/ligth'; did you mean '/field/light'?"] == 20


def test_of_many_unknown_addresses_a_few_are_logged(field, capsys):
    part, sender = field
    sender.send(*[packet(f"/{number}/" + "x" * 500, 0.5) for number in range(40)])
    sender.send(packet("/field/light", 1.0))
    sender.wait(lambda: part.knob_state.held)
    logged = capsys.readouterr().err
    assert logged.count("no control") == 8
    assert logged.count("further unknown addresses are only counted") == 1
    assert max(map(len, logged.splitlines())) < 250


def test_malformed_packets_are_logged_once_and_later_ones_are_received(field, capsys):
    part, sender = field
    garbage = [
        b"",
        b"abc",
        b"#bundle\0" + bytes(8) + b"\xff\xff\xff\xfc",
        b"#bundle\0" + bytes(8) + struct.pack(">i", 1) + b"x\0\0\0",
        packet("/a")[:-1],
        bytes(9000),
        b"/\xff\xff\0",
    ]
    sender.send(*garbage, packet("/field/light", 1.0))
    sender.wait(lambda: part.knob_state.held)
    assert capsys.readouterr().err.count("the packet is ignored") == 1


def test_a_button_is_pressed_by_a_value_other_than_0():
    pressed, parameters = [], Parameters()
    parameters.add(Parameter("/show/black", "press", "black", apply=pressed.append))
    with receiving(parameters) as sender:
        sender.send(packet("/show/black", 0), packet("/show/black", 0.0))
        sender.send(packet("/show/black", 1.0), packet("/show/black"), packet("/show/black", True))
        sender.wait(lambda: len(pressed) >= 3)
    assert pressed == [None] * 3


def test_a_parameter_that_raises_is_logged_and_the_show_goes_on(capsys):
    def convert(value):
        raise ZeroDivisionError("by zero")

    parameters, taken = Parameters(), []
    parameters.add(Parameter("/a", "number", "a", apply=taken.append, convert=convert))
    parameters.add(Parameter("/b", "number", "b", apply=taken.append))
    with receiving(parameters) as sender:
        sender.send(packet("/a", 1), packet("/b", 1))
        sender.wait(lambda: taken == [1])
    assert "OSC: /a raised ZeroDivisionError: by zero" in capsys.readouterr().err


def test_only_addresses_with_the_word_are_accepted(capsys):
    parameters, taken = Parameters(), []
    parameters.add(Parameter("/a", "number", "a", apply=taken.append))
    with receiving(parameters, word="pear") as sender:
        for number, prefix in enumerate(["", "/apple", "/pearx", "/péar", "/pear"]):
            sender.send(packet(f"{prefix}/a", number))
        sender.wait(lambda: taken)
        logged = capsys.readouterr().err
    assert taken == [4]
    assert logged.count("does not begin with the word of this show") == 1


def test_a_port_that_is_taken_is_logged_in_one_line_and_the_show_goes_on(capsys):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        sketch, _ = field_sketch()
        memory = Memory()
        sketch.perform([memory], inputs=[OscInput(str(port))], live=True, seconds=0.3)
    assert memory.images
    logged = capsys.readouterr().err
    assert f"cannot listen for OSC on 127.0.0.1:{port}: Address already in use; choose" in logged
    assert len(logged.splitlines()) == 1


def test_a_flood_is_read_up_to_a_limit_and_logged_once(capsys, monkeypatch):
    monkeypatch.setattr("capriccio.remote.osc.BURST", 50)
    monkeypatch.setattr("capriccio.remote.osc.MAX_PER_SECOND", 200)  # few for a busy machine, too
    parameters, taken, logged = Parameters(), [], []
    parameters.add(Parameter("/a", "number", "a", apply=taken.append))
    with receiving(parameters) as sender:
        begun = time.monotonic()

        def logs():
            sender.send(*[packet("/a", time.monotonic() - begun), b"garbage!"] * 20)
            logged.append(capsys.readouterr().err)
            return "messages a second" in logged[-1]

        sender.wait(logs)
        read_at_most = 50 + 200 * (time.monotonic() - begun)
    assert 0 < len(taken) <= read_at_most
    assert "".join(logged).count("messages a second") == 1


@settings(deadline=None)
@given(st.binary(max_size=120) | st.builds(packet, st.sampled_from(["/a", "/b", "/c"]), values))
def test_any_packet_sets_only_valid_values(data):
    parameters, taken = Parameters(), []
    parameters.add(Parameter("/a", "number", "a", apply=taken.append, convert=float))
    parameters.add(Parameter("/b", "choice", "b", apply=taken.append, choices=("x", "y")))
    parameters.add(Parameter("/c", "words", "c", apply=taken.append))
    assert OscDispatcher(parameters).dispatch(data) >= 1
    parameters.apply_pending(0.0)
    assert all(isinstance(value, float | str | None) for value in taken)
    summarize()


def test_numbers_become_words_and_select_choices():
    style = Parameter("/style", "choice", "style", apply=print, choices=("a", "b"))
    assert (
        convert_arguments(style, ("b",))
        == convert_arguments(style, (1.0,))
        == convert_arguments(style, (True,))
        == "b"
    )
    assert convert_arguments(Parameter("/words", "words", "words", apply=print), (3.0,)) == "3"


# -- packets ----------------------------------------------------------------------------------


def decode(data: bytes):
    return [parse_message(one) for one in split_packet(data)]


@settings(deadline=None)
@given(texts, st.lists(values, max_size=6))
def test_messages_are_parsed(path, sent):
    assert decode(packet(f"/{path}", *sent)) == [(f"/{path}", tuple(sent))]


@settings(deadline=None)
@given(st.lists(st.lists(values, max_size=3), max_size=5))
def test_nested_bundles_are_parsed_in_order(several):
    messages = [message(f"/{number}", *sent) for number, sent in enumerate(several)]
    nested = bundle(*messages[:2], bundle(*messages[2:]))
    if not messages:
        return
    nested = nested.dgram if len(messages) > 2 else bundle(*messages).dgram
    assert decode(nested) == [(f"/{number}", tuple(sent)) for number, sent in enumerate(several)]


def test_wide_numbers_arrays_and_types_that_python_osc_lacks_are_parsed():
    rare = b"/a\0\0,[hd]ITScN\0\0" + struct.pack(">qd", -1, 0.5) + b"no\0\0" + bytes(3) + b"A"
    assert decode(rare) == [("/a", (-1, 0.5, True, True, "no", 65, None))]
    assert decode(b"/a\0\0") == [("/a", ())]


def bundle_with_size(size, rest=b""):
    return b"#bundle\0" + bytes(8) + struct.pack(">i", size) + rest


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "packet of 0 bytes, expected a multiple of 4"),
        (b"/a\0", "packet of 3 bytes, expected a multiple of 4"),
        (bytes(MAX_BYTES + 4), f"packet of more than {MAX_BYTES} bytes"),
        (b"abcd", "message does not begin with an address"),
        (b"/a\0\0,x\0\0", "unknown type tag 'x'"),
        (b"/a\0\0,T,\0", "unknown type tag ','"),
        (b"#bundle\0", "bundle is truncated"),
        # On which python-osc, called with the whole bundle, never ends.
        (bundle_with_size(-4), "bundle element of -4 bytes where 0 are left"),
        (bundle_with_size(0), "bundle element of 0 bytes where 0 are left"),
        (bundle_with_size(400), "bundle element of 400 bytes where 0 are left"),
        # Which leaves three bytes for the next size.
        (bundle_with_size(1, b"x\0\0\0"), "bundle element of 1 bytes where 4 are left"),
    ],
)
def test_malformed_packets_are_refused_with_the_reason(data, error):
    with pytest.raises(ValueError, match=error):
        decode(data)


def test_deeply_nested_bundles_are_refused():
    inner = packet("/a")
    for _ in range(MAX_DEPTH + 1):
        inner = bundle_with_size(len(inner), inner)
    with pytest.raises(ValueError, match=f"bundles nested more than {MAX_DEPTH} deep"):
        decode(inner)


@settings(deadline=None)
@given(
    st.binary(max_size=200)
    | st.builds(lambda data: b"/a\0\0," + data, st.binary(max_size=60))
    | st.builds(lambda data: b"#bundle\0" + bytes(8) + data, st.binary(max_size=60))
)
def test_no_bytes_reach_the_root_logger_or_raise(data):
    assert OscDispatcher(Parameters()).dispatch(data) >= 1
    assert not [one for one in logging.root.handlers if type(one) is logging.StreamHandler]
    summarize()


def test_a_packet_without_the_word_is_not_parsed(capsys):
    dispatcher = OscDispatcher(Parameters(), "pear")
    dispatcher.dispatch(b"/apple/a\0\0\0\0,x\0\0")
    logged = capsys.readouterr().err
    assert "does not begin with the word" in logged and "type tag" not in logged
