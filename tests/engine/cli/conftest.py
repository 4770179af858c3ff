"""Fixtures of the command line: a folder to work in, and plugins to have installed."""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from itertools import count
from pathlib import Path

import pytest
from capriccio import registry
from capriccio.models.model import use_device
from capriccio.registry import GROUP, Registry, use_seed
from helpers.command import PIECE

numbers = count()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """The current folder, on a machine without a display."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "CAPRICCIO_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    use_device("auto")
    use_seed(None)


@pytest.fixture
def piece(folder) -> Path:
    """A small sketch in the current folder."""
    (folder / "piece.py").write_text(PIECE)
    return folder / "piece.py"


@pytest.fixture
def install(tmp_path, monkeypatch) -> Callable[..., Registry]:
    """Return a function that installs plugins, given as the text of their modules, alone."""
    (tmp_path / "plugins").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "plugins")

    def install(*, ours: bool = False, **texts: str) -> Registry:
        points = []
        for name, text in texts.items():
            module = f"plugin_{name}_{next(numbers)}"
            file = tmp_path / "plugins" / module / "__init__.py"
            file.parent.mkdir()
            file.write_text(text)
            points.append(EntryPoint(name, module, GROUP))
        if ours:
            points.append(EntryPoint("devices", "capriccio.devices", GROUP))
        made = Registry(points)
        monkeypatch.setattr(registry, "installed", lambda: made)
        return made

    return install
