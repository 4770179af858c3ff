"""The commands `install`, `uninstall`, `upgrade`, `restore` and `directory`."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import Distribution
from pathlib import Path

import click
from packaging.utils import canonicalize_name

from .directory import (
    Directory,
    directory_path,
    entry_of,
    fetch_directory,
    read_directory,
    write_directory,
)
from .environment import OWN, PackageError, installed_distributions, plugins_of, run_pip
from .installation import install as install_beside
from .installation import uninstall as uninstall_beside
from .isolated import canonical, install_apart, installed_apart, uninstall_apart
from .lock import Locked, lock_path, read_lock
from .steps import Request
from .wheel_file import read_wheel

yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
dry_option = click.option("--dry-run", is_flag=True, help="Say what would change, and stop.")
links_option = click.option(
    "--find-links", "links", type=click.Path(path_type=Path, exists=True), metavar="FOLDER",
    help="Take packages from this folder of wheels alone, without a network.",
)  # fmt: skip


@click.command()
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@click.option("--editable", "-e", is_flag=True, help="Of a folder: play it as it is changed.")
@click.option("--isolated", is_flag=True, help="In an environment and a process of its own.")
@click.option("--network", is_flag=True, help="Of an isolated one: let it use the network.")
@click.option("--write", is_flag=True, help="Of an isolated one: let it write your files.")
@links_option
@dry_option
@yes_option
def install(
    specs: tuple[str, ...], editable: bool, isolated: bool, network: bool, write: bool,
    links: Path | None, dry_run: bool, yes: bool,
) -> None:  # fmt: skip
    """Install plugins, after showing what would change.

    \b
      capriccio install capriccio-glow               from the package index
      capriccio install git+https://example.org/glow.git
      capriccio install capriccio-glow/ -e           a folder, played as you change it
      capriccio install dist/capriccio_glow-1.0-py3-none-any.whl
      capriccio install --isolated capriccio-glow    with packages of its own

    What Capriccio or another plugin needs is never changed: such a plugin is refused, and both
    packages are named. A plugin that does not load, or does not keep the contract, is taken out
    again, and every file is as it was. capriccio restore installs all that was installed.
    """
    with _plain_errors():
        wanted = [_absolute(spec) for spec in specs]
        if editable and (bad := [spec for spec in wanted if not Path(spec).is_dir()]):
            raise PackageError(f"only a folder can be editable, got {bad[0]!r}")
        rights = tuple(name for name, given in (("network", network), ("write", write)) if given)
        if not isolated:
            if rights:
                raise PackageError(f"--{rights[0]} is for --isolated: other plugins may do all")
            install_beside(Request(wanted, editable, links), dry_run=dry_run, yes=yes)
        elif editable:
            raise PackageError("an isolated plugin cannot be editable")
        else:
            install_apart(Request(wanted, links=links), rights, dry_run=dry_run, yes=yes)


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
        there = installed_apart()
        locked = {name: one.source for name, one in read_lock(lock_path()).items()}
        sources = {name: name for name in (*_plugin_distributions(), *there)}
        sources |= {name: source for name, source in locked.items() if name in sources}
        chosen = [_distribution_of(name) for name in names] or list(sources)
        if not chosen:
            click.echo("no plugins are installed")
            return
        request = Request([], links=links, upgrade=True)
        if beside := [sources[name] for name in chosen if name not in there]:
            install_beside(replace(request, specs=beside), dry_run=dry_run, yes=yes)
        for name in chosen:
            if name in there:
                one = replace(request, specs=[sources[name]])
                install_apart(one, there[name].rights, dry_run=dry_run, yes=yes)


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
        found = [_distribution_of(name) for name in names]
        there = installed_apart()
        if beside := [name for name in found if name not in there]:
            uninstall_beside(beside, dry_run=dry_run, yes=yes)
        if apart := [name for name in found if name in there]:
            uninstall_apart(apart, dry_run=dry_run, yes=yes)


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
                install_beside(Request([one.source], True, links), dry_run=dry_run, yes=yes)
        rest = [one for one in plugins.values() if not one.editable]
        request = _again([one for one in rest if not one.isolated], links, any_hash)
        if request.specs:
            install_beside(request, dry_run=dry_run, yes=yes)
        for one in rest:
            if one.isolated:
                again = _again([one], links, any_hash)
                install_apart(again, tuple(one.rights), dry_run=dry_run, yes=yes)


@click.group(cls=Directory)
def directory() -> None:
    """Update or build the directory of plugins that capriccio plugins --search reads."""


@directory.command("update")
@click.argument("source", metavar="URL|FILE")
def update_directory(source: str) -> None:
    """Take the directory at an address, or in a file, in place of the one taken before.

    \b
      capriccio directory update https://example.org/plugins.json
      capriccio directory update plugins.json

    Packages that it denies are not installed any more.
    """
    with _plain_errors():
        found = read_directory(fetch_directory(source), source)
        write_directory(directory_path(), found["plugins"], found["denied"])
    count, denied = len(found["plugins"]), len(found["denied"])
    click.echo(f"{count} plugins, {denied} denied packages, in {str(directory_path())!r}")


@directory.command("build")
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE...")
@click.option("--to", "file", type=click.Path(path_type=Path), required=True, metavar="FILE")
@click.option("--denied", type=click.Path(path_type=Path, exists=True), metavar="FILE",
              help="Lines as those of denied.txt.")  # fmt: skip
def build_directory(packages: tuple[str, ...], file: Path, denied: Path | None) -> None:
    """Write a directory from the metadata of wheels, or of folders that wheels are built from.

    \b
      capriccio directory build dist/*.whl --to plugins.json
      capriccio directory build tests/strangers/* --to plugins.json

    A wheel is installed by its name, a folder by its path. Packages without the keyword
    capriccio-plugin are refused.
    """
    with _plain_errors(), tempfile.TemporaryDirectory() as folder:
        entries = []
        for number, package in enumerate(packages):
            wheel, place = Path(package), Path(folder, str(number))
            if wheel.is_dir():  # a copy: what builds it may write beside it
                copy = shutil.copytree(wheel, place / "copy")
                run_pip("wheel", "--quiet", "--no-deps", "--wheel-dir", str(place), str(copy))
                (wheel,) = place.glob("*.whl")
            found = read_wheel(wheel)
            source = package if Path(package).is_dir() else found.name
            entries.append(entry_of(found, source))
        lines = denied.read_text(encoding="utf-8").splitlines() if denied else []
        write_directory(file, sorted(entries, key=lambda one: str(one["distribution"])), lines)
    click.echo(f"{len(entries)} plugins in {str(file)!r}")


def _again(plugins: list[Locked], links: Path | None, any_hash: bool) -> Request:
    """Return the request that installs plugins of a lock once more."""
    packages = [] if any_hash else [package for one in plugins for package in one.packages]
    specs = [
        f"{one.name}=={one.version}"
        if links or one.source == one.name
        else one.pinned or one.source
        for one in plugins
    ]
    sources = {one.name: one.source for one in plugins}
    return Request(specs, links=links, locked=packages, sources=sources)


def _plugin_distributions() -> dict[str, Distribution]:
    """Return the distributions that bring plugins, ours left out."""
    return {n: d for n, d in installed_distributions().items() if n != OWN and plugins_of(d)}


def _distribution_of(name: str) -> str:
    """Return the distribution that is called so, or brings the plugin that is.

    Raises:
        PackageError: there is none, or it is Capriccio itself.
    """
    if apart := canonical(name, there := installed_apart()):
        return apart
    installed = installed_distributions()
    known = _plugin_distributions()
    for distribution in known:
        if name in plugins_of(known[distribution]) or canonicalize_name(name) == distribution:
            return distribution
    if OWN in installed and name in (OWN, *plugins_of(installed[OWN])):
        raise PackageError(f"{name!r} belongs to Capriccio itself")
    names = sorted(
        {*known, *there, *(plugin for one in known.values() for plugin in plugins_of(one))}
    )
    raise PackageError(f"no plugin is called {name!r}; installed: {', '.join(names) or 'none'}")


def _absolute(spec: str) -> str:
    """Return a spec with the whole path of what lies here, for the lock."""
    return str(Path(spec).resolve()) if Path(spec).exists() else spec


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except PackageError as error:
        raise click.ClickException(str(error)) from None
