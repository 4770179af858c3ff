"""Tests of musical keys by name."""

import pytest
from capriccio_rnn.keys import pitch_classes


@pytest.mark.parametrize(
    "name, classes",
    [
        ("", range(12)),
        ("c major", {0, 2, 4, 5, 7, 9, 11}),
        ("B flat major", {10, 0, 2, 3, 5, 7, 9}),
        ("b major", {11, 1, 3, 4, 6, 8, 10}),
        ("bb major", {10, 0, 2, 3, 5, 7, 9}),
        ("a minor", {9, 11, 0, 2, 4, 5, 6, 7, 8}),
        ("F♯ minor", {6, 8, 9, 11, 1, 2, 3, 4, 5}),
        ((0, 7), {0, 7}),
    ],
)
def test_keys_are_read_as_musicians_write_them(name, classes):
    assert pitch_classes(name) == set(classes)


def test_an_unknown_key_is_refused():
    with pytest.raises(ValueError, match=r'key must be like "d minor", .*, got .h major'):
        pitch_classes("h major")
    with pytest.raises(ValueError, match=r"pitch classes must be numbers 0\.\.11, got \[12\]"):
        pitch_classes([12])
