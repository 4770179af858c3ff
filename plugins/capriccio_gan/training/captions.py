"""Compose captions from a catalogue's columns and measured attributes, in varying words."""

import re
from dataclasses import dataclass, field

import numpy as np

from ..vocabulary import ARTICLES, STOP_WORDS, normalize, singular
from .attributes import Attributes

# Synonyms, so that a prompt may use any of them.
SYNONYMS = {
    "dark red": ("dark red", "crimson", "deep red"),
    "purple": ("purple", "violet"),
    "black": ("black", "dark"),
    "white": ("white", "pale", "cream"),
    "orange": ("orange", "golden"),
    "whole": ("whole", "entire"),
    "cut": ("cut", "halved", "sliced", "half"),
    "whole and cut": ("whole and cut", "whole and halved", "and its half", "whole and in half"),
    "two": ("two", "pair of"),
    "several": ("several", "many"),
    "small": ("small", "little", "tiny"),
    "large": ("large", "big"),
    "gloomy": ("gloomy", "dim", "nocturnal"),
    "bright": ("bright", "sunny", "light"),
    "cool": ("cool", "cold"),
    "portrait": ("portrait", "face"),
    "seascape": ("seascape", "sea", "marine"),
    "still life": ("still life", "still life with objects"),
    "genre painting": ("genre painting", "scene with people", "people"),
    "cityscape": ("cityscape", "city", "town"),
    "religious painting": ("religious painting", "saint", "religious scene"),
    "leaves": ("with leaves", "with a leaf", "on a leafy twig"),
    "impressionism": ("impressionism", "impressionist"),
    "post impressionism": ("post impressionism", "post impressionist"),
    "expressionism": ("expressionism", "expressionist"),
    "romanticism": ("romanticism", "romantic"),
    "realism": ("realism", "realist"),
    "cubism": ("cubism", "cubist"),
    "symbolism art nouveau": ("symbolism art nouveau", "symbolist"),
    "geometric abstraction": ("geometric abstraction", "abstract"),
    "ukiyo e": ("ukiyo e", "japanese woodcut"),
    "tonalism": ("tonalism", "tonalist"),
}
# Words of titles that tell nothing of a picture.
UNTOLD = STOP_WORDS | ARTICLES | {
    "s", "de", "for", "st", "l", "la", "le", "du", "des", "di", "da", "d", "it", "his", "her",
    "not", "i", "o", "m", "n", "as", "over", "after", "before", "detail", "untitled", "unknown",
    "study",
}  # fmt: skip
SHORT_SHARE = 0.4  # of captions that are like typed prompts: a colour and a kind


@dataclass(frozen=True)
class Facts:
    """What is known of one picture, from a catalogue and from its attributes."""

    kind: str = ""
    names: tuple[str, ...] = ()
    artist: str = ""
    decade: str = ""
    movement: str = ""
    title: str = ""  # maker and title, as a credit has them
    attributes: Attributes = field(default_factory=Attributes)


def facts_of(row: dict[str, str], attributes: Attributes) -> Facts:
    """Return the facts in a row of a catalogue; columns of other names are ignored."""
    columns = ("common_name", "kind", "label", "class", "genre")
    kind = next((row[column] for column in columns if row.get(column)), "")
    kind = singular(normalize(kind or row.get("fruit_class", "")))
    if kind in ("unknown", "other"):
        kind = ""
    variety = row.get("taxon_variety", row.get("variety", "")).partition(":")[2]
    artist = normalize(row.get("artist", "").split(",")[0])  # the surname
    year = re.search(r"1[5-9]\d\d|20\d\d", row.get("year", ""))
    decade = f"{year.group()[:3]}0s" if year else ""
    words = f"{variety} {row.get('words', '')} {row.get('title', '')}"
    names = [word for word in normalize(words).split() if word not in UNTOLD]
    movement = normalize(row.get("movement", ""))
    if artist and "," not in row.get("artist", ""):
        artist = artist.split()[-1]
    maker = row.get("artist", "")
    if not maker and row.get("louvre_id"):
        maker = f"Louvre, {row['louvre_id']}"
    title = ", ".join(filter(None, [maker, row.get("title", ""), row.get("year", "")]))
    return Facts(kind, tuple(names), artist, decade, movement, title, attributes)


def compose(facts: Facts, random: np.random.Generator | None = None) -> str:
    """Return a caption: complete, or with `random` a part of it and in varying words."""

    def choose(what: str) -> str:
        words = SYNONYMS.get(what, (what,))
        return words[0] if random is None else words[random.integers(len(words))]

    def included(probability: float) -> bool:
        return random is None or random.random() < probability

    seen = facts.attributes
    if random is not None and facts.kind and seen.colours and random.random() < SHORT_SHARE:
        if facts.movement and random.random() < 0.5:
            return f"{choose(facts.movement)} {choose(facts.kind)}"
        return f"{choose(seen.colours[0])} {choose(facts.kind)}"
    words = []
    if seen.view in ("two", "several") and included(0.7):
        words.append(choose(seen.view))
    if seen.size and included(0.5):
        words.append(choose(seen.size))
    if seen.colours and included(0.8):
        colours = seen.colours if included(0.6) else seen.colours[:1]
        words.append(" and ".join(choose(colour) for colour in colours))
    if seen.light and included(0.5):
        words += [choose(word) for word in seen.light]
    if facts.movement and included(0.7):
        words.append(choose(facts.movement))
    if facts.names and included(0.35):
        words += facts.names
    if facts.kind and included(0.9):
        if _is_bunch(facts) and included(0.3):
            words.insert(0, "bunch of")
        words.append(choose(facts.kind))
    if seen.view in ("whole", "cut", "whole and cut") and included(0.6):
        words.append(choose(seen.view))
    if seen.leaves and included(0.7):
        words.append(choose("leaves"))
    if facts.artist and included(0.25):
        words.append(f"by {facts.artist}")
    if facts.decade and included(0.2):
        words.append(facts.decade)
    return " ".join(words)


def words_of(facts: Facts) -> set[str]:
    """Return every word that a caption of these facts may contain."""
    seen = facts.attributes
    terms = [seen.view, seen.size, *seen.colours, *seen.light, "leaves" if seen.leaves else ""]
    terms += [facts.kind, facts.movement]
    phrases = [phrase for term in terms for phrase in SYNONYMS.get(term, (term,))]
    phrases += [*facts.names, facts.decade]
    phrases += ["by", facts.artist] if facts.artist else []
    phrases += ["bunch of"] if _is_bunch(facts) else []
    # One fruit of the two is cut and the other whole: a prompt may name either alone.
    phrases += [*SYNONYMS["whole"], *SYNONYMS["cut"]] if seen.view == "whole and cut" else []
    return {word for phrase in phrases for word in phrase.split()} | {"and"}


def _is_bunch(facts: Facts) -> bool:
    return facts.kind == "grape" and facts.attributes.view in ("whole", "")
