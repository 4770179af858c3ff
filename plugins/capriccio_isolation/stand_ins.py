"""Parts that stand for those of plugins in other environments.

The entry point of such a plugin names an attribute of this module, which is the plugin's name: it
is an object with the hooks `generators` and `analyzers`, as a plugin's module has.
"""

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from capriccio import Analyzer, Generator, Knob, hookimpl

from .analyzer import IsolatedAnalyzer
from .environments import Environment, environment_of
from .generator import IsolatedGenerator


def __getattr__(plugin: str) -> ModuleType:
    """Return a module with the hooks of a plugin."""
    if plugin.startswith("_"):
        raise AttributeError(plugin)
    environment = environment_of(plugin)
    parts = environment.parts()

    @hookimpl
    def generators() -> list[type[Generator]]:
        return [_generator(environment, one) for one in parts if one["role"] == "generator"]

    @hookimpl
    def analyzers() -> list[type[Analyzer]]:
        return [_analyzer(environment, one) for one in parts if one["role"] == "analyzer"]

    module = ModuleType(plugin)
    vars(module).update(generators=generators, analyzers=analyzers)
    return module


def _generator(environment: Environment, facts: dict[str, Any]) -> type[Generator]:
    knobs = {
        one["name"]: Knob(one["name"], one["kind"], one["default"], tuple(one["choices"]),
                          one["description"])
        for one in facts["knobs"]
    }  # fmt: skip

    def generate(self: IsolatedGenerator, now: Any, **values: Any) -> Any:
        return self.play(now, values)

    own = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=knob.default)
           for name, knob in knobs.items()]  # fmt: skip
    generate.__signature__ = _signature("now", *own)  # type: ignore[attr-defined]
    generate.__doc__ = "Return what the part returns.\n\nArgs:\n" + "\n".join(
        f"    {name}: {knob.description}" for name, knob in knobs.items() if knob.description
    )
    methods: dict[str, Any] = {"generate": generate}
    if "reset" in facts["methods"]:

        def reset(self: IsolatedGenerator, seed: int = 0) -> None:
            self.worker.options["seed"] = seed
            self.tell("reset", seed)

        methods["reset"] = reset
    if "feed" in facts["methods"]:

        def feed(self: IsolatedGenerator, notes: Any) -> None:
            self.tell("feed", notes)

        methods["feed"] = feed

    def warm_up(self: IsolatedGenerator) -> None:
        self.tell("warm_up")

    kind = _class(IsolatedGenerator, environment, facts, methods | {"warm_up": warm_up})
    kind.knobs = knobs
    return kind


def _analyzer(environment: Environment, facts: dict[str, Any]) -> type[Analyzer]:
    kind: type[Analyzer] = _class(IsolatedAnalyzer, environment, facts, {})
    return kind


def _class(
    base: Any, environment: Environment, facts: dict[str, Any], methods: dict[str, Any]
) -> Any:
    """Return a class with the name, docstring, models and options of the part."""

    def __init__(self: Any, **options: Any) -> None:
        unknown = set() if facts["any_option"] else set(options) - set(takes)
        if unknown:
            raise TypeError(f"{self} takes no {min(unknown)!r}; it takes {', '.join(takes)}")
        self.open_worker(facts["role"], facts["name"], options)

    takes = facts["options"]
    __init__.__signature__ = _signature(  # type: ignore[attr-defined]
        *[inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in takes]
    )
    return type(
        facts["name"].title(),
        (base,),
        {
            "__doc__": facts["doc"],
            "__init__": __init__,
            "name": facts["name"],
            "models": {name: Path(path) for name, path in facts["models"].items()},
            "environment": environment,
            **methods,
        },
    )


def _signature(*parameters: Any) -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    named = [one if isinstance(one, inspect.Parameter) else inspect.Parameter(one, kind)
             for one in ("self", *parameters)]  # fmt: skip
    return inspect.Signature(named)
