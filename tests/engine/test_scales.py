"""Keys and scales by name."""

import pytest
from capriccio import pitch_classes


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


@pytest.mark.parametrize(
    "name, same",
    [
        ("Dm", "d minor"),
        ("DM", "d major"),
        ("D", "D major"),
        ("Bb", "b flat major"),
        ("Bbmin", "B-flat minor"),
        ("F#m", "f sharp minor"),
        ("C# dorian", "Db Dorian"),
        ("d dorian", "c major"),
        ("e phrygian", "c ionian"),
        ("g mixolydian", "a aeolian"),
        ("f lydian", "b locrian"),
        ("C pentatonic", "a minor pentatonic"),
        ("C whole tone", "D whole  tone"),
    ],
)
def test_a_scale_has_several_names(name, same):
    assert pitch_classes(name) == pitch_classes(same)


def test_scales_have_their_notes():
    assert pitch_classes("C# dorian") == {1, 3, 4, 6, 8, 10, 11}
    assert pitch_classes("E flat pentatonic") == {3, 5, 7, 10, 0}
    assert pitch_classes("A harmonic minor") == {9, 11, 0, 2, 4, 5, 8}
    assert len(pitch_classes("C chromatic")) == 12


def test_an_unknown_key_is_refused():
    with pytest.raises(ValueError, match=r'key must be like "d minor", .*, got .h major'):
        pitch_classes("h major")
    with pytest.raises(ValueError, match=r"no scale is called 'dorain'; did you mean 'dorian'\?"):
        pitch_classes("C dorain")
    with pytest.raises(ValueError, match=r"pitch classes must be numbers 0\.\.11, got \[12\]"):
        pitch_classes([12])
