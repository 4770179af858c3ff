"""The networks: a variational autoencoder with two levels of latents, conditioned on styles.

An image is encoded as a *global latent*, 64 numbers, and a *spatial latent*, a map of 8 by 8
places. The prior of the global latent is a standard normal; mean and width of the spatial prior
follow from global latent and style (a ladder VAE, Sønderby et al., arXiv 1602.02282). Both are
written in the coordinates of a standard normal, so the whole latent is one vector around zero, and
an image whose style is changed keeps what deviates from the prior while the rest follows the style.

Names of module attributes are those of saved checkpoints and exported graphs.
"""

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .autoencoder import CHANNELS

GLOBAL = 64  # numbers: composition and colours of an image; too few to memorise 11,000 of them
SPATIAL = 8  # channels at each of 8 by 8 places: 512, about a byte for every 12 by 12 pixels
LATENT = GLOBAL + SPATIAL * 64
ENCODER_CHANNELS = (40, 80, 128)  # at 32, 16 and 8 rows
DECODER_CHANNELS = (128, 128, 96, 48, 24)  # at 4, 8, 16, 32, 64 rows: 170 M multiply-adds
LATENT_DECODER_CHANNELS = (160, 160, 128, 88)  # at 4, 8, 16 and 32 rows: 240 M multiply-adds
CODE = 128  # numbers that modulate every block of the decoder


class ResidualBlock(nn.Module):
    """Two convolutions around a residual, modulated in between by a code where there is one."""

    def __init__(self, width: int, code: int = 0):
        super().__init__()
        self.one = nn.Conv2d(width, width, 3, padding=1)
        self.two = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.two.weight)  # begins as the identity: deep nets start to learn at once
        self.tint = nn.Linear(code, 2 * width) if code else None

    def forward(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        h = self.one(F.leaky_relu(x, 0.2))  # (batch, width, rows, rows)
        if self.tint is not None:
            scale, shift = self.tint(code)[:, :, None, None].chunk(2, 1)  # (batch, width, 1, 1)
            h = h * (1 + scale) + shift  # (batch, width, rows, rows)
        return x + self.two(F.leaky_relu(h, 0.2))  # (batch, width, rows, rows)


class Encoder(nn.Module):
    """Return the posteriors of images, (batch, 3, 128, 128) in 0..1, or of their latents."""

    def __init__(self, latents: bool = False):
        super().__init__()
        self.latents = latents
        channels = LATENT_DECODER_CHANNELS if latents else DECODER_CHANNELS
        self.first = nn.Conv2d(CHANNELS if latents else 48, ENCODER_CHANNELS[0], 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(width) for width in ENCODER_CHANNELS)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, 2) for a, b in pairwise(ENCODER_CHANNELS))
        self.gather = nn.Conv2d(ENCODER_CHANNELS[-1], ENCODER_CHANNELS[-1], 2, 2)
        self.idea = nn.Linear(ENCODER_CHANNELS[-1] * 16, 2 * GLOBAL)
        self.look = nn.Conv2d(ENCODER_CHANNELS[-1] + channels[1], 64, 3, padding=1)
        self.touch = nn.Conv2d(64, 2 * SPATIAL, 1)

    def global_posterior(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the last feature map, and mean and log variance, (batch, 64) each."""
        # Of 128 pixels or of latents, the rows that are left are 32.
        h = self.first(x if self.latents else F.pixel_unshuffle(x - 0.5, 4))  # (batch, 40, 32, 32)
        for block, down in zip(self.blocks, [*self.down, None], strict=True):
            h = block(h)  # (batch, width, rows, rows)
            if down is not None:
                h = down(h)  # (batch, next width, rows / 2, rows / 2)
        gathered = F.leaky_relu(self.gather(h), 0.2).flatten(1)  # (batch, 2048)
        mean, log_variance = self.idea(gathered).float().chunk(2, 1)  # twice (batch, 64)
        return h, mean, log_variance.clamp(-10, 4)

    def spatial_posterior(self, features: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance, (batch, 512) each, given the decoder's prior features."""
        h = F.leaky_relu(self.look(torch.cat([features, prior], 1)), 0.2)  # (batch, 64, 8, 8)
        mean, log_variance = self.touch(h).float().flatten(1).chunk(2, 1)  # twice (batch, 512)
        return mean, log_variance.clamp(-10, 4)


class Decoder(nn.Module):
    """Return the images, (batch, 3, 128, 128), of latents, (batch, 576), in styles.

    With `latents` those of the autoencoder, (batch, 8, 32, 32), instead of images.
    """

    def __init__(self, styles: int, latents: bool = False):
        super().__init__()
        self.latents = latents
        channels = LATENT_DECODER_CHANNELS if latents else DECODER_CHANNELS
        self.style = nn.Linear(styles, CODE, bias=False)
        self.code = nn.Linear(GLOBAL + CODE, CODE)
        self.first = nn.Linear(GLOBAL, channels[0] * 16)
        self.blocks = nn.ModuleList(ResidualBlock(width, CODE) for width in channels)
        self.planned = ResidualBlock(channels[1], CODE)
        self.expect = nn.Conv2d(channels[1], 2 * SPATIAL, 1)  # the prior of the spatial latent
        nn.init.zeros_(self.expect.weight)
        nn.init.zeros_(self.expect.bias)  # type: ignore[arg-type]
        self.lay = nn.Conv2d(SPATIAL, channels[1], 3, padding=1)
        # Every pixel becomes four; a fifth faster than a convolution and a pixel shuffle.
        ups = [nn.ConvTranspose2d(a, b, 2, 2) for a, b in pairwise(channels)]
        for up in ups:  # the four begin alike: no checkerboard
            up.weight.data = up.weight.data[:, :, :1, :1].repeat(1, 1, 2, 2)  # (in, out, 2, 2)
            nn.init.zeros_(up.bias)  # type: ignore[arg-type]
        self.up = nn.ModuleList(ups)
        if latents:
            self.last = nn.Conv2d(channels[-1], CHANNELS, 3, padding=1)
            return
        self.last = nn.Conv2d(channels[-1], 12, 3, padding=1)
        self.last.weight.data = self.last.weight.data[::4].repeat_interleave(4, 0)  # (12, in, 3, 3)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def prior(self, global_latent: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """Return the code of every block, (batch, 128), and prior features, (batch, 128, 8, 8)."""
        share = F.relu(style) + 1e-6  # (batch, styles): of no style, of all alike
        share = share / share.sum(1, keepdim=True)  # (batch, styles)
        code = self.code(torch.cat([global_latent, self.style(share)], 1))  # (batch, 128)
        code = F.leaky_relu(code, 0.2)  # (batch, 128)
        h = self.first(global_latent).view(len(code), -1, 4, 4)  # (batch, 128, 4, 4)
        h = self.up[0](self.blocks[0](h, code))  # (batch, 128, 8, 8)
        return code, self.planned(h, code)

    def render(self, code: Tensor, prior: Tensor, spatial: Tensor) -> Tensor:
        """Return the images of a spatial latent, (batch, 512), on top of its prior."""
        mean, log_width = self.expect(F.leaky_relu(prior, 0.2)).chunk(2, 1)  # (batch, 8, 8, 8)
        scaled = log_width.clamp(-4, 4).exp() * spatial.view(-1, SPATIAL, 8, 8)  # (batch, 8, 8, 8)
        h = self.blocks[1](prior + self.lay(mean + scaled), code)  # (batch, 128, 8, 8)
        for block, up in zip(self.blocks[2:], self.up[1:], strict=True):
            h = block(up(h), code)  # (batch, width, 2 rows, 2 rows)
        h = self.last(F.leaky_relu(h, 0.2))  # (batch, 12, 64, 64)
        if self.latents:
            return h.float()  # (batch, 8, 32, 32)
        return F.pixel_shuffle(h, 2).float() + 0.5  # (batch, 3, 128, 128)

    def forward(self, z: Tensor, style: Tensor) -> Tensor:
        code, prior = self.prior(z[:, :GLOBAL], style)
        return self.render(code, prior, z[:, GLOBAL:])


class StyleDiscriminator(nn.Module):
    """Classify patches as real or generated, overall and for each style."""

    def __init__(self, styles: int, latents: bool = False):
        super().__init__()
        self.latents = latents
        # Of latents it begins at half the rows: with more channels, and without the last map.
        widths = (64, 96, 128) if latents else (32, 64, 96, 128)
        self.first = nn.Conv2d(CHANNELS if latents else 12, widths[0], 3, padding=1)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for width in widths[1:])
        # A logit for all styles and one for each (after StarGAN v2, arXiv 1912.01865).
        self.heads = nn.ModuleList(nn.Conv2d(width, 1 + styles, 3, padding=1)
                                   for width in widths[-2:])  # fmt: skip

    def features(self, x: Tensor) -> list[Tensor]:
        """Return four feature maps, of 64, 32, 16 and 8 rows; the last three of latents."""
        x = x if self.latents else F.pixel_unshuffle(x * 2 - 1, 2)  # (batch, 12, 64, 64)
        h = F.leaky_relu(self.first(x), 0.2)  # (batch, 32, 64, 64)
        maps = [h]
        for layer, norm in zip(self.layers, self.norms, strict=True):
            h = F.leaky_relu(norm(layer(h)), 0.2)  # (batch, width, rows / 2, rows / 2)
            maps.append(h)
        return maps

    def logits(self, features: list[Tensor], style: Tensor) -> Tensor:
        """Return a logit for every patch, (batch, 320): above 0 for real and of this style."""
        share = torch.cat([torch.ones_like(style[:, :1]), style], 1)  # (batch, 1 + styles)
        logits = [
            (head(h).float().flatten(2) * share[:, :, None]).sum(1)  # (batch, 256), (batch, 64)
            for head, h in zip(self.heads, features[-2:], strict=True)
        ]
        return torch.cat(logits, 1)  # (batch, 320)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        return self.logits(self.features(x), style)

    def typicality(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return how much more images look like their own style than like the others, (batch,)."""
        maps = zip(self.heads, self.features(x)[-2:], strict=True)
        logits = sum(head(h).flatten(2).mean(2)[:, 1:] for head, h in maps)  # (batch, styles)
        return (logits.gather(1, labels[:, None]) - logits.mean(1, keepdim=True))[:, 0]


class VAENetwork(nn.Module):
    """All that learns, in one module, so that one checkpoint holds it."""

    def __init__(self, styles: int, latents: bool = False):
        super().__init__()
        self.encoder, self.decoder = Encoder(latents), Decoder(styles, latents)
        self.critic = StyleDiscriminator(styles, latents)
        self.log_width = nn.Parameter(torch.tensor(-2.0))  # of the Laplace; 0.14 to begin with

    def reconstruct(
        self, x: Tensor, style: Tensor, spatial_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Return posterior means, reconstructions of a sample, and the KL of both levels in nats.

        Shapes are (batch, 576), (batch, 3, 128, 128), and (batch,) twice. Where `spatial_mask`,
        (batch, 1), is 0, the global latent alone is used, and only its KL counts.
        """
        features, mean, log_variance = self.encoder.global_posterior(x)
        sample = mean + torch.randn_like(mean) * (log_variance / 2).exp()  # (batch, 64)
        code, prior = self.decoder.prior(sample, style)
        spatial_mean, spatial_log = self.encoder.spatial_posterior(features, prior)
        spatial = spatial_mean + torch.randn_like(spatial_mean) * (spatial_log / 2).exp()
        costs = kl(mean, log_variance), kl(spatial_mean, spatial_log)
        if spatial_mask is not None:
            spatial = spatial * spatial_mask  # (batch, 512)
            costs = costs[0], costs[1] * spatial_mask[:, 0]
        z = torch.cat([mean, spatial_mean], 1)  # (batch, 576)
        return z, self.decoder.render(code, prior, spatial), costs

    def nats(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """Return the negative log-likelihood of images under a Laplace distribution, (batch,)."""
        each = (x - reconstruction).abs() / self.log_width.exp() + self.log_width + np.log(2)
        return each.flatten(1).sum(1)  # (batch,)


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the KL divergence of normals from the standard normal in nats, (batch,)."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)  # (batch,)


class DecoderNetwork(nn.Module):
    """The decoder as it is exported: an image of bytes, (1, 128, 128, 3), from one latent.

    Latents are refined by another network, if there is one.
    """

    def __init__(self, decoder: Decoder, refiner: nn.Module | None = None):
        super().__init__()
        self.decoder, self.refiner = decoder, refiner

    def forward(self, z: Tensor, style: Tensor) -> Tensor:
        if self.decoder.latents:  # the autoencoder's decoder is joined
            latents = self.decoder(z, style)  # (1, 8, 32, 32)
            return latents if self.refiner is None else self.refiner(latents)
        image = self.decoder(z, style).clamp(0, 1) * 255 + 0.5  # (1, 3, 128, 128)
        return image.permute(0, 2, 3, 1).to(torch.uint8)  # (1, 128, 128, 3)


class EncoderNetwork(nn.Module):
    """The encoder as it is exported: mean and standard deviation of the posterior, from bytes."""

    def __init__(self, net: VAENetwork):
        super().__init__()
        self.encoder, self.decoder = net.encoder, net.decoder

    def encode(self, x: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and standard deviations, (batch, 576) each, of (batch, 3, 128, 128)."""
        features, mean, log_variance = self.encoder.global_posterior(x)
        _, prior = self.decoder.prior(mean, style)
        spatial_mean, spatial_log = self.encoder.spatial_posterior(features, prior)
        deviation = torch.cat([log_variance, spatial_log], 1).mul(0.5).exp()  # (batch, 576)
        return torch.cat([mean, spatial_mean], 1), deviation

    def forward(self, picture: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        return self.encode(picture.permute(0, 3, 1, 2).float() / 255, style)
