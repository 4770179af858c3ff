"""Captions are composed from a catalogue and from measured attributes."""

import numpy as np
from capriccio_gan.training.attributes import Attributes
from capriccio_gan.training.captions import compose, facts_of, words_of

ROW = {
    "fruit_class": "apples",
    "common_name": "apples",
    "taxon_variety": "Malus domestica: Ben Davis",
    "artist": "Passmore, Deborah Griscom, 1840-1911",
    "year": "1912",
}


def test_a_caption_holds_what_is_catalogued_and_measured():
    facts = facts_of(ROW, Attributes(("dark red", "yellow"), "whole and cut", "large", True))
    assert compose(facts) == (
        "large dark red and yellow ben davis apple whole and cut with leaves by passmore 1910s"
    )
    assert compose(facts_of({"kind": "Cats"}, Attributes())) == "cat"
    assert compose(facts_of({"common_name": "unknown", "fruit_class": "other"}, Attributes())) == ""


def test_random_captions_vary_and_have_no_words_beyond_words_of():
    facts = facts_of(ROW, Attributes(("dark red", "yellow"), "whole and cut", "large", True))
    captions = {compose(facts, np.random.default_rng(seed)) for seed in range(200)}
    assert len(captions) > 100
    assert {word for caption in captions for word in caption.split()} <= words_of(facts)
    assert any("crimson" in caption for caption in captions)
    assert "green" not in words_of(facts) and "two" not in words_of(facts)


def test_two_captions_in_five_are_a_colour_and_a_kind():
    facts = facts_of(ROW, Attributes(("yellow",), "whole and cut", "large", True))
    captions = [compose(facts, np.random.default_rng(seed)) for seed in range(500)]
    assert 0.35 < captions.count("yellow apple") / len(captions) < 0.5
