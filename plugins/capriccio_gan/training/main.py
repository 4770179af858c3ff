"""Train the GAN on a folder of pictures and export the graph that the part plays.

Generator and discriminator play Goodfellow's minimax game V(D, G) on pairs: they lower
softplus(±(v(G(z, c), c) - v(x, c))), with penalties that keep it stable and terms that make words
and the distribution count; losses.py derives it from V(D, G). First four encoders are trained, then
generator and discriminator. The averaged weights are evaluated and exported.
"""

from pathlib import Path
from typing import Any

import torch
from capriccio.training import (
    Trainer,
    export,
    find_device,
    licence_of,
    quantize_model,
    seed_everything,
)

from ..vocabulary import Vocabulary
from .dataset import Pictures, read_pictures, vocabulary_of
from .directions import encode_captions, find_directions
from .evaluator import Evaluator
from .flow import train_flow
from .flow_network import GUIDANCE
from .losses import OBJECTIVE, AdversarialNetworks, AdversarialTraining
from .networks import (
    INPUTS,
    OUTPUTS,
    GeneratorNetwork,
    InferenceModel,
    TextEncoder,
    example_feeds,
)
from .pretrained import BASE
from .sheets import sheet
from .spaces import PREVIEW_STEPS, LatentSpace, PixelSpace
from .text_image import (
    AUXILIARY_WIDTHS,
    ImageEncoder,
    TextImageModel,
    train_text_image,
    train_word_classifier,
)

SIZES = (64, 128, 256)
BATCH = {"cpu": 32, "cuda": 128}
STEPS = {"cpu": 20_000, "cuda": 60_000}
VALIDATION_INTERVAL = {"cpu": 250, "cuda": 1000}  # steps
ENOUGH = 3_000  # steps after which shapes can be told
ENCODER_STEPS = 1_500  # about 30 times through the 6,010 watercolours
ENCODER_SHARE = 1 / 8  # of the time
RATE = 1e-3  # Adam's; R3GAN starts at 2e-4 with batches of 512 and no warm-up
BETAS = (0.0, 0.99)  # as R3GAN
MAX_GRADIENT = 20.0  # Adam ignores the scale; this catches single steps that explode
CALIBRATION_PICTURES = 16  # over which a direction is calibrated
DRY_RUN_PICTURES, DRY_RUN_BATCH = 80, 8
COLLAPSED = 0.25  # a warning is printed below this share of the real pictures' spread,
WARM_UP = 2_000  # from this step on: at first all pictures are alike
SHEET = 64  # pictures, in rows of SHEET_COLUMNS
SHEET_COLUMNS = 8


def train(
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    dry_run: bool = False,
    hours: float | None = None,
    seed: int = 0,
    size: int | None = None,
    from_scratch: bool = False,
    flow: bool = False,
    start: Path | None = None,
    guidance: float = GUIDANCE,
    steps: int | None = None,
    reading: int = ENCODER_STEPS,
    batch: int | None = None,
) -> None:
    """Train a model and export it.

    Captions come from `labels.csv` or the names of sub-folders, and from what is measured in the
    pictures; see dataset.py. A sheet of samples is written beside `out` at every validation.

    Args:
        data: a folder of pictures, or a zip or tar of one, or a folder of such shards.
        out: the `.onnx` file to write; checkpoints are written beside it.
        resume: go on from the checkpoints.
        dry_run: run every step once and write nothing.
        hours: time limit.
        seed: of everything random.
        size: 64, 128 or 256, the default; only 256 can be learned in the latents of the part `vae`.
        from_scratch: learn pixels, whatever the size; by default 64 on a CPU and 128 on a GPU. With
            `flow`, begin with random weights.
        flow: learn a flow of latents from noise instead of a GAN, for pictures of many kinds.
        start: with `flow`, a model whose weights to begin with; `salon` by default.
        guidance: with `flow`, how much more words count than in captions: 1 paints as varied as
            the pictures are, 9 most clearly what is asked.
        steps: of generator and discriminator.
        reading: steps of the encoders.
        batch: of generator and discriminator.

    Raises:
        ValueError: the folder holds fewer than 10 readable pictures, the size is another, or
            `start` does not fit.
    """
    data, out = Path(data), Path(out)
    limit = DRY_RUN_PICTURES if dry_run else None
    if start and (from_scratch or not flow):
        raise ValueError("--start needs --flow, and not --from-scratch: a GAN has no start")
    if flow:
        train_flow(data, out, steps=steps, hours=hours, resume=resume, seed=seed, limit=limit,
                   guidance=guidance, start=None if from_scratch else start or BASE,
                   dry_run=dry_run)  # fmt: skip
        return
    device = find_device()
    if size not in (None, *SIZES):
        raise ValueError(f"size must be 64, 128 or 256, got {size!r}")
    from_scratch = from_scratch or size in SIZES[:-1]  # the latents are those of 256 pixels
    size = size or ((64 if device == "cpu" else 128) if from_scratch else LatentSpace.size)
    space = PixelSpace(size) if from_scratch else LatentSpace(device=device)
    seed_everything(seed)
    torch.backends.cudnn.benchmark = True  # shapes are static; ignored on a CPU
    training, validation = read_pictures(data, size, limit)
    vocabulary = Vocabulary(vocabulary_of(training))
    print(
        f"{len(training)} pictures for training, {len(validation)} for validation, "
        f"{len(vocabulary.words)} words, {size} pixels, on {device}",
        flush=True,
    )
    shared: dict[str, Any] = {"device": device, "dry_run": dry_run, "resume": resume}
    evaluation, text_image, auxiliary = train_encoders(
        training, validation, vocabulary, out, steps=reading, hours=hours, seed=seed, **shared
    )
    kept = space.encode(training.images)  # (pictures, size, size, 3)
    if isinstance(space, LatentSpace):
        steps_of_preview = 2 if dry_run else PREVIEW_STEPS
        error = space.learn_preview(training.images, kept, steps=steps_of_preview)
        print(f"previews of {len(kept[0])} pictures: mean squared error {error:.5f}", flush=True)
    networks: AdversarialNetworks = AdversarialNetworks(space).to(
        device, memory_format=torch.channels_last
    )  # type: ignore[call-overload]
    groups = [
        {"params": part.parameters(), "lr": RATE}
        for part in (networks.generator, networks.discriminator)
    ]
    optimizer = torch.optim.Adam(groups, betas=BETAS, foreach=True)
    trainer = Trainer(networks, optimizer, out.with_suffix(".safetensors"), seed=seed,
                      resume=resume, dry_run=dry_run)  # fmt: skip
    adversarial = AdversarialTraining(
        networks, space, kept, text_image, auxiliary, training, vocabulary, device=device,
        seed=seed, batch=DRY_RUN_BATCH if dry_run else batch or BATCH[device],
    )  # fmt: skip
    evaluator = Evaluator(
        evaluation, space, text_image.text_encoder, training, validation, vocabulary,
        device=device, seed=seed,
    )  # fmt: skip

    def validate(ema: AdversarialNetworks) -> dict[str, float]:
        figures = evaluator.evaluate(ema.generator)
        if trainer.step > WARM_UP:
            warn_of_collapse(figures)
        return figures

    def snapshot(ema: AdversarialNetworks, step: int) -> None:
        images = evaluator.generate(ema.generator, evaluator.prompts[:SHEET], preview=False)
        sheet(images, SHEET_COLUMNS).save(out.with_suffix(".png"))

    metrics = trainer.run(
        adversarial.loss,
        steps=steps or STEPS[device],
        hours=hours and hours * (1 - ENCODER_SHARE),
        validate=validate,
        every=VALIDATION_INTERVAL[device],
        # A dry run goes through the second phase.
        schedule=lambda progress: adversarial.schedule(1.0 if dry_run else progress),
        clip=MAX_GRADIENT,
        on_snapshot=snapshot,
        enough=ENOUGH,
    )
    spent = trainer.seconds / 3600
    card = {
        "data": data.name,
        "metrics": metrics,
        "seed": seed,
        "hours": round(spent, 2),
        "pictures": len(training),
        "command": f"capriccio train gan --data {data.name} --out {out.name} --size {size} "
        f"--hours {spent / (1 - ENCODER_SHARE):.2f} --seed {seed}",
        **licence_of(data),
    }
    export_model(text_image.text_encoder, trainer.ema.generator, vocabulary, evaluator.prompts, out,
                 space=space, card=card, dry_run=dry_run)  # fmt: skip


train.reads_files = True  # type: ignore[attr-defined]  # zips and tars too


def train_encoders(
    training: Pictures,
    validation: Pictures,
    vocabulary: Vocabulary,
    out: Path,
    *,
    steps: int,
    hours: float | None,
    seed: int,
    **shared: Any,
) -> tuple[ImageEncoder, TextImageModel, list[ImageEncoder]]:
    """Return the evaluation encoder, image and text encoder, and the auxiliary encoders, trained.

    The files beside `out` have the names of the checkpoints that exist.
    """
    evaluation = train_word_classifier(
        training, vocabulary, out.with_suffix(".witness.safetensors"),
        steps=max(1, steps // 2), seed=seed + 1, **shared,
    )  # fmt: skip
    text_image = train_text_image(
        training, validation, vocabulary, out.with_suffix(".reader.safetensors"),
        steps=steps, hours=hours and hours * ENCODER_SHARE, seed=seed, **shared,
    )  # fmt: skip
    auxiliary = [
        train_word_classifier(
            training, vocabulary, out.with_suffix(f".onlooker{number}.safetensors"),
            widths=widths, steps=max(1, steps // 2), seed=seed + 2 + number, **shared,
        )
        for number, widths in enumerate(AUXILIARY_WIDTHS)
    ]  # fmt: skip
    return evaluation, text_image, auxiliary


def warn_of_collapse(figures: dict[str, float]) -> None:
    """Print a warning where generated pictures vary much less than real ones."""
    spread, unprompted = figures["spread"], figures["spread unasked"]
    if min(spread, unprompted) < COLLAPSED:
        print(
            f"the pictures become alike: their spread is {spread:.2f} of the real pictures', and "
            f"{unprompted:.2f} without a prompt; if it does not recover, resume from the best "
            "checkpoint with a lower learning rate",
            flush=True,
        )


def export_model(
    text_encoder: TextEncoder,
    generator: GeneratorNetwork,
    vocabulary: Vocabulary,
    prompts: torch.Tensor,
    out: Path,
    *,
    space: PixelSpace | LatentSpace,
    card: dict[str, Any],
    dry_run: bool,
) -> None:
    """Calibrate the directions of a generator and export it with its text encoder as one graph."""
    model = InferenceModel(text_encoder, generator).cpu().eval()
    model = model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    codes = encode_captions(text_encoder, prompts.tolist())  # (prompts, 128)
    pictures = 2 if dry_run else CALIBRATION_PICTURES
    card = {
        "part": "gan",
        "objective": OBJECTIVE,
        "vocabulary": vocabulary.words,
        "dials": find_directions(generator, codes, preview=space.preview, pictures=pictures),
        **card,
    }
    # A value between two levels of 256 may round either way.
    decoder = space.decoder_path if isinstance(space, LatentSpace) else None
    export(model, model.random_inputs(), out, input_names=INPUTS, output_names=OUTPUTS, card=card,
           tolerance={"image": 1e-2 if decoder else 1, "codes": 1e-3}, draw=model.random_inputs,
           half=decoder is not None, joined=("image", decoder) if decoder else None,
           dry_run=dry_run)  # fmt: skip
    if decoder and not dry_run:
        quantize_model(out, example_feeds(model))
