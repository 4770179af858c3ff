"""The VAE: an image generator that paints in a style."""

from capriccio import Generator, hookimpl


@hookimpl
def generators() -> list[type[Generator]]:
    """Return the part `vae`."""
    from .generator import VAE

    return [VAE]
