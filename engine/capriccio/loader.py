"""Runs the file of a sketch and returns its `Sketch`."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from .errors import ShowError
from .sketch import Sketch, loading


def sketch_path(path: str | Path) -> Path:
    """Return the absolute path of a sketch.

    Raises:
        ShowError: there is no such file.
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise ShowError(f"no file {str(path)!r} to run")
    return path


def load_sketch(path: str | Path) -> Sketch:
    """Run the file of a sketch and return its `Sketch`; modules beside it can be imported.

    Raises:
        ShowError: there is no such file, or not one sketch in it; errors in it go through.
    """
    path = sketch_path(path)
    # A name of its own: a sketch called random.py must not stand in for the module `random`.
    name = f"sketch_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ShowError(f"{path.name!r} is no Python file; a sketch ends in .py")
    module = module_from_spec(spec)
    # At the end, for the same reason: the standard library imports much when it is first needed.
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    sys.modules[name] = module
    token = loading.set(path)
    try:
        spec.loader.exec_module(module)
    finally:
        loading.reset(token)
    things = vars(module).values()
    sketches = list({id(thing): thing for thing in things if isinstance(thing, Sketch)}.values())
    if len(sketches) != 1:
        raise ShowError(
            f"{path.name!r} makes {len(sketches) or 'no'} "
            f"{'sketches; keep one' if sketches else 'sketch; write sketch = Sketch()'}"
        )
    sketches[0].names = vars(module)
    sketches[0].title = path.stem
    return sketches[0]
