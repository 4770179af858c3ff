"""The measures of texts: Kneser-Ney is a distribution, xz is counted, words are found."""

import pytest
from capriccio_write.evaluate import KneserNey, compressed_bits, words_of

TEXTS = [f"View of the {place} at {time}" for place in ("Castle", "River", "Abbey")
         for time in ("Dawn", "Noon", "Night")]  # fmt: skip


@pytest.mark.parametrize("context", ["", "he C", "zzzz", "\n\n\n\n", "iew "])
def test_probabilities_add_up_to_one(context):
    model = KneserNey(TEXTS)
    known = {character for text in TEXTS for character in text} | {"\n"}
    total = sum(model.probability(context, character) for character in known)
    assert total == pytest.approx(1)


def test_what_it_was_fitted_on_costs_few_bits():
    model = KneserNey(TEXTS)
    assert model.bits(TEXTS) < 1 < model.bits(["thgiN ta yebbA eht fo weiV"])


def test_longer_contexts_help():
    assert KneserNey(TEXTS, 5).bits(TEXTS) < KneserNey(TEXTS, 2).bits(TEXTS)


def test_compression_is_cheaper_for_what_stood_there_before():
    train = TEXTS * 20
    assert compressed_bits(train, TEXTS) < compressed_bits(train, ["Qu1t3 d1ff3r3nt"] * 9)


def test_words_have_letters_alone():
    assert words_of("The Bridge-at Blois, 1840") == ["the", "bridge", "at", "blois"]
