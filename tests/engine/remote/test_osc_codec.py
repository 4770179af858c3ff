"""The OSC codec: packets of other libraries, malformed ones, and any bytes."""

import struct

import pytest
from capriccio.remote.osc_codec import MAX_BYTES, MAX_DEPTH, Message, decode
from helpers.osc import bundle, message, packet
from hypothesis import given, settings
from hypothesis import strategies as st

texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=9)
numbers = st.integers(-(2**31), 2**31 - 1) | st.floats(width=32, allow_nan=False)
values = texts | numbers | st.booleans() | st.none() | st.binary(min_size=1, max_size=9)


@settings(deadline=None)
@given(texts, st.lists(values, max_size=6))
def test_messages_of_another_library_are_decoded(path, sent):
    [decoded] = decode(packet(f"/{path}", *sent))
    assert decoded == Message(f"/{path}", tuple(sent))


@settings(deadline=None)
@given(st.lists(st.lists(values, max_size=3), max_size=5))
def test_nested_bundles_are_decoded_in_order(several):
    messages = [message(f"/{number}", *sent) for number, sent in enumerate(several)]
    nested = bundle(*messages[:2], bundle(*messages[2:]))
    if not messages:
        return
    nested = nested.dgram if len(messages) > 2 else bundle(*messages).dgram
    assert decode(nested) == [
        Message(f"/{number}", tuple(sent)) for number, sent in enumerate(several)
    ]


def test_wide_numbers_arrays_and_rare_types_are_decoded():
    rare = b"/a\0\0,[hd]ItcrmS\0" + struct.pack(">qdQIII", -1, 0.5, 1, 65, 2, 3) + b"no\0\0"
    assert decode(rare) == [Message("/a", (-1, 0.5, True, 1, 65, 2, 3, "no"))]
    assert decode(b"/a\0\0") == [Message("/a", ())]


def bundle_with_size(size):
    return b"#bundle\0" + bytes(8) + struct.pack(">i", size)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "packet of 0 bytes, expected a multiple of 4"),
        (b"/a\0", "packet of 3 bytes, expected a multiple of 4"),
        (bytes(MAX_BYTES + 4), f"packet of more than {MAX_BYTES} bytes"),
        (b"abcd", "message does not begin with an address"),
        (b"/abc", "string is not terminated"),
        (b"/\xff\xff\0", "string is not valid UTF-8"),
        (b"/a\0\0abc\0", "message has no type tags"),
        (b"/a\0\0,i\0\0", "message is truncated"),
        (b"/a\0\0,b\0\0", "message is truncated"),
        (b"/a\0\0,b\0\0\0\0\0\x09abcd", "message is truncated"),
        (b"/a\0\0,b\0\0\xff\xff\xff\xfcabcd", "message is truncated"),
        (b"/a\0\0,x\0\0", "unknown type tag 'x'"),
        (b"#bundle\0", "bundle is truncated"),
        (
            bundle_with_size(-4),
            "bundle element of -4 bytes where 0 are left",
        ),  # some decoders never end here
        (bundle_with_size(0), "bundle element of 0 bytes where 0 are left"),
        (bundle_with_size(400), "bundle element of 400 bytes where 0 are left"),
    ],
)
def test_malformed_packets_are_refused_with_the_reason(data, error):
    with pytest.raises(ValueError, match=error):
        decode(data)


def test_deeply_nested_bundles_are_refused():
    inner = packet("/a")
    for _ in range(MAX_DEPTH + 1):
        inner = b"#bundle\0" + bytes(8) + struct.pack(">i", len(inner)) + inner
    with pytest.raises(ValueError, match=f"bundles nested more than {MAX_DEPTH} deep"):
        decode(inner)


@settings(deadline=None)
@given(
    st.binary(max_size=200)
    | st.builds(lambda data: b"/a\0\0," + data, st.binary(max_size=60))
    | st.builds(lambda data: b"#bundle\0" + bytes(8) + data, st.binary(max_size=60))
)
def test_any_bytes_are_decoded_or_refused(data):
    try:
        messages = decode(data)
    except ValueError:
        return
    assert all(one.address.startswith("/") for one in messages)
