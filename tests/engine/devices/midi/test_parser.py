"""MIDI messages out of bytes, and when they were played."""

import pytest
from capriccio.devices.midi.parser import DriverClock, MessageParser
from hypothesis import given
from hypothesis import strategies as st

data = st.integers(0, 127)


two = st.builds(
    lambda kind, channel, *pair: bytes([kind | channel, *pair]),
    st.sampled_from([0x80, 0x90, 0xA0, 0xB0, 0xE0]),
    st.integers(0, 15),
    data,
    data,
)


one = st.builds(
    lambda kind, channel, value: bytes([kind | channel, value]),
    st.sampled_from([0xC0, 0xD0]),
    st.integers(0, 15),
    data,
)


@given(st.lists(st.binary(max_size=20)))
def test_only_whole_messages_are_parsed_out_of_any_bytes_in_any_pieces(pieces):
    parser = MessageParser()
    found = [message for piece in pieces for message in parser.feed(piece)]
    for message in found:
        assert 0x80 <= message[0] < 0xF0
        assert len(message) == (2 if message[0] & 0xF0 in (0xC0, 0xD0) else 3)
        assert max(message[1:]) < 0x80
    assert found == MessageParser().feed(b"".join(pieces))


@given(st.lists(two | one), st.data())
def test_messages_are_parsed_through_running_status_clock_and_system_messages(whole, draw):
    wire, status = b"", None
    for message in whole:
        if draw.draw(st.booleans()):  # a system message, which ends the running status
            wire += draw.draw(st.sampled_from([b"\xf0\x7e\x01\x02\xf7", b"\xf3\x05", b"\xf6"]))
            status = None
        bare = message[1:] if message[0] == status else message
        for byte in bare:
            wire += draw.draw(st.sampled_from([b"", b"\xf8", b"\xfe"])) + bytes([byte])
        status = message[0]
    assert MessageParser().feed(wire) == whole


def test_a_truncated_message_is_skipped_and_spoils_none_after_it():
    assert MessageParser().feed(
        b"\x90\x3c\xb0\x01\x7f\x3c\xf0\x01\x40\xf7\x40\x40\x90\x3e\x40"
    ) == [
        b"\xb0\x01\x7f",
        b"\x90\x3e\x40",
    ]


@pytest.mark.parametrize("delays", [(12, 0, 7, 3, 11), (0, 5, 12, 1, 9)])
def test_the_time_between_notes_is_the_drivers_however_late_they_are_received(delays):
    driver, first = DriverClock(), 100.0
    found = [
        driver.played_at(first + 0.5 * number + delay / 1000, 0.5 if number else 0.0)
        for number, delay in enumerate(delays)
    ]
    best = min(delays[:2]) / 1000
    for number, seconds in enumerate(found[1:], 1):
        assert seconds == pytest.approx(first + 0.5 * number + best)


def test_after_a_silence_or_a_wrong_measure_the_time_is_that_of_receipt():
    driver = DriverClock()
    assert driver.played_at(1.0, 0.0) == 1.0
    assert driver.played_at(9.0, 7.9) == 9.0
    assert driver.played_at(10.0, 0.1) == 10.0
    assert driver.played_at(10.5, 5.0) == 10.5
