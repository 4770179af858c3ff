"""Builds the site: the pages of `docs/`, the sketches, and the reference, by Zensical."""

import os
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .reference import command_page, part_pages

if TYPE_CHECKING:
    from click import Group

MISSING = 'the pages are built by Zensical; install it with: pip install -e ".[docs]"'
# What of `docs/` is no page and belongs to none.
LEFT_OUT = shutil.ignore_patterns("site.toml", "tests", "*.py", "pyproject.toml", "__pycache__")
ANSI = re.compile(r"\x1b\[[0-9;]*m")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def source_folder() -> Path | None:
    """Return the folder `docs` of the checkout that this module lies in, or None."""
    docs = Path(__file__).parents[2] / "docs"
    return docs if (docs / "site.toml").exists() else None


def can_build() -> bool:
    """Return whether the packages of the extra `docs` are installed."""
    return bool(find_spec("zensical") and find_spec("mkdocstrings_handlers"))


def build_site(source: Path, out: Path, commands: "Group", parts: list[dict[str, Any]]) -> None:
    """Build the site of the pages in `source` into the folder `out`.

    Args:
        source: the folder `docs` of a checkout.
        out: a folder that does not exist yet.
        commands: the click group of all commands, for their reference.
        parts: as `capriccio parts --json` describes them.

    Raises:
        RuntimeError: a link leads nowhere, or Zensical finds something else to warn of.
    """
    with tempfile.TemporaryDirectory() as place:
        stage = Path(place)
        stage_pages(source, stage / "docs", commands, parts)
        shutil.copy(source / "site.toml", stage / "zensical.toml")
        child = subprocess.run(
            [sys.executable, "-m", "zensical", "build", "--strict"],
            cwd=stage,
            env={**os.environ, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        told = ANSI.sub("", child.stdout).partition("Traceback")[0].strip()
        # What is said of docstrings does not end Zensical.
        if child.returncode or "griffe:" in told:
            raise RuntimeError(f"the site is not clean:\n{told}")
        shutil.move(stage / "site", out)


def stage_pages(source: Path, pages: Path, commands: "Group", parts: list[dict[str, Any]]) -> None:
    """Write everything that Zensical reads into the folder `pages`."""
    shutil.copytree(source, pages, ignore=LEFT_OUT)
    for page in pages.rglob("*.md"):
        name = page.relative_to(pages).as_posix()
        page.write_text(prepared(page.read_text(encoding="utf-8"), name), encoding="utf-8")
    (pages / "sketches").mkdir()
    for sketch in sorted((source.parent / "sketches").glob("*.py")):
        code = sketch.read_text(encoding="utf-8")
        (pages / "sketches" / f"{sketch.stem}.md").write_text(sketch_page(sketch.stem, code))
    for name, text in part_pages(parts).items():
        (pages / "reference" / name).write_text(text, encoding="utf-8")
    (pages / "reference" / "commands.md").write_text(command_page(commands), encoding="utf-8")


def prepared(text: str, name: str) -> str:
    """Return a page as the site has it.

    Marks for the tests behind a language are taken away, links to sketches lead to their pages,
    that to the README to the first page, and a link to a sound or a film becomes a player.

    Args:
        text: the page as it is in `docs/`.
        name: its path there, such as `cookbook/light.md`.
    """
    folder = posixpath.dirname(name)

    def replaced(link: re.Match) -> str:
        label, target, anchor = link[1], link[2], link[3] or ""
        if "://" in target:
            return link[0]
        if target.endswith(".ogg"):
            return f'{label} <audio controls preload="none" src="{target}"></audio>'
        if target.endswith(".mp4"):
            return f'{label} <video controls preload="none" width="640" src="{target}"></video>'
        place = posixpath.normpath(posixpath.join("docs", folder, target))
        if place.startswith("sketches/") and place.endswith(".py"):
            place = f"docs/{place.removesuffix('.py')}.md"
        elif place == "README.md":
            place = "docs/index.md"
        else:
            return link[0]
        return f"[{label}]({posixpath.relpath(place, posixpath.join('docs', folder))}{anchor})"

    text = re.sub(r"^```(\w+) .+$", r"```\1", text, flags=re.MULTILINE)
    return LINK.sub(replaced, text)


def sketch_page(name: str, code: str) -> str:
    """Return the page of a sketch: its code, and the command that plays it."""
    command = f"```sh\ncapriccio run sketches/{name}.py\n```"
    return f"# {name.capitalize()}\n\n{command}\n\n```python\n{code.rstrip()}\n```\n"
