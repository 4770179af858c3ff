"""Tries plugins in child processes, once after each change, before they are imported here.

What Python cannot catch would end every command: a plugin that ends the process, crashes it or
never returns at import, and one that prints where programs expect JSON.
"""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, NamedTuple

from . import __version__
from .atomic_file import write_bytes

# How long a plugin may take to load, and all that are tried at once.
SECONDS, ALL_SECONDS = 5.0, 6.0
# A child that has run for so long waits rather than computes, and another one may begin beside it.
COMPUTING_SECONDS = 0.5
# What of a plugin can run: other files, such as models, may change.
CODE = (".py", ".so", ".pyd", ".dll", ".dylib")
TOO_SLOW = "had not loaded after"
# How much of what a plugin prints is shown.
MAX_LETTERS = 60
HOOKS = ("generators", "analyzers", "outputs", "inputs", "instruments", "commands")
# Begun without the current folder in the path, where a file may have a name of the library.
CHILD = (
    "import json, sys; path, *words = json.loads(sys.argv[1]); sys.path[:] = path; "
    "from capriccio.plugin_probe import load_and_report; load_and_report(*words)"
)


class Seen(NamedTuple):
    """What is remembered of a plugin: its files by date, by content, and why it is set aside."""

    dates: str
    content: str
    reason: str


def reasons_against(
    points: Iterable[EntryPoint], seconds: float = SECONDS, all_seconds: float = ALL_SECONDS
) -> dict[str, str]:
    """Return why plugins must not be imported, by `key_of`; the others are safe to import.

    Only plugins that have changed since they were seen last are tried, and none of the engine's
    own distribution.
    """
    points = list(points)
    distributions = {id(one.dist): one.dist for one in points if one.dist}
    own = {key for key, one in distributions.items() if one.name == "capriccio"}  # which is slow
    strangers = [one for one in points if id(one.dist) not in own]
    if not strangers or not sys.executable:  # in a program that embeds Python there is no child
        return {}
    memory = _read()
    known, changed = dict(memory), {}
    for point in strangers:
        files = code_of(point.module)
        if files is None:  # to import it fails at once
            known[key_of(point)] = Seen("", "", "")
            continue
        dates, last = _digest_of_dates(files), memory.get(key_of(point))
        if last is None or last.dates != dates or not files:
            content = _digest_of_content(files)
            if last is None or last.content != content or not files:
                known.pop(key_of(point), None)
                changed[point] = Seen(dates, content, "")
            else:
                known[key_of(point)] = last._replace(dates=dates)
    for point, reason in _try_all(changed, seconds, all_seconds):
        seen, last = changed[point]._replace(reason=reason), memory.get(key_of(point))
        if reason.startswith(TOO_SLOW) and (last is None or last.reason != reason):
            seen = Seen("", "", reason)  # the machine may have been busy: it is tried once more
        known[key_of(point)] = seen
    if known != memory:
        _write(known)
    late = Seen("", "", f"was not tried, since others took {all_seconds:g} s to load")
    found = {key: known.get(key, late) for key in map(key_of, strangers)}
    return {key: one.reason for key, one in found.items() if one.reason}


def forget_failures() -> None:
    """Try the plugins that were set aside again, when they are next loaded."""
    memory = _read()
    kept = {key: seen for key, seen in memory.items() if not seen.reason}
    if kept != memory:
        _write(kept)


def key_of(point: EntryPoint) -> str:
    """Return what tells an entry point from all others."""
    return f"{point.name} = {point.value}"


def code_of(module: str) -> list[Path] | None:
    """Return the files of code in the package that a module lies in, without importing it.

    There are none where it is in an archive; where there is no such package, None is returned.
    """
    spec = None
    with suppress(ImportError, ValueError):
        spec = find_spec(module.partition(".")[0])
    if spec is None:
        return None
    if spec.submodule_search_locations is None:
        return [Path(spec.origin)] if spec.origin and Path(spec.origin).is_file() else []
    return [
        Path(folder, name)
        for place in spec.submodule_search_locations
        for folder, _, names in os.walk(place)
        for name in names
        if name.endswith(CODE)
    ]


def contract_of(module: str) -> int | None:
    """Return the contract that a plugin is written for, read from its source; None if none is."""
    package, *inner = module.split(".")
    try:
        spec = find_spec(package)
        file = Path(spec.origin or "") if spec else Path()
        for name in inner:
            folder = file.parent / name
            file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
        source = file.read_text(encoding="utf-8")
    except (ImportError, ValueError, OSError):
        return None
    found = re.search(r"^CONTRACT\s*(?::\s*int\s*)?=\s*(\d+)", source, re.MULTILINE)
    return int(found[1]) if found else None


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send what is printed to stderr, by C code as well: a program may read stdout."""
    with redirect_stdout(sys.stderr):
        try:
            stdout = os.dup(1)
        except OSError:  # there is none
            yield
            return
        try:
            with suppress(OSError):
                os.dup2(2, 1)
            yield
        finally:
            os.dup2(stdout, 1)
            os.close(stdout)


def load_and_report(name: str, value: str, group: str) -> None:
    """Load a plugin in this process, call its hooks, and print what it has printed as JSON.

    What it raises is no concern here: the registry catches that.
    """
    import ctypes

    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), 1)
        with suppress(BaseException):
            module = EntryPoint(name, value, group).load()
            for hook in HOOKS:
                with suppress(BaseException):
                    list(getattr(module, hook)())
        with suppress(Exception):
            sys.stdout.flush()
        with suppress(Exception):
            ctypes.CDLL(None).fflush(None)  # what C code has printed; Windows has no such name
        printed.seek(0)
        json.dump(printed.read(10 * MAX_LETTERS).decode("utf-8", "replace"), report)
    report.flush()
    os._exit(0)  # whatever threads it has begun


class _Child:
    """A process in which a plugin loads."""

    def __init__(self, point: EntryPoint):
        self.point, self.begun = point, time.monotonic()
        # Not a pipe, which what the plugin has begun could keep open for ever.
        self._report: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        words = json.dumps([sys.path, point.name, point.value, point.group])
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", CHILD, words],
            stdin=subprocess.DEVNULL,
            stdout=self._report,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun

    def verdict(self, seconds: float) -> str | None:
        """Return why the plugin is set aside, "" where it is not, None while that is unknown."""
        code = self._process.poll()
        if code is None:
            if self.seconds < seconds:
                return None
            return f"{TOO_SLOW} {seconds:g} s"
        self._report.seek(0)
        try:
            printed = json.loads(self._report.read())
        except ValueError:  # it did not get that far
            if code < 0:
                with suppress(ValueError):
                    return f"ended the process with {signal.Signals(-code).name} at import"
            return f"ended the process with exit code {code} at import"
        words = " ".join(printed.split())
        if len(words) > MAX_LETTERS:
            words = f"{words[:MAX_LETTERS]} …"
        return f"printed {words!r} at import, where programs read JSON" if printed else ""

    def close(self) -> None:
        """End the process, with those that it has begun."""
        with suppress(OSError):
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self._report.close()


def _try_all(
    points: Iterable[EntryPoint], seconds: float, all_seconds: float
) -> Iterator[tuple[EntryPoint, str]]:
    """Yield each plugin and its verdict; those that are not reached in time are left out."""
    waiting, running = list(points), list[_Child]()
    end = time.monotonic() + all_seconds
    try:
        while (waiting or running) and time.monotonic() < end:
            for child in running.copy():
                if (reason := child.verdict(seconds)) is not None:
                    running.remove(child)
                    child.close()
                    yield child.point, reason
            computing = [child for child in running if child.seconds < COMPUTING_SECONDS]
            if waiting and len(computing) < (os.cpu_count() or 1):
                running.append(_Child(waiting.pop(0)))
            else:
                time.sleep(0.005)
    finally:
        for child in running:
            child.close()


def _digest_of_dates(files: list[Path]) -> str:
    digest = _new_digest()
    for file in sorted(files):
        with suppress(OSError):
            facts = file.stat()
            digest.update(f"{file}\0{facts.st_size}\0{facts.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _digest_of_content(files: list[Path]) -> str:
    digest = _new_digest()
    for file in sorted(files):
        with suppress(OSError):
            digest.update(f"{file.name}\0".encode())
            digest.update(hashlib.blake2b(file.read_bytes()).digest())
    return digest.hexdigest()


def _new_digest() -> "hashlib.blake2b":
    """Return a digest that differs as well where Python or the engine was replaced."""
    return hashlib.blake2b(f"{sys.version}\0{__version__}\0".encode(), digest_size=16)


def _memory() -> Path:
    import click

    return Path(click.get_app_dir("capriccio")) / "plugins-seen.json"


def _read() -> dict[str, Seen]:
    try:
        content: Any = json.loads(_memory().read_text(encoding="utf-8"))
        return {str(key): Seen(*map(str, facts)) for key, facts in content.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}  # none, or not ours: the plugins are tried again


def _write(memory: dict[str, Seen]) -> None:
    with suppress(OSError):  # then they are tried again
        write_bytes(_memory(), json.dumps(memory, indent=1).encode(), private=True)
