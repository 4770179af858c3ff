"""What an installation would change, and whether what is installed can live with it."""

from dataclasses import dataclass
from importlib.metadata import Distribution
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from .environment import OWN, PackageError, plugins_of, requirements_of


@dataclass(frozen=True)
class Change:
    """One distribution that would be installed, in place of `before` where that is not ""."""

    name: str  # canonical
    version: str
    before: str
    wanted: bool  # by the user, not by another package
    direct: str  # the address, commit or folder that it comes from, "" for the package index
    source: str  # the same as it was asked for, perhaps a branch where `direct` is a commit
    hash: str  # of the file on the index, "" where there is none
    requirements: list[Requirement]

    @property
    def commit(self) -> str:
        """The address of the very commit that it comes from; "" where it is no repository's."""
        return self.direct if "+" in self.direct.partition("://")[0] else ""

    @property
    def spec(self) -> str:
        """What to ask pip for to get just this."""
        if self.commit:  # perhaps of a folder here, which no requirement may name
            return self.commit
        return f"{self.name} @ {self.direct}" if self.direct else f"{self.name}=={self.version}"


def changes_of(
    report: list[dict[str, Any]], installed: dict[str, Distribution]
) -> dict[str, Change]:
    """Return the changes that entries of pip's report mean, by name; what stays is left out."""
    changes: dict[str, Change] = {}
    for entry in report:
        metadata, download = entry["metadata"], entry["download_info"]
        name = canonicalize_name(metadata["name"])
        before = installed[name].version if name in installed else ""
        source, direct = _addresses(download) if entry.get("is_direct") else ("", "")
        hashes = download.get("archive_info", {}).get("hashes", {})
        changes[name] = Change(
            name,
            metadata["version"],
            before,
            bool(entry.get("requested")),
            direct,
            source,
            f"sha256:{hashes['sha256']}" if "sha256" in hashes else "",
            requirements_of(metadata.get("requires_dist")),
        )
    return changes


def _addresses(download: dict[str, Any]) -> tuple[str, str]:
    """Return the address as it was asked for, and that of the very commit; see PEP 610."""
    url = str(download["url"])
    if not (vcs := download.get("vcs_info")):
        return url, url
    folder = f"#subdirectory={download['subdirectory']}" if download.get("subdirectory") else ""
    revision = f"@{vcs['requested_revision']}" if vcs.get("requested_revision") else ""
    url = f"{vcs['vcs']}+{url}"
    return f"{url}{revision}{folder}", f"{url}@{vcs['commit_id']}{folder}"


def check_conflicts(changes: dict[str, Change], installed: dict[str, Distribution]) -> None:
    """Check that what is installed could work beside the changes.

    Raises:
        PackageError: a package would be changed that another one needs as it is; both are named.
    """
    if OWN in changes:
        raise PackageError(
            f"{_requirers(changes[OWN], changes)}, and {changes[OWN].before} is installed; "
            "upgrade Capriccio itself first; nothing was changed"
        )
    for changed in changes.values():
        for name, distribution in installed.items():
            if name in changes or not changed.before:
                continue
            for requirement in requirements_of(distribution.requires):
                if canonicalize_name(requirement.name) != changed.name or _fits(
                    requirement, changed.version
                ):
                    continue
                raise PackageError(
                    f"{_requirers(changed, changes)}, but {name} {distribution.version} needs "
                    f"{_words(requirement)}, and {changed.name} {changed.before} is installed; "
                    "nothing was changed"
                )


def check_names(
    plugins: dict[str, str], installed: dict[str, Distribution], changes: dict[str, Change]
) -> None:
    """Check that new plugins have names of their own.

    Args:
        plugins: the distribution that brings each plugin, by the plugin's name.

    Raises:
        PackageError: another distribution brings a plugin of this name.
    """
    for name, distribution in installed.items():
        for plugin in plugins_of(distribution):
            if plugins.get(plugin, name) != name and name not in changes:
                raise PackageError(
                    f"{plugins[plugin]} brings a plugin {plugin!r}, and so does {name} "
                    f"{distribution.version}, which is installed; nothing was changed"
                )


def needed_by(name: str, installed: dict[str, Distribution]) -> list[str]:
    """Return the distributions that need the one called `name`."""
    return [
        other
        for other, distribution in installed.items()
        if any(
            canonicalize_name(one.name) == name for one in requirements_of(distribution.requires)
        )
    ]


def _requirers(changed: Change, changes: dict[str, Change]) -> str:
    """Return who asks for a change, as the beginning of a sentence."""
    for change in changes.values():
        for requirement in change.requirements:
            if canonicalize_name(requirement.name) == changed.name:
                return f"{change.name} {change.version} needs {_words(requirement)}"
    return f"you asked for {changed.name} {changed.version}"


def _fits(requirement: Requirement, version: str) -> bool:
    return requirement.specifier.contains(Version(version), prereleases=True)


def _words(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"
