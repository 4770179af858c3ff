"""Load skia-python, which draws, when it is first used."""

import platform
from functools import cache
from importlib import import_module
from typing import Any

from ..errors import ShowError


@cache
def load_skia() -> Any:
    """Return the module `skia`.

    Raises:
        ShowError: it is not installed, or a library that it needs on Linux is missing.
    """
    try:
        return import_module("skia")
    except ImportError as error:
        raise ShowError(f"a canvas needs skia-python: {error}; {skia_remedy()}") from None


def skia_is_available() -> bool:
    """Return whether skia-python loads on this machine."""
    try:
        load_skia()
    except ShowError:
        return False
    return True


def skia_remedy() -> str:
    """Return what to do where skia-python does not load."""
    if platform.system() != "Linux":
        return "pip install skia-python"
    return "apt install libgl1 libegl1 libfontconfig1, and pip install skia-python"
