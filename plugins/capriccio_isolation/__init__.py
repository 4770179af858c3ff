"""The parts `isolated` run another part in a process of its own."""

from typing import TYPE_CHECKING

from capriccio import hookimpl

if TYPE_CHECKING:
    from capriccio import Analyzer, Generator, Input, Output
    from click import Command

CONTRACT = 1


@hookimpl
def generators() -> list[type["Generator"]]:
    """Return the generator `isolated`."""
    from .generator import Isolated

    return [Isolated]


@hookimpl
def analyzers() -> list[type["Analyzer"]]:
    """Return the analyzer `isolated`."""
    from .analyzer import Isolated

    return [Isolated]


@hookimpl
def outputs() -> list[type["Output"]]:
    """Return the output `isolated`."""
    from .device import OutputByName

    return [OutputByName]


@hookimpl
def inputs() -> list[type["Input"]]:
    """Return the input `isolated`."""
    from .device import InputByName

    return [InputByName]


@hookimpl
def commands() -> list["Command"]:
    """Return the command `bench-isolation`."""
    from .overhead import bench_isolation

    return [bench_isolation]
