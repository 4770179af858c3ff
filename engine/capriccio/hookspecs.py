"""The hooks: what a plugin may register. The classes that hooks return are in `capriccio.parts`.

A plugin is an ordinary package with an entry point in the group `capriccio` that names a module;
the module registers what it brings with one or more of these hooks:

    from capriccio import Generator, hookimpl

    class Plasma(Generator):
        '''Paint slow interfering waves.'''
        def generate(self, now, *, heat=0.5): ...

    @hookimpl
    def generators():
        return [Plasma]
"""

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from click import Command

    from .parts import Analyzer, Generator, Input, Instrument, Output

# The version of the contract: what a plugin may register, and what its parts are called with. A
# plugin says which one it is written for: `CONTRACT = 1`, a line of its module. Those since OLDEST
# are played, those before CONTRACT with a word on what to change.
CONTRACT = 1
OLDEST_CONTRACT = 1

hookspec = pluggy.HookspecMarker("capriccio")
hookimpl = pluggy.HookimplMarker("capriccio")


@hookspec
def generators() -> list[type["Generator"]]:  # type: ignore[empty-body]
    """Return the generator classes of this plugin."""


@hookspec
def analyzers() -> list[type["Analyzer"]]:  # type: ignore[empty-body]
    """Return the analyzer classes of this plugin."""


@hookspec
def outputs() -> list[type["Output"]]:  # type: ignore[empty-body]
    """Return the output classes of this plugin."""


@hookspec
def inputs() -> list[type["Input"]]:  # type: ignore[empty-body]
    """Return the input classes of this plugin."""


@hookspec
def instruments() -> list[type["Instrument"]]:  # type: ignore[empty-body]
    """Return the instrument classes of this plugin."""


@hookspec
def commands() -> list["Command"]:  # type: ignore[empty-body]
    """Return the click commands of this plugin, for `capriccio NAME`.

    Called only when a command is looked up; import there what they need.
    """
