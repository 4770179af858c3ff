"""The Python environment that plugins are installed into: its distributions, and pip."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

OWN = "capriccio"  # our own distribution
GROUP = "capriccio"  # of entry points
# With these pip begins what it has to say.
ERROR, TRIED = "ERROR: ", "× "
BUILD_ERROR = re.compile(r"(?:error: (?!subprocess|metadata)|\w+Error: )")
CLASH = re.compile(r"^    (\S+ \S+) depends on (\S.*)$", re.MULTILINE)
OF_OURS = r"capriccio(?:\[.*?\])?(?P<which>[<>=!~]\S*)"
NEWER = (
    re.compile(rf"requirement {OF_OURS} \(from (?P<who>\S+)\)"),
    re.compile(rf"^    (?P<who>\S+) \S+ depends on {OF_OURS}$", re.MULTILINE),
)


class PackageError(RuntimeError):
    """Something cannot be installed or removed; the message says why."""


def check_environment() -> None:
    """Check that this environment can be changed.

    Raises:
        PackageError: it belongs to the system, cannot be written, or has neither pip nor uv.
    """
    in_venv = sys.prefix != sys.base_prefix
    managed = Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    if not in_venv and managed.exists():
        raise PackageError(
            f"{sys.prefix!r} is managed by the system; install capriccio in a virtual environment, "
            "by pipx or by uv tool, where plugins can be installed beside it"
        )
    site = Path(sysconfig.get_path("purelib"))
    if not os.access(site, os.W_OK):
        raise PackageError(f"{str(site)!r} cannot be written by you")
    pip_command()


def pip_command(python: str = "") -> list[str]:
    """Return the words that run pip for an environment: its own, uv's, or the one of `ensurepip`.

    Args:
        python: the interpreter of the environment; "" is this one.

    Raises:
        PackageError: there is none.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", *(["--python", python] if python else [])]
    if uv := shutil.which("uv"):
        return [uv, "tool", "run", "pip", "--python", python or sys.executable]
    if wheel := bundled_pip():  # as in a virtual environment that pipx or uv has made
        return [sys.executable, f"{wheel}/pip", *(["--python", python] if python else [])]
    raise PackageError(
        f"expected pip or uv to install with, found neither for {sys.executable!r}; install uv"
    )


def bundled_pip() -> str:
    """Return the wheel of pip that comes with Python; "" where a system has taken it out."""
    found = importlib.util.find_spec("ensurepip")
    folder = Path(found.origin).parent / "_bundled" if found and found.origin else Path()
    return str(max(folder.glob("pip-*.whl"), default=""))


def run_pip(*words: str, python: str = "") -> str:
    """Run pip, for the environment of `python` where that is not "", and return what it printed.

    Raises:
        PackageError: it failed; the message is the sentence that it ended with.
    """
    child = subprocess.run(
        [*pip_command(python), "--disable-pip-version-check", "--no-input", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if child.returncode:
        raise PackageError(_reason(child.stderr, child.stdout))
    return child.stdout


def _reason(stderr: str, stdout: str) -> str:
    """Return why pip failed, in one sentence."""
    said = f"{stderr}\n{stdout}"
    if newer := next(filter(None, (pattern.search(said) for pattern in NEWER)), None):
        version = installed_distributions()[OWN].version
        return (
            f"{newer['who']} needs capriccio{newer['which']}, and {version} is installed; "
            "upgrade Capriccio itself first"
        )
    if len(clash := CLASH.findall(stdout)) > 1:
        (one, wants), (other, needs) = clash[:2]
        return f"{one} needs {wants}, but {other} needs {needs}; nothing was changed"
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    # The first error is the cause: those after it tell what pip could not do for it.
    if errors := [line.removeprefix(ERROR) for line in lines if line.startswith(ERROR)]:
        return errors[0]
    # A package whose build fails: what pip tried, and the last word of what was built.
    tried = [line.removeprefix(TRIED).rstrip(".") for line in lines if line.startswith(TRIED)]
    words = [line for line in lines if BUILD_ERROR.match(line)]
    return ": ".join([*tried[-1:], *words[-1:]]) or (lines or ["pip failed, and said nothing"])[-1]


def resolve(specs: list[str], *options: str) -> list[dict[str, Any]]:
    """Return what pip would install for `specs`: the entries of its report, nothing installed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        run_pip("install", "--dry-run", "--report", str(report), *options, *specs)
        entries: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["install"]
    return entries


def installed_distributions() -> dict[str, Distribution]:
    """Return what is installed, by canonical name; of two of one name the one that is imported."""
    found: dict[str, Distribution] = {}
    for one in distributions():
        if name := one.metadata["Name"]:
            found.setdefault(canonicalize_name(name), one)
    return found


def requirements_of(lines: list[str] | None) -> list[Requirement]:
    """Return the requirements that hold in this environment, extras left out."""
    found = []
    for line in lines or []:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:  # of an old package: pip leaves it alone as well
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.append(requirement)
    return found


def plugins_of(distribution: Distribution) -> list[str]:
    """Return the names of the plugins that a distribution brings."""
    return [point.name for point in distribution.entry_points if point.group == GROUP]
