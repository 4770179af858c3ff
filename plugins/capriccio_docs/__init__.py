"""The command `docs`: opens the documentation, and builds it as a site."""

from typing import TYPE_CHECKING

from capriccio import hookimpl

if TYPE_CHECKING:
    from click import Command


@hookimpl
def commands() -> list["Command"]:
    """Return the command `docs`."""
    from .cli import docs

    return [docs]
