"""A preview in the terminal: the output `terminal`."""

from capriccio import Output, hookimpl

CONTRACT = 1


@hookimpl
def outputs() -> list[type[Output]]:
    """Return the output `terminal`."""
    from .output import Terminal

    return [Terminal]
