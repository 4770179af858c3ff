"""The lock: which plugins were installed, from where, with which packages and hashes.

It is a TOML file in the user's configuration folder, from which `capriccio restore` installs
everything again: after an upgrade of Capriccio, on another machine, with another Python.
"""

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from .directory import denied_lines
from .environment import PackageError

HEAD = (
    "# Plugins that `capriccio install` has installed; `capriccio restore` installs them again.\n"
)


@dataclass
class Package:
    """One distribution of a plugin: the plugin's own, or one that it needs."""

    name: str
    version: str
    hash: str = ""  # of the wheel on the index; "" where it was built here
    models: dict[str, str] = field(default_factory=dict)  # the hash of each, by its path


@dataclass
class Locked:
    """One plugin as it was installed."""

    name: str
    version: str
    source: str  # what pip is asked for
    editable: bool = False
    packages: list[Package] = field(default_factory=list)  # its own is the first
    isolated: bool = False  # in an environment of its own
    rights: list[str] = field(default_factory=list)  # of its worker, there: "network", "write"
    pinned: str = ""  # what pip is asked for to get the same commit of a repository


def lock_path() -> Path:
    """Return where the lock is."""
    return Path(click.get_app_dir("capriccio")) / "plugins.toml"


def deny_path() -> Path:
    """Return where the list of packages is that are never installed, one a line."""
    return Path(click.get_app_dir("capriccio")) / "denied.txt"


def read_lock(path: Path) -> dict[str, Locked]:
    """Return the plugins of a lock by name; none where there is no such file.

    Raises:
        PackageError: it cannot be read.
    """
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        found = {}
        for one in content.get("plugin", []):
            packages = [
                Package(
                    str(it["name"]),
                    str(it["version"]),
                    str(it.get("hash", "")),
                    {str(name): str(hash_) for name, hash_ in it.get("models", {}).items()},
                )
                for it in one.get("package", [])
            ]
            found[str(one["name"])] = Locked(
                str(one["name"]), str(one["version"]), str(one["source"]),
                bool(one.get("editable")), packages, bool(one.get("isolated")),
                [str(right) for right in one.get("rights", [])], str(one.get("pinned", "")),
            )  # fmt: skip
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PackageError(f"the lock {str(path)!r} cannot be read: {error!r}") from None
    return found


def write_lock(path: Path, plugins: dict[str, Locked]) -> None:
    """Write a lock, readable by its owner only."""
    lines = [HEAD]
    for name in sorted(plugins):
        one = plugins[name]
        lines.append("[[plugin]]")
        lines += [f"{key} = {_quoted(getattr(one, key))}" for key in ("name", "version", "source")]
        if one.pinned:
            lines.append(f"pinned = {_quoted(one.pinned)}")
        lines += [f"{key} = true" for key in ("editable", "isolated") if getattr(one, key)]
        if one.rights:
            lines.append(f"rights = {json.dumps(one.rights)}")
        for package in one.packages:
            lines.append("[[plugin.package]]")
            texts = {key: getattr(package, key) for key in ("name", "version", "hash")}
            lines += [f"{key} = {_quoted(value)}" for key, value in texts.items() if value]
            if package.models:
                lines.append("[plugin.package.models]")
                lines += [f"{_quoted(key)} = {_quoted(it)}" for key, it in package.models.items()]
        lines.append("")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_text("\n".join(lines), encoding="utf-8")
    part.replace(path)


def check_denied(names: dict[str, str]) -> None:
    """Check names and versions against the lists of what is never installed.

    They are `denied.txt`, and what the directory of plugins denies. A line is `name`, or names
    versions as a requirement does: `name==1.1`, `name<2`; `#` begins a remark.

    Raises:
        PackageError: one of them is denied, or a list cannot be read.
    """
    lines = []
    try:
        text = deny_path().read_text(encoding="utf-8-sig")
        lines = [(line, str(deny_path())) for line in text.splitlines()]
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise PackageError(f"{str(deny_path())!r} cannot be read: {error}") from None
    for line, file in [*lines, *denied_lines()]:
        words, _, remark = line.partition("#")
        if not words.strip():
            continue
        try:
            denied = Requirement(words.strip())
        except InvalidRequirement:
            raise PackageError(
                f"expected a package in each line of {file!r}, such as name or name==1.0, "
                f"got {line.strip()!r}"
            ) from None
        version = names.get(canonicalize_name(denied.name))
        if version is not None and denied.specifier.contains(version, prereleases=True):
            why = f" ({remark.strip()})" if remark.strip() else ""
            raise PackageError(
                f"{canonicalize_name(denied.name)} {version} is on the list of denied packages"
                f"{why}: {file!r}"
            )


def _quoted(text: str) -> str:
    return json.dumps(text)  # a TOML string has the same escapes
