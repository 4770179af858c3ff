"""The GAN: an image generator that paints from words."""

from capriccio import Generator, hookimpl

CONTRACT = 1


@hookimpl
def generators() -> list[type[Generator]]:
    """Return the part `gan`."""
    from .generator import GAN

    return [GAN]
