"""The steps of an installation, into whichever environment: fetched, described, checked."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from packaging.utils import canonicalize_name

from .changes import Change
from .environment import OWN, PackageError, run_pip
from .lock import Package
from .wheel_file import WheelFile, read_wheel

CHECK_SECONDS = 300.0  # of the report card of one plugin
PARTS = ("generators", "analyzers", "outputs", "inputs", "instruments")
ROLES = (*PARTS, "commands")  # that plugins bring
TOO_SLOW = "had not loaded after"  # in the reason against such a plugin


@dataclass
class Request:
    """What is to be installed: specs as pip takes them."""

    specs: list[str]
    editable: bool = False
    links: Path | None = None
    upgrade: bool = False
    locked: list[Package] = field(default_factory=list)  # whose files must have these hashes
    sources: dict[str, str] = field(default_factory=dict)  # to be written into the lock

    @property
    def options(self) -> list[str]:
        """pip's options on where packages come from."""
        return ["--no-index", "--find-links", str(self.links)] if self.links else []


def fetch(
    changes: dict[str, Change], editable: set[str], request: Request, folder: Path
) -> dict[str, WheelFile]:
    """Return the wheels of all changes, fetched or built into a folder."""
    folder.mkdir(exist_ok=True)
    # Without their dependencies: those are changes of their own.
    options = ["--quiet", "--no-deps", "--wheel-dir", str(folder), *request.options]
    specs = [path_of(one.direct) if name in editable else one.spec for name, one in changes.items()]
    run_pip("wheel", *options, *specs)
    found = {}
    for path in folder.glob("*.whl"):
        wheel = read_wheel(path)
        found[wheel.name] = wheel
    if missing := set(changes) - set(found):
        raise PackageError(f"pip fetched no wheel of {', '.join(sorted(missing))}")
    return found


def check_hashes(fetched: dict[str, WheelFile], locked: list[Package]) -> None:
    """Check that files are those that were installed before, and the models in them.

    Raises:
        PackageError: one is another.
    """
    for package in locked:
        if not (wheel := fetched.get(package.name)):
            continue
        found = {wheel.path.name: wheel.hash} if package.hash else {}
        models = wheel.models if package.models else {}
        for name, expected in {wheel.path.name: package.hash, **package.models}.items():
            if expected and (got := (found | models).get(name, "none")) != expected:
                raise PackageError(
                    f"{name} is another file than the one that was installed: expected "
                    f"{expected}, got {got}; nothing was changed (--any-hash takes it)"
                )


def check_brings_plugins(changes: dict[str, Change], fetched: dict[str, WheelFile]) -> None:
    """Check that what the user asked for brings plugins.

    Raises:
        PackageError: one brings none.
    """
    for name, one in changes.items():
        if one.wanted and not fetched[name].plugins:
            raise PackageError(
                f"{name} {one.version} brings no plugin: expected "
                f"[project.entry-points.{OWN}] in its pyproject.toml; nothing was changed"
            )


def describe(
    changes: dict[str, Change],
    fetched: dict[str, WheelFile],
    cards: dict[str, list[str]],
    warning: str = "A plugin can do whatever you can do: install what you trust.",
) -> None:
    """Print who made what is to be installed, how large it is, and what it brings."""
    for name, one in sorted(changes.items(), key=lambda item: not item[1].wanted):
        wheel = fetched[name]
        what = f"{one.before} -> {one.version}" if one.before else one.version
        size = f"{wheel.bytes / 1e6:.1f} MB"
        click.secho(f"{name} {what}", bold=True, nl=False)
        click.echo(", ".join(["", wheel.summary or "not described", size]))
        if one.wanted:
            click.echo(f"  by {wheel.author or 'nobody that it names'}")
            click.echo(f"  from {one.direct or 'the package index'}")
        if wheel.plugins:
            click.echo(f"  plugin {', '.join(wheel.plugins)}")
        if wheel.native:
            click.echo(f"  {len(wheel.native)} files of native code")
        for card in cards[name]:
            click.echo(f"  {card}")
    click.echo(warning)


def states() -> dict[str, str]:
    """Return the state of every plugin, asked of a new process."""
    return {one["plugin"]: one["state"] for one in _listed()}


def _listed() -> list[dict[str, Any]]:
    child = _capriccio("plugins", "--json")
    try:
        listed: list[dict[str, Any]] = json.loads(child.stdout)
    except ValueError:
        last = child.stderr.strip().splitlines()[-1:] or [f"exit code {child.returncode}"]
        raise PackageError(f"capriccio itself does not start: {last[0]}") from None
    return listed


def check_plugins(
    new: list[str], before: dict[str, str] | None, roles: tuple[str, ...] = ROLES
) -> None:
    """Check that new plugins load and keep the contract, and that others load as `before`.

    Raises:
        PackageError: one does not, or a new one registers nothing of these roles.
    """
    listed = _listed()
    if any(TOO_SLOW in reason for one in listed for reason in one["broken"]):
        listed = _listed()  # the machine may have been busy: such a plugin is tried twice
    for one in listed:
        other = one["plugin"] not in new
        if one["state"] != "broken" or (
            other and (before is None or before.get(one["plugin"]) == "broken")
        ):
            continue
        raise PackageError(
            f"plugin {one['plugin']!r} does not load: {'; '.join(one['broken'])}; "
            "everything is as it was"
        )
    for one in listed:
        if one["plugin"] in new and not any(one[role] for role in roles):
            raise PackageError(
                f"plugin {one['plugin']!r} registers nothing that can be played here: expected "
                f"{', '.join(roles)}; everything is as it was"
            )
    for plugin in new:
        child = _capriccio("check", plugin, "--json")
        try:
            report = json.loads(child.stdout)
        except ValueError:  # commands alone: there are no parts to check
            continue
        for line in report:
            if line["state"] == "broken":
                raise PackageError(
                    f"{line['part']} breaks the contract ({line['name']}): {line['found']}; "
                    "everything is as it was"
                )


def _capriccio(*words: str) -> "subprocess.CompletedProcess[str]":
    start = "import sys; from capriccio.cli.main import main; main(prog_name='capriccio')"
    return run_python("-c", start, *words, seconds=CHECK_SECONDS,
                      late=f"capriccio {' '.join(words)} did not end")  # fmt: skip


def run_python(*words: str, seconds: float, late: str) -> "subprocess.CompletedProcess[str]":
    """Run this Python with these words, and return what it wrote and its exit code.

    Raises:
        PackageError: it takes longer than `seconds`; `late` begins the message.
    """
    try:
        return subprocess.run(
            [sys.executable, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise PackageError(f"{late} within {seconds:g} s; everything is as it was") from None


def needs(name: str, changes: dict[str, Change]) -> list[str]:
    """Return the changes that a change needs, directly or not."""
    found: list[str] = []
    waiting = [name]
    while waiting:
        for requirement in changes[waiting.pop()].requirements:
            other = canonicalize_name(requirement.name)
            if other in changes and other != name and other not in found:
                found.append(other)
                waiting.append(other)
    return found


def path_of(address: str) -> str:
    """Return the path of a `file:` address; others as they are."""
    from urllib.parse import urlparse
    from urllib.request import url2pathname

    parts = urlparse(address)
    return url2pathname(parts.path) if parts.scheme == "file" else address


@contextmanager
def step(title: str) -> Iterator[None]:
    """Show on stderr what is being done, where somebody watches."""
    from rich.console import Console

    with Console(stderr=True).status(title):
        yield
