"""A variational autoencoder: the image generator `vae`."""

from capriccio import Generator, hookimpl

CONTRACT = 1


@hookimpl
def generators() -> list[type[Generator]]:
    """Return the generator `vae`."""
    from .generator import VAE

    return [VAE]
