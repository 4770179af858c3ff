"""The dreamer, who dreams pictures in a style, and the painter, who paints what it is shown."""

from capriccio import hookimpl

from .dreamer import VAE
from .painter import Painter


@hookimpl
def generators():
    return [VAE, Painter]


__all__ = ["VAE", "Painter", "generators"]
