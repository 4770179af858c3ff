"""Writes the models' cards into the page on rights: `python -m capriccio_docs.model_cards`."""

import re
import sys
from pathlib import Path
from typing import Any

from .cli import list_parts
from .reference import cell

BEGIN = "<!-- cards: written by python -m capriccio_docs.model_cards -->"
END = "<!-- end of cards -->"
# What a card says of rights, and under which of its names.
FACTS = {
    "learned from": ("data",),
    "whose work": ("credit",),
    "from where": ("source", "data_source"),
    "licence of the data": ("data_licence",),
    "licence": ("licence", "license"),
}


def models_of(parts: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the cards of all models, by the part and the name, each model once."""
    cards: dict[str, dict[str, Any]] = {}
    for part in parts:
        for model in part.get("models", []):
            if "card" in model and model["card"] not in cards.values():
                cards[f"{part['name']}: {model['name']}"] = model["card"]
    return dict(sorted(cards.items()))


def models_before(card: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a card says of the model that the training began with, of that one's, and on."""
    begun = card.get("begun_with")
    return [begun, *models_before(begun)] if begun else []


def cards_text(parts: list[dict[str, Any]]) -> str:
    """Return what the page says of every model, from the models' own cards."""
    lines = []
    for name, card in models_of(parts).items():
        lines += [f"### {name}", "", "| | |", "| --- | --- |"]
        for fact, keys in FACTS.items():
            if said := next((str(card[key]) for key in keys if card.get(key)), ""):
                lines.append(f"| {fact} | {cell(said)} |")
        for begun in models_before(card):
            said = "; ".join(
                str(begun[key]) for key in ("name", "data", "credit") if begun.get(key)
            )
            lines.append(f"| began with the weights of | {cell(said)} |")
        if card.get("hours"):
            lines.append(f"| trained | {card['hours']} h, {cell(str(card.get('machine', '')))} |")
        lines.append("")
    return "\n".join(lines)


def with_cards(page: str, parts: list[dict[str, Any]]) -> str:
    """Return the page with the cards as they are now between its two marks."""
    between = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    if not between.search(page):
        raise ValueError(f"expected the marks {BEGIN!r} and {END!r} in the page")
    return between.sub(lambda _: f"{BEGIN}\n\n{cards_text(parts)}\n{END}", page)


def main(page: Path) -> None:
    """Bring a page up to date."""
    text = with_cards(page.read_text(encoding="utf-8"), list_parts())
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/rights.md"))
