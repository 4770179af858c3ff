"""Commands that install, remove and find plugins."""

from typing import TYPE_CHECKING

from capriccio import hookimpl

if TYPE_CHECKING:
    from click import Command

CONTRACT = 1


@hookimpl
def commands() -> list["Command"]:
    """Return `install`, `uninstall`, `upgrade`, `restore` and `directory`."""
    from .cli import directory, install, restore, uninstall, upgrade

    return [install, uninstall, upgrade, restore, directory]
