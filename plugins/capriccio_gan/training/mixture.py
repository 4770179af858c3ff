"""The mixture: words choose pictures that are known, and their latents are mixed.

For pictures of many kinds that are too few, or the time too short, to learn a generator of them:
what is painted lies between latents of a VAE that pictures of the training have. Words and noise
choose a few of thousands, as attention does (arXiv 1706.03762); the decoder paints the masses that
they share, and what it adds is its own.
"""

from collections import defaultdict
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio import generator
from capriccio.training import copy_error, export, licence_of, seed_everything
from torch import Tensor, nn

from ..vocabulary import MAX_WORDS, PADDING, START, Vocabulary
from .captions import words_of
from .dataset import Pictures, read_pictures, vocabulary_of
from .directions import calibrate
from .networks import INPUTS, LATENT, OUTPUTS
from .sheets import sheet

VAE = "paintings"  # whose decoder paints the latents
SIZE = 128  # pixels that it reads
KNOWN = 3_000  # pictures that are kept
CODE = 256  # numbers of a prompt: enough for some words of a thousand to be told apart
SHIFTS = 6  # directions in which latents vary most, for the knobs
CHOSEN = 4  # pictures of a mixture that are told
MATCH, NOISE, FAULT = 5.5, 1.3, 1.5  # what words, noise and a bad copy count in the choice
SHARPNESS = 3.0  # of the choice: how much of a mixture the first of them is
LEAST = 0.02  # share of a picture that counts
TOUCH = 0.7  # of what the VAE leaves open at each place, how much noise fills it
PICTURES_ON_SHEET = 64
OBJECTIVE = (
    "none: latents of pictures are mixed by the softmax of how well their words fit the prompt, "
    "plus noise"
)


class BagOfWords(nn.Module):
    """Encode prompts, (batch, MAX_WORDS) word numbers, as sums of the codes of their words."""

    def __init__(self, weights: Tensor):
        super().__init__()
        random = torch.Generator().manual_seed(0)
        table = F.normalize(torch.randn(len(weights), CODE, generator=random), dim=1)
        self.table = nn.Embedding(len(weights), CODE, PADDING)
        self.table.weight.data = table * weights[:, None]

    def forward(self, words: Tensor) -> Tensor:
        return self.table(words).sum(1)  # (batch, 256)


class LatentMixture(nn.Module):
    """Mix latents of pictures, as a generator of the part `gan` does it.

    Its style is noise, code and the knobs' shift along SHIFTS directions, side by side.
    """

    style_size = LATENT + CODE + SHIFTS

    def __init__(self, latents: Tensor, open_: Tensor, faults: Tensor, keys: Tensor):
        """Keep pictures.

        Args:
            latents: of the pictures, (pictures, numbers).
            open_: what the VAE leaves open of the numbers that have a place, (numbers - 64,).
            faults: how badly the VAE copies each, (pictures,).
            keys: what words say of each, (pictures, CODE).
        """
        super().__init__()
        random = torch.Generator().manual_seed(1)
        middle = latents.mean(0)  # (numbers,)
        _, _, found = torch.linalg.svd(latents - middle, full_matrices=False)
        spread = ((latents - middle) @ found[:SHIFTS].T).std(0)  # (shifts,)
        axes = torch.zeros(SHIFTS, latents.shape[1])  # of few pictures some have no length
        axes[: len(spread)] = found[:SHIFTS] * spread[:, None]
        self.grain_size = len(open_)
        self.middle, self.known = nn.Parameter(middle), nn.Parameter(latents - middle)
        self.open, self.faults = nn.Parameter(TOUCH * open_), nn.Parameter(FAULT * faults)
        self.keys, self.axes = nn.Parameter(keys), nn.Parameter(axes)
        places = torch.randn(len(latents), LATENT, generator=random)
        self.places = nn.Parameter(F.normalize(places, dim=1))

    def mapping(self, z: Tensor, code: Tensor) -> Tensor:
        """Return noise, code and no shift, (batch, 326)."""
        return torch.cat([z, code, torch.zeros_like(z[:, :SHIFTS])], 1)

    def choose(self, style: Tensor) -> Tensor:
        """Return the share of each picture in mixtures, (batch, pictures)."""
        z, code, _ = style.split([LATENT, CODE, SHIFTS], 1)
        fits = code @ self.keys.T  # (batch, pictures)
        fits = fits / fits.amax(1, keepdim=True).clamp(min=1e-3)
        scores = MATCH * fits + NOISE * z @ self.places.T - self.faults  # (batch, pictures)
        shares = F.relu((SHARPNESS * scores).softmax(1) - LEAST) + 1e-9
        return shares / shares.sum(1, keepdim=True)

    def mix(self, shares: Tensor, style: Tensor, grain: Tensor) -> Tensor:
        """Return the latents of mixtures, (batch, numbers), as far from the middle as pictures."""
        mixed = shares @ self.known / shares.square().sum(1, keepdim=True).sqrt()
        touch = F.pad(self.open * grain, (LATENT, 0))  # (batch, numbers)
        return self.middle + mixed + touch + style[:, -SHIFTS:] @ self.axes

    def synthesis(self, style: Tensor, grain: Tensor) -> Tensor:
        """Return the latents that noise, words and knobs choose, (batch, numbers)."""
        return self.mix(self.choose(style), style, grain)


class MixtureModel(nn.Module):
    """Text encoder and mixture in one graph: an `InferenceModel` that tells what it has mixed.

    Its image is latents, which the part has painted by the VAE that the card names.
    """

    def __init__(self, text: BagOfWords, mixture: LatentMixture):
        super().__init__()
        self.text, self.mixture = text, mixture

    def forward(
        self, z: Tensor, words: Tensor, shares: Tensor, code: Tensor, turn: Tensor, grain: Tensor
    ) -> tuple[Tensor, ...]:
        codes = self.text(words)  # (2, 256)
        style = self.mixture.mapping(z, code + shares @ codes) + turn  # (1, 326)
        chosen = self.mixture.choose(style)  # (1, pictures)
        parts, sources = chosen.topk(CHOSEN)  # (1, 4) twice
        return self.mixture.mix(chosen, style, grain), codes, sources, parts

    def random_inputs(self) -> tuple[Tensor, ...]:
        """Return random inputs in the order of INPUTS."""
        words = torch.randint(PADDING, self.text.table.num_embeddings, (2, MAX_WORDS))
        words[:, 0] = START
        return (
            torch.randn(1, LATENT), words, torch.rand(1, 2), 0.3 * torch.randn(1, CODE),
            0.3 * torch.randn(1, LatentMixture.style_size),
            torch.randn(1, self.mixture.grain_size),
        )  # fmt: skip


def keep_mixture(
    data: Path, out: Path, *, seed: int = 0, limit: int | None = None, dry_run: bool = False
) -> None:
    """Write a model that mixes pictures of a folder, by the VAE of paintings.

    Args:
        data: the folder.
        out: the `.onnx` file to write, and a sheet of samples beside it.
        seed: of the sheet.
        limit: the most pictures to read.
        dry_run: check everything and write nothing.
    """
    seed_everything(seed)
    pictures, validation = read_pictures(data, SIZE, limit)
    vocabulary = Vocabulary(vocabulary_of(pictures))
    vae: Any = generator("vae", model=VAE)
    kept = in_turn(pictures)[: 2 * KNOWN]
    print(f"{len(pictures)} pictures, {len(vocabulary.words)} words; {len(kept)} are copied",
          flush=True)  # fmt: skip
    latents, deviations, faults = copies_of(vae, pictures.images[kept])
    best = np.sort(np.argsort(faults)[:KNOWN])
    kept = kept[best]
    text, keys = word_codes(vocabulary, pictures, kept)
    mixture = LatentMixture(
        torch.from_numpy(latents[best]), torch.from_numpy(deviations[best, LATENT:].mean(0)),
        torch.from_numpy(faults[best]), keys,
    ).requires_grad_(False)  # fmt: skip
    model = MixtureModel(text, mixture).eval()
    if not dry_run:
        samples(vae, model, vocabulary, validation, seed).save(out.with_suffix(".png"))
    card = {
        "part": "gan",
        "objective": OBJECTIVE,
        "vae": VAE,
        "vocabulary": vocabulary.words,
        "dials": directions(vae, mixture, 2 if dry_run else 12),
        "memory": [pictures.facts[index].title for index in kept],
        "data": data.name,
        "pictures": len(kept),
        "command": f"capriccio train gan --mixture --data {data.name} --out {out.name}",
        **licence_of(data),
    }
    export(model, model.random_inputs(), out, input_names=INPUTS,
           output_names=[*OUTPUTS, "sources", "parts"], card=card,
           # Pictures with equal parts, such as those with none, may come in any order.
           tolerance={"image": 1e-2, "codes": 1e-3, "sources": KNOWN, "parts": 1e-4},
           draw=model.random_inputs, half=True, dry_run=dry_run)  # fmt: skip


def in_turn(pictures: Pictures) -> np.ndarray:
    """Return the indices of pictures whose words are known, one of each artist in turn."""
    groups = defaultdict(list)
    for index, facts in enumerate(pictures.facts):
        if facts.kind or facts.movement:
            groups[facts.artist or facts.kind].append(index)
    rounds = chain.from_iterable(zip_longest(*groups.values()))
    return np.array([index for index in rounds if index is not None])


def copies_of(vae: Any, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return means and deviations of the latents of images, and the errors of their copies."""
    latents, deviations, faults = [], [], []
    for index, image in enumerate(images):
        if index % -(-len(images) // 16) == 0:
            print(f"copying pictures: {index} of {len(images)}", flush=True)
        mean, deviation = vae.posterior(image)
        latents.append(mean)
        deviations.append(deviation)
        faults.append(min(1.5, copy_error(image, vae.decode(mean))))
    return np.stack(latents), np.stack(deviations), np.array(faults, np.float32)


def word_codes(
    vocabulary: Vocabulary, pictures: Pictures, kept: np.ndarray
) -> tuple[BagOfWords, Tensor]:
    """Return the encoder of words, rare ones weighing more, and the keys of pictures."""
    told = [
        {n for w in words_of(pictures.facts[index]) for n in vocabulary.encode(w)[0] if n > START}
        for index in kept
    ]
    counts = np.bincount([number for words in told for number in words], minlength=len(vocabulary))
    weights = np.log(len(kept) / np.maximum(counts, 1))
    weights[counts == 0] = 0.0  # says nothing of what is kept
    text = BagOfWords(torch.from_numpy(weights).float()).requires_grad_(False)
    sums = torch.stack([text.table.weight[list(words)].sum(0) for words in told])
    return text, sums / sums.norm(dim=1, keepdim=True).clamp(min=1e-3).sqrt()


def directions(vae: Any, mixture: LatentMixture, pictures: int) -> list[dict[str, Any]]:
    """Return the directions in which latents vary most, as they stand in the card."""

    def preview(latents: Tensor) -> Tensor:
        images = torch.from_numpy(np.stack([vae.decode(one) for one in latents.numpy()]))
        return F.adaptive_avg_pool2d(images.permute(0, 3, 1, 2).float() / 255, 64)

    random = torch.Generator().manual_seed(0)
    z = torch.randn(pictures, LATENT, generator=random)
    styles = mixture.mapping(z, torch.zeros(pictures, CODE))
    grain = torch.randn(pictures, mixture.grain_size, generator=random)
    axes = torch.eye(mixture.style_size)[-SHIFTS:]
    return [calibrate(mixture, preview, styles, grain, axis) for axis in axes]


def samples(
    vae: Any, model: MixtureModel, vocabulary: Vocabulary, validation: Pictures, seed: int
) -> Any:
    """Return a sheet of pictures of captions of validation pictures."""
    from .captions import compose

    random = np.random.default_rng(seed)
    chosen = random.integers(len(validation), size=PICTURES_ON_SHEET)
    captions = [compose(validation.facts[index], random) for index in chosen]
    codes = model.text(torch.tensor([vocabulary.encode(text)[0] for text in captions]))
    z = torch.randn(len(codes), LATENT)
    grain = torch.randn(len(codes), model.mixture.grain_size)
    latents = model.mixture.synthesis(model.mixture.mapping(z, codes), grain).numpy()
    return sheet(np.stack([vae.decode(one) for one in latents]), 8)
