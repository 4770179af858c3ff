"""A variational autoencoder, the generator `vae`, and `upscale`, which enlarges pictures."""

from capriccio import Generator, hookimpl

CONTRACT = 1


@hookimpl
def generators() -> list[type[Generator]]:
    """Return the generators."""
    from .generator import VAE
    from .upscaler import Upscale

    return [VAE, Upscale]
