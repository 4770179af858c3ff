"""The painter: a generator that paints a picture or a film stroke by stroke."""

from capriccio import Generator, hookimpl


@hookimpl
def generators() -> list[type[Generator]]:
    """Return the part `painter`."""
    from .generator import Painter

    return [Painter]
