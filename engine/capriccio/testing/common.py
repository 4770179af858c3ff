"""What every check shares: the class of a part, how it is built and closed, and torch hidden."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any, ParamSpec, TypeVar

from ..parts import Part

# Modules that take a second or open a device: imported when a part is first used, not before.
HEAVY = ("torch", "onnxruntime", "pygame", "av", "supriya_midi")

PartType = TypeVar("PartType", bound=Part)
P = ParamSpec("P")
R = TypeVar("R")


def class_of(part: type[PartType] | str, role: type[PartType]) -> type[PartType]:
    """Return a part's class; a string is the name of an installed part."""
    if isinstance(part, str):
        from ..registry import installed

        return installed().find(role, part)
    expect(
        isinstance(part, type) and issubclass(part, role),
        f"{part!r} is not a class that extends {role.__name__}; pass the class, or the name of an "
        "installed part",
    )
    return part


def name_of(part: type[Part]) -> str:
    """Return what messages call a class, such as "generator 'plasma'"."""
    return f"{part.role} {part.name!r}"


def check_class(part: type[Part]) -> None:
    """Check what is known of a part before it is built: name, docstring, models, imports."""
    name = name_of(part)
    expect(
        isinstance(part.name, str) and re.fullmatch(r"[a-z][a-z0-9_-]*", part.name),
        f"{name} has a name that cannot be typed on a command line; "
        "start with a-z and use a-z, 0-9, - and _",
    )
    expect(
        (part.__dict__.get("__doc__") or "").strip(),
        f"{name} has no docstring; describe it in one sentence",
    )
    for model, path in part.models.items():
        expect(
            path.is_file(),
            f"{name} lists a model {model!r}, but there is no {str(path)!r}; "
            "is the file part of the package?",
        )
    # A class in a test or a script cannot be imported by itself, and need not be.
    names = part.__module__.split(".")
    in_test = any(one.startswith(("test_", "conftest", "__")) for one in names)
    if not in_test and find_spec(names[0]):
        heavy, error = _import_alone(part.__module__, tuple(sys.path))
        expect(not error, f"{name}: importing {part.__module__} raised {error}")
        expect(
            not heavy,
            f"{name}: importing {part.__module__} imports {' and '.join(heavy)}; "
            "move that import into the method that uses it",
        )


@cache
def _import_alone(module: str, path: tuple[str, ...]) -> tuple[list[str], str]:
    """Import a module in a fresh interpreter; return the heavy modules it imports, and an error."""
    code = (
        "import importlib, json, sys; path, module, heavy = json.loads(sys.argv[1]); "
        "sys.path[:] = path; importlib.import_module(module); "
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, json.dumps([path, module, HEAVY])],
        capture_output=True,
        text=True,
    )
    if child.returncode:
        return [], (child.stderr.strip().splitlines() or [f"exit status {child.returncode}"])[-1]
    return json.loads(child.stdout.splitlines()[-1]), ""


def build_part(part: type[PartType], *arguments: Any, **options: Any) -> PartType:
    """Return a new part; check that building it is cheap."""
    before = set(threading.enumerate())
    with hidden_modules(*HEAVY):
        made = attempt(f"{name_of(part)}, when built,", part, *arguments, **options)
    started = set(threading.enumerate()) - before
    expect(
        not started,
        f"{name_of(part)} starts a thread when it is built; start it at the first use, or in start",
    )
    return made


def check_close(part: Part, when: str = "") -> None:
    """Check that a part can be closed twice; `when` is the state that an error names."""
    for times in ("once", "twice"):
        attempt(f"{part}, closed {times}{when},", part.close)


@contextmanager
def hidden_modules(*names: str) -> Iterator[None]:
    """Make `import name` fail in a block, even if it was imported before."""
    modules: dict[str, Any] = sys.modules
    before = {name: modules[name] for name in names if name in modules}
    modules.update(dict.fromkeys(names))  # with None the import system raises
    try:
        yield
    finally:
        for name in names:
            modules.pop(name, None)
        modules.update(before)


def attempt(what: str, function: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    """Call `function`; turn what it raises into an AssertionError that starts with `what`."""
    try:
        return function(*arguments, **options)
    except Exception as error:
        heavy = ((isinstance(error, ImportError) and error.name) or "").partition(".")[0]
        reason = f"raised {type(error).__name__}: {error}"
        if heavy == "torch":
            reason = "imports torch; only training code may, export the network to ONNX"
        elif heavy in HEAVY:
            reason = f"imports {heavy}; import it at the first use instead"
        raise AssertionError(f"{what} {reason}") from error


def error_of(
    function: Callable[P, Any], *arguments: P.args, **options: P.kwargs
) -> Exception | None:
    """Return what `function` raises, None if it returns."""
    try:
        function(*arguments, **options)
    except Exception as error:
        return error
    return None


def expect(condition: object, message: str) -> None:
    """Raise AssertionError unless the condition is true, even where `-O` drops assertions."""
    if not condition:
        raise AssertionError(message)
