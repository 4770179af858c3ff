"""Train the dreamer: a convolutional VAE that knows styles, and the decoder that is played.

A variational autoencoder (Kingma and Welling, arXiv 1312.6114) learns the pictures: an encoder
gives each a small Gaussian cloud in a latent space, a decoder paints any point of that space in
any style. The likelihood is a Laplace distribution whose width is learned along (after sigma-VAE,
arXiv 2006.13202), so the ELBO is honest and reported in nats. A VAE alone paints in a fog; so, as
in VAE/GAN (arXiv 1512.09300), a small critic that sees real pictures, copies, *mixtures* of two
latents and copies in another style pulls the decoder towards pictures that look painted in the
style asked for, everywhere on the walks that will be played. Real pictures that are shown to it
as of another style it must refuse as well (matching-aware, arXiv 1605.05396).
Read from top to bottom: losses, training, export; the networks are in net/train.py.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import Trainer, export, licence, mixed_precision, seed_everything
from PIL import Image

from .dataset import SIZE, encoder_beside, read_pictures
from .networks import IDEA, LATENT, Painter, Reader, Studio

BATCH = 24
STEPS = 9_000  # about 40 times through 5,300 paintings
RATE = 7e-4  # Adam's usual 1e-3, a little lower for want of normalisation layers
BETAS = (1.0, 3.0)  # weights of the KL of idea and touch: what can be told by an idea should be
ALONE = 0.2  # share of the copies that are made from the idea alone, so that it says what it can
PULL = 1.6  # the critic's pull on a painted picture, as a share of the reconstruction's
DREAMT = 1.5  # times as strongly are dreams pulled
ASTRAY = 0.5  # weight of telling real pictures from those of the style they are shown as
CALM, TREMBLING = 20.0, 4  # weight of the critic's smoothness, looked at in every fourth picture
DEBUT = 0.25  # share of the training after which the critic comes in: first shapes, then touch
MASSES = 2.0  # weight of the masses that a picture keeps in another style
UNTOLD = 0.15  # share of the pictures whose style is not told: so strange ones can be read as well
FOLLOWERS = 16  # latents of each kind that are kept for walking


# -- losses -----------------------------------------------------------------------------------


def pyramid(x):
    """Split pictures into three octaves of detail and the rest (a Laplacian pyramid)."""
    levels = []
    for _ in range(3):
        small = F.avg_pool2d(x, 2)  # (batch, 3, rows / 2, rows / 2)
        levels.append(x - F.interpolate(small, scale_factor=2.0))  # (batch, 3, rows, rows)
        x = small
    return [*levels, x]


def mixtures(latents, partners):
    """Draw points between pairs of latents, as far from the middle as the pairs are."""
    share = torch.rand(len(latents), 1, device=latents.device)  # (count, 1)
    mixed = latents * (1 - share) + partners * share  # (count, 576)
    return mixed / (share**2 + (1 - share) ** 2).sqrt()  # (count, 576)


def partners(kinds):
    """Give for each picture of a batch another of its kind, or itself where there is none."""
    chance = torch.rand(len(kinds), len(kinds), device=kinds.device)  # (batch, batch)
    chance = chance * (kinds[:, None] == kinds[None]) * (1 - torch.eye(len(kinds)).to(chance))
    found = chance.max(1)  # (batch,) twice
    alone = torch.arange(len(kinds), device=kinds.device)  # (batch,)
    return torch.where(found.values > 0, found.indices, alone)


def distance(real, painted, directions: int = 32):
    """Give the sliced Wasserstein distance of 7 x 7 patches in four octaves, times 1,000.

    Fog lacks fine detail and so lies far from paintings (measure of Karras et al., 1710.10196).
    """
    total = 0.0
    for one, other in zip(pyramid(real), pyramid(painted), strict=True):
        patches = []
        for level in (one, other):
            found = F.unfold(level, 7, stride=9).transpose(1, 2).flatten(0, 1)  # (patches, 147)
            patches.append(found)
        axes = F.normalize(torch.randn(147, directions, device=real.device), dim=0)  # (147, 32)
        sorted_ = [(found @ axes).sort(0).values for found in patches]  # twice (patches, 32)
        total += (sorted_[0] - sorted_[1]).abs().mean().item()
    return total * 1000 / 4


# -- training ---------------------------------------------------------------------------------


def train(
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    dry_run: bool = False,
    hours: float | None = None,
    seed: int = 0,
    steps: int = STEPS,
) -> None:
    """Learn a folder of pictures; write the decoder to the `.onnx` file `out`, the encoder beside.

    Sub-folders name the styles that can be asked for while playing. About 90 minutes for 5,300
    pictures on two CPU cores; a picture of the progress appears beside `out`. Raises ValueError
    where the folder holds fewer than 50 readable pictures.
    """
    data, out = Path(data), Path(out)
    seed_everything(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = read_pictures(data, 80 if dry_run else None)
    count = len(found.names)
    print(f"{len(found.train)} pictures of {count} styles to learn, {len(found.val)} to check, "
          f"on {device}", flush=True)  # fmt: skip
    learn, check = torch.from_numpy(found.train), torch.from_numpy(found.val)  # (…, 128, 128, 3)
    kinds, check_kinds = torch.from_numpy(found.kinds), torch.from_numpy(found.val_kinds)
    # Styles of 60 pictures stand beside some of 6,000: as often as the root of their number.
    often = torch.bincount(kinds, minlength=count).clamp(min=1).sqrt()  # (styles,)
    chance = (1 / often)[kinds]  # (pictures,)

    def batch(pictures):
        x = pictures.to(device).permute(0, 3, 1, 2).float() / 255  # (batch, 3, 128, 128)
        return x.contiguous(memory_format=torch.channels_last)

    def told(kinds):
        return F.one_hot(kinds.to(device), count).float()  # (batch, styles)

    net: Studio = Studio(count)
    net = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    painters = [*net.encoder.parameters(), *net.decoder.parameters(), net.log_width]
    optimizer = torch.optim.AdamW(
        [
            {"params": painters, "lr": RATE, "betas": (0.9, 0.99)},
            {"params": net.critic.parameters(), "lr": RATE / 2, "betas": (0.5, 0.99)},
        ],
        weight_decay=1e-3,
    )
    trainer = Trainer(
        net, optimizer, out.with_suffix(".safetensors"), seed=seed, resume=resume, dry_run=dry_run
    )
    progress = 0.0

    def schedule(now: float) -> float:
        nonlocal progress
        progress = 1.0 if dry_run else now  # a dry run tries the critic as well
        warm = min(1.0, (trainer.step + 1) / 200)
        return warm * max(0.02, 0.5 + 0.5 * np.cos(np.pi * now))

    def loss(step: int):
        chosen = torch.multinomial(chance, BATCH)  # (batch,)
        x, style = batch(learn[chosen]), told(kinds[chosen])  # (batch, 3, 128, 128), (batch, 14)
        x = torch.where(torch.rand(len(x), 1, 1, 1, device=device) < 0.5, x, x.flip(3))
        known = torch.rand(len(x), 1, device=device) > UNTOLD  # (batch, 1)
        critical = progress > DEBUT
        touched = (torch.rand(len(x), 1, device=device) > ALONE).float()  # (batch, 1)
        with mixed_precision(device):
            z, copies, costs = net.copy(x, style * known, touched)
            asked, painted = style, copies  # (batch, styles), (batch, 3, 128, 128)
            if critical:
                dreams, dreamt = dream(z, style, kinds[chosen].to(device))
                asked = torch.cat([style, dreamt])  # (batch * 3 / 2, styles)
                painted = torch.cat([copies, net.decoder(dreams, dreamt)])  # (batch * 3 / 2, …)
        copies = painted[: len(x)]  # (batch, 3, 128, 128)
        nats, numbers = net.nats(x, copies), x[0].numel()
        gaps = [(a - b).abs().mean() for a, b in zip(pyramid(x), pyramid(copies), strict=True)]
        # Coarse octaves have fewer pixels to speak with and are what the eye sees first.
        fidelity = nats.mean() / numbers + sum(gaps) / net.log_width.exp().detach()
        paid = sum(beta * cost.mean() for beta, cost in zip(BETAS, costs, strict=True))
        total = fidelity + paid / numbers
        if not critical:
            return total
        # What is moved to another style keeps its masses: at a quarter of the size it is the same.
        here, there = x[BATCH // 4 : BATCH // 2], painted[-(BATCH // 4) :]
        moved = (F.avg_pool2d(here, 4) - F.avg_pool2d(there, 4)).abs().mean()
        total = total + MASSES / 4 * moved / net.log_width.exp().detach()
        # The critic judges copies cut off from the painter; its pull is then carried back by hand,
        # scaled to a fixed share of the reconstruction's, so that neither can drown the other.
        canvas = painted.detach().requires_grad_()  # (batch * 3 / 2, 3, 128, 128)
        pair, styles = torch.cat([x, canvas]), torch.cat([style, asked])  # (batch * 5 / 2, …)
        with mixed_precision(device):
            seen = net.critic.see(pair)
            votes = net.critic.vote(seen, styles)  # (batch * 5 / 2, 320)
            # A real picture is not one of another style either.
            order = torch.randperm(len(x), device=device)
            strange = (kinds[chosen][order] != kinds[chosen]).to(device)  # (batch,)
            astray = net.critic.vote([h[: len(x)] for h in seen], style[order])  # (batch, 320)
            few = pair[::TREMBLING].detach()  # (batch * 5 / 8, 3, 128, 128)
            trembled = net.critic(few + 0.03 * torch.randn_like(few), styles[::TREMBLING])
        real, made = votes[: len(x)], votes[len(x) :]  # (batch, 320), (batch * 3 / 2, 320)
        # Features of a copy should be those of its original (VAE/GAN's perceptual term).
        alike = sum((h[: len(x)].detach() - h[len(x) : 2 * len(x)]).abs().mean() for h in seen)
        (pull,) = torch.autograd.grad(alike - made.mean(), canvas, retain_graph=True)
        (own,) = torch.autograd.grad(fidelity, copies, retain_graph=True)
        scale = PULL * own.norm() / (pull[: len(x)].norm() + 1e-12)
        # A dream has no original to be pulled to: it heeds the critic alone, and the more.
        pull[len(x) :] *= DREAMT
        carried = (painted * (scale * pull)).sum()
        # Hinge loss, and smoothness against tremor: R1 and R2 by finite differences (2501.08316).
        judge = F.relu(1 - real).mean() + F.relu(1 + made).mean()
        judge = judge + ASTRAY * (F.relu(1 + astray).mean(1) * strange).mean()
        judge = judge + CALM * (votes[::TREMBLING] - trembled).square().mean()
        others = carried + judge
        return total + others - others.detach()

    def dream(z, style, kinds):
        """Give latents as they will be played, half a batch: dreams, and copies in new styles."""
        quarter = BATCH // 4
        z = z.detach()  # (batch, 576)
        mixed = mixtures(z, z[partners(kinds)])[:quarter]  # (batch / 4, 576)
        moved = slice(quarter, 2 * quarter)
        others = style[torch.randperm(len(style), device=style.device)][moved]  # (batch / 4, 14)
        return torch.cat([mixed, z[moved]]), torch.cat([style[:quarter], others])

    def validate(ema: Studio) -> dict[str, float]:
        nats, costs, latents, errors = [], [], [], []
        with mixed_precision(device):
            for part, kind in zip(check.split(BATCH), check_kinds.split(BATCH), strict=True):
                x = batch(part)  # (batch, 3, 128, 128)
                z, copies, paid = ema.copy(x, told(kind))
                nats.append(ema.nats(x, copies))
                costs.append(torch.stack(paid, 1))  # (batch, 2)
                latents.append(z)
                errors.append((x - copies).square().mean((1, 2, 3)))  # (batch,)
            some = torch.linspace(0, len(check) - 1, min(256, len(check))).long()  # (256,)
            kind = check_kinds[some].to(device)  # (256,)
            seen = torch.cat(latents)[some.to(device)]  # (256, 576)
            mixed = mixtures(seen, seen[partners(kind)])  # (256, 576)
            parts = zip(mixed.split(BATCH), told(kind).split(BATCH), strict=True)
            dreams = torch.cat([ema.decoder(z, style) for z, style in parts])  # (256, 3, 128, 128)
        reals = batch(check[some])  # (256, 3, 128, 128)
        recon, (idea, touch) = torch.cat(nats).mean().item(), torch.cat(costs).mean(0).tolist()
        bits = (recon + idea + touch) / (SIZE * SIZE * 3)
        return {
            "patch distance": distance(reals, dreams.clamp(0, 1)),
            "reconstruction nats": recon,
            "kl nats": idea + touch,
            "kl nats, idea": idea,
            # The density is one of levels 0..1; a byte's bin is 1/256 wide.
            "bits per dimension": (bits + np.log(256)) / np.log(2),
            "mse": torch.cat(errors).mean().item(),
        }

    def snapshot(ema: Studio, step: int) -> None:
        torch.manual_seed(seed)
        rows = torch.linspace(0, len(check) - 1, 16).long()  # (16,)
        x, kind = batch(check[rows]), check_kinds[rows].to(device)  # (16, 3, 128, 128), (16,)
        z, _, _ = ema.copy(x, told(kind))
        mixed = mixtures(z, z.flip(0))  # (16, 576)
        turned = (kind + 1) % count  # (16,)
        made = [ema.decoder(z, told(kind)), ema.decoder(z, told(turned)),
                ema.decoder(mixed, told(kind))]  # fmt: skip
        sheet = torch.cat([x, *made]).clamp(0, 1)  # (64, 3, 128, 128)
        sheet = sheet.view(4, 16, 3, SIZE, SIZE).permute(0, 3, 1, 4, 2).reshape(4 * SIZE, -1, 3)
        Image.fromarray((sheet * 255).byte().cpu().numpy()).save(out.with_suffix(".png"))

    metrics = trainer.run(
        loss,
        steps=steps,
        hours=hours,
        validate=validate,
        every=500,
        schedule=schedule,
        on_snapshot=snapshot,
    )
    finish(trainer.ema.cpu(), learn, kinds, found.names, out, card={
        "data": data.name,
        "metrics": metrics,
        "seed": seed,
        "hours": round(trainer.seconds / 3600, 2),
        "pictures": len(learn),
        "command": f"capriccio train vae --data {data.name} --out {out.name} --seed {seed}"
        + (f" --hours {hours:g}" if hours else "")
        + (f" --steps {steps}" if steps != STEPS else ""),
        **licence(data),
    }, dry_run=dry_run)  # fmt: skip


# -- export -----------------------------------------------------------------------------------


def worthy(miss, like):
    """Give which pictures of a kind a walk may pass, as numbers, from two figures of each.

    Of the half that is painted with the smallest `miss`, since the others are stains, stamps and
    twigs, the quarter that is by `like` most typical of its kind; at least as many as are kept.
    """
    faithful = np.argsort(miss)[: (len(miss) + 1) // 2]
    return faithful[np.argsort(-like[faithful])][: max(FOLLOWERS, len(faithful) // 4)]


def finish(net: Studio, pictures, kinds, names, out: Path, *, card: dict, dry_run: bool) -> None:
    """Measure the latents of the training pictures; export the decoder with them, and the encoder.

    The walk goes through latents of real pictures (the aggregate posterior), some of each kind.
    Ripeness and swelling are the average change of a latent with the subject's redness and size.
    """
    net = net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    reader = Reader(net)
    means, misses, likes, reds, sizes = [], [], [], [], []
    with torch.no_grad():
        for part, kind in zip(pictures.split(BATCH), kinds.split(BATCH), strict=True):
            x = part.permute(0, 3, 1, 2).float() / 255  # (batch, 3, 128, 128)
            style = F.one_hot(kind, len(names)).float()  # (batch, styles)
            z, _ = reader.read(x, style)
            means.append(z)
            painted = net.decoder(z, style)
            misses.append((x - painted).square().mean((1, 2, 3)) / x.var((1, 2, 3)))  # (batch,)
            likes.append(net.critic.typical(painted, kind))
            ground = x.flatten(2).median(2).values[:, :, None, None]  # (batch, 3, 1, 1)
            subject = ((x - ground).abs().amax(1) > 0.2).float()  # (batch, 128, 128)
            weight = subject.sum((1, 2)) + 1  # (batch,)
            reds.append(((x[:, 0] - x[:, 1]) * subject).sum((1, 2)) / weight)  # (batch,)
            sizes.append(subject.mean((1, 2)))  # (batch,)
    latents = torch.cat(means).double()  # (pictures, 576)
    traits = torch.stack([torch.cat(reds), torch.cat(sizes)], 1).double()  # (pictures, 2)
    traits = (traits - traits.mean(0)) / (traits.std(0) + 1e-6)
    middle = latents.mean(0)  # (576,)
    slopes = torch.linalg.lstsq(traits, latents - middle).solution  # (2, 576) a standard deviation
    miss, like = torch.cat(misses).numpy(), torch.cat(likes).numpy()  # (pictures,) twice
    generator = np.random.default_rng(0)
    kept = {}
    for index, name in enumerate(names):
        mine = np.flatnonzero(kinds.numpy() == index)  # (pictures of the kind,)
        found = generator.permutation(mine[worthy(miss[mine], like[mine])])[:FOLLOWERS]
        kept[name] = np.round(latents[found].numpy(), 2).tolist()
    card = {
        "objective": f"Laplace negative log-likelihood + {BETAS[0]:g} KL of the idea and "
        f"{BETAS[1]:g} of the touch per dimension, {ALONE:.0%} of the "
        f"copies from the idea alone, octaves in L1, critic's pull {PULL:g} of the "
        f"reconstruction's after {DEBUT:.0%} of the training, masses in another style {MASSES:g}",
        "styles": names,
        **card,
    }
    points, count = latents.float(), len(names)

    def draw():
        return mixtures(points[torch.randint(len(points), (1,))], points[:1]), torch.rand(1, count)

    def shown():
        return pictures[torch.randint(len(pictures), (1,))], torch.rand(1, count)

    # One level of 256 may tip over where a value stands on the edge between two.
    export(Painter(net.decoder), draw(), out, input_names=["z", "style"], output_names=["image"],
           tolerance={"image": 1}, draw=draw, half=True, dry_run=dry_run, card={
        "part": "vae",
        "inputs": {"z": f"(1, {LATENT}) float32, about normal around 0: {IDEA} numbers of an idea, "
                   "and the touch, 0 where nothing surprises",
                   "style": f"(1, {count}) float32, shares of the styles; all 0 for none"},
        "latents": {
            "middle": np.round(middle.numpy(), 3).tolist(),
            "ripeness": np.round(slopes[0].numpy(), 3).tolist(),
            "swell": np.round(slopes[1].numpy(), 3).tolist(),
            "kinds": kept,
            "note": f"means of up to {FOLLOWERS} training pictures of each kind, {LATENT} numbers "
            "each, of those that the critic of the training found typical; the decoder paints "
            "them from memory, not from the pictures",
        },
        **card,
    })  # fmt: skip
    export(reader, shown(), encoder_beside(out), input_names=["picture", "style"],
           output_names=["z", "spread"], tolerance=1e-2, draw=shown, half=True, dry_run=dry_run,
           card={
        "part": "vae's encoder",
        "inputs": {"picture": f"(1, {SIZE}, {SIZE}, 3) uint8", "style": "as the decoder's"},
        **card,
    })  # fmt: skip
