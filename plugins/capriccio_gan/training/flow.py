"""Train a flow of latents on pictures and their captions: data, loop, samples, export."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import (
    Trainer,
    cosine_schedule,
    export,
    find_device,
    licence_of,
    mixed_precision,
    quantize_model,
    seed_everything,
)
from PIL import Image
from torch import Tensor

from ..vocabulary import Vocabulary
from .captions import Facts, compose
from .dataset import Pictures, read_pictures, vocabulary_of
from .decoder import GraphDecoder
from .directions import calibrate, find_code_directions
from .distillation import STEPS as STUDENT_STEPS
from .distillation import Distillation
from .flow_network import FLOW_INPUTS, GUIDANCE, FlowModel, FlowNetwork, integrate, sample
from .matching import STEPS as MATCH_STEPS
from .matching import Matching
from .networks import OUTPUTS, example_feeds
from .pretrained import BASE, begin_with, origin_of, read_flow
from .quantization import quantize_ends
from .reconstruction import STEPS as COPY_STEPS
from .reconstruction import Reconstruction
from .refinement import Refinement, SecondStep
from .sheets import sheet
from .spaces import LatentSpace, to_pictures
from .text_image import AUXILIARY_WIDTHS, ImageEncoder, train_word_classifier

BATCH = 32
RATE, WEIGHT_DECAY = 6e-4, 0.01  # of AdamW
UNTOLD = 0.15  # share of pictures whose caption is not told
STEPS = 100_000
LEAST_LEFT = 0.1  # share of the time that is left to train in, however long reading took
# Shares of the time in which a student learns, is refined, learns what two of its steps do, in
# which image encoders learn, the decoder does, and in which pictures get the moments of real ones.
DISTILLED, REFINED, DOUBLED, READ, COPIED, MATCHED = 0.12, 0.18, 0.06, 0.08, 0.04, 0.2
# The size that an encoder reads, which of AUXILIARY_WIDTHS it has, its steps, and its seed.
READERS = (
    (64, 1, 750, 2), (128, 0, 750, 2), (256, 1, 500, 2),
    (64, 0, 750, 3), (128, 1, 750, 3), (256, 0, 500, 3),
)  # fmt: skip
VALIDATED = 256  # pictures
SHEET = 32  # pictures
CAPTIONS, CALIBRATION_PICTURES = 4_000, 6  # from which directions are found
ENOUGH = 5_000  # steps after which subjects can be told
OBJECTIVE = (
    "rectified flow: the squared error of the direction from noise to the latents of a picture"
)
TIME_SPREAD = 1.0  # of the logit of the times, which are drawn about the middle of the way


class FlowTraining:
    """The network, its optimizer, and what the trainer calls.

    Args:
        train: latents, (2, pictures, 8, 32, 32), as they are and mirrored, and the facts of each.
        val: the same, of pictures to validate with.
        guidance: how much further than captions say samples and the student go.
    """

    def __init__(
        self, train: tuple[Tensor, list[Facts]], val: tuple[Tensor, list[Facts]],
        vocabulary: Vocabulary, space: LatentSpace, device: str = "cpu",
        guidance: float = GUIDANCE,
    ):  # fmt: skip
        self.train, self.val, self.space, self.device = train, val, space, device
        self.vocabulary, self.guidance = vocabulary, guidance
        self.shares = balanced_shares(train[1])
        net: Any = FlowNetwork(len(vocabulary))
        self.net: FlowNetwork = net.to(device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(
            net.parameters(), RATE, betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY
        )

    def told(self, facts: list[Facts], random: np.random.Generator, untold: float) -> Tensor:
        """Return the words of captions, (batch, MAX_WORDS); none of a share of them."""
        texts = ["" if random.random() < untold else compose(one, random) for one in facts]
        return torch.tensor([self.vocabulary.encode(text)[0] for text in texts])

    def batch(self, random: np.random.Generator, untold: float, size: int) -> tuple[Tensor, Tensor]:
        """Return latents of some pictures, (size, 8, 32, 32), and the words of their captions."""
        latents, facts = self.train
        index = random.choice(latents.shape[1], size=size, p=self.shares)
        x = self.space.draw(latents, torch.from_numpy(index), self.device)
        return x, self.told([facts[at] for at in index], random, untold).to(self.device)

    def loss(self, step: int) -> Tensor:
        """Return the error of the directions between noise and the pictures of a batch."""
        x, words = self.batch(np.random.default_rng([step, 11]), UNTOLD, BATCH)
        noise = torch.randn_like(x)  # (batch, 8, 32, 32)
        t = torch.sigmoid(TIME_SPREAD * torch.randn(len(x))).to(self.device)  # (batch,)
        return self.error(self.net, x, noise, t, words)

    def error(self, net: FlowNetwork, x: Tensor, noise: Tensor, t: Tensor, words: Tensor) -> Tensor:
        """Return the mean squared error of the directions at times t, (batch,), of the way."""
        share = t.view(-1, 1, 1, 1)  # (batch, 1, 1, 1)
        between = (1 - share) * noise + share * x
        between = between.contiguous(memory_format=torch.channels_last)
        with mixed_precision(self.device):
            found = net(between, t, net.encode(words))  # (batch, 8, 32, 32)
        return F.mse_loss(found.float(), x - noise)

    @torch.no_grad()
    def validate(self, net: FlowNetwork) -> dict[str, float]:
        """Return the error for pictures that are not learned from, with the same noise always."""
        errors, count = 0.0, 0
        for x, noise, words in self.validation():
            t = (torch.arange(len(x)) + 0.5).to(self.device) / len(x)
            errors += self.error(net, x, noise, t, words).item() * len(x)
            count += len(x)
        return {"picture error": errors / count}

    def validation(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield batches of latents that are not learned from, noise and words, always the same."""
        latents, facts = self.val
        random = np.random.default_rng(5)
        noises = torch.Generator().manual_seed(5)
        index = np.arange(0, len(facts), max(1, len(facts) // VALIDATED))[:VALIDATED]
        for part in np.array_split(index, -(-len(index) // BATCH)):
            x = latents[0, part].to(self.device).float()  # (batch, 8, 32, 32)
            words = self.told([facts[at] for at in part], random, 0.0).to(self.device)
            yield x, torch.randn(x.shape, generator=noises).to(self.device), words

    def examples(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches of noise and of words, the same each time, for samples and figures."""
        random = np.random.default_rng(1)
        facts = self.val[1]
        noises = torch.Generator().manual_seed(3)
        for part in np.array_split(random.integers(len(facts), size=SHEET), -(-SHEET // BATCH)):
            noise = torch.randn(len(part), *self.val[0].shape[2:], generator=noises)
            texts = [compose(facts[at], random) for at in part]
            words = torch.tensor([self.vocabulary.encode(text)[0] for text in texts])
            yield noise.to(self.device), words.to(self.device)

    @torch.no_grad()
    def samples(
        self, net: FlowNetwork, sampler: Callable[..., Tensor] | None = None,
        images: Callable[[Tensor], np.ndarray] | None = None,
    ) -> Image.Image:  # fmt: skip
        """Return a sheet of pictures by captions of validation pictures.

        Args:
            sampler: returns latents; the steps of the flow by default.
            images: returns the pictures of latents; those of the space by default.
        """
        images = images or self.space.images
        sampler = sampler or partial(integrate, guidance=self.guidance)
        found = [sampler(net.eval(), noise, net.encode(words)) for noise, words in self.examples()]
        return sheet(np.concatenate([images(x) for x in found]), 8)

    def run(
        self, checkpoint: Path, *, steps: int = STEPS, hours: float | None, resume: bool, seed: int,
        dry_run: bool = False,
    ) -> Trainer:  # fmt: skip
        """Train; return the trainer, with the averaged network in `ema`."""
        trainer = Trainer(
            self.net, self.optimizer, checkpoint, seed=seed, decay=0.9995, resume=resume,
            dry_run=dry_run,
        )  # fmt: skip
        trainer.run(
            self.loss, steps=steps, hours=hours, validate=self.validate, every=500,
            schedule=cosine_schedule, clip=1.0,
            on_snapshot=lambda ema, step: self.samples(ema).save(checkpoint.with_suffix(".png")),
            enough=ENOUGH,
        )  # fmt: skip
        return trainer


@torch.no_grad()
def find_directions(
    training: FlowTraining, net: FlowNetwork, pictures: int
) -> list[dict[str, Any]]:
    """Return the directions of a student, as they stand in the card under `dials`.

    They change what captions of one kind and movement differ in: colours, light, size, number.
    """
    random = np.random.default_rng(17)
    facts = training.train[1]
    facts = [facts[at] for at in random.permutation(len(facts))[:CAPTIONS]]
    device = training.device
    codes = net.eval().encode(training.told(facts, random, 0.0).to(device))  # (captions, 256)
    noises = torch.Generator().manual_seed(17)
    noise = torch.randn(pictures, *training.val[0].shape[2:], generator=noises).to(device)
    prompts = codes[:pictures]  # (pictures, 256)

    def paint(offset: Tensor) -> Tensor:
        found = sample(net, noise[: len(prompts)], prompts + offset.to(device))
        return to_pictures(training.space.images(found), "cpu")  # (pictures, 3, 256, 256)

    directions = find_code_directions(codes.cpu(), [(one.kind, one.movement) for one in facts])
    return [calibrate(paint, direction) for direction in directions]


def train_readers(
    learned: Pictures, vocabulary: Vocabulary, checkpoint: Path, device: str,
    hours: float | None, **shared: Any,
) -> list[ImageEncoder]:  # fmt: skip
    """Return image encoders that have learned the words of pictures: all `READERS`."""
    seed = shared.pop("seed")  # that of the encoder that measures is 1
    return [
        train_word_classifier(
            learned,
            vocabulary,
            checkpoint.with_suffix(f".reader{number}.safetensors"),
            widths=AUXILIARY_WIDTHS[widths],
            rows=rows,
            device=device,
            steps=steps,
            hours=hours and hours / len(READERS),
            seed=seed + more,
            **shared,
        )
        for number, (rows, widths, steps, more) in enumerate(READERS)
    ]


def balanced_shares(facts: list[Facts]) -> np.ndarray:
    """Return how often each picture is drawn, (pictures,), so that rare groups are learned too.

    A group has the same movement, or where none is known the same kind; it is drawn as often as
    the square root of its pictures.
    """
    groups = [one.movement or one.kind for one in facts]
    counts = Counter(groups)
    shares = np.array([counts[group] ** -0.5 for group in groups])
    return shares / shares.sum()


def train_flow(
    data: Path,
    out: Path,
    *,
    steps: int | None = None,
    hours: float | None = None,
    resume: bool = False,
    seed: int = 0,
    limit: int | None = None,
    guidance: float = GUIDANCE,
    start: str | Path | None = BASE,
    dry_run: bool = False,
) -> None:
    """Train on a folder of pictures and write a model of the part `gan` to `out`.

    Args:
        data: the folder, a zip or a tar, or a folder with several of them.
        out: the `.onnx` file; the checkpoint and a sheet of samples are written beside it.
        steps: of the optimizer, at most.
        hours: of reading, training, distillation and refinement together.
        resume: go on from the checkpoint.
        seed: of everything random.
        limit: the most pictures to read.
        guidance: how much further than captions say the student goes; 1 is as they say.
        start: a model whose weights to begin with, trained in the same way; None begins with random
            ones.
        dry_run: run every step once and write nothing.
    """
    begun = time.monotonic()
    seed_everything(seed)
    device = find_device()
    space = LatentSpace(device=device)
    # Before minutes of reading pictures, so that an error comes at once.
    pretrained = read_flow(start) if start and not resume else None
    learned, checked = read_pictures(data, LatentSpace.size, limit)
    vocabulary = Vocabulary(vocabulary_of(learned))
    print(
        f"{len(learned)} pictures for training, {len(checked)} for validation, "
        f"{len(vocabulary.words)} words, on {device}",
        flush=True,
    )
    sides = [(space.encode(some.images), some.facts) for some in (learned, checked)]
    training = FlowTraining(sides[0], sides[1], vocabulary, space, device, guidance)
    if pretrained:
        known = begin_with(training.net, vocabulary, *pretrained)
        print(f"begins with the weights of {start}, which knows {known} of the words", flush=True)
    shared: dict[str, Any] = {"resume": resume, "seed": seed, "dry_run": dry_run}
    if hours:  # reading and encoding take some of it
        hours = max(hours - (time.monotonic() - begun) / 3600, LEAST_LEFT * hours)
    trainer = training.run(
        out.with_suffix(".safetensors"), steps=steps or STEPS, **shared,
        hours=hours and hours * (1 - DISTILLED - REFINED - DOUBLED - READ - COPIED - MATCHED),
    )  # fmt: skip
    print("a student learns to take one step where the flow takes many", flush=True)
    student = Distillation(training, trainer.ema).run(
        out.with_suffix(".student.safetensors"), steps=steps or STUDENT_STEPS, **shared,
        hours=hours and hours * DISTILLED,
    )  # fmt: skip
    print("a discriminator teaches the student what real pictures have", flush=True)
    refined = Refinement(training, trainer.ema, student.ema).run(
        out.with_suffix(".refined.safetensors"), steps=steps or STUDENT_STEPS, **shared,
        hours=hours and hours * REFINED,
    )  # fmt: skip
    print("the student learns to do in one step what two of its steps do", flush=True)
    doubled = SecondStep(training, refined.ema.student).run(
        out.with_suffix(".doubled.safetensors"), steps=steps or STUDENT_STEPS, **shared,
        hours=hours and hours * DOUBLED,
    )  # fmt: skip
    print("image encoders learn to read pictures of three sizes", flush=True)
    readers = train_readers(learned, vocabulary, out, device, hours and hours * READ, **shared)
    print("the decoder learns to give back the pictures", flush=True)
    reconstruction = Reconstruction(training, learned.images, checked.images, readers)
    copied = reconstruction.run(
        out.with_suffix(".copied.safetensors"), steps=steps or COPY_STEPS, **shared,
        hours=hours and hours * COPIED,
    )  # fmt: skip
    print("student and decoder learn to make pictures that read as real ones do", flush=True)
    matched = Matching(
        training, trainer.ema, doubled.ema, refined.ema.heads, reconstruction, copied.ema
    ).run(
        out.with_suffix(".matched.safetensors"), steps=steps or MATCH_STEPS, **shared,
        hours=hours and hours * MATCHED,
    )  # fmt: skip
    stages = trainer, student, refined, doubled, copied, matched
    net = matched.ema
    beginning = f"--start {Path(start).name}" if start else "--from-scratch"
    card = {
        "data": data.name,
        "pictures": len(learned),
        "metrics": dict(item for one in stages for item in one.metrics.items()),
        "steps": trainer.step,
        "hours": round(sum(one.seconds for one in stages) / 3600, 2),
        "seed": seed,
        "command": f"capriccio train gan --flow --data {data.name} --out {out.name} "
        f"--guidance {guidance:g} {beginning}",
        **(origin_of(start) if start else {}),
        **licence_of(data),
    }
    print("finding directions of change for the knobs first to fourth", flush=True)
    card["dials"] = find_directions(training, net.student, 1 if dry_run else CALIBRATION_PICTURES)
    export_flow(net.student, net.decoder, vocabulary, out, card=card, dry_run=dry_run)


def export_flow(
    net: FlowNetwork, decoder: GraphDecoder, vocabulary: Vocabulary, out: Path, *,
    card: dict[str, Any], dry_run: bool = False,
) -> None:  # fmt: skip
    """Write a student and a decoder to `out`, as one graph, with its `dials` in the card."""
    net = net.cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    model = FlowModel(net).eval()
    card = {"part": "gan", "objective": OBJECTIVE, "vocabulary": vocabulary.words, **card}
    with TemporaryDirectory() as folder:
        decoder.write(Path(folder) / "decoder.onnx")
        export(model, model.random_inputs(), out, input_names=FLOW_INPUTS, output_names=OUTPUTS,
               card=card, tolerance={"image": 5e-2, "codes": 1e-3}, draw=model.random_inputs,
               half=True, joined=("image", Path(folder) / "decoder.onnx"),
               dry_run=dry_run)  # fmt: skip
    if not dry_run:
        quantize_model(out, example_feeds(model, FLOW_INPUTS))
        quantize_ends(out, example_feeds(model, FLOW_INPUTS))
