"""The RNN: a generator of music, and `ear`, an analyzer of it."""

from capriccio import Analyzer, Generator, hookimpl


@hookimpl
def generators() -> list[type[Generator]]:
    """Return the part `rnn`."""
    from .generator import RNN

    return [RNN]


@hookimpl
def analyzers() -> list[type[Analyzer]]:
    """Return the part `ear`."""
    from .analyzer import Ear

    return [Ear]
