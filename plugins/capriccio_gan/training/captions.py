"""Composes captions: from a catalogue's columns and from what was measured, in ever other words."""

import re
import unicodedata
from dataclasses import dataclass, field

import numpy as np

from .attributes import Look

# One thing has several words; whoever types any of them is understood.
WORDS = {
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
    "leaves": ("with leaves", "with a leaf", "on a leafy twig"),
}


SHORT = 0.4  # share of captions as people type them: a colour and a kind


@dataclass(frozen=True)
class Facts:
    """What is known of one picture: its kind, further names, artist, decade, and its look."""

    kind: str = ""
    names: tuple[str, ...] = ()
    artist: str = ""
    decade: str = ""
    look: Look = field(default_factory=Look)


def facts_of(row: dict[str, str], look: Look) -> Facts:
    """Read the columns of a catalogue that we know; whatever else it has is left alone."""
    kind = row.get("common_name") or row.get("kind") or row.get("label") or row.get("class") or ""
    kind = singular(plain(kind or row.get("fruit_class", "")))
    if kind in ("unknown", "other"):
        kind = ""
    variety = row.get("taxon_variety", row.get("variety", "")).partition(":")[2]
    artist = plain(row.get("artist", "").split(",")[0])  # the family's name
    year = re.search(r"1[5-9]\d\d|20\d\d", row.get("year", ""))
    decade = f"{year.group()[:3]}0s" if year else ""
    return Facts(kind, tuple(plain(variety).split()), artist, decade, look)


def plain(text: str) -> str:
    """Bring a text to lower-case words of letters and digits, without accents, one blank apart."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[^\W_]+", bare))


def singular(words: str) -> str:
    """Give the last word of a name its singular, as far as English is regular."""
    for ending, instead in (("ies", "y"), ("oes", "o"), ("ches", "ch"), ("ss", "ss"), ("s", "")):
        if words.endswith(ending) and len(words) > len(ending) + 2:
            return words.removesuffix(ending) + instead
    return words


def compose(facts: Facts, chance: np.random.Generator | None = None) -> str:
    """Compose a caption: all there is to say, or with `chance` some of it and in other words."""

    def choose(what: str) -> str:
        ways = WORDS.get(what, (what,))
        return ways[0] if chance is None else ways[chance.integers(len(ways))]

    def said(likely: float) -> bool:
        return chance is None or chance.random() < likely

    seen = facts.look
    if chance is not None and facts.kind and seen.colours and chance.random() < SHORT:
        return f"{choose(seen.colours[0])} {facts.kind}"
    words = []
    if seen.view in ("two", "several") and said(0.7):
        words.append(choose(seen.view))
    if seen.size and said(0.5):
        words.append(choose(seen.size))
    if seen.colours and said(0.8):
        many = seen.colours if said(0.6) else seen.colours[:1]
        words.append(" and ".join(choose(colour) for colour in many))
    if facts.names and said(0.35):
        words += facts.names
    if facts.kind and said(0.9):
        if _bunch(facts) and said(0.3):
            words.insert(0, "bunch of")
        words.append(facts.kind)
    if seen.view in ("whole", "cut", "whole and cut") and said(0.6):
        words.append(choose(seen.view))
    if seen.leaves and said(0.7):
        words.append(choose("leaves"))
    if facts.artist and said(0.25):
        words.append(f"by {facts.artist}")
    if facts.decade and said(0.2):
        words.append(facts.decade)
    return " ".join(words)


def words_of(facts: Facts) -> set[str]:
    """Give every word that some caption of these facts may have."""
    seen = facts.look
    said = [seen.view, seen.size, *seen.colours, "leaves" if seen.leaves else ""]
    phrases = [way for what in said for way in WORDS.get(what, (what,))]
    phrases += [facts.kind, *facts.names, facts.decade]
    phrases += ["by", facts.artist] if facts.artist else []
    phrases += ["bunch of"] if _bunch(facts) else []
    # Half of a pair is cut and the other whole: either may be asked for alone.
    phrases += [*WORDS["whole"], *WORDS["cut"]] if seen.view == "whole and cut" else []
    return {word for phrase in phrases for word in phrase.split()} | {"and"}


def _bunch(facts: Facts) -> bool:
    return facts.kind == "grape" and facts.look.view in ("whole", "")
