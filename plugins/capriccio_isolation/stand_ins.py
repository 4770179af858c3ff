"""Parts that stand for those of plugins in other environments.

The entry point of such a plugin names an attribute of this module, which is the plugin's name: it
is an object with the hooks of the five roles, as a plugin's module has.
"""

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from capriccio import Analyzer, Generator, Instrument, Knob, Output, hookimpl

from .analyzer import IsolatedAnalyzer
from .child_process import START_SECONDS
from .device import IsolatedInput, IsolatedOutput
from .environments import Environment, environment_of
from .generator import IsolatedGenerator
from .isolated_part import IsolatedPart
from .worker import DEVICE_METHODS


class IsolatedInstrument(IsolatedPart, Instrument):
    """What instruments in a process of their own share."""

    def sample(self, pitch: int) -> Any:
        """Return how a pitch sounds, `(frames,)` floats -1..1 at 48 kHz."""
        return self.worker.ask({"call": "sample", "pitch": pitch}, START_SECONDS)


def __getattr__(plugin: str) -> ModuleType:
    """Return a module with the hooks of a plugin."""
    if plugin.startswith("_"):
        raise AttributeError(plugin)
    environment = environment_of(plugin)
    parts = environment.parts()

    def of(role: str) -> Any:
        build = BUILDERS[role]

        @hookimpl
        def hook() -> list[type]:
            return [build(environment, one) for one in parts if one["role"] == role]

        return hook

    module = ModuleType(plugin)
    vars(module).update({f"{role}s": of(role) for role in BUILDERS})
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


def _device(environment: Environment, facts: dict[str, Any]) -> Any:
    base: Any = {"output": IsolatedOutput, "input": IsolatedInput}[facts["role"]]
    left_out = set(DEVICE_METHODS) - set(facts["methods"]) if base is IsolatedOutput else ()

    def __init__(self: Any, target: str = "") -> None:
        base.__init__(self, target)
        self.open_worker(facts["role"], facts["name"], {"target": target})

    def asked(method: str) -> Any:
        return classmethod(lambda cls: environment.ask(facts["role"], facts["name"], method))

    methods = {
        **{name: getattr(Output, name) for name in left_out},
        **{name: asked(name) for name in ("missing", "found")},
        "__init__": __init__,
    }
    return _class(base, environment, facts, methods)


def _instrument(environment: Environment, facts: dict[str, Any]) -> Any:
    return _class(IsolatedInstrument, environment, facts, {})


BUILDERS = {
    "generator": _generator,
    "analyzer": _analyzer,
    "output": _device,
    "input": _device,
    "instrument": _instrument,
}


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
            **facts["attributes"],
            **methods,
        },
    )


def _signature(*parameters: Any) -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    named = [one if isinstance(one, inspect.Parameter) else inspect.Parameter(one, kind)
             for one in ("self", *parameters)]  # fmt: skip
    return inspect.Signature(named)
