"""Check that each command of the README needs no compiler: python .ci/wheels.py

Resolves the pinned dependencies for every Python version and system that Capriccio is for, with
wheels alone, and prints a table of what has none. Nothing is installed, and no wheel downloaded.
Where the index cannot be reached, that is an error.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "Linux x86_64": "x86_64-manylinux_2_28",
    "Linux aarch64": "aarch64-manylinux_2_28",
    "Windows": "x86_64-pc-windows-msvc",
    "macOS arm64": "aarch64-apple-darwin",
}
# Has no wheel, and needs none: it is Python alone, and builds without a compiler.
PURE = "--no-binary isobar"
# The oldest macOS for which all have wheels; onnxruntime has none for Intel's processors any more.
MACOS = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}
COMMANDS = {"first": "", "tests": "--extra dev"}


def resolve(version: str, system: str, extras: str) -> str:
    """Return why the dependencies cannot all be installed from wheels, or ""."""
    words = (
        f"uv pip compile pyproject.toml {extras} -c constraints.txt --only-binary :all: {PURE} "
        f"--python-version {version} --python-platform {system} --no-python-downloads --quiet"
    )
    child = subprocess.run(
        [sys.executable, "-m", *words.split()],
        cwd=ROOT,
        env={**os.environ, **MACOS},
        capture_output=True,
        text=True,
    )
    return child.stderr.strip() if child.returncode else ""


def main() -> int:
    """Print the table; return 1 where anything lacks a wheel."""
    troubles = []
    print(f"{'wheels':16}" + "".join(f"{version:>8}" for version in VERSIONS))
    for command, extras in COMMANDS.items():
        for system, platform in SYSTEMS.items():
            cells = []
            for version in VERSIONS:
                trouble = resolve(version, platform, extras)
                cells.append("no" if trouble else "all")
                if trouble:
                    troubles.append(f"{command}, {system}, Python {version}: {trouble}")
            print(f"{command:6} {system:14}" + "".join(f"{cell:>8}" for cell in cells), flush=True)
    print(*troubles, sep="\n\n")
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
