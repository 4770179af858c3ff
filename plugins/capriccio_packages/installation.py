"""Installs plugins beside Capriccio, and removes them."""

import tempfile
from pathlib import Path

import click

from .changes import Change, changes_of, check_conflicts, check_names, needed_by
from .environment import (
    PackageError,
    check_environment,
    installed_distributions,
    resolve,
    run_pip,
)
from .lock import Locked, Package, check_denied, lock_path, read_lock, write_lock
from .snapshot import Snapshot
from .steps import (
    Request,
    check_brings_plugins,
    check_hashes,
    check_plugins,
    describe,
    fetch,
    needs,
    path_of,
    states,
    step,
)
from .wheel_file import WheelFile, check_models


def install(request: Request, *, dry_run: bool, yes: bool) -> None:
    """Install what is requested, or raise PackageError and leave everything as it was."""
    check_environment()
    installed = installed_distributions()
    with step("looking for what it needs"):
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
        with step("fetching it"):
            fetched = fetch(changes, editable, request, Path(folder))
        check_hashes(fetched, request.locked)
        plugins = {plugin: one.name for one in fetched.values() for plugin in one.plugins}
        check_brings_plugins(changes, fetched)
        check_names(plugins, installed, changes)
        with step("looking at its models"):
            cards = {name: check_models(one) for name, one in fetched.items()}
        describe(changes, fetched, cards)
        if dry_run:
            click.echo("nothing was changed (--dry-run)")
            return
        if not yes:
            click.confirm("Install?", default=True, abort=True, err=True)
        # What is only added breaks no other plugin.
        before = states() if any(one.before for one in changes.values()) else None
        with Snapshot([installed[name] for name in changes if name in installed]):
            with step("installing"):
                files = [str(one.path) for name, one in fetched.items() if name not in editable]
                if files:
                    run_pip("install", "--quiet", "--no-deps", "--no-index", *files)
                for name in editable:
                    run_pip("install", "--quiet", "--no-deps", *request.options,
                            "--editable", path_of(changes[name].direct))  # fmt: skip
            with step("checking that it plays"):
                check_plugins(list(plugins), before)
    _remember(changes, fetched, editable, request)
    for plugin in sorted(plugins):
        click.echo(f"installed {plugin}; capriccio parts lists its parts")


def uninstall(names: list[str], *, dry_run: bool, yes: bool) -> None:
    """Remove distributions, and what came along with them and nobody else needs."""
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
    with Snapshot([installed[name] for name in gone]), step("removing"):
        run_pip("uninstall", "--quiet", "--yes", *gone)
    write_lock(lock_path(), {name: one for name, one in locked.items() if name not in names})


def _remember(
    changes: dict[str, Change],
    fetched: dict[str, WheelFile],
    editable: set[str],
    request: Request,
) -> None:
    """Write into the lock what was installed, each plugin with the packages that came with it."""
    plugins = read_lock(lock_path())
    packages = {
        name: Package(name, one.version, one.hash, fetched[name].models)
        for name, one in changes.items()
    }
    for name, one in changes.items():
        if not fetched[name].plugins:
            continue
        source = request.sources.get(name) or one.source or name
        needed = {it: packages[it] for it in needs(name, changes) if not fetched[it].plugins}
        # What came with an older version, and stays.
        old = {it.name: it for it in plugins[name].packages[1:]} if name in plugins else {}
        plugins[name] = Locked(
            name,
            one.version,
            path_of(source) if name in editable else source,
            name in editable,
            [packages[name], *(old | needed).values()],
            pinned=one.commit,
        )
    write_lock(lock_path(), plugins)
