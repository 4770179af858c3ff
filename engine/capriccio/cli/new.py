"""Writes a working start: `capriccio new plugin NAME`, `capriccio new sketch NAME`."""

import keyword
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from string import Template

import click

# Names that would hide what the written module imports.
TAKEN = {"generator", "analyzer", "output", "capriccio", "numpy"}

PLUGIN = {
    "pyproject.toml": """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "$project"
version = "0.1"
description = "A generator for Capriccio"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["capriccio"]

[project.optional-dependencies]
test = ["pytest"]

# This line is how Capriccio finds the plugin: its name, and the module with the hooks.
[project.entry-points.capriccio]
$name = "$module"

[tool.setuptools]
py-modules = ["$module"]
""",
    "$module.py": '''\
"""The generator `$name` for Capriccio."""

import numpy as np
from capriccio import Generator, hookimpl


class $part(Generator):
    """Paint a warm light that wanders.

    `drift` carries it once round from 0 to 1, `bloom` opens it.
    """

$rename    def generate(self, now, *, drift=0.0, bloom=0.5):
        y, x = np.mgrid[0:256, 0:256] / 255
        angle = 2 * np.pi * drift
        away = np.hypot(x - 0.5 - 0.3 * np.cos(angle), y - 0.5 - 0.3 * np.sin(angle))
        light = np.exp(-away / (0.05 + 0.3 * bloom))
        return light[..., None] ** np.array([0.5, 1.0, 2.0])  # red reaches farther than blue


@hookimpl
def generators():
    return [$part]
''',
    "tests/test_$module.py": """\
from capriccio.testing import check_generator

from $module import $part


def test_${name}_keeps_the_contract():
    check_generator($part)
""",
    "play.py": '''\
"""A sketch that plays `$name`."""

from capriccio import Sketch, generator

part = generator("$name")
sketch = Sketch(bpm=60)


@sketch.draw
def picture(now):
    return part(now, drift=now.phase(bars=4), bloom=now.pulse(beats=1))
''',
    "README.md": """\
# $project

The generator `$name` for Capriccio. Install it, test it, find it in the list, play it:

```sh
pip install -e ".[test]"
pytest
capriccio parts
capriccio run play.py
```

Change `generate` in `$module.py` and run `play.py` again: that is all there is to it.
""",
}

SKETCH = '''\
"""$title: change anything, and run it again with: capriccio run $file"""

from capriccio import Sketch, generator

garden = generator("vae", model="watercolors")
choir = generator("rnn", model="chorales")
sketch = Sketch(bpm=84, meter=4, fps=30, size=(512, 512))


@sketch.play(bars=2)
def music(now):
    return choir(now, heat=now.wave(bars=8))  # bolder and calmer again in 8 bars


@sketch.draw
def picture(now):
    return garden(now, drift=now.phase(bars=8), bloom=sketch.loudness)  # opens with the music
'''


def new_plugin(name: str, where: Path) -> Path:
    """Write a package with one generator called `name`, its test and a sketch; give its folder.

    Raises ValueError where the name cannot be used, FileExistsError where the folder is there.
    """
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
    if folder.exists():
        raise FileExistsError(f"{folder.name!r} is there already; choose another name")
    part = "".join(word.capitalize() for word in name.split("_"))
    words = {
        "name": name,
        "module": module,
        "project": folder.name,
        "part": part,
        # The role names a part after its class; where that is another word, the class says so.
        "rename": "" if part.lower() == name else f'    name = "{name}"\n\n',
    }
    for path, text in PLUGIN.items():
        file = folder / Template(path).substitute(words)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(Template(text).substitute(words), encoding="utf-8")
    return folder


def new_sketch(name: str, where: Path) -> Path:
    """Write a sketch called `name`, which plays at once; give its file.

    Raises ValueError where the name cannot be used, FileExistsError where the file is there.
    """
    name = name.removesuffix(".py")
    _check_name("sketch", name)
    if name in sys.stdlib_module_names:
        # Its folder comes first where Python looks for modules.
        raise ValueError(
            f"a sketch called {name!r} would hide Python's own module; choose another name"
        )
    file = where / f"{name}.py"
    if file.exists():
        raise FileExistsError(f"{file.name!r} is there already; choose another name")
    title = name.replace("_", " ").capitalize()
    file.write_text(Template(SKETCH).substitute(title=title, file=file.name), encoding="utf-8")
    return file


def _check_name(what: str, name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        near = near if near[:1].isalpha() else f"my_{near}".rstrip("_")
        raise ValueError(f"no {what} can be called {name!r}; use a-z, 0-9 and _, such as {near!r}")
    if keyword.iskeyword(name) or name in TAKEN:
        raise ValueError(
            f"no {what} can be called {name!r}, which means something else already; "
            "choose another name"
        )


# -- the command ------------------------------------------------------------------------------


@click.group()
def new() -> None:
    """Write a working start: a sketch of your own, or a plugin with a part of your own.

    \b
      capriccio new sketch mine
      capriccio new plugin glow
    """


@new.command()
@click.argument("name")
def plugin(name: str) -> None:
    """Write capriccio-NAME/: a package with one generator, its test, and a sketch that plays it.

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


def _written(write, name: str) -> Path:
    try:
        return write(name, Path.cwd())
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
