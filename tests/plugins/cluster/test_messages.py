"""Messages between a conductor and its followers."""

import pytest
from capriccio import ShowError
from capriccio_cluster.messages import MAX_BYTES, decode, encode, is_local, parse_place


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("", ("127.0.0.1", 9100, "")),
        ("10.0.0.2", ("10.0.0.2", 9100, "")),
        (":9200", ("127.0.0.1", 9200, "")),
        ("stage.local:9200/rose", ("stage.local", 9200, "rose")),
        ("/rose", ("127.0.0.1", 9100, "rose")),
    ],
)
def test_a_place_is_parsed(target, place):
    assert parse_place(target, default_host="127.0.0.1") == place


@pytest.mark.parametrize("target", ["host:port", "host:0", "host:70000", "host:1/a/b"])
def test_a_malformed_place_is_refused(target):
    with pytest.raises(ShowError, match="a conductor is at HOST, HOST:PORT or HOST:PORT/WORD"):
        parse_place(target, default_host="127.0.0.1")


def test_values_arrive_as_they_were_sent():
    values = ["name", 0.1, 123456789.123456789, 7, True, None]
    assert decode("rose", encode("rose", "/beat", *values)) == ("/beat", values)
    assert decode("", encode("", "/beat", *values)) == ("/beat", values)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"/thorn/beat\0,\0\0\0",
        encode("thorn", "/beat", 1),
        b"/rose/beat",
        b"/rose/\0\xff\xff",
        b"/rose/beat\0\0,d\0\0\1",
        b"/rose/" + b"a" * MAX_BYTES,
    ],
)
def test_what_is_no_message_with_the_word_is_nothing(packet):
    assert decode("rose", packet) in (("", []), ("/beat", []))


def test_this_machine_is_told_from_others():
    assert is_local("localhost") and is_local("127.0.0.1") and is_local("::1")
    assert not is_local("0.0.0.0") and not is_local("10.0.0.2") and not is_local("stage")
