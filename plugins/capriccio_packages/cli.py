"""The commands `install`, `uninstall`, `upgrade` and `restore`."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import click
from packaging.utils import canonicalize_name

from .changes import Change, changes_of, check_conflicts, check_names, needed_by
from .environment import (
    OWN,
    PackageError,
    check_environment,
    installed_distributions,
    plugins_of,
    resolve,
    run_pip,
)
from .lock import Locked, Package, check_denied, lock_path, read_lock, write_lock
from .snapshot import Snapshot
from .wheel_file import WheelFile, check_models, read_wheel

CHECK_SECONDS = 300.0  # of the report card of one plugin
TOO_SLOW = "had not loaded after"  # in the reason against such a plugin

yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
dry_option = click.option("--dry-run", is_flag=True, help="Say what would change, and stop.")
links_option = click.option(
    "--find-links", "links", type=click.Path(path_type=Path, exists=True), metavar="FOLDER",
    help="Take packages from this folder of wheels alone, without a network.",
)  # fmt: skip


@click.command()
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@click.option("--editable", "-e", is_flag=True, help="Of a folder: play it as it is changed.")
@links_option
@dry_option
@yes_option
def install(
    specs: tuple[str, ...], editable: bool, links: Path | None, dry_run: bool, yes: bool
) -> None:
    """Install plugins, after showing what would change.

    \b
      capriccio install capriccio-glow               from the package index
      capriccio install git+https://example.org/glow.git
      capriccio install capriccio-glow/ -e           a folder, played as you change it
      capriccio install dist/capriccio_glow-1.0-py3-none-any.whl

    What Capriccio or another plugin needs is never changed: such a plugin is refused, and both
    packages are named. A plugin that does not load, or does not keep the contract, is taken out
    again, and every file is as it was. capriccio restore installs all that was installed.
    """
    with _plain_errors():
        wanted = [_absolute(spec) for spec in specs]
        if editable and (bad := [spec for spec in wanted if not Path(spec).is_dir()]):
            raise PackageError(f"only a folder can be editable, got {bad[0]!r}")
        _install(_Request(wanted, editable, links), dry_run=dry_run, yes=yes)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@links_option
@dry_option
@yes_option
def upgrade(names: tuple[str, ...], links: Path | None, dry_run: bool, yes: bool) -> None:
    """Upgrade plugins, all of them unless named; one that fails is put back as it was.

    \b
      capriccio upgrade
      capriccio upgrade capriccio-glow
    """
    with _plain_errors():
        locked = {name: one.source for name, one in read_lock(lock_path()).items()}
        sources = {name: name for name in _plugin_distributions()} | locked
        chosen = [_distribution_of(name) for name in names] or list(sources)
        if not chosen:
            click.echo("no plugins are installed")
            return
        specs = [sources[name] for name in chosen]
        _install(_Request(specs, links=links, upgrade=True), dry_run=dry_run, yes=yes)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@dry_option
@yes_option
def uninstall(names: tuple[str, ...], dry_run: bool, yes: bool) -> None:
    """Remove plugins, and the packages that came with them and nobody else needs.

    \b
      capriccio uninstall glow                       a plugin, or
      capriccio uninstall capriccio-glow             the package that brings it
    """
    with _plain_errors():
        _uninstall([_distribution_of(name) for name in names], dry_run=dry_run, yes=yes)


@click.command()
@click.option("--lock", type=click.Path(path_type=Path, exists=True), metavar="FILE",
              help="Another lock, such as that of another machine.")  # fmt: skip
@click.option("--any-hash", is_flag=True,
              help="Take files that differ from those of the lock.")  # fmt: skip
@links_option
@dry_option
@yes_option
def restore(
    lock: Path | None, any_hash: bool, links: Path | None, dry_run: bool, yes: bool
) -> None:
    """Install again what the lock names: after an upgrade, or on another machine.

    \b
      capriccio restore
      capriccio restore --find-links wheels/         offline, from a folder of wheels
      capriccio restore --lock plugins.toml
    """
    with _plain_errors():
        plugins = read_lock(lock or lock_path())
        if not plugins:
            raise PackageError(f"nothing to restore: {str(lock or lock_path())!r} names no plugin")
        for one in plugins.values():
            if one.editable:
                _install(_Request([one.source], True, links), dry_run=dry_run, yes=yes)
        rest = [one for one in plugins.values() if not one.editable]
        if not rest:
            return
        hashes = (
            {} if any_hash else {p.name: p.hash for one in rest for p in one.packages if p.hash}
        )
        specs = [
            f"{one.name}=={one.version}" if links or _on_index(one) else one.source for one in rest
        ]
        sources = {one.name: one.source for one in rest}
        request = _Request(specs, links=links, hashes=hashes, sources=sources)
        _install(request, dry_run=dry_run, yes=yes)


@dataclass
class _Request:
    """What is to be installed: specs as pip takes them."""

    specs: list[str]
    editable: bool = False
    links: Path | None = None
    upgrade: bool = False
    hashes: dict[str, str] = field(default_factory=dict)  # that files must have, by package
    sources: dict[str, str] = field(default_factory=dict)  # to be written into the lock

    @property
    def options(self) -> list[str]:
        """pip's options on where packages come from."""
        return ["--no-index", "--find-links", str(self.links)] if self.links else []


def _install(request: _Request, *, dry_run: bool, yes: bool) -> None:
    check_environment()
    installed = installed_distributions()
    with _step("looking for what it needs"):
        flags = ["--editable"] if request.editable else []
        options = [*request.options, *(["--upgrade"] if request.upgrade else [])]
        # A flag goes with each of its specs.
        words = [word for spec in request.specs for word in (*flags, spec)]
        changes = changes_of(resolve(words, *options), installed)
    changes = {
        name: one for name, one in changes.items() if one.before != one.version or one.direct
    }
    if not changes:
        click.echo("everything is installed already")
        return
    check_denied({name: one.version for name, one in changes.items()})
    check_conflicts(changes, installed)
    editable = {name for name, one in changes.items() if request.editable and one.wanted}
    with tempfile.TemporaryDirectory(prefix="capriccio-") as folder:
        with _step("fetching it"):
            fetched = _fetch(changes, editable, request, Path(folder))
        _check_hashes(fetched, request.hashes)
        plugins = {plugin: one.name for one in fetched.values() for plugin in one.plugins}
        for name, one in changes.items():
            if one.wanted and not fetched[name].plugins:
                raise PackageError(
                    f"{name} {one.version} brings no plugin: expected "
                    f"[project.entry-points.{OWN}] in its pyproject.toml; nothing was changed"
                )
        check_names(plugins, installed, changes)
        with _step("looking at its models"):
            cards = {name: check_models(one) for name, one in fetched.items()}
        _describe(changes, fetched, cards)
        if dry_run:
            click.echo("nothing was changed (--dry-run)")
            return
        if not yes:
            click.confirm("Install?", default=True, abort=True, err=True)
        # What is only added breaks no other plugin.
        before = _states() if any(one.before for one in changes.values()) else None
        with Snapshot([installed[name] for name in changes if name in installed]):
            with _step("installing"):
                files = [str(one.path) for name, one in fetched.items() if name not in editable]
                if files:
                    run_pip("install", "--quiet", "--no-deps", "--no-index", *files)
                for name in editable:
                    run_pip("install", "--quiet", "--no-deps", *request.options,
                            "--editable", _path_of(changes[name].direct))  # fmt: skip
            with _step("checking that it plays"):
                _check_plugins(list(plugins), before)
    _remember(changes, fetched, editable, request)
    for plugin in sorted(plugins):
        click.echo(f"installed {plugin}; capriccio parts lists its parts")


def _uninstall(names: list[str], *, dry_run: bool, yes: bool) -> None:
    check_environment()
    installed = installed_distributions()
    locked = read_lock(lock_path())
    for name in names:
        others = [one for one in needed_by(name, installed) if one not in names]
        if others:
            raise PackageError(f"{name} is needed by {', '.join(others)}; nothing was changed")
    gone = list(names)
    for package in [one for name in names if name in locked for one in locked[name].packages]:
        users = set(needed_by(package.name, installed)) - set(gone)
        if package.name in installed and package.name not in gone and not users:
            gone.append(package.name)
    for name in gone:
        click.echo(f"remove {name} {installed[name].version}")
    if dry_run:
        click.echo("nothing was changed (--dry-run)")
        return
    if not yes:
        click.confirm("Remove?", default=True, abort=True, err=True)
    with Snapshot([installed[name] for name in gone]), _step("removing"):
        run_pip("uninstall", "--quiet", "--yes", *gone)
    write_lock(lock_path(), {name: one for name, one in locked.items() if name not in names})


def _fetch(
    changes: dict[str, Change], editable: set[str], request: _Request, folder: Path
) -> dict[str, WheelFile]:
    """Return the wheels of all changes, fetched or built into a folder."""
    # Without their dependencies: those are changes of their own.
    options = ["--quiet", "--no-deps", "--wheel-dir", str(folder), *request.options]
    specs = [
        _path_of(one.direct) if name in editable else one.spec for name, one in changes.items()
    ]
    run_pip("wheel", *options, *specs)
    found = {}
    for path in folder.glob("*.whl"):
        wheel = read_wheel(path)
        found[wheel.name] = wheel
    if missing := set(changes) - set(found):
        raise PackageError(f"pip fetched no wheel of {', '.join(sorted(missing))}")
    return found


def _check_hashes(fetched: dict[str, WheelFile], hashes: dict[str, str]) -> None:
    for name, expected in hashes.items():
        if name in fetched and fetched[name].hash != expected:
            raise PackageError(
                f"{fetched[name].path.name} is another file than the one that was installed: "
                f"expected {expected}, got {fetched[name].hash}; nothing was changed "
                "(--any-hash takes it)"
            )


def _describe(
    changes: dict[str, Change], fetched: dict[str, WheelFile], cards: dict[str, list[str]]
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
    click.echo("A plugin can do whatever you can do: install what you trust.")


def _states() -> dict[str, str]:
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


def _check_plugins(new: list[str], before: dict[str, str] | None) -> None:
    """Check that new plugins load and keep the contract, and that others load as `before`."""
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
    try:
        return subprocess.run(
            [sys.executable, "-c", start, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CHECK_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise PackageError(
            f"capriccio {' '.join(words)} did not end within {CHECK_SECONDS:g} s; "
            "everything is as it was"
        ) from None


def _remember(
    changes: dict[str, Change],
    fetched: dict[str, WheelFile],
    editable: set[str],
    request: _Request,
) -> None:
    """Write into the lock what was installed, each plugin with the packages that came with it."""
    plugins = read_lock(lock_path())
    packages = {name: Package(name, one.version, one.hash) for name, one in changes.items()}
    for name, one in changes.items():
        if not fetched[name].plugins:
            continue
        source = request.sources.get(name) or one.direct or name
        needed = {it: packages[it] for it in _needs(name, changes) if not fetched[it].plugins}
        # What came with an older version, and stays.
        old = {it.name: it for it in plugins[name].packages[1:]} if name in plugins else {}
        plugins[name] = Locked(
            name,
            one.version,
            _path_of(source) if name in editable else source,
            name in editable,
            [packages[name], *(old | needed).values()],
        )
    write_lock(lock_path(), plugins)


def _needs(name: str, changes: dict[str, Change]) -> list[str]:
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


def _plugin_distributions() -> dict[str, Distribution]:
    """Return the distributions that bring plugins, ours left out."""
    return {n: d for n, d in installed_distributions().items() if n != OWN and plugins_of(d)}


def _distribution_of(name: str) -> str:
    """Return the distribution that is called so, or brings the plugin that is.

    Raises:
        PackageError: there is none, or it is Capriccio itself.
    """
    installed = installed_distributions()
    known = _plugin_distributions()
    for distribution in known:
        if name in plugins_of(known[distribution]) or canonicalize_name(name) == distribution:
            return distribution
    if OWN in installed and name in (OWN, *plugins_of(installed[OWN])):
        raise PackageError(f"{name!r} belongs to Capriccio itself")
    names = sorted({*known, *(plugin for one in known.values() for plugin in plugins_of(one))})
    raise PackageError(f"no plugin is called {name!r}; installed: {', '.join(names) or 'none'}")


def _on_index(locked: Locked) -> bool:
    return locked.source == locked.name or bool(locked.packages and locked.packages[0].hash)


def _absolute(spec: str) -> str:
    """Return a spec with the whole path of what lies here, for the lock."""
    return str(Path(spec).resolve()) if Path(spec).exists() else spec


def _path_of(address: str) -> str:
    """Return the path of a `file:` address; others as they are."""
    from urllib.parse import urlparse
    from urllib.request import url2pathname

    parts = urlparse(address)
    return url2pathname(parts.path) if parts.scheme == "file" else address


@contextmanager
def _step(title: str) -> Iterator[None]:
    """Show on stderr what is being done, where somebody watches."""
    from rich.console import Console

    with Console(stderr=True).status(title):
        yield


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except PackageError as error:
        raise click.ClickException(str(error)) from None
