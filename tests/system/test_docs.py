"""Every Python block and every command in README.md and docs/ runs, page by page.

The blocks of a page run from top to bottom in one folder. Python blocks share their names,
commands the folder that they `cd` into. A sketch that a block makes is performed for 0.2 s. Fenced
blocks are `python`, `sh`, `toml` (parsed) or `text` (ignored). `sh` and `python` take these marks:

    ```sh no-run: why it cannot run here
    ```sh first      the README's command for users, which .ci/run runs
    ```sh tests      the README's command for developers, likewise
"""

import os
import re
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.devices import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SET_UP = {"first", "tests"}


@dataclass(frozen=True)
class Block:
    """One fenced block of a page.

    `mark` is what follows the language; `line` the number of its first line.
    """

    line: int
    language: str
    mark: str
    text: str


def blocks(page: Path) -> list[Block]:
    content = page.read_text(encoding="utf-8")
    found = []
    for match in re.finditer(r"^```(\w*) ?(.*)\n((?:.*\n)*?)```$", content, re.MULTILINE):
        line = content.count("\n", 0, match.start(3)) + 1
        found.append(Block(line, *match.groups()))
    assert len(re.findall(r"^\s*(?:```|~~~)", content, re.MULTILINE)) == 2 * len(found), (
        f"{page.name} has a fence that is not closed, or is indented, or made of ~"
    )
    return found


def run_python(block: Block, page: Path, names: dict) -> None:
    from capriccio import Sketch

    before = set(map(id, names.values()))
    # Empty lines in front, so that a traceback names the line of the page.
    code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
    exec(code, names)
    for value in list(names.values()):
        if isinstance(value, Sketch) and id(value) not in before:
            value.perform(seconds=0.2)


def run_commands(block: Block, folder: Path, scratch) -> Path:
    """Run the commands of a block in `folder`; return the folder they end in."""
    printed = scratch.run(f"{block.text}\npwd", folder)
    return Path(printed.splitlines()[-1])


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_a_page_runs(page, scratch, tmp_path, monkeypatch):
    from capriccio.registry import use_seed

    folder = tmp_path / "page"
    if page.parent != ROOT and (page.parent / "pyproject.toml").exists():
        shutil.copytree(page.parent, folder)  # the page of a package runs in a copy of it
    else:
        folder.mkdir()
    names = {"__name__": "__docs__"}
    for block in blocks(page):
        if block.mark in SET_UP or block.mark.startswith("no-run: "):
            continue
        assert not block.mark, f"{page.name}, line {block.line}: unknown mark {block.mark!r}"
        monkeypatch.chdir(folder)
        if block.language == "python":
            use_seed(None)
            run_python(block, page, names)
        elif block.language == "sh":
            folder = run_commands(block, folder, scratch)
        elif block.language == "toml":
            tomllib.loads(block.text)
        else:
            assert block.language == "text", (
                f"{page.name}, line {block.line}: a block must be python, sh, toml or text, "
                f"got {block.language!r}"
            )


def test_the_two_set_up_commands_are_in_the_readme_alone_once_each():
    marks = [block.mark for page in PAGES for block in blocks(page) if block.mark in SET_UP]
    assert sorted(marks) == ["first", "tests"]
    assert {block.mark for block in blocks(ROOT / "README.md")} >= SET_UP


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_project_leads_to_a_file(page):
    content = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", content):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target!r}"


def test_no_page_is_longer_than_30_kilobytes():
    for page in PAGES:
        assert os.path.getsize(page) < 30_000, f"{page.name} is too long; split it"
