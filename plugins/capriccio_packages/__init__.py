"""Commands that install plugins and remove them: `install`, `uninstall`, `upgrade`, `restore`."""

from typing import TYPE_CHECKING

from capriccio import hookimpl

if TYPE_CHECKING:
    from click import Command

CONTRACT = 1


@hookimpl
def commands() -> list["Command"]:
    """Return the four commands."""
    from .cli import install, restore, uninstall, upgrade

    return [install, uninstall, upgrade, restore]
