"""The optional dependencies: the command that installs them into this installation."""

from pathlib import Path


def install_command(extra: str) -> str:
    """Return the command that installs the extra `train`, `cuda` or `soundfont`.

    From a checkout it names the checkout. Elsewhere the name of the distribution is enough, since
    pip finds the one that is installed.
    """
    root = Path(__file__).parents[2]
    if not (root / "pyproject.toml").is_file() or Path(__file__).parents[1].name != "engine":
        return f'pip install "capriccio[{extra}]"'
    place = "." if root == Path.cwd() else root
    return f'pip install -e "{place}[{extra}]"'
