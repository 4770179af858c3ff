"""Whether a sketch can be begun in its middle, and a print of the state that it keeps."""

import hashlib
import random
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np
from capriccio import Input, Sketch

RANKS = ("now", "music", "run")
# How deep objects of the sketch are looked into.
DEPTH = 6
# What the engine keeps on a part, which is no state of its own.
ENGINES = {"construction", "knob_state"}


def seekable_of(sketch: Sketch) -> tuple[str, str]:
    """Return "now", "music" or "run" for a whole sketch, and the reason where it is "run".

    See `capriccio.parts.Part.seekable`.
    """
    if sketch.seekable:
        return sketch.seekable, "the sketch says so"
    reach = "now"
    if random in sketch.names.values():  # the state of which other threads of a worker change
        return "run", "it draws from the module 'random'"
    for name, thing in sketch.names.items():
        for part in thing if isinstance(thing, list | tuple) else (thing,):
            if isinstance(part, Input):
                return "run", f"{name!r} is an input"
            if not hasattr(part, "seekable") or isinstance(part, type | Sketch):
                continue
            says = part.seekable or ("run" if set(vars(part)) - ENGINES else "now")
            if says == "run":
                why = "says so" if part.seekable else "says nothing, and may keep a state"
                return "run", f"{name!r}, {part}, {why}"
            reach = max(reach, says, key=RANKS.index)
    return reach, ""


def state_of(sketch: Sketch) -> str:
    """Return a digest of what the file of a sketch keeps beside its parts.

    It changes where a cue has changed a list, an object or a number of the module.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, thing in sorted(sketch.names.items()):
        if not name.startswith("__"):
            digest.update(name.encode() + b"=")
            _add(digest, thing, DEPTH)
    return digest.hexdigest()


def _add(digest: Any, thing: Any, depth: int) -> None:
    """Add what a thing is made of to a digest; parts, modules and classes have said it already."""
    if depth == 0 or isinstance(thing, ModuleType | type | BuiltinFunctionType | Sketch):
        return
    if isinstance(thing, str | bytes | int | float | complex | None):
        digest.update(f"{thing!r};".encode())
    elif isinstance(thing, np.ndarray) and not thing.dtype.hasobject:
        digest.update(f"{thing.dtype}{thing.shape}".encode() + thing.tobytes())
    elif isinstance(thing, Mapping):
        for key, value in thing.items():
            digest.update(f"{key!r}:".encode())
            _add(digest, value, depth - 1)
    elif isinstance(thing, list | tuple | deque):
        digest.update(f"[{len(thing)}]".encode())
        for one in thing:
            _add(digest, one, depth - 1)
    elif isinstance(thing, set | frozenset):
        digest.update(repr(sorted(map(repr, thing))).encode())
    elif isinstance(thing, np.random.Generator):
        _add(digest, thing.bit_generator.state, depth - 1)
    elif isinstance(thing, random.Random):
        digest.update(repr(thing.getstate()).encode())
    elif hasattr(thing, "seekable"):
        return
    elif isinstance(thing, FunctionType):
        _add(digest, vars(thing), depth - 1)
        for cell in thing.__closure__ or ():
            with suppress(ValueError):  # it is assigned later
                _add(digest, cell.cell_contents, depth - 1)
    elif hasattr(thing, "__dict__"):
        _add(digest, vars(thing), depth - 1)
