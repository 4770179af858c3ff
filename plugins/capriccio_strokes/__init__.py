"""Painting with brush strokes: the image generator `painter`."""

from capriccio import Generator, hookimpl

CONTRACT = 1


@hookimpl
def generators() -> list[type[Generator]]:
    """Return the generator `painter`."""
    from .generator import Painter

    return [Painter]
