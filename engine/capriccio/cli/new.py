"""The commands `new sketch` and `new plugin`: write a working start."""

import keyword
import re
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from string import Template

import click

# Names that would hide what the written module imports.
RESERVED = {"generator", "analyzer", "output", "capriccio", "numpy"}

# What is written, with names in place of $words; a file is called as it is here without the ending.
TEMPLATES = Path(__file__).with_name("templates")
ENDING = ".template"


def new_plugin(name: str, where: Path) -> Path:
    """Write a package with one generator called `name`, a test and a sketch; return its folder."""
    from ..registry import installed

    name = name.removeprefix("capriccio-").removeprefix("capriccio_")
    _check_name("plugin", name)
    module = f"capriccio_{name}"
    for found in installed().found:
        if name in (found.part.name, found.plugin):
            raise ValueError(
                f"{found.part.role} {found.part.name!r} of plugin {found.plugin!r} "
                "is installed already; choose another name"
            )
    if find_spec(module):
        raise ValueError(f"a module {module!r} is installed already; choose another name")
    folder = where / f"capriccio-{name.replace('_', '-')}"
    _check_free(folder)
    part = "".join(word.capitalize() for word in name.split("_"))
    words = {
        "name": name,
        "module": module,
        "project": folder.name,
        "part": part,
        # The role names a part after its class; where that is another word, the class says so.
        "rename": "" if part.lower() == name else f'    name = "{name}"\n\n',
    }
    root = TEMPLATES / "plugin"
    for template in sorted(root.rglob(f"*{ENDING}")):
        path = template.relative_to(root).as_posix().removesuffix(ENDING)
        file = folder / path.replace("MODULE", module)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = Template(template.read_text(encoding="utf-8"))
        file.write_text(text.substitute(words), encoding="utf-8")
    return folder


def new_sketch(name: str, where: Path) -> Path:
    """Write a sketch called `name` that can be played; return its file."""
    name = name.removesuffix(".py")
    _check_name("sketch", name)
    if name in sys.stdlib_module_names:
        # Where the sketch is run as a program, its folder is searched for modules first.
        raise ValueError(
            f"a sketch called {name!r} would hide Python's own module; choose another name"
        )
    file = where / f"{name}.py"
    _check_free(file)
    title = name.replace("_", " ").capitalize()
    text = Template((TEMPLATES / f"sketch.py{ENDING}").read_text(encoding="utf-8"))
    file.write_text(text.substitute(title=title, file=file.name), encoding="utf-8")
    return file


def _check_free(path: Path) -> None:
    if path.exists():
        raise FileExistsError(f"{path.name!r} exists already; choose another name")


def _check_name(what: str, name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        near = near if near[:1].isalpha() else f"my_{near}".rstrip("_")
        raise ValueError(
            f"the name of a {what} is made of a-z, 0-9 and _, such as {near!r}, got {name!r}"
        )
    if keyword.iskeyword(name) or name in RESERVED:
        raise ValueError(
            f"no {what} can be called {name!r}, which has another meaning; choose another name"
        )


@click.group()
def new() -> None:
    """Write a start that works: a sketch of your own, or a plugin with a part of your own.

    \b
      capriccio new sketch mine
      capriccio new plugin glow
    """


@new.command()
@click.argument("name")
def plugin(name: str) -> None:
    """Write capriccio-NAME/: a package with a generator, a test, and a sketch that plays it.

    \b
      capriccio new plugin glow
      cd capriccio-glow && pip install -e . && capriccio run play.py
    """
    folder = _written(new_plugin, name)
    click.echo(
        f"wrote {folder.name}/; to play it: "
        f"cd {folder.name} && pip install -e . && capriccio run play.py"
    )


@new.command()
@click.argument("name")
def sketch(name: str) -> None:
    """Write NAME.py: a picture and music, a dozen lines to change.

    \b
      capriccio new sketch mine
      capriccio run mine.py
    """
    file = _written(new_sketch, name)
    click.echo(f"wrote {file.name}; to play it: capriccio run {file.name}")


def _written(write: Callable[[str, Path], Path], name: str) -> Path:
    try:
        return write(name, Path.cwd())
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
