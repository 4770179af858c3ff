"""Measure a model that writes: bits per character beside older methods, and what it writes.

python -m capriccio_write.evaluate bits --data text-tate-titles --model titles
python -m capriccio_write.evaluate titles --data text-tate-titles --model titles --count 1000
"""

import lzma
import math
import re
from collections import Counter
from pathlib import Path

import click
import numpy as np

from .generator import Write
from .text import STOP, keys_of

ORDER = 5  # of the Kneser-Ney model: four characters and the next


@click.group()
def command() -> None:
    """Measure a model that writes."""


class KneserNey:
    """An interpolated Kneser-Ney model of characters (Chen and Goodman, 1999).

    Args:
        texts: that it is fitted on, each ended by STOP and begun by STOPs.
        order: characters of an n-gram.
    """

    def __init__(self, texts: list[str], order: int = ORDER):
        self.order = order
        counts: list[Counter[str]] = [Counter() for _ in range(order + 1)]
        for text in texts:
            whole = STOP * (order - 1) + text + STOP
            for at in range(order - 1, len(whole)):
                counts[order][whole[at - order + 1 : at + 1]] += 1
        # Lower orders count in how many different contexts an n-gram stands.
        for size in range(order - 1, 0, -1):
            counts[size] = Counter(gram[1:] for gram in counts[size + 1])
        self._counts = counts
        self._totals: list[Counter[str]] = [Counter() for _ in range(order + 1)]
        self._kinds: list[Counter[str]] = [Counter() for _ in range(order + 1)]
        self._discounts = [0.0] * (order + 1)
        for size in range(1, order + 1):
            for gram, count in counts[size].items():
                self._totals[size][gram[:-1]] += count
                self._kinds[size][gram[:-1]] += 1
            once, twice = (sum(1 for c in counts[size].values() if c == n) for n in (1, 2))
            self._discounts[size] = once / (once + 2 * twice) if once else 0.5
        self._uniform = 1 / len({gram[-1] for gram in counts[order]})

    def probability(self, context: str, following: str) -> float:
        """Return the probability of a character after at most `order` - 1 others."""
        found = self._uniform
        for size in range(1, self.order + 1):
            before = context[len(context) - size + 1 :] if size > 1 else ""
            total = self._totals[size][before]
            if not total:
                break
            discount = self._discounts[size]
            own = max(self._counts[size][before + following] - discount, 0) / total
            found = own + discount * self._kinds[size][before] / total * found
        return found

    def bits(self, texts: list[str]) -> float:
        """Return the bits per character of texts, their ends included."""
        total = characters = 0.0
        for text in texts:
            whole = STOP * (self.order - 1) + text + STOP
            for at in range(self.order - 1, len(whole)):
                total -= math.log2(self.probability(whole[at - self.order + 1 : at], whole[at]))
            characters += len(text) + 1
        return total / characters


def compressed_bits(train: list[str], test: list[str]) -> float:
    """Return the bits per character that `xz -9` needs for test texts after those of training."""
    sizes = []
    for texts in (train, [*train, *test]):
        data = "".join(text + STOP for text in texts).encode()
        sizes.append(len(lzma.compress(data, preset=9)))
    return 8 * (sizes[1] - sizes[0]) / sum(len(text) + 1 for text in test)


@command.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--model", default="titles", show_default=True)
def bits(data: Path, model: str) -> None:
    """Print the bits per character of test texts, beside a 5-gram and xz."""
    from capriccio import Model

    from .training.dataset import read_texts

    texts = read_texts(data)
    print(model, Model(Write.model_path(model)).card["metrics"])
    train = [*texts.train, *texts.valid]  # the older methods need no validation
    print(f"{ORDER}-gram, Kneser-Ney: {KneserNey(train).bits(texts.test):.4f}")
    print(f"xz -9: {compressed_bits(train, texts.test):.4f}")


@command.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--model", default="titles", show_default=True)
@click.option("--count", default=1000, show_default=True)
@click.option("--heat", default=0.5, show_default=True)
@click.option("--show", default=50, show_default=True, help="How many are printed.")
def titles(data: Path, model: str, count: int, heat: float, show: int) -> None:
    """Print the share of texts that stand in training, and of their words that exist."""
    from .training.dataset import read_texts

    texts = read_texts(data)
    trained = {tuple(keys_of(text)) for text in texts.train}
    words = Counter(word for text in [*texts.train, *texts.valid, *texts.test]
                    for word in words_of(text))  # fmt: skip
    for known in (True, False):
        write = Write(model=model, seed=1, known=known)
        made = [write.complete("", heat=heat, number=number) for number in range(count)]
        copied = np.mean([tuple(keys_of(text)) in trained for text in made])
        real = np.mean([word in words for text in made for word in words_of(text)])
        print(f"known={known}: {copied:.3f} stand in training, {real:.3f} of their words exist")
    for text in made[:show]:
        print(text)


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return re.findall(r"[^\W\d_]+", text.lower())


if __name__ == "__main__":
    command()
