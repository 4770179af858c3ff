"""The generator `isolated`: another one, in a process of its own that may fail."""

import inspect
from collections.abc import Mapping
from typing import Any

from capriccio import Generator, Moment, PartError, generator_class

from .isolated_part import IsolatedPart


class IsolatedGenerator(IsolatedPart, Generator):
    """What generators in a process of their own share."""

    @property
    def instruments(self) -> Any:
        """What suits the channels of the part."""
        return {int(key): name for key, name in self.facts()["instruments"].items()}

    @property
    def unused_knobs(self) -> frozenset[str]:
        """The knobs of the part that its model ignores."""
        return frozenset(self.facts()["unused"])

    def play(self, now: Moment, knobs: Mapping[str, Any]) -> Any:
        """Return what the part returns, or the last result where its process has failed."""
        return self.call({"call": "play", "now": now, "knobs": dict(knobs)})


class Isolated(IsolatedGenerator):
    """Play another generator in a process of its own: `generator("tides", isolated=True)`.

    Whatever that process does, the show goes on: it is ended with all that it has begun when it
    crashes, hangs, takes too much memory or answers nonsense, and started again; meanwhile the
    last result stands. It has no network and writes no files, where the system can see to that.
    """

    name = "isolated"

    def __init__(self, *, part: str = "vae", seed: int = 0, **options: Any) -> None:
        """Run the generator called `part`.

        Args:
            part: the name of a generator that is installed.
            seed: that of the part, where it takes one.
            options: those of the part, and the limits of its process: `seconds` that a call may
                take, `megabytes` that each of its processes may have, `network` and `write` for
                what it may do, and `spare` for whether a live show keeps a second process.
        """
        if not part:
            raise PartError('expected the name of a generator, as in part="vae"')
        self._class = generator_class(part)
        self.knobs = self._class.knobs  # type: ignore[misc]  # those of this one alone
        self.generate = self._declare()  # type: ignore[method-assign]
        if "seed" in inspect.signature(self._class.__init__).parameters:
            options["seed"] = seed
        self.open_named(self._class, part, options)

    def __str__(self) -> str:
        return self.worker.title

    def generate(self, now: Moment, **knobs: Any) -> Any:
        """Return what the part returns; each instance has the knobs of its part."""
        return self.play(now, knobs)

    def _declare(self) -> Any:
        """Return `generate` with the knobs of the part, so that others are refused."""

        def generate(now: Moment, **knobs: Any) -> Any:
            return self.play(now, knobs)

        _, *rest = inspect.signature(self._class.generate).parameters.values()
        generate.__signature__ = inspect.Signature(rest)  # type: ignore[attr-defined]
        return generate

    def reset(self, seed: int = 0) -> None:
        """Start the part again from a seed."""
        if "seed" in self.worker.options:
            self.worker.options["seed"] = seed
        if hasattr(self._class, "reset"):
            self.tell("reset", seed)

    def feed(self, notes: Any) -> None:
        """Let the part hear what a person has played."""
        if hasattr(self._class, "feed"):
            self.tell("feed", notes)

    def warm_up(self) -> None:
        """Start the process, and load what the part needs."""
        self.tell("warm_up")
