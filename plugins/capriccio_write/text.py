"""Texts as the network reads them: characters, words that they are about, and keys of a text."""

import hashlib
import re
import unicodedata

STOP = "\n"  # ends a text, and stands before its first character
ABOUT = 3  # words at most that a text is conditioned on
KEYS = 7  # bits of a Bloom filter that a text sets
FILTER_BITS = 1 << 19  # one in a thousand of other texts is taken for one of 40,000
WORD = re.compile(r"[^\W\d_]{3,}")
# Words that say nothing of what a picture shows.
EMPTY_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are after at before beside by de des du for from his her in into its la le les "
        "near not of off on one other out over part possibly same some study studies sketch that "
        "sketches the their this three to towards two under untitled upon verso view views von was "
        "with without distant four figure figures der die das und number plate page title",
    )
)


def cleaned(text: str) -> str:
    """Return a text on one line, composed characters, single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def content_words(text: str) -> list[str]:
    """Return the words of a text that say what it is about, in lower case."""
    words = (word.lower() for word in WORD.findall(text))
    return list(dict.fromkeys(word for word in words if word not in EMPTY_WORDS))


def keys_of(text: str) -> list[int]:
    """Return the bits of a Bloom filter that stand for a text, whatever its case and marks."""
    plain = re.sub(r"[\W_]+", " ", text.lower()).strip()
    digest = hashlib.sha256(plain.encode()).digest()
    return [
        int.from_bytes(digest[4 * at : 4 * at + 4], "little") % FILTER_BITS for at in range(KEYS)
    ]
