"""Drawings by a recurrent network: the generator `draw`."""

from capriccio import Generator, hookimpl

CONTRACT = 1


@hookimpl
def generators() -> list[type[Generator]]:
    """Return the part `draw`."""
    from .generator import Draw

    return [Draw]
