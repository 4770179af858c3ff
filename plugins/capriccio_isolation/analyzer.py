"""The analyzer `isolated`: another one, in a process of its own that may fail."""

from collections import namedtuple
from functools import cache
from typing import Any

from capriccio import Analyzer, PartError, analyzer_class

from .isolated_part import IsolatedPart, place_of
from .worker_process import CALL_SECONDS, MEGABYTES


class IsolatedAnalyzer(IsolatedPart, Analyzer):
    """What analyzers in a process of their own share."""

    def analyze(self, thing: Any) -> Any:
        """Return the part's readings, or the last ones where its process has failed."""
        return self.call({"call": "read", "thing": thing}, _readings)


class Isolated(IsolatedAnalyzer):
    """Read by another analyzer in a process of its own: `analyzer("critic", isolated=True)`."""

    name = "isolated"

    def __init__(
        self, *, part: str = "critic", seconds: float = CALL_SECONDS, megabytes: int = MEGABYTES,
        network: bool = False, write: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        """Run the analyzer called `part`.

        Args:
            part: the name of an analyzer that is installed.
            seconds: that a call may take.
            megabytes: of memory that each of its processes may have.
            network: whether it may reach the network.
            write: whether it may write files outside a folder of its own.
            options: those of the part.
        """
        if not part:
            raise PartError('expected the name of an analyzer, as in part="critic"')
        kind = analyzer_class(part)
        if kind.name == self.name:
            raise PartError("an isolated part cannot be isolated again")
        self.environment = getattr(kind, "environment", None)  # type: ignore[misc]
        self.open_worker(
            "analyzer", part, options, place_of(kind), seconds=float(seconds),
            megabytes=int(megabytes), network=bool(network), write=bool(write),
        )  # fmt: skip

    def __str__(self) -> str:
        return self.worker.title


@cache
def _type_of(fields: tuple[str, ...]) -> Any:
    return namedtuple("Readings", fields)  # type: ignore[misc]


def _readings(answer: dict[str, Any]) -> Any:
    return _type_of(tuple(answer["fields"]))(*answer["values"])
