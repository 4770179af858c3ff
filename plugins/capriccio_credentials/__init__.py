"""Content Credentials (C2PA): the commands `sign` and `verify`."""

from typing import TYPE_CHECKING

from capriccio import hookimpl

if TYPE_CHECKING:
    from click import Command


@hookimpl
def commands() -> list["Command"]:
    """Return the two commands."""
    from .cli import sign, verify

    return [sign, verify]
