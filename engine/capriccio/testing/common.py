"""What holds for every part: a face to the world, cheap to build, closed without harm, no torch."""

import json
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any, TypeVar

from ..parts import Part

# What costs a second or a device: imported when a part is first used, never before.
HEAVY = ("torch", "onnxruntime", "pygame", "av", "rtmidi")

Some = TypeVar("Some", bound=Part)


def class_of(part: type[Some] | str, role: type[Some]) -> type[Some]:
    """Give the class that is meant by a class or by the name of an installed part."""
    if isinstance(part, str):
        from ..registry import installed

        return installed().find(role, part)  # type: ignore[return-value]
    claim(
        isinstance(part, type) and issubclass(part, role),
        f"{part!r} is no class that extends {role.__name__}",
    )
    return part


def who_is(part: type[Part]) -> str:
    """Name a class as its parts name themselves."""
    return f"{part.role} {part.name!r}"


def check_face(part: type[Part]) -> None:
    """Check what a person sees of a part before it plays: name, docstring, models; its import."""
    claim(
        isinstance(part.name, str) and re.fullmatch(r"[a-z][a-z0-9_-]*", part.name),
        f"{who_is(part)} has a name that cannot be typed; use a-z, 0-9, - and _",
    )
    words = part.__dict__.get("__doc__") or ""
    claim(words.strip(), f"{who_is(part)} has no docstring; say in one sentence what it does")
    for name, path in part.models.items():
        claim(
            path.is_file(), f"{who_is(part)} lists a model {name!r}, but there is no {str(path)!r}"
        )
    top = part.__module__.partition(".")[0]
    # A class in a test or a script cannot be imported by itself, and need not be.
    if not top.startswith(("test_", "conftest", "__")) and find_spec(top):
        loaded, trouble = _imported(part.__module__, tuple(sys.path))
        claim(not trouble, f"{who_is(part)}: its module {part.__module__} raised {trouble}")
        claim(
            not loaded,
            f"{who_is(part)}: importing {part.__module__} imports {' and '.join(loaded)}; "
            "import them where they are used",
        )


@cache
def _imported(module: str, path: tuple[str, ...]) -> tuple[list[str], str]:
    """Import a module in a fresh interpreter; give which heavy ones came with it, and trouble."""
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
        return [], (child.stderr.strip().splitlines() or ["nothing, and left"])[-1]
    return json.loads(child.stdout.splitlines()[-1]), ""


def build_part(part: type[Some], *arguments, **options) -> Some:
    """Build a part while all that is heavy is out of its reach."""
    threads = set(threading.enumerate())
    with hidden(*HEAVY):
        made = attempt(f"{who_is(part)}, being built,", part, *arguments, **options)
    started = set(threading.enumerate()) - threads
    claim(not started, f"{who_is(part)} starts a thread when it is built; wait for its first use")
    return made


def check_close(part: Part, when: str = "") -> None:
    """Check that a part may be closed, and closed again: whatever happens, it must not harm."""
    for times in ("once", "twice"):
        attempt(f"{part}, closed {times}{when},", part.close)


@contextmanager
def hidden(*names: str):
    """Make `import name` fail for a while, even where it has been imported before."""
    absent = object()
    modules: dict[str, Any] = sys.modules
    before = {name: modules.get(name, absent) for name in names}
    modules.update(dict.fromkeys(names))  # None: Python's own sign for "not to be imported"
    try:
        yield
    finally:
        for name, module in before.items():
            if module is absent:
                modules.pop(name, None)
            else:
                modules[name] = module


def attempt(what: str, function, *arguments, **options):
    """Call `function`; raise AssertionError, beginning with `what`, where it raises anything."""
    try:
        return function(*arguments, **options)
    except Exception as error:
        name = getattr(error, "name", None) if isinstance(error, ImportError) else None
        heavy = (name or "").partition(".")[0]
        if heavy == "torch":
            raise AssertionError(f"{what} imports torch; only a train.py may") from error
        if heavy in HEAVY:
            raise AssertionError(f"{what} imports {heavy}; import it at the first use") from error
        raise AssertionError(f"{what} raised {type(error).__name__}: {error}") from error


def error_of(function, *arguments, **options) -> Exception | None:
    """Give what `function` raises, or None."""
    try:
        function(*arguments, **options)
    except Exception as error:
        return error
    return None


def claim(truth, otherwise: str) -> None:
    """Raise AssertionError, saying `otherwise`, unless it is true."""
    if not truth:
        raise AssertionError(otherwise)
