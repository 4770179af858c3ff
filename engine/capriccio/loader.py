"""Runs the file of a sketch and returns its `Sketch`."""

import hashlib
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import NoReturn

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


class _SketchLoader(SourceFileLoader):
    """Runs the bytes that were read and checked, never bytecode from `__pycache__`.

    A folder from elsewhere may hold bytecode that its source does not compile to.
    """

    def __init__(self, name: str, path: Path, content: bytes):
        super().__init__(name, str(path))
        self._content = content

    def get_data(self, path: str) -> bytes:
        return self._content

    def path_stats(self, path: str) -> NoReturn:
        raise OSError  # how a loader says that it has no bytecode


def load_sketch(path: str | Path, digest: str | None = None) -> Sketch:
    """Run the file of a sketch and return its `Sketch`; modules beside it can be imported.

    Args:
        path: of the file, which ends in `.py`.
        digest: the SHA-256 that its content must have, else nothing of it is run.

    Raises:
        ShowError: there is no such file, it has another hash, or there is not one sketch in it;
            errors in it go through.
    """
    path = sketch_path(path)
    if path.suffix != ".py":
        raise ShowError(f"{path.name!r} is no Python file; a sketch ends in .py")
    content = path.read_bytes()
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise ShowError(f"sketch {path.name!r} is not the one that was asked for")
    # A name of its own: a sketch called random.py must not stand in for the module `random`.
    name = f"sketch_{path.stem}"
    spec = spec_from_loader(name, _SketchLoader(name, path, content))
    assert spec and spec.loader
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
