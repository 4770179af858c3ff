"""Train a convolutional VAE that knows styles, with the decoder that is played.

A variational autoencoder (Kingma and Welling, arXiv 1312.6114) with a Laplace likelihood whose
width is learned (after sigma-VAE, arXiv 2006.13202), so that the ELBO is honest and reported in
nats. A VAE alone gives blurred images; so, as in VAE/GAN (arXiv 1512.09300), a small discriminator
that sees real pictures, reconstructions, *mixtures* of two latents and reconstructions in another
style pulls the decoder towards pictures that look real in their style, everywhere on the walks
that will be played. Real pictures under another style count as fakes as well (matching-aware,
arXiv 1605.05396).
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import Trainer, find_device, licence_of, mixed_precision, seed_everything
from PIL import Image
from torch import Tensor, nn

from ..generator import AUTOENCODER
from .dataset import Pictures, read_pictures
from .export import BATCH, export_models
from .losses import laplacian_pyramid, mixtures, partners, patch_distance
from .networks import VAENetwork
from .refiner import WholeRefiner
from .spaces import LatentSpace, PixelSpace
from .train_refiner import Pairs, RefinerTraining, blur_latents

ENOUGH = 1_500  # steps after which pictures are no longer grey
STEPS = 9_000  # about 40 times through 5,300 paintings
LEARNING_RATE = 7e-4  # Adam's usual 1e-3, a little lower for want of normalisation layers
BETAS = (1.0, 3.0)  # KL weights of global and spatial latent: what fits the first should be there
GLOBAL_ONLY = 0.2  # share of the reconstructions from the global latent alone, so it says enough
ADVERSARIAL = 1.6  # gradient of the discriminator, as a share of the reconstruction's
SAMPLED = 1.5  # times as strong is it on mixtures and changed styles
MISMATCH = 0.5  # weight of telling real pictures from those of the style they are shown as
SMOOTHNESS, SMOOTHNESS_EVERY = 20.0, 4  # weight of the penalty, measured on every fourth picture
DEBUT = 0.25  # share of the training after which the discriminator joins: first shapes, then detail
MASSES = 2.0  # weight of the masses that a picture keeps in another style
REFINING = 0.4  # share of the time in which a network learns to paint what this one blurs
UNLABELLED = 0.15  # share of pictures shown without their style, so that any can be encoded


def train(
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    dry_run: bool = False,
    hours: float | None = None,
    seed: int = 0,
    steps: int = STEPS,
    from_scratch: bool = False,
    autoencoder: Path = AUTOENCODER,
) -> None:
    """Train on a folder of pictures and write the decoder to `out`.

    Sub-folders name the styles. Takes about 90 minutes for 5,300 pictures on two CPU cores; an
    image of the progress appears beside `out`.

    Args:
        data: the folder, or a zip or tar of one, or a folder of such shards.
        out: the `.onnx` file to write; checkpoints are written beside it.
        resume: go on from the checkpoint.
        dry_run: run every step once and write nothing.
        hours: time limit.
        seed: of everything random.
        steps: of the training.
        from_scratch: learn 128 pixels, with an encoder beside `out`, instead of 256 pixels in the
            latents of the autoencoder.
        autoencoder: its decoder; the encoder lies beside it.

    Raises:
        ValueError: the folder holds fewer than 10 readable pictures.
    """
    data, out = Path(data), Path(out)
    seed_everything(seed)
    device = find_device()
    space = PixelSpace() if from_scratch else LatentSpace(autoencoder)
    pictures = read_pictures(data, 80 if dry_run else None, size=space.size)
    kinds = f"{count} styles" if (count := len(pictures.styles)) > 1 else "one style"
    print(f"{len(pictures.train)} pictures of {kinds} to learn, "
          f"{len(pictures.val)} to check, on {device}", flush=True)  # fmt: skip
    training = VAETraining(pictures, space, device, dry_run=dry_run)
    trainer = Trainer(
        training.net,
        training.optimizer,
        out.with_suffix(".safetensors"),
        seed=seed,
        resume=resume,
        dry_run=dry_run,
    )

    def save_samples(ema: VAENetwork, step: int) -> None:
        torch.manual_seed(seed)
        training.samples(ema).save(out.with_suffix(".png"))

    share = REFINING if space.latents else 0.0
    metrics = trainer.run(
        training.loss,
        steps=steps,
        hours=hours and hours * (1 - share),
        validate=training.validate,
        every=500,
        schedule=lambda progress: training.schedule(progress, trainer.step),
        on_snapshot=save_samples,
        enough=ENOUGH,
    )
    card = {
        "objective": f"Laplace negative log-likelihood + {BETAS[0]:g} KL of the global latent and "
        f"{BETAS[1]:g} of the spatial one per dimension, {GLOBAL_ONLY:.0%} of the reconstructions "
        f"from the global latent alone, octaves in L1, discriminator's gradient {ADVERSARIAL:g} of "
        f"the reconstruction's after {DEBUT:.0%} of the training, masses in another style "
        f"{MASSES:g}",
        "data": data.name,
        "metrics": metrics,
        "seed": seed,
        "hours": round(trainer.seconds / 3600, 2),
        "pictures": len(pictures.train),
        "command": f"capriccio train vae --data {data.name} --out {out.name} --seed {seed}"
        + (f" --hours {hours:g}" if hours else "")
        + (f" --steps {steps}" if steps != STEPS else "")
        + (" --from-scratch" if from_scratch else ""),
        **licence_of(data),
    }
    net, refiner = trainer.ema.cpu(), None
    if isinstance(space, LatentSpace):
        print("refining: a second network learns to paint what the first one blurs", flush=True)
        sides = (
            (training.train_kept, training.train_labels),
            (training.val_kept, training.val_labels),
        )
        learned, checked = (
            Pairs(blur_latents(net, kept, labels, training.styles), kept) for kept, labels in sides
        )
        found, card["refined"] = RefinerTraining(learned, checked, space, device).run(
            out.with_suffix(".refiner.safetensors"),
            steps=max(1, round(steps * REFINING / (1 - REFINING))), hours=hours and hours * share,
            resume=resume, seed=seed, dry_run=dry_run,
        )  # fmt: skip
        refiner = WholeRefiner(found.net)
    export_models(net, space, pictures.train, training.train_kept,
                  training.train_labels, pictures.styles, out, card=card, refiner=refiner,
                  dry_run=dry_run)  # fmt: skip


train.reads_files = True  # type: ignore[attr-defined]  # zips and tars too


class VAETraining:
    """The network, its optimizer, and what the trainer calls: schedule, loss and validation."""

    def __init__(
        self,
        pictures: Pictures,
        space: PixelSpace | LatentSpace,
        device: str = "cpu",
        *,
        dry_run: bool = False,
    ):
        self.space, self.device, self.dry_run = space, device, dry_run
        self.styles = len(pictures.styles)
        self.train_kept = space.encode(pictures.train)  # (pictures, 128, 128, 3)
        self.train_labels = torch.from_numpy(pictures.labels)  # (pictures,)
        self.val_kept = space.encode(pictures.val)  # (val pictures, 128, 128, 3)
        self.val_labels = torch.from_numpy(pictures.val_labels)  # (val pictures,)
        # Styles of 60 pictures stand beside some of 6,000: drawn as often as the root of their
        # number.
        counts = torch.bincount(self.train_labels, minlength=self.styles)  # (styles,)
        self.weights = (1 / counts.clamp(min=1).sqrt())[self.train_labels]  # (pictures,)
        self.progress = 0.0
        net: nn.Module = VAENetwork(self.styles, space.latents)
        net = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        assert isinstance(net, VAENetwork)
        self.net = net
        autoencoder = [*net.encoder.parameters(), *net.decoder.parameters(), net.log_width]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": autoencoder, "lr": LEARNING_RATE, "betas": (0.9, 0.99)},
                {"params": net.critic.parameters(), "lr": LEARNING_RATE / 2, "betas": (0.5, 0.99)},
            ],
            weight_decay=1e-3,
        )

    def schedule(self, progress: float, step: int) -> float:
        """Return the factor of the learning rates: a short warm-up, then a cosine."""
        self.progress = 1.0 if self.dry_run else progress  # a dry run tries the discriminator too
        warm_up = min(1.0, (step + 1) / 200)
        return warm_up * max(0.02, 0.5 + 0.5 * np.cos(np.pi * progress))

    def loss(self, step: int) -> Tensor:
        """Return the loss of a random batch."""
        device = self.device
        few = len(self.weights) < BATCH
        chosen = torch.multinomial(self.weights, BATCH, replacement=few)  # (batch,)
        labels = self.train_labels[chosen]  # (batch,)
        x = self.space.draw(self.train_kept, chosen, mirror=True).to(device)  # (batch, 3, 128, 128)
        style = self._one_hot(labels)  # (batch, styles)
        labelled = torch.rand(len(x), 1, device=device) > UNLABELLED  # (batch, 1)
        adversarial = self.progress > DEBUT
        spatial_mask = (torch.rand(len(x), 1, device=device) > GLOBAL_ONLY).float()  # (batch, 1)
        with mixed_precision(device):
            z, generated, costs = self.net.reconstruct(x, style * labelled, spatial_mask)
            styles = style
            if adversarial:
                latents, sampled = self._sampled_latents(z, style, labels.to(device))
                styles = torch.cat([style, sampled])  # (batch * 3 / 2, styles)
                samples = self.net.decoder(latents, sampled)  # (batch / 2, 3, 128, 128)
                generated = torch.cat([generated, samples])  # (batch * 3 / 2, 3, 128, 128)
        copies = generated[: len(x)]  # (batch, 3, 128, 128)
        fidelity = self._reconstruction_loss(x, copies)
        numbers = x[0].numel()
        divergence = sum(beta * cost.mean() for beta, cost in zip(BETAS, costs, strict=True))
        total = fidelity + divergence / numbers
        if not adversarial:
            return total
        # What is moved to another style keeps its masses: at a quarter of the size it is the same.
        before, after = x[BATCH // 4 : BATCH // 2], generated[-(BATCH // 4) :]
        moved = (F.avg_pool2d(before, 4) - F.avg_pool2d(after, 4)).abs().mean()
        total = total + MASSES / 4 * moved / self.net.log_width.exp().detach()
        others = self._adversarial_loss(x, style, labels, generated, styles, copies, fidelity)
        return total + others - others.detach()

    def _reconstruction_loss(self, x: Tensor, copies: Tensor) -> Tensor:
        """Return the negative log-likelihood a number, and the gaps of the octaves."""
        nats = self.net.nats(x, copies)  # (batch,)
        octaves = zip(laplacian_pyramid(x), laplacian_pyramid(copies), strict=True)
        gaps = sum((a - b).abs().mean() for a, b in octaves)
        # Coarse octaves have fewer pixels, hence little weight, and are what the eye sees first.
        return nats.mean() / x[0].numel() + gaps / self.net.log_width.exp().detach()

    def _adversarial_loss(
        self,
        x: Tensor,
        style: Tensor,
        labels: Tensor,
        generated: Tensor,
        styles: Tensor,
        copies: Tensor,
        fidelity: Tensor,
    ) -> Tensor:
        """Return the losses of the discriminator, and of the decoder against it.

        Args:
            x: real pictures, (batch, 3, 128, 128), of `style` and `labels`.
            generated: reconstructions, then samples, (batch * 3 / 2, 3, 128, 128), of `styles`.
            copies: the reconstructions alone; `fidelity` is their loss.
        """
        critic, device = self.net.critic, self.device
        # The discriminator sees images detached from the decoder; its gradient is then carried
        # back, scaled to a fixed share of the reconstruction's, so that neither can drown the
        # other.
        detached = generated.detach().requires_grad_()  # (batch * 3 / 2, 3, 128, 128)
        pair, both = torch.cat([x, detached]), torch.cat([style, styles])  # (batch * 5 / 2, …)
        with mixed_precision(device):
            features = critic.features(pair)
            logits = critic.logits(features, both)  # (batch * 5 / 2, 320)
            # A real picture is not one of another style either.
            order = torch.randperm(len(x), device=device)
            differs = (labels[order] != labels).to(device)  # (batch,)
            mismatched = critic.logits([h[: len(x)] for h in features], style[order])
            few = pair[::SMOOTHNESS_EVERY].detach()  # (batch * 5 / 8, 3, 128, 128)
            noisy = critic(few + 0.03 * torch.randn_like(few), both[::SMOOTHNESS_EVERY])
        real, fake = logits[: len(x)], logits[len(x) :]  # (batch, 320), (batch * 3 / 2, 320)
        # Features of a reconstruction should be those of its original (VAE/GAN's perceptual term).
        perceptual = sum(
            (h[: len(x)].detach() - h[len(x) : 2 * len(x)]).abs().mean() for h in features
        )
        (pull,) = torch.autograd.grad(perceptual - fake.mean(), detached, retain_graph=True)
        (own,) = torch.autograd.grad(fidelity, copies, retain_graph=True)
        scale = ADVERSARIAL * own.norm() / (pull[: len(x)].norm() + 1e-12)
        # A sample has no original to be pulled to: the discriminator alone teaches it.
        pull[len(x) :] *= SAMPLED
        carried = (generated * (scale * pull)).sum()
        # Hinge loss; R1 and R2 penalties by finite differences (arXiv 2501.08316).
        hinge = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        hinge = hinge + MISMATCH * (F.relu(1 + mismatched).mean(1) * differs).mean()
        hinge = hinge + SMOOTHNESS * (logits[::SMOOTHNESS_EVERY] - noisy).square().mean()
        return carried + hinge

    def _sampled_latents(self, z: Tensor, style: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return half a batch of latents as they will be played, and their styles.

        The first half of them are mixtures of two latents, the others keep a latent and change
        its style.
        """
        quarter = BATCH // 4
        z = z.detach()  # (batch, 576)
        mixed = mixtures(z, z[partners(labels)])[:quarter]  # (batch / 4, 576)
        moved = slice(quarter, 2 * quarter)
        others = style[torch.randperm(len(style), device=style.device)][moved]  # (batch / 4, …)
        return torch.cat([mixed, z[moved]]), torch.cat([style[:quarter], others])

    def validate(self, ema: VAENetwork) -> dict[str, float]:
        """Return the figures of the validation pictures; the first one chooses the checkpoint."""
        nats, costs, latents, errors = [], [], [], []
        count = len(self.val_labels)
        batches = zip(torch.arange(count).split(BATCH), self.val_labels.split(BATCH), strict=True)
        with mixed_precision(self.device):
            for part, labels in batches:
                x = self._real(part)  # (batch, 3, 128, 128)
                z, copies, cost = ema.reconstruct(x, self._one_hot(labels))
                nats.append(ema.nats(x, copies))
                costs.append(torch.stack(cost, 1))  # (batch, 2)
                latents.append(z)
                errors.append((x - copies).square().mean((1, 2, 3)))  # (batch,)
            some = torch.linspace(0, count - 1, min(256, count)).long()  # (256,)
            labels = self.val_labels[some].to(self.device)  # (256,)
            chosen = torch.cat(latents)[some.to(self.device)]  # (256, 576)
            mixed = mixtures(chosen, chosen[partners(labels)])  # (256, 576)
            parts = zip(mixed.split(BATCH), self._one_hot(labels).split(BATCH), strict=True)
            samples = torch.cat([ema.decoder(z, style) for z, style in parts])  # (256, 3, …)
        reals = self._real(some)  # (256, 3, 128, 128)
        reconstruction = torch.cat(nats).mean().item()
        global_kl, spatial_kl = torch.cat(costs).mean(0).tolist()
        bits = (reconstruction + global_kl + spatial_kl) / reals[0].numel()
        return {
            "patch distance": patch_distance(
                reals, samples if self.space.latents else samples.clamp(0, 1)
            ),
            "reconstruction nats": reconstruction,
            "kl nats": global_kl + spatial_kl,
            "kl nats, idea": global_kl,
            # The density is one of levels 0..1; a byte's bin is 1/256 wide.
            "bits per dimension": (bits + np.log(256)) / np.log(2),
            "mse": torch.cat(errors).mean().item(),
        }

    def samples(self, ema: VAENetwork) -> Image.Image:
        """Return up to 16 validation pictures, reconstructed, in another style, and as mixtures."""
        found = len(self.val_labels)
        rows = torch.linspace(0, found - 1, min(16, found)).long()  # (16,)
        x = self._real(rows)  # (16, 3, 128, 128)
        labels = self.val_labels[rows].to(self.device)  # (16,)
        style = self._one_hot(labels)  # (16, styles)
        z, _, _ = ema.reconstruct(x, style)
        mixed = mixtures(z, z.flip(0))  # (16, 576)
        other = self._one_hot((labels + 1) % self.styles)  # (16, styles)
        made = [ema.decoder(z, style), ema.decoder(z, other), ema.decoder(mixed, style)]
        shown = [np.concatenate(list(self.space.images(part)), 1) for part in (x, *made)]
        return Image.fromarray(np.concatenate(shown))

    def _real(self, index: Tensor) -> Tensor:
        return self.space.draw(self.val_kept, index).to(self.device)  # (batch, 3, 128, 128)

    def _one_hot(self, labels: Tensor) -> Tensor:
        return F.one_hot(labels.to(self.device), self.styles).float()  # (batch, styles)
