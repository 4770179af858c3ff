"""The writer: texts under a seed, of a length, about words, after a prefix."""

import numpy as np
import pytest
from capriccio import ModelError, generator_class
from capriccio_write.generator import Write
from capriccio_write.writer import MOST_CHARACTERS, TextWriter, cut_at_word


@pytest.fixture(scope="module")
def writer():
    return TextWriter(Write.models["titles"])


def write(writer, seed=0, **options):
    options = {"heat": 0.5, "about": writer.about(""), **options}
    return writer.write(np.random.default_rng(seed), **options)


def test_the_same_seed_writes_the_same(writer):
    assert write(writer, 1) == write(writer, 1) != write(writer, 2)


def test_a_text_is_of_about_the_length_that_is_asked_for(writer):
    for length in (12, 60):
        lengths = [len(write(writer, seed, length=length)) for seed in range(12)]
        assert 0.7 * length < np.mean(lengths) < 1.25 * length
        assert max(lengths) <= 1.25 * length + 1


def test_a_text_begins_with_its_prefix(writer):
    for seed in range(4):
        assert write(writer, seed, prefix="The Old Bri").startswith("The Old Bri")


def test_a_word_that_it_is_about_is_in_more_texts(writer):
    def found(about):
        texts = (write(writer, seed, about=writer.about(about)) for seed in range(60))
        return sum("castle" in text.lower() for text in texts)

    assert found("castle") > 2 * found("")


def test_plurals_and_empty_words_are_understood(writer):
    assert writer.about("the castle").tolist() == writer.about("castle").tolist()
    assert writer.knows("Castles") and not writer.knows("qqqqq")


def test_an_unknown_word_is_named_with_the_nearest(writer):
    with pytest.raises(
        ValueError, match=r"knows no word 'catsle' to write about; the nea.*'castle'"
    ):
        writer.about("catsle")
    with pytest.raises(ValueError, match=r"knows no word 'qqqqq' to write about$"):
        writer.about("qqqqq")


def test_another_script_is_refused(writer):
    with pytest.raises(ValueError, match=r"the model knows no characters '.+', it writes .*…"):
        write(writer, prefix="Картина")


def test_a_prefix_that_is_a_text_by_itself_is_refused(writer):
    with pytest.raises(ValueError, match="must begin with less than 120 characters, got 120"):
        write(writer, prefix="a" * MOST_CHARACTERS)


def test_texts_of_training_are_known_and_others_are_not(writer):
    assert writer.is_known("A Swiss Town")
    assert not writer.is_known("A Swiss Town under Seven Purple Moons")


def test_a_text_that_is_too_long_ends_with_a_whole_word():
    assert cut_at_word("The Bridge at Blo", "") == "The Bridge at"
    assert cut_at_word("The Bridge, wi", "") == "The Bridge"
    assert cut_at_word("The Bri", "The Br") == "The Bri"


def test_a_model_of_another_part_is_refused():
    path = generator_class("rnn").models["groove"]
    with pytest.raises(ModelError, match="does not write; train one with capriccio train write"):
        TextWriter(path)
