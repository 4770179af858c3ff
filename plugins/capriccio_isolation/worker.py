"""The process of an isolated part: it builds the part, and answers one call after the other."""

import os
import threading
import time
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import IO, Any

PARENT_SECONDS = 0.5  # between two looks at whether the parent is still there
HOOKS = ("generators", "analyzers", "outputs", "inputs", "instruments")
ATTRIBUTES = ("timed", "pitches", "loop", "release", "program")  # of classes of some roles
DEVICE_METHODS = ("show", "note_on", "note_off", "control", "sent_until", "panic")  # of outputs


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
    host = _Host(facts)
    while True:
        try:
            call = receive(calls, memory)
        except EOFError:
            break
        try:
            answer = {"result": host.answer(call)}
        except MemoryError:
            os._exit(1)
        except Exception as error:
            answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
        try:
            send(answers, memory, answer)
        except WireError as error:
            send(answers, memory, {"error": str(error)})
    host.close()
    os._exit(0)  # whatever threads it has begun


class _Host:
    """Has the part, once it is built, and the performance that it plays in."""

    def __init__(self, facts: dict[str, Any]):
        self._facts = facts
        self._part: Any = None
        self._side: Any = None  # of a device: the performance, as `mirror.DeviceSide`

    def answer(self, call: dict[str, Any]) -> Any:
        """Return the answer to a call."""
        method = call["call"]
        if method == "describe":
            return [describe(kind) for kind in _kinds(self._facts["entry"])]
        if method in ("missing", "found"):
            return str(getattr(_kind(self._facts), method)())
        if self._part is None:
            self._part = _build(self._facts)
        part = self._part
        if method == "play":
            return part(call["now"], **call["knobs"])
        if method == "read":
            readings = part.read(call["thing"])
            return {"fields": list(readings._fields), "values": list(readings)}
        if method == "sample":
            return part.sample(call["pitch"])
        if method in ("reset", "feed", "warm_up"):
            return getattr(part, method)(*call["arguments"])
        if method == "facts":
            instruments = {str(channel): name for channel, name in part.instruments.items()}
            return {"unused": sorted(part.unused_knobs), "instruments": instruments}
        if method in ("start", "do"):
            return self._perform(method, call)
        if method == "close":
            return self.close()
        raise ValueError(f"there is no call {method!r}")

    def close(self) -> None:
        """Close the part."""
        part, self._part = self._part, None
        if part is not None:
            part.close()

    def _perform(self, method: str, call: dict[str, Any]) -> dict[str, Any]:
        """Start a device, or call a method of it; return what it has done beside that."""
        from .mirror import DeviceSide

        if method == "start":
            self._side = DeviceSide(call["performance"])
        side, news = self._side, call["news"]
        side.take(news)
        if method == "start":
            self._part.start(side.performance)
        side.apply(news)
        if method == "do":
            name, arguments = call["method"], call["arguments"]
            if name == "frame":
                side.frame(*arguments)
            elif name in DEVICE_METHODS:
                getattr(self._part, name)(*arguments)
        return dict(side.news(self._part))


def describe(kind: Any) -> dict[str, Any]:
    """Return what a show must know of a class of parts without importing it."""
    import inspect

    takes = list(inspect.signature(kind.__init__).parameters.values())[1:]
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
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
        "methods": written_by(kind),
        "attributes": {
            name: _plain(getattr(kind, name)) for name in ATTRIBUTES if hasattr(kind, name)
        },
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, range | tuple) else value


def written_by(kind: Any) -> list[str]:
    """Return which of the methods that a part may have a class of parts has."""
    if kind.role == "output":
        from capriccio import Output

        return [one for one in DEVICE_METHODS if getattr(kind, one) is not getattr(Output, one)]
    return [one for one in ("reset", "feed", "warm_up") if hasattr(kind, one)]


def _kinds(entry: str) -> list[Any]:
    """Return the parts that the module of an entry point brings."""
    from capriccio import CONTRACT

    module = EntryPoint("", entry, "").load()
    if (declared := getattr(module, "CONTRACT", CONTRACT)) > CONTRACT:
        raise ImportError(
            f"it is written for contract {declared}, and this Capriccio has {CONTRACT}; "
            "upgrade Capriccio"
        )
    return [kind for hook in HOOKS if hasattr(module, hook) for kind in getattr(module, hook)()]


def _kind(facts: dict[str, Any]) -> Any:
    """Return the class of a part that the module of an entry point brings."""
    for kind in _kinds(facts["entry"]):
        if (kind.role, kind.name) == (facts["role"], facts["part"]):
            return kind
    raise LookupError(f"the plugin has no {facts['role']} {facts['part']!r} any more")


def _build(facts: dict[str, Any]) -> Any:
    from capriccio import analyzer, generator, input_device, output

    role, part, options = facts["role"], facts["part"], facts["options"]
    if facts["entry"]:
        return _kind(facts)(**options)
    with suppress(ImportError, AttributeError, ValueError):  # as fast as it can be
        kind = EntryPoint("", facts["where"], "").load()
        if (kind.role, kind.name) == (role, part.rpartition("/")[2]):
            return kind(**options)
    if role in ("output", "input"):
        build: Any = {"output": output, "input": input_device}[role]
        return build(f"{part}:{options['target']}")
    build = {"generator": generator, "analyzer": analyzer}[role]
    return build(part, **options)


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
