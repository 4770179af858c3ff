"""The generator `isolated` runs another generator in a process of its own."""

from capriccio import Generator, hookimpl


@hookimpl
def generators() -> list[type[Generator]]:
    """Return the generator `isolated`."""
    from .generator import Isolated

    return [Isolated]
