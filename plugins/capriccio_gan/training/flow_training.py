"""Train a latent flow on a folder of captioned pictures, and export it with the VAE's decoder."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from capriccio import generator
from capriccio.training import Trainer, export, licence_of, mixed_precision, seed_everything
from torch import Tensor

from ..vocabulary import Vocabulary
from .captions import compose
from .dataset import Pictures, read_pictures, vocabulary_of
from .directions import encode_captions, find_directions
from .flow import GRAIN, GUIDANCE, STEPS, LatentFlow
from .networks import INPUTS, LATENT, OUTPUTS, InferenceModel
from .sheets import sheet

SIZE = 128  # pixels that the VAE reads
BATCH = 128
TRAINING_STEPS = 6_000  # about 30 times through 13,000 pictures, and as often mirrored
ENOUGH = 2_000  # steps after which masses and words can be told
LEARNING_RATE = 1e-3
GUIDED = 0.75  # share of the training after which the guided flow learns, and nothing else
UNTOLD = 0.12  # share of a batch that is shown without words
ARTIST_POWER = 0.3  # a picture counts as the number of its artist's pictures to minus this power
UNNAMED = 0.6  # times as often is a picture drawn of which no kind is known
VALIDATED = 1_024  # pictures
PICTURES_ON_SHEET = 64
OBJECTIVE = (
    "rectified flow: squared error of the velocity of the 576 latents of a VAE, the 64 of the "
    "whole picture and the 512 of its places with equal weight, 12% of the pictures without words"
)


class FlowTraining:
    """The network, its optimizer, and what the trainer calls."""

    def __init__(self, vae: Any, training: Pictures, validation: Pictures, vocabulary: Vocabulary):
        self.vae, self.vocabulary = vae, vocabulary
        self.training, self.validation = training, validation
        self.latents = encode_pictures(vae, training.images)  # (pictures, 2, 2, 576)
        self.val_latents = encode_pictures(vae, validation.images)
        self.net = LatentFlow(len(vocabulary))
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), LEARNING_RATE, (0.9, 0.99), weight_decay=0.01
        )
        # Some painted a thousand of these pictures, and many a single one.
        artists = Counter(facts.artist for facts in training.facts)
        chance = np.array([
            artists[facts.artist] ** -ARTIST_POWER * (1.0 if facts.kind else UNNAMED)
            for facts in training.facts
        ])  # fmt: skip
        self.chance = chance / chance.sum()
        self.progress = 0.0

    def schedule(self, progress: float) -> float:
        """Return the factor of the learning rate: a short warm-up, then two cosines."""
        self.progress = progress
        if progress > GUIDED:
            return 0.3 * (0.5 + 0.5 * np.cos(np.pi * (progress - GUIDED) / (1 - GUIDED)))
        warm_up = min(1.0, (progress + 0.001) * 40)
        return warm_up * max(0.02, 0.5 + 0.5 * np.cos(np.pi * progress / GUIDED))

    def loss(self, step: int) -> Tensor:
        """Return the loss of a random batch."""
        random = np.random.default_rng([step, 5])
        chosen = random.choice(len(self.training), BATCH, p=self.chance)
        codes = self.net.text(self._captions(self.training, chosen, random))  # (batch, 128)
        untold = torch.rand(BATCH, 1) < UNTOLD  # (batch, 1)
        codes = torch.where(untold, self.net.null, codes)
        latents = self._draw(self.latents, chosen, random)  # (batch, 576)
        guided = self.progress > GUIDED
        if guided:
            codes, time = codes.detach(), torch.rand(BATCH)  # (batch, 128), (batch,)
        else:
            self.net.follow()
            time = torch.sigmoid(torch.randn(BATCH))  # (batch,): mostly half-way: it is hardest
        with mixed_precision("cpu"):
            loss = self.net.guided_loss if guided else self.net.velocity_loss
            errors = loss(latents, codes, time)
        return errors[:, :LATENT].mean() + errors[:, LATENT:].mean()

    def validate(self, ema: LatentFlow) -> dict[str, float]:
        """Return the errors of validation pictures with their captions, and without.

        The first chooses the checkpoint: that of the guided flow as soon as it learns.
        """
        random = np.random.default_rng(9)
        chosen = random.integers(len(self.validation), size=min(VALIDATED, 4 * BATCH))
        latents = self._draw(self.val_latents, chosen, random)
        time = torch.linspace(0.02, 0.98, len(chosen))  # (pictures,)
        told = ema.text(self._captions(self.validation, chosen, random))  # (pictures, 128)
        figures = {}
        if self.progress > GUIDED:
            figures["guided error"] = float(ema.guided_loss(latents, told, time).mean())
        for name, codes in (("error", told), ("error untold", ema.null.expand(len(chosen), -1))):
            errors = ema.velocity_loss(latents, codes, time)
            figures[name] = float(errors[:, :LATENT].mean() + errors[:, LATENT:].mean())
        return figures

    @torch.no_grad()
    def images(self, net: LatentFlow, captions: list[str], seed: int = 0) -> np.ndarray:
        """Return a picture of each caption, (captions, rows, rows, 3) uint8."""
        random = torch.Generator().manual_seed(seed)
        numbers = torch.tensor([self.vocabulary.encode(text)[0] for text in captions])
        codes = net.text(numbers)  # (captions, 128)
        z = torch.randn(len(captions), LATENT, generator=random)
        grain = torch.randn(len(captions), GRAIN, generator=random)
        latents = net.synthesis(net.mapping(z, codes), grain).numpy()  # (captions, 576)
        return np.stack([self.vae.decode(one) for one in latents])

    def prompts(self, count: int, seed: int = 0) -> list[str]:
        """Return captions of validation pictures."""
        random = np.random.default_rng(seed)
        chosen = random.integers(len(self.validation), size=count)
        return [compose(self.validation.facts[index], random) for index in chosen]

    def preview(self, latents: Tensor) -> Tensor:
        """Return latents as small pictures, (batch, 3, 64, 64) in 0..1."""
        images = np.stack([self.vae.decode(one) for one in latents.numpy()])
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        return torch.nn.functional.adaptive_avg_pool2d(x, 64)

    def _captions(self, pictures: Pictures, chosen: np.ndarray, random: Any) -> Tensor:
        texts = [compose(pictures.facts[index], random) for index in chosen]
        return torch.tensor([self.vocabulary.encode(text)[0] for text in texts])  # (batch, 24)

    def _draw(self, latents: Tensor, chosen: np.ndarray, random: Any) -> Tensor:
        """Return latents of pictures, some of them mirrored, from what the encoder deems likely."""
        mirrored = torch.from_numpy(random.integers(2, size=len(chosen)))
        mean, deviation = latents[torch.from_numpy(chosen), mirrored].float().unbind(1)
        return mean + deviation * torch.randn_like(mean)  # (batch, 576)


def encode_pictures(vae: Any, images: np.ndarray) -> Tensor:
    """Return mean and deviation of latents, as pictures and mirrored: (pictures, 2, 2, 576)."""
    kept = np.empty((len(images), 2, 2, vae.latent), np.float16)
    for index, image in enumerate(images):
        if index % -(-len(images) // 16) == 0:
            print(f"encoding pictures: {index} of {len(images)}", flush=True)
        for mirrored, one in enumerate((image, image[:, ::-1])):
            kept[index, mirrored] = vae.posterior(np.ascontiguousarray(one))
    return torch.from_numpy(kept)


def train_flow(
    data: Path,
    out: Path,
    *,
    resume: bool,
    dry_run: bool,
    hours: float | None,
    seed: int,
    steps: int | None,
    limit: int | None,
) -> None:
    """Train a flow on a folder and export it with the decoder of the VAE of paintings.

    Args:
        limit: the most pictures to read; the others as those of `train`.
    """
    seed_everything(seed)
    training, validation = read_pictures(data, SIZE, limit)
    vocabulary = Vocabulary(vocabulary_of(training))
    print(
        f"{len(training)} pictures for training, {len(validation)} for validation, "
        f"{len(vocabulary.words)} words, on cpu",
        flush=True,
    )
    vae: Any = generator("vae", model="paintings")
    flow = FlowTraining(vae, training, validation, vocabulary)
    trainer = Trainer(flow.net, flow.optimizer, out.with_suffix(".safetensors"), seed=seed,
                      resume=resume, dry_run=dry_run)  # fmt: skip

    def snapshot(ema: LatentFlow, step: int) -> None:
        sheet(flow.images(ema, flow.prompts(PICTURES_ON_SHEET)), 8).save(out.with_suffix(".png"))

    metrics = trainer.run(
        flow.loss,
        steps=steps or TRAINING_STEPS,
        hours=hours,
        validate=flow.validate,
        every=500,
        schedule=flow.schedule,
        on_snapshot=snapshot,
        enough=ENOUGH,
    )
    card = {
        "data": data.name,
        "metrics": metrics,
        "seed": seed,
        "hours": round(trainer.seconds / 3600, 2),
        "pictures": len(training),
        "command": f"capriccio train gan --flow --data {data.name} --out {out.name} "
        f"--hours {trainer.seconds / 3600:.2f} --seed {seed}",
        **licence_of(data),
    }
    export_flow(trainer.ema, flow, out, card=card, dry_run=dry_run)


def export_flow(
    net: LatentFlow, flow: FlowTraining, out: Path, *, card: dict[str, Any], dry_run: bool
) -> None:
    """Calibrate the directions of a flow and export it with text encoder and decoder."""
    net = net.eval()
    numbers = [flow.vocabulary.encode(text)[0] for text in flow.prompts(256)]
    codes = encode_captions(net.text, numbers)  # (256, 128)
    model = InferenceModel(net.text, net).eval()
    card = {
        "part": "gan",
        "objective": OBJECTIVE,
        "steps": STEPS,
        "guidance": GUIDANCE,
        "vocabulary": flow.vocabulary.words,
        "dials": find_directions(net, codes, preview=flow.preview, pictures=2 if dry_run else 12),
        **card,
    }
    export(model, model.random_inputs(), out, input_names=INPUTS, output_names=OUTPUTS, card=card,
           tolerance={"image": 1e-2, "codes": 1e-3}, draw=model.random_inputs, half=True,
           joined=("image", flow.vae.model_path("paintings")), dry_run=dry_run)  # fmt: skip
