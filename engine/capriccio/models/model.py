"""Opens an `.onnx` file as a function on named arrays, on the device that was asked for."""

import ctypes
import hashlib
import sys
import threading
from collections import deque
from pathlib import Path
from time import perf_counter
from typing import Any
from weakref import WeakSet

from ..errors import ModelError, ProviderError, suggest
from ..log import warn_once
from .onnx_reader import Slot, read_card, read_outside

__all__ = ["Model", "Slot", "read_card", "use_device"]

# What "auto" tries, in this order, before the CPU. TensorRT and OpenVINO compile for minutes and
# CoreML computes in half precision: those are for people who ask for them.
AUTOMATIC = ("cuda", "migraphx", "rocm", "dml")
# What brings a provider that is not there.
REMEDIES = {
    "cuda": "it needs an NVIDIA driver and pip install 'capriccio[cuda]'",
    "tensorrt": "it needs an NVIDIA driver, pip install 'capriccio[cuda]' and tensorrt",
    "dml": "pip install onnxruntime-directml in place of onnxruntime",
    "openvino": "pip install onnxruntime-openvino in place of onnxruntime",
    "migraphx": "pip install onnxruntime-migraphx in place of onnxruntime",
}

NO_NVIDIA = "there is no NVIDIA driver or GPU"

# The models that are open: files say which of them had a hand in it.
_open: "WeakSet[Model]" = WeakSet()
_opening = threading.Lock()
# The calls of a model whose time is remembered, and the part of them that took no longer than is
# told.
MOST_CALLS, USUAL = 256, 0.95
_device = "auto"
_announced: set[str] = set()


def use_device(name: str) -> None:
    """Choose where the models opened from now on run: `auto`, `cpu`, `cuda` and so on.

    Raises ProviderError where this machine has no such device. `auto` takes a GPU where there is
    one, else the CPU, and says once which it took. What was open before had no hand in the show
    that now begins.
    """
    global _device
    with _opening:
        _open.clear()
    name = name.lower()
    if name not in ("auto", "cpu"):
        available = _available()
        if name not in available:
            import onnxruntime

            every = ["auto", *map(_short, onnxruntime.get_all_providers())]
            if name not in every:
                raise ProviderError(f"no device is called {name!r}{suggest(name, every)}")
            raise ProviderError(_missing(name, available))
        if name in ("cuda", "tensorrt") and not _nvidia():
            raise ProviderError(_missing(name, available, NO_NVIDIA))
    _device = name


class Model:
    """A network that is played: call it with its inputs by name, get its outputs.

    `model(z=array)` gives the output array where there is one output, else a dictionary of arrays
    by name. The file's outside is checked at once; the session opens, and warms up, at the first
    call or when `provider` is asked for. `inputs` and `outputs` tell dtype and shape by name,
    `card` what the file says of itself.

    `threads` are those of one call on the CPU, by default one for each core; small recurrent
    networks are faster with 1, since waking a second thread takes longer than their work.

    Raises FileNotFoundError; ModelError where the file is refused or the arrays do not fit;
    ProviderError where the device that was asked for does not really run it.
    """

    def __init__(self, path: Path | str, threads: int | None = None):
        self.path = Path(path)
        self.stamp, self.digest = stamp_of(self.path), ""
        self.threads = threads
        self.inputs, self.outputs, self.card = read_outside(self.path)
        self._single = next(iter(self.outputs)) if len(self.outputs) == 1 else None
        self._names = list(self.outputs)
        self._session: Any = None
        self._wanted: list = []
        self._run: Any = None
        self._provider = ""
        self._took: deque[float] = deque(maxlen=MOST_CALLS)  # seconds

    def __str__(self) -> str:
        return f"model {self.path.stem!r}"

    def __call__(self, **arrays):
        if self._run is None:
            self.open()
        # The common case costs under a microsecond an array; _check explains the others.
        for name, dtype, shape in self._wanted:
            array = arrays.get(name)
            if getattr(array, "dtype", None) != dtype or array.shape != shape:
                self._check(arrays)
                break
        if len(arrays) != len(self._wanted):
            self._check(arrays)
        begun = perf_counter()
        try:
            made = self._run(self._names, arrays)
        except Exception as error:
            raise ModelError(f"{self} failed in ONNX Runtime: {_first_line(error)}") from error
        self._took.append(perf_counter() - begun)
        return made[0] if self._single else dict(zip(self._names, made, strict=True))

    @property
    def provider(self) -> str:
        """The device that really runs the model: `cpu`, `cuda` and so on. Opens the session."""
        if self._run is None:
            self.open()
        return self._provider

    @property
    def session(self) -> Any:
        """ONNX Runtime's own session, for whoever measures beside it. Opens it."""
        if self._run is None:
            self.open()
        return self._session

    def open(self) -> None:
        """Make the session and run it once, so that the first picture comes as fast as the rest."""
        import numpy as np

        self._session, self._provider = _session(self.path, self.threads)
        self._wanted = [
            (name, np.dtype(slot.dtype), slot.shape) for name, slot in self.inputs.items()
        ]
        self._run = self._session.run
        if all(None not in shape for _, _, shape in self._wanted):
            self(**{name: np.zeros(shape, dtype) for name, dtype, shape in self._wanted})
            self._took.clear()  # the first call takes much longer than any later one
        with self.path.open("rb") as file:
            self.digest = hashlib.file_digest(file, "sha256").hexdigest()
        with _opening:
            _open.add(self)

    def close(self) -> None:
        """Let the session go; the next call opens it again."""
        self._session = self._run = None
        with _opening:
            _open.discard(self)

    def _check(self, arrays: dict[str, Any]) -> None:
        """Raise ModelError in our words where the arrays do not fit."""
        for name in arrays:
            if name not in self.inputs:
                raise ModelError(f"{self} has no input {name!r}{suggest(name, self.inputs)}")
        for name, slot in self.inputs.items():
            if name not in arrays:
                raise ModelError(f"{self} needs its input {name!r}, {slot.dtype} {_shape(slot)}")
            array = arrays[name]
            if not hasattr(array, "dtype"):
                kind = type(array).__name__
                raise ModelError(f"input {name!r} of {self} was given {kind!r}; give a numpy array")
            if array.dtype != slot.dtype:
                raise ModelError(f"input {name!r} of {self} is {array.dtype}; give {slot.dtype}")
            fits = len(array.shape) == len(slot.shape) and all(
                wanted in (None, size) for size, wanted in zip(array.shape, slot.shape, strict=True)
            )
            if not fits:
                raise ModelError(
                    f"input {name!r} of {self} has shape {array.shape}; give {_shape(slot)}"
                )


def stamp_of(path: Path) -> tuple[int, int]:
    """Give what tells a file that was replaced from the one before; zeros where there is none."""
    try:
        facts = path.stat()
    except OSError:
        return 0, 0
    return facts.st_mtime_ns, facts.st_size


def open_models() -> dict[str, dict[str, str]]:
    """Give every open model by the name of its file: its sha256, and the device that runs it."""
    with _opening:
        models = sorted(_open, key=lambda model: str(model.path))
    return {
        model.path.name: {"sha256": model.digest, "provider": model._provider} for model in models
    }


def replaced_models() -> set[Path]:
    """Give the files of open models that are no longer the ones that were opened."""
    with _opening:
        models = list(_open)
    return {model.path for model in models if stamp_of(model.path) != model.stamp}


def latencies() -> dict[str, tuple[str, float]]:
    """Give every model that was called by its file's name: its device, and its seconds a call.

    95 in 100 of its last calls took no longer.
    """
    with _opening:
        models = sorted(_open, key=lambda model: str(model.path))
    calls: dict[tuple[str, str], list[float]] = {}
    for model in models:
        calls.setdefault((model.path.stem, model._provider), []).extend(model._took.copy())
    return {
        name: (device, sorted(took)[round(USUAL * (len(took) - 1))])
        for (name, device), took in calls.items()
        if took
    }


def _session(path: Path, threads: int | None):
    """Make a session on the chosen device; give it with the device that it really took."""
    import onnxruntime

    available = _available()
    tried = [_device] if _device != "auto" else [n for n in AUTOMATIC if n in available] + ["cpu"]
    trouble = ""
    for name in tried:
        if name in ("cuda", "tensorrt"):
            if not _nvidia():
                trouble = NO_NVIDIA
                continue
            # Libraries that came as wheels are not on the system's search path.
            onnxruntime.preload_dlls()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # we say it in our words
        options.use_deterministic_compute = True
        if threads:
            options.intra_op_num_threads = threads
        providers: list = [available[name]] if name in available else []
        if name == "cuda":
            # The exhaustive search times algorithms and may take another one tomorrow.
            providers = [(available[name], {"cudnn_conv_algo_search": "HEURISTIC"})]
        if name != "cpu":
            providers.append("CPUExecutionProvider")
        try:
            session = onnxruntime.InferenceSession(path, options, providers=providers)
        except Exception as error:
            if name != "cpu" and _device == "auto":
                trouble = _first_line(error)
                continue
            raise ModelError(
                f"model {str(path)!r} cannot be opened: {_first_line(error)}"
            ) from error
        # Without this, a failing GPU would be swapped for the CPU in the middle of a show.
        session.disable_fallback()
        took = _short(session.get_providers()[0])
        if took == name:
            if _device == "auto":
                because = f", for {trouble}" if trouble and _nvidia() else ""
                if took not in _announced:
                    _announced.add(took)
                    warn_once(f"networks run on {took}{because}")
            return session, took
        trouble = f"{name} did not start"
    raise ProviderError(_missing(_device, available, trouble))


def _missing(name: str, available, trouble: str = "") -> str:
    real = [one for one in available if one not in ("cuda", "tensorrt") or _nvidia()]
    there = ", ".join(map(repr, real))
    because = f" ({trouble})" if trouble else ""
    remedy = REMEDIES.get(name, "install the build of ONNX Runtime that brings it")
    return f"device {name!r} is not available{because}; there are {there}; {remedy}"


def _available() -> dict[str, str]:
    """Give the devices this build of ONNX Runtime knows, by our names; which proves no more."""
    import onnxruntime

    # Its log would tell in ten lines what we tell in one.
    onnxruntime.set_default_logger_severity(4)
    return {_short(name): name for name in onnxruntime.get_available_providers()}


def _short(provider: str) -> str:
    return provider.removesuffix("ExecutionProvider").lower()


def _nvidia() -> bool:
    """Say whether an NVIDIA driver answers and has a GPU."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        count = ctypes.c_int()
        return not driver.cuInit(0) and not driver.cuDeviceGetCount(ctypes.byref(count)) and (
            count.value > 0
        )  # fmt: skip
    except OSError:
        return False


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__


def _shape(slot: Slot) -> str:
    sizes = ", ".join("any" if size is None else str(size) for size in slot.shape)
    return f"({sizes}{',' if len(slot.shape) == 1 else ''})"
