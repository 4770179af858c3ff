"""Music by recurrent networks: the generator `rnn` and the analyzer `ear`."""

from capriccio import Analyzer, Generator, hookimpl

CONTRACT = 1


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
