"""Train the painter of words, a conditional GAN, and export the graph that is played.

What is optimised is Goodfellow's minimax game V(D, G) on pairs: painter and judge lower
softplus(±(v(G(z, c), c) - v(x, c))), with penalties that keep it steady and terms that make words
and crowds count; game/train.py says how that comes from V(D, G). First four readers learn to see,
then painter and judge play. Painted with, validated and exported are the averaged weights.

Read from top to bottom: the exam, a training, export.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from capriccio.training import Trainer, export, frechet, licence, seed_everything, spread
from PIL import Image

from ..vocabulary import Vocabulary
from .captions import compose
from .dataset import Pictures, read_pictures, vocabulary_of
from .directions import codes_of, find_dials
from .losses import OBJECTIVE, Game, Studio
from .networks import INPUTS, LATENT, OUTPUTS, Painter, Player
from .text_image import ONLOOKERS, Lesson, Reader, features, learn_to_read, learn_words

SIZES = (64, 128, 256)
BATCH = {"cpu": 32, "cuda": 128}
STEPS = {"cpu": 20_000, "cuda": 60_000}
READING = 1_500  # steps of the reader: about 30 times through the 6,010 watercolours
RATE = 1e-3  # Adam's; R3GAN begins at 2e-4 with batches of 512 and no warm start
DIALLED = 16  # pictures over which a dial is calibrated
COLLAPSED = 0.25  # a share of the real pictures' spread below which something is told,
WARM = 2_000  # from this step on: at first all pictures are alike


class Exam:
    """Asks for what people ask for, and tells how far the answers are from real pictures."""

    def __init__(
        self,
        witness: Reader,
        lesson: Lesson,
        learn: Pictures,
        check: Pictures,
        vocabulary: Vocabulary,
        *,
        device: str,
        seed: int,
    ):
        self.witness, self.lesson, self.device, self.seed = witness, lesson, device, seed
        sample = np.random.default_rng(0).permutation(len(check))[:1000]
        repeats = -(-min(1000, 4 * len(check)) // len(check))
        dice = np.random.default_rng(0)  # as people ask, not all there is to say
        asked = [compose(check.facts[i], dice) for i in [*sample] * repeats]
        self.asked = torch.tensor([vocabulary.read(caption)[0] for caption in asked])
        self.silence = torch.tensor([vocabulary.read("")[0]])  # (1, 24)
        self.real = self._features(check.squares)
        self.floor = frechet(self._features(learn.squares[:: max(1, len(learn) // 2000)]),
                             self.real)  # fmt: skip

    def of(self, painter: Painter) -> dict[str, float]:
        """Measure a painter; a lower Fréchet distance is better."""
        made = self._features(self.painted(painter, self.asked))
        unasked = self._features(self.painted(painter, self.silence.expand(200, -1)))
        wide, silent = (spread(one) / spread(self.real) for one in (made, unasked))
        return {
            "frechet": frechet(self.real, made),
            "real frechet": self.floor,
            "spread": wide,
            "spread unasked": silent,
        }

    def painted(self, painter: Painter, words: torch.Tensor) -> np.ndarray:
        """Paint words, (prompts, 24), always from the same chance: (prompts, size, size, 3)."""
        torch.manual_seed(self.seed)
        made = []
        for part in words.split(64):
            z = torch.randn(len(part), LATENT).to(self.device)
            grain = torch.randn(len(part), painter.grains).to(self.device)
            code = self.lesson.listener(part.to(self.device))  # (64, 128)
            x = painter(z, code, grain).clamp(0, 1)  # (64, 3, size, size)
            made.append((x * 255 + 0.5).byte().permute(0, 2, 3, 1).cpu().numpy())
        return np.concatenate(made)

    def _features(self, squares: np.ndarray) -> np.ndarray:
        return features(self.witness, squares, self.device)[0]


def train(
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    dry_run: bool = False,
    hours: float | None = None,
    seed: int = 0,
    size: int | None = None,
    steps: int | None = None,
    reading: int = READING,
    batch: int | None = None,
) -> None:
    """Learn a folder of pictures and write painter and listener to the `.onnx` file `out`.

    `size` is 64, 128 or 256; by default 64 on a CPU and 128 on a GPU. Captions come from
    `labels.csv` or the names of sub-folders and from what is measured; see `pictures.py`. A
    sheet of samples appears beside `out` with every line of figures. Raises ValueError where the
    folder holds fewer than 50 readable pictures.
    """
    data, out = Path(data), Path(out)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = size or (64 if device == "cpu" else 128)
    if size not in SIZES:
        raise ValueError(f"a size of {size!r}; pictures are painted at 64, 128 or 256")
    seed_everything(seed)
    torch.backends.cudnn.benchmark = True  # shapes never change; a CPU does not mind
    learn, check = read_pictures(data, size, 80 if dry_run else None)
    vocabulary = Vocabulary(vocabulary_of(learn))
    print(
        f"{len(learn)} pictures to learn, {len(check)} to check, {len(vocabulary.words)} words, "
        f"{size} pixels, on {device}",
        flush=True,
    )
    shared: dict[str, Any] = {"device": device, "dry_run": dry_run, "resume": resume}
    witness = learn_words(learn, vocabulary, out.with_suffix(".witness.safetensors"),
                          steps=max(1, reading // 2), seed=seed + 1, **shared)  # fmt: skip
    lesson = learn_to_read(learn, check, vocabulary, out.with_suffix(".reader.safetensors"),
                           steps=reading, hours=hours and hours / 8, seed=seed,
                           **shared)  # fmt: skip
    onlookers = [
        learn_words(learn, vocabulary, out.with_suffix(f".onlooker{n}.safetensors"), widths=widths,
                    steps=max(1, reading // 2), seed=seed + 2 + n, **shared)
        for n, widths in enumerate(ONLOOKERS)
    ]  # fmt: skip
    studio: Studio = Studio(size).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(
        [
            {"params": studio.painter.parameters(), "lr": RATE},
            {"params": studio.judge.parameters(), "lr": RATE},
        ],
        betas=(0.0, 0.99),
        foreach=True,
    )
    trainer = Trainer(studio, optimizer, out.with_suffix(".safetensors"), seed=seed, resume=resume,
                      dry_run=dry_run)  # fmt: skip
    game = Game(studio, lesson, onlookers, learn, vocabulary, device=device, seed=seed,
                count=8 if dry_run else batch or BATCH[device])  # fmt: skip
    exam = Exam(witness, lesson, learn, check, vocabulary, device=device, seed=seed)

    def validate(ema: Studio) -> dict[str, float]:
        found = exam.of(ema.painter)
        wide, silent = found["spread"], found["spread unasked"]
        if min(wide, silent) < COLLAPSED and trainer.step > WARM:
            print(
                f"the pictures grow alike: their spread is {wide:.2f} of the real ones', and "
                f"{silent:.2f} where nothing is asked for; if it does not recover, go back to the "
                "best checkpoint with a lower rate",
                flush=True,
            )
        return found

    def snapshot(ema: Studio, step: int) -> None:
        sheet(exam.painted(ema.painter, exam.asked[:64]), 8).save(out.with_suffix(".png"))

    metrics = trainer.run(
        game.loss,
        steps=steps or STEPS[device],
        hours=hours and hours * 7 / 8,  # the reader had the rest
        validate=validate,
        every=1000 if device == "cuda" else 250,
        # A dry run goes through the second act.
        schedule=lambda now: game.schedule(1.0 if dry_run else now),
        clip=20.0,  # Adam does not mind the scale; this is for the one step that bursts
        on_snapshot=snapshot,
    )
    player = Player(lesson.listener, trainer.ema.painter).cpu().eval()
    card = {
        "data": data.name,
        "metrics": metrics,
        "seed": seed,
        "hours": round(trainer.seconds / 3600, 2),
        "pictures": len(learn),
        "command": f"capriccio train gan --data {data.name} --out {out.name} --size {size} "
        f"--hours {trainer.seconds / 3150:.2f} --seed {seed}",  # seven eighths of it painted
        **licence(data),
    }
    finish(player, vocabulary, exam.asked, out, card=card, dry_run=dry_run)


def sheet(squares: np.ndarray, across: int) -> Image.Image:
    """Lay pictures out on one sheet, row by row."""
    rows = -(-len(squares) // across)
    size = squares.shape[1]
    blank = np.full((rows * across - len(squares), *squares.shape[1:]), 255, np.uint8)
    grid = np.concatenate([squares, blank]).reshape(rows, across, size, size, 3)
    return Image.fromarray(grid.transpose(0, 2, 1, 3, 4).reshape(rows * size, across * size, 3))


# -- export -----------------------------------------------------------------------------------


def finish(player: Player, vocabulary, words, out: Path, *, card: dict, dry_run: bool) -> None:
    """Calibrate the dials and export painter and listener as one graph, checked and signed."""
    player = player.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    codes = codes_of(player.listener, words.tolist())  # (prompts, 128)
    card = {
        "part": "gan",
        "objective": OBJECTIVE,
        "vocabulary": vocabulary.words,
        "dials": find_dials(player.painter, codes, pictures=2 if dry_run else DIALLED),
        **card,
    }
    # One level of 256 may tip over where a value stands on the edge between two.
    export(player, player.example(), out, input_names=INPUTS, output_names=OUTPUTS, card=card,
           tolerance={"image": 1, "codes": 1e-3}, draw=player.example, dry_run=dry_run)  # fmt: skip
