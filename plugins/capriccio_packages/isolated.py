"""Installs plugins into environments of their own, from which their parts play in a process.

The plugin `isolation` finds them: each has a folder in `isolated_folder()`, with `environment/`,
`files/` where the plugin may write, `environment.json`, and a record of the distribution, whose
entry points name parts that stand for those of the plugin.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import venv
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import click
from capriccio import isolated_folder
from packaging.utils import canonicalize_name

from .changes import Change, changes_of, check_names
from .environment import OWN, PackageError, installed_distributions, pip_command, resolve, run_pip
from .lock import Locked, Package, check_denied, lock_path, read_lock, write_lock
from .steps import (
    PARTS,
    Request,
    check_brings_plugins,
    check_hashes,
    check_plugins,
    describe,
    fetch,
    needs,
    run_python,
    step,
)
from .wheel_file import WheelFile, check_models

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
LOAD_SECONDS = 120.0  # for a plugin to say what its parts are
LOAD = (
    "import sys; from importlib.metadata import EntryPoint; "
    "EntryPoint('', sys.argv[1], 'capriccio').load()"
)
WARNING = {
    "": "It plays in a process of its own: it can read your files",
    "network": "use the network",
    "write": "write your files",
}


@dataclass(frozen=True)
class Apart:
    """A plugin that has an environment of its own."""

    name: str  # of the distribution, canonical
    version: str
    plugins: dict[str, str]  # what their entry points name
    rights: tuple[str, ...]  # "network", "write"
    python: str  # the version that the environment is made for

    @property
    def ready(self) -> bool:
        """Whether this Python can play it."""
        there = (self.folder / "environment" / "bin" / "python").exists()
        return there and self.python == PYTHON

    @property
    def folder(self) -> Path:
        """Where it is."""
        return isolated_folder() / self.name


def installed_apart() -> dict[str, Apart]:
    """Return the plugins that have environments of their own, by distribution.

    Raises:
        PackageError: what one says of itself cannot be read.
    """
    found = {}
    for file in sorted(isolated_folder().glob("[!.]*/environment.json")):
        try:
            facts: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            rights = tuple(name for name, given in facts["rights"].items() if given is True)
            one = Apart(
                file.parent.name, str(facts["version"]), dict(facts["plugins"]), rights,
                str(facts["python"]),
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise PackageError(f"{str(file)!r} cannot be read: {error!r}") from None
        found[one.name] = one
    return found


def install_apart(request: Request, rights: tuple[str, ...], *, dry_run: bool, yes: bool) -> None:
    """Install the plugin of each spec into an environment of its own.

    Args:
        request: what is to be installed.
        rights: what its worker may do beyond what every worker may: "network", "write".
        dry_run: whether to stop before anything is changed.
        yes: whether to ask nobody.

    Raises:
        PackageError: one cannot be installed; what there was before is as it was.
    """
    if os.name != "posix":
        raise PackageError("plugins can be isolated on Linux and macOS only")
    pip_command()
    for spec in request.specs:
        with tempfile.TemporaryDirectory(prefix="capriccio-") as folder:
            _install(spec, request, rights, Path(folder), dry_run=dry_run, yes=yes)


def uninstall_apart(names: list[str], *, dry_run: bool, yes: bool) -> None:
    """Remove plugins with their environments, and with the files that they have written."""
    there = installed_apart()
    for name in names:
        click.echo(f"remove {name} {there[name].version}, and its environment")
    if dry_run:
        click.echo("nothing was changed (--dry-run)")
        return
    if not yes:
        click.confirm("Remove?", default=True, abort=True, err=True)
    for name in names:
        # Out of sight first: a plugin is there as a whole, or not at all.
        gone = there[name].folder.rename(isolated_folder() / f".{name}-old")
        shutil.rmtree(gone)
    locked = read_lock(lock_path())
    write_lock(lock_path(), {name: one for name, one in locked.items() if name not in names})


def _install(
    spec: str,
    request: Request,
    rights: tuple[str, ...],
    work: Path,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    beside, there = installed_distributions(), installed_apart()
    own = write_own_wheel(work, beside[OWN].version)
    with step("looking for what it needs"):
        # As in an empty environment that has Capriccio, without what Capriccio itself needs.
        report = resolve([spec, str(own)], "--ignore-installed", *request.options)
        changes = changes_of(report, {})
        changes.pop(OWN, None)
    wanted = [one for one in changes.values() if one.wanted]
    if len(wanted) != 1:
        raise PackageError(f"expected one package, got {spec!r}")
    name = wanted[0].name
    if name in beside:
        raise PackageError(
            f"{name} {beside[name].version} is installed beside Capriccio already; "
            f"capriccio uninstall {name} first; nothing was changed"
        )
    old = there.get(name)
    same = old and old.ready and (old.version, old.rights) == (wanted[0].version, rights)
    if same and not wanted[0].direct:
        click.echo("everything is installed already")
        return
    check_denied({one: it.version for one, it in changes.items()})
    with step("fetching it"):
        fetched = fetch(changes, set(), request, work / "wheels")
    check_hashes(fetched, request.locked)
    check_brings_plugins(changes, fetched)
    plugins = fetched[name].entry_points
    check_names(dict.fromkeys(plugins, name), beside, changes)
    for other in there.values():
        if both := set(plugins) & set(other.plugins) if other.name != name else set():
            raise PackageError(
                f"{name} brings a plugin {min(both)!r}, and so does {other.name} "
                f"{other.version}, which is installed; nothing was changed"
            )
    with step("looking at its models"):
        cards = {one: check_models(wheel) for one, wheel in fetched.items()}
    if old and old.version != wanted[0].version:
        click.echo(f"{name} {old.version} is replaced")
    describe(changes, fetched, cards, f"{', '.join(WARNING[it] for it in ('', *rights))}.")
    if dry_run:
        click.echo("nothing was changed (--dry-run)")
        return
    if not yes:
        click.confirm("Install?", default=True, abort=True, err=True)
    with _replacing(name) as new:
        with step("making its environment"):
            _build(new, [wheel.path for wheel in fetched.values()], own)
            _record(new, fetched[name], rights)
        new.rename(isolated_folder() / name)
        with step("checking that it plays"):
            for plugin in plugins:
                _load(plugin)
            check_plugins(list(plugins), None, PARTS)
    _remember(changes, fetched, request, rights)
    for plugin in plugins:
        click.echo(f"installed {plugin}; capriccio parts lists its parts")


def write_own_wheel(folder: Path, version: str) -> Path:
    """Write a wheel that stands for Capriccio in another environment, and return its path.

    A worker finds Capriccio itself and what it needs behind the packages of that environment, so
    this needs nothing, and any version of numpy or Pillow can lie beside it.
    """
    inside = f"{OWN}-{version}.dist-info"
    content = {
        f"{inside}/METADATA": f"Metadata-Version: 2.1\nName: {OWN}\nVersion: {version}\n"
        "Summary: Stands for the Capriccio that plays this environment\n\n",
        f"{inside}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [
        f"{path},sha256={_digest(text)},{len(text.encode())}" for path, text in content.items()
    ]
    content[f"{inside}/RECORD"] = "\n".join([*record, f"{inside}/RECORD,,", ""])
    wheel = folder / f"{OWN}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)
    return wheel


def _build(folder: Path, wheels: list[Path], own: Path) -> None:
    venv.create(folder / "environment", symlinks=True)
    python = folder / "environment" / "bin" / "python"
    files = [str(path) for path in (*wheels, own)]
    run_pip("install", "--quiet", "--no-deps", "--no-index", *files, python=str(python))
    (folder / "files").mkdir()


def _record(folder: Path, wheel: WheelFile, rights: tuple[str, ...]) -> None:
    """Write down what the plugins are, and a record by which they are found."""
    facts = {
        "version": wheel.version,
        "python": PYTHON,
        "plugins": wheel.entry_points,
        "rights": dict.fromkeys(rights, True),
    }
    (folder / "environment.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    (installed,) = distributions(
        name=wheel.name, path=[str(path) for path in folder.glob("environment/lib/*/site-packages")]
    )
    record = folder / f"{wheel.name}-{wheel.version}.dist-info"
    record.mkdir()
    lines = (installed.read_text("METADATA") or "").splitlines()
    kept = [line for line in lines if not line.startswith("Requires-Dist:")]
    (record / "METADATA").write_text("\n".join(kept) + "\n", encoding="utf-8")
    points = "".join(f"{plugin} = {_stand_in(plugin)}\n" for plugin in wheel.entry_points)
    (record / "entry_points.txt").write_text(f"[capriccio]\n{points}", encoding="utf-8")


def _stand_in(plugin: str) -> str:
    """Return the entry point of the parts that stand for those of a plugin."""
    return "capriccio_isolation.stand_ins:" + re.sub(r"\W", "_", plugin)


def _load(plugin: str) -> None:
    """Load the plugin once with a generous time limit, so that its record of parts is written."""
    child = run_python("-P", "-c", LOAD, _stand_in(plugin), seconds=LOAD_SECONDS,
                       late=f"plugin {plugin!r} did not load")  # fmt: skip
    if child.returncode:
        last = (child.stderr.strip().splitlines() or ["no reason given"])[-1]
        reason = last.partition("PartError: ")[2] or last
        raise PackageError(f"plugin {plugin!r}: {reason}; everything is as it was")


@contextmanager
def _replacing(name: str) -> Iterator[Path]:
    """Yield a folder for a new environment; put the old one back where the block raises."""
    place = isolated_folder() / name
    new, old = (isolated_folder() / f".{name}-{which}" for which in ("new", "old"))
    for path in (new, old):
        if path.exists():
            shutil.rmtree(path)
    new.mkdir(parents=True)
    if place.exists():
        place.rename(old)
    try:
        yield new
    except BaseException:
        for path in (new, place):
            if path.exists():
                shutil.rmtree(path)
        if old.exists():
            old.rename(place)
        raise
    if old.exists():
        if (old / "files").is_dir():  # what the plugin has written stays
            shutil.rmtree(place / "files")
            (old / "files").rename(place / "files")
        shutil.rmtree(old)


def _remember(
    changes: dict[str, Change],
    fetched: dict[str, WheelFile],
    request: Request,
    rights: tuple[str, ...],
) -> None:
    plugins = read_lock(lock_path())
    packages = {
        name: Package(name, one.version, one.hash, fetched[name].models)
        for name, one in changes.items()
    }
    for name, one in changes.items():
        if one.wanted:
            source = request.sources.get(name) or one.source or name
            parts = [packages[name], *(packages[it] for it in needs(name, changes))]
            plugins[name] = Locked(
                name,
                one.version,
                source,
                packages=parts,
                isolated=True,
                rights=list(rights),
                pinned=one.commit,
            )
    write_lock(lock_path(), plugins)


def canonical(name: str, there: dict[str, Apart]) -> str:
    """Return the distribution among those `there` that is called so, or brings this plugin; ""."""
    for one in there.values():
        if canonicalize_name(name) == one.name or name in one.plugins:
            return one.name
    return ""


def _digest(text: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
