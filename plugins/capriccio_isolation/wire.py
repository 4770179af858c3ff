"""What passes between a show and a worker: messages as JSON, arrays in memory that both see.

Nothing that arrives is executed: no pickles, no code. An array is written to the shared memory,
one after the other, and the message says where it lies, of which type and shape.
"""

import json
import math
import mmap
import os
import select
import struct
import tempfile
import time
from pathlib import Path
from typing import IO, Any

import numpy as np
from capriccio import Moment, Note, Stroke

MIN_BYTES = 4 << 20  # of shared memory at first: a picture of 1280 by 720 is 2.8 MB
LENGTH = struct.Struct("<I")
MAX_MESSAGE = 64 << 20  # bytes
TYPES = ("uint8", "float32", "float64", "int64", "bool")  # of arrays
ALIGNMENT = 64  # bytes


class WireError(RuntimeError):
    """Something cannot be sent, or what came is not what was agreed on."""


class SharedMemory:
    """Memory of a file that two processes map; it grows when more is needed."""

    def __init__(self, path: Path):
        self.path = path
        self._file = open(path, "r+b")  # noqa: SIM115 - as long as the worker lives
        self._map = mmap.mmap(self._file.fileno(), 0)

    @classmethod
    def create(cls) -> "SharedMemory":
        """Return new memory, in a file that no other user can read."""
        folder = "/dev/shm" if Path("/dev/shm").is_dir() else None  # never written to a disk
        handle, name = tempfile.mkstemp(prefix="capriccio-", dir=folder)
        os.ftruncate(handle, MIN_BYTES)
        os.close(handle)
        return cls(Path(name))

    def write(self, arrays: list[np.ndarray]) -> list[dict[str, Any]]:
        """Write arrays, and return where each lies."""
        places: list[dict[str, Any]] = []
        begin = 0
        for array in arrays:
            if array.dtype.name not in TYPES:
                raise WireError(f"expected arrays of {', '.join(TYPES)}, got {array.dtype}")
            places.append({"at": begin, "type": array.dtype.name, "shape": list(array.shape)})
            begin += -(-array.nbytes // ALIGNMENT) * ALIGNMENT
        self._grow(begin)
        for array, place in zip(arrays, places, strict=True):
            np.copyto(self._view(place), array)
        return places

    def read(self, place: dict[str, Any]) -> np.ndarray:
        """Return a copy of the array that lies at a place.

        Raises:
            WireError: no array can lie there.
        """
        at, kind, shape = place["at"], place["type"], place["shape"]
        numbers = [at, *shape]
        if kind not in TYPES or any(type(one) is not int or one < 0 for one in numbers):
            raise WireError(f"expected an array, got {place!r}")
        self._grow(0)  # the other side may have grown it
        # numpy does not look whether an array lies within its buffer.
        if at + math.prod(shape) * np.dtype(kind).itemsize > len(self._map):
            raise WireError(f"expected an array within {len(self._map)} bytes, got {place!r}")
        return self._view(place).copy()

    def forget(self) -> None:
        """Remove the name of the file: once both have opened it, it ends with them."""
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the memory; nobody else can open it from now on."""
        self._map.close()
        self._file.close()
        self.forget()

    def _view(self, place: dict[str, Any]) -> np.ndarray:
        return np.ndarray(place["shape"], place["type"], self._map, place["at"])

    def _grow(self, size: int) -> None:
        there = os.fstat(self._file.fileno()).st_size
        if size > there:
            there = max(size, 2 * there)
            os.ftruncate(self._file.fileno(), there)
        if there != len(self._map):
            self._map.close()
            self._map = mmap.mmap(self._file.fileno(), there)


def send(stream: IO[bytes], memory: SharedMemory, message: dict[str, Any]) -> None:
    """Send a message; its arrays go through the memory."""
    arrays: list[np.ndarray] = []
    plain = _encode(message, arrays)
    data = json.dumps({"message": plain, "arrays": memory.write(arrays)}).encode()
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes], memory: SharedMemory, seconds: float = math.inf) -> dict[str, Any]:
    """Return the next message.

    Args:
        stream: a pipe, without a buffer.
        memory: where the arrays are.
        seconds: how long to wait for all of it.

    Raises:
        EOFError: the other side has ended.
        TimeoutError: it took longer.
        WireError: it is no message.
    """
    end = time.monotonic() + seconds
    (length,) = LENGTH.unpack(_exactly(stream, LENGTH.size, end))
    if length > MAX_MESSAGE:
        raise WireError(f"expected at most {MAX_MESSAGE} bytes, got {length}")
    data = _exactly(stream, length, end)
    try:
        content = json.loads(data)
        arrays = [memory.read(place) for place in content["arrays"]]
        message: dict[str, Any] = _decode(content["message"], arrays)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise WireError(f"expected a message, got {type(error).__name__}: {error}") from None
    return message


def _exactly(stream: IO[bytes], count: int, end: float) -> bytes:
    data = b""
    while len(data) < count:
        left = end - time.monotonic()
        if left < math.inf and not select.select([stream], [], [], max(0.0, left))[0]:
            raise TimeoutError
        part = stream.read(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _encode(thing: Any, arrays: list[np.ndarray]) -> Any:
    """Return what JSON can hold; arrays are put aside, and named by their number."""
    if thing is None or isinstance(thing, bool | str):
        return thing
    if isinstance(thing, int | float | np.integer | np.floating):
        return thing if isinstance(thing, int | float) else thing.item()
    if isinstance(thing, np.ndarray):
        arrays.append(thing)
        return {"array": len(arrays) - 1}
    if isinstance(thing, Moment):
        return {"moment": [thing.beats, thing.seconds, thing.span, thing.meter, thing.bpm]}
    if isinstance(thing, Note):
        return {"note": [_encode(one, arrays) for one in thing]}
    if isinstance(thing, Stroke):
        points = np.asarray(thing.points, np.float64)
        return {"stroke": [_encode(one, arrays) for one in (points, *thing[1:])]}
    if isinstance(thing, Path):
        return str(thing)
    if isinstance(thing, list | tuple):
        items = [_encode(one, arrays) for one in thing]
        return {"tuple": items} if isinstance(thing, tuple) else items
    if isinstance(thing, dict):
        return {"dict": [[str(key), _encode(value, arrays)] for key, value in thing.items()]}
    raise WireError(f"a {type(thing).__name__!r} cannot be sent to another process")


def _decode(thing: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(thing, list):
        return [_decode(one, arrays) for one in thing]
    if not isinstance(thing, dict):
        return thing
    ((kind, value),) = thing.items()
    if kind == "array":
        return arrays[value]
    if kind == "moment":
        return Moment(*value)
    if kind == "note":
        return Note(*_decode(value, arrays))
    if kind == "stroke":
        return Stroke(*_decode(value, arrays))
    if kind == "tuple":
        return tuple(_decode(value, arrays))
    return {key: _decode(one, arrays) for key, one in value}
