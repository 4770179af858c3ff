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
    """Draw a warm light that moves in a circle."""

$rename    def generate(self, now, *, drift=0.0, bloom=0.5):
        """Return an image, `(height, width, 3)` floats 0..1.

        Args:
            drift: Where on the circle the light is; 0 and 1 are the same place.
            bloom: The size of the light.
        """
        y, x = np.mgrid[0:256, 0:256] / 255
        angle = 2 * np.pi * drift
        far = np.hypot(x - 0.5 - 0.3 * np.cos(angle), y - 0.5 - 0.3 * np.sin(angle))
        return np.exp(-far[..., None] * [0.5, 1, 2] / (0.05 + 0.3 * bloom))  # red reaches farthest


@hookimpl
def generators():
    return [$part]
''',
    "tests/test_$module.py": """\
from capriccio.testing import check_generator

from $module import $part


def test_${name}_is_a_valid_generator():
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


sketch.run()
''',
    "README.md": """\
# $project

The generator `$name` for Capriccio. Install it, run its test, list its knobs, and play it:

```sh
pip install -e ".[test]"
pytest
capriccio parts $name
capriccio run play.py
```

Change `generate` in `$module.py`, then run `play.py` again. The lines under `Args:` describe the
knobs; they are what `capriccio parts $name` and the control panel show.
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
    return choir(now, heat=now.wave(bars=8))  # bolder, and calmer again, in 8 bars


@sketch.draw
def picture(now):
    return garden(now, drift=now.phase(bars=8), bloom=sketch.loudness)  # opens with the music


sketch.run()
'''


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
    for path, text in PLUGIN.items():
        file = folder / Template(path).substitute(words)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(Template(text).substitute(words), encoding="utf-8")
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
    file.write_text(Template(SKETCH).substitute(title=title, file=file.name), encoding="utf-8")
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
