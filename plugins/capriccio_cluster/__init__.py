"""Beyond one machine: the command `render`, workers of a cluster, and the input `conductor`."""

from typing import TYPE_CHECKING, Any

from capriccio import Input, hookimpl

if TYPE_CHECKING:
    from click import Command

CONTRACT = 1


@hookimpl
def commands() -> list["Command"]:
    """Return the command `render`."""
    from .cli import render

    return [render]


@hookimpl
def inputs() -> list[type[Input]]:
    """Return the inputs `conductor` and `follower`."""
    from .conductor import Conductor
    from .follower import Follower

    return [Conductor, Follower]


def open_workers(address: str, count: int) -> Any:
    """Return workers, see `capriccio.cluster_workers`."""
    from .workers import Workers

    return Workers(address, count)
