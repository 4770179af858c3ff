"""The page on rights says what the cards of the models say, of every model."""

import pytest
from capriccio_docs.cli import list_parts
from capriccio_docs.model_cards import BEGIN, END, cards_text, main, models_of, with_cards
from helpers.devices import ROOT

PAGE = ROOT / "docs" / "rights.md"
CARD = {"data": "a|b", "credit": "Ada", "license": "MIT", "hours": 2, "machine": "a laptop"}


@pytest.fixture(scope="module")
def parts():
    return list_parts()


def test_the_page_is_that_of_the_cards(parts):
    page = PAGE.read_text(encoding="utf-8")
    assert with_cards(page, parts) == page, "run: python -m capriccio_docs.model_cards"


def test_of_every_model_the_page_says_whether_its_nearness_was_measured(parts):
    page = PAGE.read_text(encoding="utf-8")
    table = page.partition("## How near")[2].partition("\n## ")[0]
    for name in models_of(parts):
        part, _, model = name.partition(": ")
        assert f"`{model}`" in table or f"`{part}: {model}`" in table, name


def test_every_model_states_its_data(parts):
    for name, card in models_of(parts).items():
        assert card.get("data"), name
        assert card.get("licence") or card.get("license"), name


def test_a_card_is_written_with_what_it_says():
    text = cards_text([{"name": "gan", "models": [{"name": "x", "card": CARD}, {"name": "y"}]}])
    assert text == (
        "### gan: x\n\n| | |\n| --- | --- |\n| learned from | a\\|b |\n| whose work | Ada |\n"
        "| licence | MIT |\n| trained | 2 h, a laptop |\n"
    )


def test_the_models_that_a_training_began_with_are_named_up_to_the_first():
    first = {"name": "kanji", "data": "characters", "credit": "Ulrich"}
    card = {**CARD, "begun_with": {"name": "letters", "begun_with": first}}
    text = cards_text([{"name": "draw", "models": [{"name": "x", "card": card}]}])
    row = "| began with the weights of | {} |\n"
    assert row.format("letters") + row.format("kanji; characters; Ulrich") in text


def test_a_model_of_two_parts_is_listed_once():
    shared = {"name": "x", "card": CARD}
    assert list(models_of([{"name": "b", "models": [shared]}, {"name": "c", "models": [shared]}]))
    assert (
        len(models_of([{"name": "b", "models": [shared]}, {"name": "c", "models": [shared]}])) == 1
    )


def test_only_what_lies_between_the_marks_is_replaced():
    page = with_cards(f"before\n{BEGIN}\nold\n{END}\nafter", [])
    assert page == f"before\n{BEGIN}\n\n\n{END}\nafter"
    with pytest.raises(ValueError, match="expected the marks"):
        with_cards("nothing", [])


def test_the_page_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("capriccio_docs.model_cards.list_parts", list)
    (tmp_path / "page.md").write_text(f"{BEGIN}\nold\n{END}")
    main(tmp_path / "page.md")
    assert "old" not in (tmp_path / "page.md").read_text()
