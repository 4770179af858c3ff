"""The analyzer `critic` reads pictures; the generator `wall` shows eight of them in frames."""

from typing import TYPE_CHECKING

from capriccio import Analyzer, Generator, hookimpl

if TYPE_CHECKING:
    from click import Command

CONTRACT = 1


@hookimpl
def generators() -> list[type[Generator]]:
    """Return the generator `wall`."""
    from .wall import Wall

    return [Wall]


@hookimpl
def analyzers() -> list[type[Analyzer]]:
    """Return the analyzer `critic`."""
    from .analyzer import Critic

    return [Critic]


@hookimpl
def commands() -> list["Command"]:
    """Return the commands `critique` and `critic`."""
    from .cli import critique
    from .learn_cli import critic

    return [critique, critic]
