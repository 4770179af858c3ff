"""Train a model that writes on the lines of a text or the titles of a table: data, loop, export.

capriccio train write --data text-tate-titles --out titles.onnx --hours 0.4
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio import Model
from capriccio.training import Trainer, cosine_schedule, export, seed_everything

from ..generator import Write
from ..text import ABOUT, FILTER_BITS, STOP, content_words, keys_of
from .dataset import Texts, provenance, read_texts
from .network import TextNetwork, TextStep, example_inputs

WIDTH = 512  # of the LSTM
BATCH_SIZE = 64
CHUNK = 32  # batches that are sorted by length together, so that little is padded
STEPS = 12_000
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 0.01  # of AdamW
UNTOLD = 0.6  # share of texts of which no word is told

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class TextBatches:
    """Batches of texts as numbers of characters."""

    def __init__(self, texts: Texts, seed: int):
        self.texts, self.seed = texts, seed
        self._numbers = {one: at for at, one in enumerate(STOP + texts.characters)}
        self._words = {word: at + 1 for at, word in enumerate(texts.words)}
        self._order: tuple[int, list[list[int]]] = (-1, [])

    def train(self, step: int, size: int = BATCH_SIZE) -> Batch:
        """Return the batch of a step."""
        texts = self.texts.train
        epoch, place = divmod(step, max(1, len(texts) // size))
        if self._order[0] != epoch:
            self._order = (epoch, self._batches(epoch, size))
        random = np.random.default_rng([self.seed, step])
        return self.batch([texts[number] for number in self._order[1][place]], random)

    def _batches(self, epoch: int, size: int) -> list[list[int]]:
        """Return the texts of each batch of an epoch, those of one batch about equally long."""
        texts = self.texts.train
        random = np.random.default_rng([self.seed, epoch, 1])
        order, found = random.permutation(len(texts)), []
        for begin in range(0, len(order), size * CHUNK):
            part = order[begin : begin + size * CHUNK].tolist()
            part.sort(key=lambda number: len(texts[number]))
            found += [part[at : at + size] for at in range(0, len(part), size)]
        return [found[place] for place in random.permutation(len(found)).tolist()]

    def whole(self, split: str, size: int = BATCH_SIZE) -> list[Batch]:
        """Return all texts of a split, told nothing of what they are about."""
        texts = sorted(getattr(self.texts, split), key=len)
        return [self.batch(texts[at : at + size]) for at in range(0, len(texts), size)]

    def batch(self, texts: list[str], random: np.random.Generator | None = None) -> Batch:
        """Return characters before (b, t), words (b, ABOUT), characters to weigh (b, t).

        The last are -1 beyond the end.
        """
        longest = max(map(len, texts)) + 1
        before = np.zeros((len(texts), longest), np.int64)
        after = np.full((len(texts), longest), -1)
        about = np.zeros((len(texts), ABOUT), np.int64)
        for row, text in enumerate(texts):
            numbers = [self._numbers[one] for one in text]
            before[row, 1 : len(text) + 1] = numbers
            after[row, : len(text) + 1] = [*numbers, 0]
            if random is not None and random.random() > UNTOLD:
                own = [self._words[word] for word in content_words(text) if word in self._words]
                told = random.permutation(own)[: random.integers(1, ABOUT + 1)]
                about[row, : len(told)] = told
        return torch.from_numpy(before), torch.from_numpy(about), torch.from_numpy(after)


def losses(net: TextNetwork, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the nats of all characters and how many they are, ends included."""
    before, about, after = batch
    logits, _ = net(before, about)
    nats = F.cross_entropy(logits.flatten(0, 1), after.flatten(), ignore_index=-1, reduction="sum")
    return nats, (after >= 0).sum()


def evaluate(net: TextNetwork, batches: list[Batch]) -> dict[str, float]:
    """Return the bits per character, ends included, told no word."""
    net.eval()
    totals = torch.zeros(2)
    with torch.no_grad():
        for batch in batches:
            totals += torch.stack([part.float() for part in losses(net, batch)])
    return {"bits per character": (totals[0] / totals[1]).item() / math.log(2)}


def bloom_filter(texts: list[str]) -> torch.Tensor:
    """Return the filter of texts, (FILTER_BITS / 8,) uint8."""
    bits = np.zeros(FILTER_BITS, bool)
    for text in texts:
        bits[keys_of(text)] = True
    return torch.from_numpy(np.packbits(bits, bitorder="little"))


def train(
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    dry_run: bool = False,
    hours: float | None = None,
    seed: int = 0,
    steps: int = STEPS,
    width: int = WIDTH,
) -> None:
    """Train a model on the lines of `data`, a file or a folder, and write it to `out`.

    Args:
        steps: of the optimizer, at most.
        width: of the LSTM.
    """
    torch.set_num_threads(1)  # so small a network is slower with more
    texts = read_texts(Path(data))
    batches = TextBatches(texts, seed)
    print(
        f"{len(texts.train)} texts, {sum(map(len, texts.train))} characters of "
        f"{len(texts.characters)} kinds, {len(texts.words)} words"
    )
    seed_everything(seed)
    characters, words = len(texts.characters) + 1, len(texts.words)
    net = TextNetwork(characters, words, width)
    optimizer = torch.optim.AdamW(
        net.parameters(), LEARNING_RATE, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY
    )
    checkpoint = Path(out).with_suffix(".safetensors")
    trainer = Trainer(
        net, optimizer, checkpoint, seed=seed, decay=0.998, resume=resume, dry_run=dry_run
    )
    valid = batches.whole("valid")

    def loss(step: int) -> torch.Tensor:
        nats, count = losses(net, batches.train(step))
        return nats / count

    trainer.run(
        loss,
        steps=steps,
        hours=hours,
        validate=lambda net: evaluate(net, valid),
        every=250,
        schedule=cosine_schedule,
        enough=2000,
    )
    metrics = {
        f"{split} {name}": round(bits, 4)
        for split in ("valid", "test")
        if getattr(texts, split)
        for name, bits in evaluate(trainer.ema, batches.whole(split)).items()
    }
    print("metrics:", metrics)
    command = f"capriccio train write --data {Path(data).resolve().name} --out {Path(out).name}"
    given = {"hours": hours, "steps": steps if steps != STEPS else None, "seed": seed or None,
             "width": width if width != WIDTH else None}  # fmt: skip
    command += "".join(f" --{name} {value}" for name, value in given.items() if value is not None)
    lengths = [len(text) for text in texts.train]
    export(
        TextStep(trainer.ema.eval(), bloom_filter(texts.train)),
        example_inputs(characters, words, width),
        out,
        input_names=["state", "before", "about", "keys"],
        output_names=["next_state", "logits", "known"],
        tolerance={"next_state": 1e-4, "logits": 1e-3, "known": 0},
        draw=lambda: example_inputs(characters, words, width),
        half=True,
        card={
            "name": Path(out).stem,
            "part": "write",
            "does": "one character of a text; state in, state out",
            **provenance(Path(data), texts),
            "metrics": metrics,
            "characters": texts.characters,
            "words": " ".join(texts.words),
            "lengths": [int(np.percentile(lengths, share)) for share in (1, 50, 99)],
            "seed": seed,
            "steps": trainer.step,
            "hours": round(trainer.seconds / 3600, 3),
            "command": command,
        },
        dry_run=dry_run,
    )


train.reads_files = True  # type: ignore[attr-defined]  # not only folders


def plain(model: str = "titles") -> Callable[[], object]:
    """Return one step of a shipped model in plain torch, for `capriccio bench` to time."""
    card: Any = Model(Write.model_path(model)).card
    sizes = len(card["characters"]) + 1, len(card["words"].split())
    step = TextStep(TextNetwork(*sizes, WIDTH).eval(), bloom_filter([]))
    inputs = example_inputs(*sizes, WIDTH)

    def run() -> object:
        with torch.inference_mode():
            return step(*inputs)

    return run
