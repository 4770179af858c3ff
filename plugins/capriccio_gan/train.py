"""Train the painter of words: a conditional GAN for few pictures, and the graph that is played.

What is optimised. Goodfellow et al. (arXiv 1406.2661) let a judge D and a painter G play

    min_G max_D V(D, G) = E[log D(x)] + E[log(1 - D(G(z)))],

that is, with D = sigmoid(v): the judge lowers softplus(-v(x)) + softplus(v(G(z))). Here it
judges a painted and a real picture of one caption c side by side and lowers

    softplus(v(G(z, c), c) - v(x, c)),                                     (relativistic pairing)

and the painter lowers the same with the two exchanged. It is the same game, log-sigmoid and all,
played on the difference of two votes in place of each: fooling the judge by half is not enough
when every painting has a real neighbour, so modes are not dropped (arXiv 1807.00734, and R3GAN,
arXiv 2501.05441, which proves that it converges where the judge's gradient is held to zero at
real *and* painted pictures). That penalty, gamma/2 (|grad v(x)|^2 + |grad v(G(z))|^2), is taken by
its finite difference in a random direction (as in arXiv 2501.08316): one more look in place of a
second derivative. Two terms make the words count: a real picture under a caption that is wrong
for it counts as painted (matching-aware, arXiv 1605.05396), and the painter also raises the
reader's odds that its picture fits the caption. Words could then stand in for chance: so two
paintings of one caption are held apart, as far as half of what lies between two real pictures
(mode seeking, arXiv 1903.05628, with an end). And since no vote on one picture tells what all of
them lack, paintings are seen together as well in the second act: in the features of the reader and
of two onlookers, mean and covariance of the paintings of late are to be those of the real pictures
(as in McGan, arXiv 1702.08398), and each painting is drawn to where the optimal transport between
the two takes it. Both sides see pictures through one differentiable augmentation (arXiv
2006.10738), since a few thousand pictures can be learned by heart. Painted with, validated and
exported are the averaged weights.

Read from top to bottom: augmentation, training, snapshots, export.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import Trainer, export, frechet, rights, seed_everything, spread
from PIL import Image
from torch import nn

from .captions import compose
from .crowd.train import Crowd, effort_of, moved
from .dials.train import codes_of, find_dials
from .networks.train import INPUTS, LATENT, OUTPUTS, Judge, Painter, Player
from .pictures import read_pictures, vocabulary_of
from .reader.train import ONLOOKERS, features, learn_to_read, learn_words, quick, truths
from .reader.train import WIDTHS as SEEN
from .words import Vocabulary

SIZES = (64, 128, 256)
LEVELS = [width for eye in (SEEN, *ONLOOKERS) for width in eye[1:]]  # where crowds are seen
BATCH = {"cpu": 32, "cuda": 128}
STEPS = {"cpu": 20_000, "cuda": 60_000}
READING = 1_500  # steps of the reader: about 30 times through the 6,010 watercolours
RATE = 1e-3  # Adam's; R3GAN begins at 2e-4 with batches of 512 and no warm start
GAMMA = 0.02  # weight of the zero-centred penalties, for pixels of 0..1 and votes of patches
TREMOR = 0.03  # standard deviation of the finite difference's step
MATCH = 0.5  # weight of wrong captions in the judge's loss
GUIDE = 0.15  # weight of the reader's opinion in the painter's loss at first,
GUIDE_LATE = 0.05  # and where paintings are also seen together
APART = 1.0  # weight of what two paintings of one caption are too much alike
CARRY = 6.0  # weight of how far paintings together are from real pictures together, once
ALONE = 0.6  # this share of the training is over: fast steps would outrun what is known of them
UNSAID = 0.15  # share of pictures painted without a word, so that chance alone learns to vary them
DIALLED = 16  # pictures over which a dial is calibrated
COLLAPSED = 0.25  # a share of the real pictures' spread below which something is told,
WARM = 2_000  # from this step on: at first all pictures are alike


# -- augmentation -----------------------------------------------------------------------------


def augmented(x, dice):
    """Shift, mirror, recolour and cut pictures, the same for the same `dice`; differentiable.

    `dice`, (batch, 8) in 0..1, so that a picture and its trembled double are treated alike.
    """
    size = x.shape[3]
    x = torch.where(dice[:, 0].view(-1, 1, 1, 1) < 0.5, x, x.flip(3))  # (batch, 3, size, size)
    light = 0.3 * (dice[:, 1].view(-1, 1, 1, 1) - 0.5)
    strength = 1 + 0.8 * (dice[:, 2].view(-1, 1, 1, 1) - 0.5)
    grey = x.mean(1, keepdim=True)  # (batch, 1, size, size)
    x = (x - grey) * strength + grey + light  # (batch, 3, size, size)
    # Shifted by up to an eighth, the paper's edge going on.
    most = size // 8
    places = torch.arange(size, device=x.device)
    ys, xs = (
        (places + ((2 * dice[:, at] - 1) * most).round().long()[:, None]).clamp(0, size - 1)
        for at in (3, 4)
    )  # (batch, size) each
    x = x.gather(2, ys[:, None, :, None].expand(-1, 3, -1, size))
    x = x.gather(3, xs[:, None, None, :].expand(-1, 3, size, -1))
    # A square of two fifths of the size is painted over.
    half = size // 5
    inside = [
        (places - (dice[:, at] * size).long()[:, None]).abs() < half for at in (5, 6)
    ]  # (batch, size) each
    hole = (inside[0][:, :, None] & inside[1][:, None, :])[:, None]  # (batch, 1, size, size)
    return torch.where(hole & (dice[:, 7].view(-1, 1, 1, 1) < 0.5), 0.8, x)


def likeness(ones, others, real):
    """Say how much pairs of pictures, (pairs, 3, size, size), lack of being apart, 0..1.

    They are seen small and without their paper's tone, so that it is what is painted that counts;
    half the mean distance between `real` pictures is far enough.
    """
    ones, others, real = (F.adaptive_avg_pool2d(part, 16) for part in (ones, others, real))
    ones, others, real = (part - part.mean((2, 3), keepdim=True) for part in (ones, others, real))
    far = (real - real.roll(1, 0)).abs().mean().clamp_min(1e-4) / 2  # ()
    return (1 - (ones - others).abs().mean((1, 2, 3)) / far).clip(min=0).mean()


# -- training ---------------------------------------------------------------------------------


class Studio(nn.Module):
    """All that plays the game, in one module, so that one checkpoint holds it."""

    def __init__(self, size: int):
        super().__init__()
        self.painter, self.judge = Painter(size), Judge(size, SEEN[1:])
        self.made = nn.ModuleList(map(Crowd, LEVELS))


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
    squares = torch.from_numpy(learn.squares)  # (pictures, size, size, 3)
    table = torch.from_numpy(truths(learn, vocabulary))  # (pictures, words)
    if device == "cuda":
        squares = squares.to(device)
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
    count = 8 if dry_run else batch or BATCH[device]
    painter, judge, reader = studio.painter, studio.judge, lesson.reader

    def looked(x):
        with torch.autocast(device, torch.bfloat16, enabled=quick(device)):
            seen, _, opinion = reader(x)
            votes, gists = judge(x, seen)
        return votes, gists, opinion.float()  # (batch, votes), gists, (batch, 128)

    def gathered(x):
        with torch.autocast(device, torch.bfloat16, enabled=quick(device)):
            x = moved(x)  # (batch, 3, size, size)
            seen = [one for each in (reader, *onlookers) for one in each(x)[0]]
        return [one.float().mean((2, 3)) for one in seen]  # (batch, width) each

    with torch.no_grad():
        parts = [gathered(_scaled(part.to(device))) for part in squares.split(100)]
    crowds = [Crowd(width).to(device) for width in LEVELS]  # of real pictures
    for crowd, levels in zip(crowds, zip(*parts, strict=True), strict=True):
        crowd.meet(torch.cat(levels))

    progress = 1.0 if dry_run else 0.0  # a dry run goes through the second act

    def schedule(now: float) -> float:
        nonlocal progress
        if not dry_run:
            progress = now
        # 2 % warm-up, then a cosine down to a twentieth, where it stays for the second act.
        act = min(1.0, now / max(ALONE, 1e-9))
        return min(1.0, 0.02 + 50 * now) * (0.525 + 0.475 * np.cos(np.pi * act))

    def loss(step: int):
        chance = np.random.default_rng([seed, step])
        chosen = chance.integers(len(learn), size=count)
        unsaid = chance.random(count) < UNSAID  # (batch,)
        captions = [
            "" if silent else compose(learn.facts[i], chance)
            for i, silent in zip(chosen, unsaid, strict=True)
        ]
        words = torch.tensor([vocabulary.read(caption)[0] for caption in captions])  # (batch, 24)
        other = torch.roll(words, 1, 0)  # (batch, 24)
        wrong = ~table[torch.from_numpy(chosen)].gather(1, other).all(1)  # (batch,)
        wrong = wrong.float().to(device)
        code = lesson.listener(words.to(device))  # (batch, 128)
        x = squares[torch.from_numpy(chosen).to(squares.device)].to(device)
        x = _scaled(x)  # (batch, 3, size, size)
        part = max(1, count // 4)  # pictures a side that the penalty sees, and pairs held apart
        with torch.autocast(device, torch.bfloat16, enabled=quick(device)):
            z = torch.randn(count, LATENT, device=device)
            grain = torch.randn(count, painter.grains, device=device)
            painted = painter(z, code, grain)  # (batch, 3, size, size)
            again = painter(torch.randn_like(z[:part]), code[:part], grain[:part])
        alike = likeness(painted[:part], again, x)
        # The judge sees copies cut off from the painter; what it says of them is carried back by
        # hand afterwards, so that one look serves both sides of the game.
        canvas = painted.detach().requires_grad_()  # (batch, 3, size, size)
        dice = torch.rand(2 * count, 8, device=device)
        shown = augmented(torch.cat([x, canvas]), dice)  # (2 batch, 3, size, size)
        trembling = torch.cat([shown[:part], shown[count : count + part]]).detach()
        trembled = trembling + TREMOR * torch.randn_like(trembling)  # (batch / 2, 3, size, size)
        codes = torch.cat([code, code, code[:part], code[:part]])  # (batch * 5 / 2, 128)
        votes, gists, opinion = looked(torch.cat([shown, trembled]))
        said = votes + judge.fitting(gists, codes)  # (batch * 5 / 2, votes)
        real, made, shaken = said[:count], said[count : 2 * count], said[2 * count :]
        others = judge.fitting([gist[:count] for gist in gists], torch.roll(code, 1, 0))
        mismatched = votes[:count] + others  # (batch, votes)
        still = torch.cat([real[:part], made[:part]])  # (batch / 2, votes)
        penalty = ((still - shaken) / TREMOR).square().mean()
        judged = F.softplus(made - real).mean() + GAMMA / 2 * penalty
        whole = F.softplus(mismatched - real).mean(1)  # (batch,)
        judged = judged + MATCH * (whole * wrong).mean()
        # The reader's log odds that each painting fits its own caption.
        odds = (
            lesson.slope.exp() * (opinion[count : 2 * count] * code).sum(1) / code.shape[1] ** 0.5
        )
        guided = F.softplus(-(odds + lesson.offset)).mean()
        late = min(1.0, 20 * max(0.0, progress - ALONE))
        guide = GUIDE + late * (GUIDE_LATE - GUIDE)
        painting = F.softplus(real.detach() - made).mean() + guide * guided
        if late:
            painting = painting + CARRY * late * effort_of(gathered(canvas), studio.made, crowds)
        (pull,) = torch.autograd.grad(painting, canvas, retain_graph=True)
        carried = (painted * pull).sum()
        return judged + APART * alike + carried - carried.detach()

    sample = np.random.default_rng(0).permutation(len(check))[:1000]
    repeats = -(-min(1000, 4 * len(check)) // len(check))
    dice = np.random.default_rng(0)  # as people ask, not all there is to say
    asked = [compose(check.facts[i], dice) for i in [*sample] * repeats]
    asked_words = torch.tensor([vocabulary.read(caption)[0] for caption in asked])
    silence = torch.tensor([vocabulary.read("")[0]])  # (1, 24)
    real_features, _ = features(witness, check.squares, device)
    floor = frechet(features(witness, learn.squares[:: max(1, len(learn) // 2000)], device)[0],
                    real_features)  # fmt: skip

    def painted_by(ema: Studio, words: torch.Tensor) -> np.ndarray:
        torch.manual_seed(seed)
        made = []
        for part in words.split(64):
            z = torch.randn(len(part), LATENT).to(device)
            grain = torch.randn(len(part), painter.grains).to(device)
            x = ema.painter(z, lesson.listener(part.to(device)), grain).clamp(0, 1)
            made.append((x * 255 + 0.5).byte().permute(0, 2, 3, 1).cpu().numpy())
        return np.concatenate(made)

    def validate(ema: Studio) -> dict[str, float]:
        made = features(witness, painted_by(ema, asked_words), device)[0]
        unasked = features(witness, painted_by(ema, silence.expand(200, -1)), device)[0]
        wide, silent = (spread(one) / spread(real_features) for one in (made, unasked))
        if min(wide, silent) < COLLAPSED and trainer.step > WARM:
            print(
                f"the pictures grow alike: their spread is {wide:.2f} of the real ones', and "
                f"{silent:.2f} where nothing is asked for; if it does not recover, go back to the "
                "best checkpoint with a lower rate",
                flush=True,
            )
        return {
            "frechet": frechet(real_features, made),
            "real frechet": floor,
            "spread": wide,
            "spread unasked": silent,
        }

    def snapshot(ema: Studio, step: int) -> None:
        sheet(painted_by(ema, asked_words[:64]), 8).save(out.with_suffix(".png"))

    metrics = trainer.run(
        loss,
        steps=steps or STEPS[device],
        hours=hours and hours * 7 / 8,  # the reader had the rest
        validate=validate,
        every=1000 if device == "cuda" else 250,
        schedule=schedule,
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
        **rights(data),
    }
    finish(player, vocabulary, asked_words, out, card=card, dry_run=dry_run)


def _scaled(squares):
    """Give squares of bytes, (pictures, size, size, 3), as (pictures, 3, size, size) in 0..1."""
    x = squares.permute(0, 3, 1, 2).float() / 255
    return x.contiguous(memory_format=torch.channels_last)


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
        "objective": "relativistic pairing softplus(v(made) - v(real)), zero-centred penalties on "
        f"both (gamma {GAMMA:g}), wrong captions {MATCH:g}, reader's guidance {GUIDE:g}, "
        f"later {GUIDE_LATE:g}, pairs of one caption held apart {APART:g}, moments of features "
        f"{CARRY:g}",
        "vocabulary": vocabulary.words,
        "dials": find_dials(player.painter, codes, pictures=2 if dry_run else DIALLED),
        **card,
    }
    # One level of 256 may tip over where a value stands on the edge between two.
    export(player, player.example(), out, input_names=INPUTS, output_names=OUTPUTS, card=card,
           tolerance={"image": 1, "codes": 1e-3}, draw=player.example, dry_run=dry_run)  # fmt: skip
