"""Prompts become word numbers; unknown words are found with the nearest known."""

import pytest
from capriccio_gan.vocabulary import MAX_WORDS, PADDING, START, Vocabulary, normalize, singular

VOCABULARY = Vocabulary(["red", "apple", "pear", "black", "grape"])


def test_a_prompt_becomes_numbers_of_known_words():
    numbers, unknown = VOCABULARY.encode("Two RED apples, and a pear!")
    assert numbers == [START, 2, 3, 4] + [PADDING] * (MAX_WORDS - 4)
    assert unknown == ["two"]


def test_unknown_words_are_returned_once_and_have_a_nearest():
    _, unknown = VOCABULARY.encode("aple aple zebra 🍎 яблоко 苹果")
    assert unknown == ["aple", "zebra", "🍎", "яблоко", "苹果"]
    assert [VOCABULARY.nearest(word) for word in unknown] == ["apple", "", "", "", ""]


@pytest.mark.parametrize("text", ["", "   ", "a" * 10_000, "red " * 5_000, "\0\n\t", "🍎" * 500])
def test_any_text_is_encoded_with_the_same_length(text):
    numbers, unknown = VOCABULARY.encode(text)
    assert len(numbers) == MAX_WORDS and numbers[0] == START
    assert len(unknown) <= 1
    assert max(numbers) < len(VOCABULARY)


def test_words_beyond_the_limits_are_dropped():
    numbers, unknown = VOCABULARY.encode("red " * 30 + "zebra " + "pear " * 1_000 + "lion")
    assert numbers == [START] + [2] * (MAX_WORDS - 1)
    assert unknown == ["zebra"]


def test_a_vocabulary_counts_padding_and_start():
    assert len(VOCABULARY) == 7
    assert "pear" in VOCABULARY and "zebra" not in VOCABULARY


@pytest.mark.parametrize(
    ("many", "one"),
    [("apples", "apple"), ("peaches", "peach"), ("cherries", "cherry"), ("mangoes", "mango"),
     ("crab apples", "crab apple"), ("grass", "grass"), ("gas", "gas"), ("pear", "pear")],
)  # fmt: skip
def test_plurals_become_singular(many, one):
    assert singular(many) == one


def test_text_is_normalized_to_words_without_accents():
    assert normalize("  Crème brûlée, No. 7! ") == "creme brulee no 7"
    assert normalize("Яблоко 苹果") == "яблоко 苹果" and normalize("🍎 …") == ""
