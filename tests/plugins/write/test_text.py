"""Texts: cleaned, their words, and the keys by which one is known again."""

from capriccio_write.text import FILTER_BITS, KEYS, cleaned, content_words, keys_of


def test_a_text_is_one_line_of_composed_characters():
    assert cleaned("  A\n  Swiss\tTown ") == "A Swiss Town"
    assert cleaned("cafe\u0301") == "caf\u00e9"


def test_words_that_say_nothing_are_passed_over():
    assert content_words("Study of a Castle, and the Castle's Gate") == ["castle", "gate"]
    assert content_words("") == []


def test_keys_do_not_depend_on_case_and_marks():
    assert keys_of("A Swiss Town") == keys_of("a swiss   town!")
    assert keys_of("A Swiss Town") != keys_of("A Swiss Tower")
    assert len(keys_of("x")) == KEYS
    assert all(0 <= key < FILTER_BITS for key in keys_of("x"))
