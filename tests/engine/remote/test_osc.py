"""OSC in: real datagrams turn the parameters, and no bytes whatsoever harm the show."""

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
from capriccio.remote.osc import BURST, MOST_A_SECOND, Osc, Place, at_dial, place_of, value_of
from capriccio.remote.osc_codec import DEEPEST, LARGEST, Message, read
from capriccio.testing import Memory
from helpers.controllers import show
from helpers.devices import wait_for
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder


def built(address, *values):
    """Build a message with the library that others send with."""
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build()


def packet(address, *values) -> bytes:
    return built(address, *values).dgram


def bundle(*contents):
    builder = OscBundleBuilder(IMMEDIATELY)
    for content in contents:
        builder.add_content(content)
    return builder.build()


# -- packets ----------------------------------------------------------------------------------

words = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=9)
numbers = st.integers(-(2**31), 2**31 - 1) | st.floats(width=32, allow_nan=False)
values = words | numbers | st.booleans() | st.none() | st.binary(min_size=1, max_size=9)


@settings(deadline=None)
@given(words, st.lists(values, max_size=6))
def test_what_another_library_sends_is_read_as_it_was_meant(path, sent):
    [message] = read(packet(f"/{path}", *sent))
    assert message == Message(f"/{path}", tuple(sent))


@settings(deadline=None)
@given(st.lists(st.lists(values, max_size=3), max_size=5))
def test_bundles_in_bundles_are_read_in_order(several):
    messages = [built(f"/{number}", *sent) for number, sent in enumerate(several)]
    nested = bundle(*messages[:2], bundle(*messages[2:]))
    if not messages:
        return
    nested = nested.dgram if len(messages) > 2 else bundle(*messages).dgram
    assert read(nested) == [
        Message(f"/{number}", tuple(sent)) for number, sent in enumerate(several)
    ]


def test_wide_numbers_lists_and_rare_types_are_read():
    rare = b"/a\0\0,[hd]ItcrmS\0" + struct.pack(">qdQIII", -1, 0.5, 1, 65, 2, 3) + b"no\0\0"
    assert read(rare) == [Message("/a", (-1, 0.5, True, 1, 65, 2, 3, "no"))]
    assert read(b"/a\0\0") == [Message("/a", ())]


def broken(size):
    return b"#bundle\0" + bytes(8) + struct.pack(">i", size)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "a packet of 0 bytes; OSC comes in groups of 4"),
        (b"/a\0", "a packet of 3 bytes; OSC comes in groups of 4"),
        (bytes(LARGEST + 4), f"a packet of more than {LARGEST} bytes"),
        (b"abcd", "a packet that begins with no address"),
        (b"/abc", "a string without an end"),
        (b"/\xff\xff\0", "a string that is no text"),
        (b"/a\0\0abc\0", "a message that does not name the types of its values"),
        (b"/a\0\0,i\0\0", "a message that is cut short"),
        (b"/a\0\0,b\0\0", "a message that is cut short"),
        (b"/a\0\0,b\0\0\0\0\0\x09abcd", "a message that is cut short"),
        (b"/a\0\0,b\0\0\xff\xff\xff\xfcabcd", "a message that is cut short"),
        (b"/a\0\0,x\0\0", "a value of the type 'x', which OSC does not have"),
        (b"#bundle\0", "a bundle that is cut short"),
        (broken(-4), "a piece of -4 bytes in a bundle that has 0"),  # some go round for ever here
        (broken(0), "a piece of 0 bytes in a bundle that has 0"),
        (broken(400), "a piece of 400 bytes in a bundle that has 0"),
    ],
)
def test_what_is_no_osc_is_refused_with_its_reason(data, words):
    with pytest.raises(ValueError, match=words):
        read(data)


def test_bundles_are_not_followed_to_any_depth():
    inner = packet("/a")
    for _ in range(DEEPEST + 1):
        inner = b"#bundle\0" + bytes(8) + struct.pack(">i", len(inner)) + inner
    with pytest.raises(ValueError, match=f"more than {DEEPEST} bundles in each other"):
        read(inner)


@settings(deadline=None)
@given(
    st.binary(max_size=200)
    | st.builds(lambda data: b"/a\0\0," + data, st.binary(max_size=60))
    | st.builds(lambda data: b"#bundle\0" + bytes(8) + data, st.binary(max_size=60))
)
def test_any_bytes_are_read_or_refused(data):
    try:
        messages = read(data)
    except ValueError:
        return
    assert all(message.address.startswith("/") for message in messages)


# -- places -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("9001", Place("127.0.0.1", 9001, "")),
        ("localhost:9001", Place("localhost", 9001, "")),
        ("[::1]:9001", Place("::1", 9001, "")),
        ("0.0.0.0:9000/pear", Place("0.0.0.0", 9000, "pear")),
        ("9000/pear", Place("127.0.0.1", 9000, "pear")),
    ],
)
def test_a_place_is_a_port_or_a_host_and_a_port(target, place):
    assert place_of(target) == place


@pytest.mark.parametrize("target", ["", "here", "here:", "99999", "0", "-1", "9000/a/b", "9000:x"])
def test_what_is_no_place_is_told(target):
    with pytest.raises(ShowError, match=f"OSC cannot be heard at {target!r}; give a port, such as"):
        place_of(target)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "[::]", "stage.local"])
def test_a_place_that_others_can_reach_needs_a_word(host):
    with pytest.raises(ShowError, match="is open to other machines; give a word that addresses"):
        place_of(f"{host}:9000")
    assert place_of(f"{host}:9000/pear").word == "pear"


# -- a show that hears ------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Heard:
    """A parameters that hears real datagrams."""

    def __init__(self, parameters: Parameters, port: int):
        self.parameters, self.port = parameters, port
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))

    def send(self, *packets: bytes) -> None:
        for one in packets:
            self.socket.send(one)

    def taken(self, claim):
        """Wait until a claim is true of what has been taken in."""

        def take_in():
            self.parameters.apply_pending(0.0)
            return claim()

        return wait_for(take_in)


@contextmanager
def hearing(parameters: Parameters, word: str = ""):
    port = free_port()
    osc = Osc(f"{port}{word and '/'}{word}")
    osc.start(Performance(LiveClock(), parameters=parameters))
    heard = Heard(parameters, port)
    try:
        yield heard
    finally:
        heard.socket.close()
        osc.close()
        osc.close()
        summarize()


@pytest.fixture
def field():
    """The part of a show, and the show as it hears OSC."""
    sketch, part = show()
    with hearing(sketch.stage().performance.parameters) as heard:
        yield part, heard


@pytest.mark.parametrize(
    ("sent", "held"),
    [(0.75, 0.75), (1, 1.0), (True, 1.0), ("0.5", 0.5), (7.5, 1.0), (-math.inf, 0.0)],
)
def test_a_number_turns_a_knob_and_what_is_out_of_range_is_clipped(field, sent, held):
    part, heard = field
    heard.send(packet("/field/light", sent))
    heard.taken(lambda: part.knob_state.held == {"light": held})


def test_a_bundle_turns_several_and_nothing_lets_go(field):
    part, heard = field
    heard.send(bundle(built("/field/light", 0.5), built("/field/words", "dusk")).dgram)
    heard.taken(lambda: part.knob_state.held == {"light": 0.5, "words": "dusk"})
    heard.send(packet("/field/light"), packet("/field/words", None))
    heard.taken(lambda: part.knob_state.held == {})


def test_a_show_draws_what_osc_says():
    sketch, _ = show(fps=30)
    osc = Osc(str(free_port()))
    memory = Memory()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

        def draw(now):
            sender.sendto(packet("/field/light", 1.0), ("127.0.0.1", osc.place.port))
            osc.left = osc.left or sketch.names["field"].knob_state.held.get("light") == 1.0
            return sketch.names["field"](now)

        sketch._draw = draw
        sketch.perform([memory, osc], live=True, seconds=20)
    assert memory.images[-1].mean() == 255
    assert osc._socket is None


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (["much"], "was given 'much'; give a number 0..1"),
        ([math.nan], "is nan; give a number 0..1"),
        ([b"much"], "a value of bytes; give a number or words"),
        ([0.5, 0.5], "2 values; it takes one"),
    ],
)
def test_a_value_that_does_not_fit_is_told_and_the_next_one_is_heard(field, capsys, sent, words):
    part, heard = field
    heard.send(packet("/field/light", *sent), packet("/field/warmth", 1.0))
    heard.taken(lambda: part.knob_state.held == {"warmth": 1.0})
    said = capsys.readouterr().err
    assert "OSC: /field/light: " in said and words in said


def test_an_unknown_address_is_told_once_with_the_one_that_is_near(field, capsys):
    part, heard = field
    heard.send(*[packet("/field/ligth", 0.5)] * 20, packet("/field/light", 1.0))
    heard.taken(lambda: part.knob_state.held)
    said = capsys.readouterr().err
    assert said.count("no control '/field/ligth'; did you mean '/field/light'?") == 1
    assert summarize()["OSC: no control '/field/ligth'; did you mean '/field/light'?"] == 20


def test_of_many_unknown_addresses_a_few_are_told(field, capsys):
    part, heard = field
    heard.send(*[packet(f"/{number}/" + "x" * 500, 0.5) for number in range(40)])
    heard.send(packet("/field/light", 1.0))
    heard.taken(lambda: part.knob_state.held)
    said = capsys.readouterr().err
    assert said.count("no control") == 8
    assert said.count("more addresses that are not on the parameters") == 1
    assert max(map(len, said.splitlines())) < 250


def test_garbage_is_told_once_and_what_follows_is_heard(field, capsys):
    part, heard = field
    garbage = [b"", b"abc", broken(-4), packet("/a")[:-1], bytes(9000), b"/\xff\xff\0"]
    heard.send(*garbage, packet("/field/light", 1.0))
    heard.taken(lambda: part.knob_state.held)
    assert capsys.readouterr().err.count("it is passed over") == 1


def test_a_button_presses_when_it_goes_down_and_not_when_it_comes_up():
    pressed, parameters = [], Parameters()
    parameters.add(Parameter("/show/black", "press", "black", apply=pressed.append))
    with hearing(parameters) as heard:
        heard.send(packet("/show/black", 0), packet("/show/black", 0.0))
        heard.send(packet("/show/black", 1.0), packet("/show/black"), packet("/show/black", True))
        heard.taken(lambda: len(pressed) >= 3)
    assert pressed == [None] * 3


def test_a_control_that_raises_is_told_and_the_show_goes_on(capsys):
    def fit(value):
        raise ZeroDivisionError("by zero")

    parameters, taken = Parameters(), []
    parameters.add(Parameter("/a", "number", "a", apply=taken.append, convert=fit))
    parameters.add(Parameter("/b", "number", "b", apply=taken.append))
    with hearing(parameters) as heard:
        heard.send(packet("/a", 1), packet("/b", 1))
        heard.taken(lambda: taken == [1])
    assert "OSC: /a raised ZeroDivisionError: by zero" in capsys.readouterr().err


def test_only_those_who_know_the_word_are_heard(capsys):
    parameters, taken = Parameters(), []
    parameters.add(Parameter("/a", "number", "a", apply=taken.append))
    with hearing(parameters, word="pear") as heard:
        for number, prefix in enumerate(["", "/apple", "/pearx", "/péar", "/pear"]):
            heard.send(packet(f"{prefix}/a", number))
        heard.taken(lambda: taken)
        said = capsys.readouterr().err
    assert taken == [4]
    assert said.count("does not begin with the word of this show") == 1


def test_a_port_that_is_taken_is_one_line_and_the_show_goes_on_without(capsys):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        sketch, _ = show()
        memory = Memory()
        sketch.perform([memory, Osc(str(port))], live=True, seconds=0.3)
    assert memory.images
    said = capsys.readouterr().err
    assert f"OSC is not heard at 127.0.0.1:{port}: Address already in use; --osc gives" in said
    assert len(said.splitlines()) == 1


def test_a_flood_is_read_up_to_a_limit_and_told_once(capsys):
    parameters, taken = Parameters(), []
    parameters.add(Parameter("/a", "number", "a", apply=taken.append))
    with hearing(parameters) as heard:
        begun = time.monotonic()
        while (lasted := time.monotonic() - begun) < 1.0:
            heard.send(*[packet("/a", lasted), b"garbage!"] * 20)
            parameters.apply_pending(lasted)
        read_at_most = BURST + MOST_A_SECOND * (time.monotonic() - begun)
        heard.taken(lambda: "messages a second" in capsys.readouterr().err)
    assert 0 < len(taken) <= read_at_most


@settings(deadline=None)
@given(st.binary(max_size=120) | st.builds(packet, st.sampled_from(["/a", "/b", "/c"]), values))
def test_any_packet_leaves_the_parameters_as_it_may_be(data):
    parameters, taken = Parameters(), []
    parameters.add(Parameter("/a", "number", "a", apply=taken.append, convert=float))
    parameters.add(Parameter("/b", "choice", "b", apply=taken.append, choices=("x", "y")))
    parameters.add(Parameter("/c", "words", "c", apply=taken.append))
    osc = Osc()
    osc._parameters = parameters
    assert osc.take(data) >= 1
    parameters.apply_pending(0.0)
    assert all(isinstance(value, float | str | None) for value in taken)
    summarize()


# -- what values mean -------------------------------------------------------------------------


def test_a_dial_goes_from_end_to_end_of_a_number_and_through_all_choices():
    tempo = Parameter("/tempo", "number", "tempo", apply=print, span=(20.0, 220.0))
    assert [at_dial(tempo, dial) for dial in (0, 0.5, 1, 7)] == [20, 120, 220, 220]
    style = Parameter("/style", "choice", "style", apply=print, choices=("a", "b", "c"))
    assert [at_dial(style, dial) for dial in (0.0, 0.33, 0.34, 0.66, 0.67, 1.0)] == list("aabbcc")


def test_words_may_be_numbers_and_choices_are_named_or_dialled():
    style = Parameter("/style", "choice", "style", apply=print, choices=("a", "b"))
    assert value_of(style, ("b",)) == value_of(style, (1.0,)) == value_of(style, (True,)) == "b"
    assert value_of(Parameter("/words", "words", "words", apply=print), (3.0,)) == "3"
