"""The generator `isolated`: another one, in a process of its own that may fail."""

import inspect
from collections.abc import Mapping
from typing import Any

from capriccio import Generator, Moment, PartError, generator_class

from .isolated_part import IsolatedPart, place_of
from .worker_process import CALL_SECONDS, MEGABYTES


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

    def __init__(
        self, *, part: str = "vae", seed: int = 0, seconds: float = CALL_SECONDS,
        megabytes: int = MEGABYTES, network: bool = False, write: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        """Run the generator called `part`.

        Args:
            part: the name of a generator that is installed.
            seed: that of the part, where it takes one.
            seconds: that a call may take.
            megabytes: of memory that each of its processes may have.
            network: whether it may reach the network.
            write: whether it may write files outside a folder of its own.
            options: those of the part.
        """
        if not part:
            raise PartError('expected the name of a generator, as in part="vae"')
        self._class = generator_class(part)
        if self._class.name == self.name:
            raise PartError("an isolated part cannot be isolated again")
        self.knobs = self._class.knobs  # type: ignore[misc]  # those of this one alone
        self.generate = self._declare()  # type: ignore[method-assign]
        if "seed" in inspect.signature(self._class.__init__).parameters:
            options["seed"] = seed
        # One with an environment of its own, which is isolated anyway, is given other limits.
        self.environment = getattr(self._class, "environment", None)  # type: ignore[misc]
        self.open_worker(
            "generator", part, options, place_of(self._class), seconds=float(seconds),
            megabytes=int(megabytes), network=bool(network), write=bool(write),
        )  # fmt: skip

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
