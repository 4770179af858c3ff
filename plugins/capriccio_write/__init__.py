"""Titles and lines by a recurrent network: the generator `write`."""

from capriccio import Generator, hookimpl

CONTRACT = 1


@hookimpl
def generators() -> list[type[Generator]]:
    """Return the part `write`."""
    from .generator import Write

    return [Write]
