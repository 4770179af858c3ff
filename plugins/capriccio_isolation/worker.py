"""The process of an isolated part: it builds the part, and answers one call after the other."""

import os
import threading
import time
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import IO, Any

PARENT_SECONDS = 0.5  # between two looks at whether the parent is still there
HOOKS = {"generator": "generators", "analyzer": "analyzers"}


def main(facts: dict[str, Any]) -> None:
    """Serve a part until the show ends.

    Args:
        facts: `role`, `part`, `options`, `memory`; `entry` is what the plugin's entry point names,
            or "" where Capriccio finds the part itself, perhaps as the class at `where`.
    """
    calls, answers = _take_streams()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()

    from .wire import SharedMemory, WireError, receive, send

    memory = SharedMemory(Path(facts["memory"]))
    free = [one for one in os.environ.pop("CAPRICCIO_WORKER_FREE", "").split(",") if one]
    send(answers, memory, {"free": free})
    part: Any = None
    while True:
        try:
            call = receive(calls, memory)
        except EOFError:
            break
        try:
            if call["call"] == "describe":
                kinds = _kinds(facts["entry"])
                answer: dict[str, Any] = {"result": [describe(kind) for kind in kinds]}
            else:
                if part is None:
                    part = _build(facts)
                answer = {"result": _answer(part, call)}
        except MemoryError:
            os._exit(1)
        except Exception as error:
            answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
        try:
            send(answers, memory, answer)
        except WireError as error:
            send(answers, memory, {"error": str(error)})
    if part is not None:
        with suppress(Exception):
            part.close()
    os._exit(0)  # whatever threads it has begun


def describe(kind: Any) -> dict[str, Any]:
    """Return what a show must know of a class of parts without importing it."""
    import inspect

    takes = list(inspect.signature(kind.__init__).parameters.values())[1:]
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    methods = ("reset", "feed", "warm_up")
    return {
        "role": kind.role,
        "name": kind.name,
        "doc": (kind.__doc__ or "").strip(),
        "knobs": [
            {
                "name": knob.name,
                "kind": knob.kind,
                "default": knob.default if isinstance(knob.default, str | int | float) else None,
                "choices": list(knob.choices),
                "description": knob.description,
            }
            for knob in getattr(kind, "knobs", {}).values()
        ],
        "models": {name: str(path) for name, path in kind.models.items()},
        "options": [one.name for one in takes if one.kind not in variable],
        "any_option": inspect.Parameter.VAR_KEYWORD in [one.kind for one in takes],
        "methods": [one for one in methods if hasattr(kind, one)],
    }


def _kinds(entry: str) -> list[Any]:
    """Return the generators and analyzers that the module of an entry point brings."""
    from capriccio import CONTRACT

    module = EntryPoint("", entry, "").load()
    if (declared := getattr(module, "CONTRACT", CONTRACT)) > CONTRACT:
        raise ImportError(
            f"it is written for contract {declared}, and this Capriccio has {CONTRACT}; "
            "upgrade Capriccio"
        )
    return [
        kind for hook in HOOKS.values() if hasattr(module, hook) for kind in getattr(module, hook)()
    ]


def _build(facts: dict[str, Any]) -> Any:
    from capriccio import analyzer, generator

    if facts["entry"]:
        for kind in _kinds(facts["entry"]):
            if (kind.role, kind.name) == (facts["role"], facts["part"]):
                return kind(**facts["options"])
        raise LookupError(f"the plugin has no {facts['role']} {facts['part']!r} any more")
    with suppress(ImportError, AttributeError, ValueError):  # as fast as it can be
        kind = EntryPoint("", facts["where"], "").load()
        if (kind.role, kind.name) == (facts["role"], facts["part"].rpartition("/")[2]):
            return kind(**facts["options"])
    build: Any = {"generator": generator, "analyzer": analyzer}[facts["role"]]
    return build(facts["part"], **facts["options"])


def _answer(part: Any, call: dict[str, Any]) -> Any:
    method = call["call"]
    if method == "play":
        return part(call["now"], **call["knobs"])
    if method == "read":
        readings = part.read(call["thing"])
        return {"fields": list(readings._fields), "values": list(readings)}
    if method in ("reset", "feed", "warm_up"):
        return getattr(part, method)(*call["arguments"])
    if method == "facts":
        instruments = {str(channel): name for channel, name in part.instruments.items()}
        return {"unused": sorted(part.unused_knobs), "instruments": instruments}
    raise ValueError(f"there is no call {method!r}")


def _take_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Return the streams to and from the show; what the part prints goes nowhere."""
    calls, answers = os.fdopen(os.dup(0), "rb", 0), os.fdopen(os.dup(1), "wb", 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return calls, answers


def _end_with(parent: int) -> None:
    """End this process when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(0)
