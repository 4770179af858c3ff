"""The analyzer `isolated`: another one, in a process of its own that may fail."""

from collections import namedtuple
from functools import cache
from typing import Any

from capriccio import Analyzer, PartError, analyzer_class, current_performance

from .isolated_part import IsolatedPart


class IsolatedAnalyzer(IsolatedPart, Analyzer):
    """What analyzers in a process of their own share."""

    def __call__(self, thing: Any) -> Any:
        """Return readings of a thing; in a live show the newest, which a thread reads."""
        self.is_live(current_performance.get())
        return super().__call__(thing)

    def analyze(self, thing: Any) -> Any:
        """Return the part's readings, or the last ones where its process has failed."""
        return self.call({"call": "read", "thing": thing}, _readings)


class Isolated(IsolatedAnalyzer):
    """Read by another analyzer in a process of its own: `analyzer("critic", isolated=True)`."""

    name = "isolated"

    def __init__(self, *, part: str = "critic", **options: Any) -> None:
        """Run the analyzer called `part`.

        Args:
            part: the name of an analyzer that is installed.
            options: those of the part, and the limits of its process as the generator has them.
        """
        if not part:
            raise PartError('expected the name of an analyzer, as in part="critic"')
        self.open_named(analyzer_class(part), part, options)

    def __str__(self) -> str:
        return self.worker.title


@cache
def _type_of(fields: tuple[str, ...]) -> Any:
    return namedtuple("Readings", fields)  # type: ignore[misc]


def _readings(answer: dict[str, Any]) -> Any:
    return _type_of(tuple(answer["fields"]))(*answer["values"])
