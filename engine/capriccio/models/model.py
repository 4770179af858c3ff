"""Open an `.onnx` file as a function of named arrays, on the device that was asked for."""

import ctypes
import hashlib
import os
import sys
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any
from weakref import WeakSet

from ..errors import ModelError, ProviderError, suggest
from ..extras import install_command
from ..log import info, warn_once
from .onnx_reader import TensorSpec, read_card, read_spec
from .trial import refusal

__all__ = ["Model", "read_card", "use_device"]

# What "auto" tries, in this order, before the CPU. TensorRT and OpenVINO compile for minutes and
# CoreML computes in half precision: those must be asked for.
AUTOMATIC = ("cuda", "migraphx", "rocm", "dml")
# How to install a provider that is missing.
REMEDIES = {
    "cuda": f"it needs an NVIDIA driver and {install_command('cuda')}",
    "tensorrt": f"it needs an NVIDIA driver, {install_command('cuda')} and tensorrt",
    "dml": "pip install onnxruntime-directml in place of onnxruntime",
    "openvino": "pip install onnxruntime-openvino in place of onnxruntime",
    "migraphx": "pip install onnxruntime-migraphx in place of onnxruntime",
}
NVIDIA = ("cuda", "tensorrt")
# How long idle threads of a network spin: enough for its next operator. By themselves they spin for
# 20 ms and more, and take a core from other networks, pictures and sound.
SPIN_MICROSECONDS = "50"
NO_NVIDIA = "there is no NVIDIA driver or GPU"

# How many calls of a model are timed, and the quantile of their durations that is reported.
MAX_CALLS, QUANTILE = 256, 0.95

# The open models; files say which of them were used.
_open: "WeakSet[Model]" = WeakSet()
_open_lock = threading.Lock()
_device = "auto"
announced_devices: set[str] = set()  # by "auto", each once in a process


def use_device(name: str) -> None:
    """Choose the device of models opened from now on: `auto`, `cpu`, `cuda` and so on.

    `auto` takes a GPU where there is one, else the CPU, and logs once which. The list of open
    models starts anew, since a new show begins. A missing device raises ProviderError.
    """
    global _device
    with _open_lock:
        _open.clear()
    name = name.lower()
    if name not in ("auto", "cpu"):
        available = _available()
        if name not in available:
            import onnxruntime

            known = ["auto", *map(_short, onnxruntime.get_all_providers())]
            if name not in known:
                raise ProviderError(f"no device is called {name!r}{suggest(name, known)}")
            raise ProviderError(_unavailable(name, available))
        if name in NVIDIA and not has_nvidia_gpu():
            raise ProviderError(_unavailable(name, available, NO_NVIDIA))
    _device = name


class Model:
    """A network: call it with its inputs by name to get its outputs.

    `model(z=array)` returns the output array where there is one output, else a dictionary of
    arrays by name. The file is checked at once; the session opens, and warms up, at the first
    call. `inputs` and `outputs` hold dtype and shape by name, `card` the file's metadata. A file
    that is refused and arrays that do not fit raise ModelError, a device that does not run the
    model ProviderError.

    Args:
        path: of an `.onnx` file.
        threads: for one call on the CPU, by default what the environment variable OMP_NUM_THREADS
            says, or one for each core; small recurrent networks are faster with 1, since waking a
            second thread takes longer than their work.
    """

    def __init__(self, path: Path | str, threads: int | None = None):
        self.path = Path(path)
        self.stamp, self.digest = stamp_of(self.path), ""
        self.threads = threads
        self.inputs, self.outputs, self.card = read_spec(self.path)
        self.opened_on = ""  # the provider of the session, once it is open
        self.call_seconds: deque[float] = deque(maxlen=MAX_CALLS)  # of the last calls
        self._single = next(iter(self.outputs)) if len(self.outputs) == 1 else None
        self._names = list(self.outputs)
        self._session: Any = None
        self._wanted: list[tuple[str, Any, Any]] = []  # name, dtype, shape
        self._run: Any = None

    def __str__(self) -> str:
        return f"model {self.path.stem!r}"

    def __call__(self, **arrays: Any) -> Any:
        if self._run is None:
            self.open()
        # The common case costs under a microsecond an array; _check explains the others.
        for name, dtype, shape in self._wanted:
            array: Any = arrays.get(name)
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
        self.call_seconds.append(perf_counter() - begun)
        return made[0] if self._single else dict(zip(self._names, made, strict=True))

    @property
    def provider(self) -> str:
        """The device that really runs the model: `cpu`, `cuda` and so on. Opens the session."""
        if self._run is None:
            self.open()
        return self.opened_on

    @property
    def session(self) -> Any:
        """The session of ONNX Runtime, for benchmarks. Opens it."""
        if self._run is None:
            self.open()
        return self._session

    def open(self) -> None:
        """Create the session and run it once, so that no call is slow; ModelError: refused."""
        import numpy as np

        if reason := refusal(self.path):
            raise ModelError(f"model {str(self.path)!r} {reason}")
        self._session, self.opened_on = _open_session(self.path, self.threads)
        specs = self.inputs.items()
        self._wanted = [(name, np.dtype(spec.dtype), spec.shape) for name, spec in specs]
        self._run = self._session.run
        if not any(None in shape for _, _, shape in self._wanted):
            self(**{name: np.zeros(shape, dtype) for name, dtype, shape in self._wanted})
            self.call_seconds.clear()  # the first call takes much longer than any later one
        with self.path.open("rb") as file:
            self.digest = hashlib.file_digest(file, "sha256").hexdigest()
        with _open_lock:
            _open.add(self)

    def close(self) -> None:
        """Release the session; the next call opens it again."""
        self._session = self._run = None
        with _open_lock:
            _open.discard(self)

    def _check(self, arrays: dict[str, Any]) -> None:
        """Raise ModelError where the arrays do not fit."""
        for name in arrays:
            if name not in self.inputs:
                raise ModelError(f"{self} has no input {name!r}{suggest(name, self.inputs)}")
        for name, spec in self.inputs.items():
            if name not in arrays:
                raise ModelError(f"{self} needs its input {name!r}, {spec.dtype} {_shape(spec)}")
            array = arrays[name]
            if not hasattr(array, "dtype"):
                got = type(array).__name__
                raise ModelError(f"input {name!r} of {self} must be a numpy array, got {got}")
            what = f"input {name!r} of {self} must"
            if array.dtype != spec.dtype:
                raise ModelError(f"{what} be {spec.dtype}, got {array.dtype}")
            fits = len(array.shape) == len(spec.shape) and all(
                wanted in (None, size) for size, wanted in zip(array.shape, spec.shape, strict=True)
            )
            if not fits:
                raise ModelError(f"{what} have shape {_shape(spec)}, got {array.shape}")


def stamp_of(path: Path) -> tuple[int, int]:
    """Return the modification time and size of a file, which change with it; 0 if it is gone."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def open_models() -> dict[str, dict[str, str]]:
    """Return the SHA-256 and the device of every open model, by the name of its file."""
    return {
        model.path.name: {"sha256": model.digest, "provider": model.opened_on}
        for model in _sorted_models()
    }


def replaced_models() -> set[Path]:
    """Return the files of open models that have changed since they were opened."""
    return {model.path for model in _sorted_models() if stamp_of(model.path) != model.stamp}


def latencies() -> dict[str, tuple[str, float]]:
    """Return the device and the seconds a call of every open model that was called, by its name.

    95 in 100 of its last calls took no longer.
    """
    calls: dict[tuple[str, str], list[float]] = {}
    for model in _sorted_models():
        seconds = model.call_seconds.copy()
        calls.setdefault((model.path.stem, model.opened_on), []).extend(seconds)
    return {
        name: (device, sorted(seconds)[round(QUANTILE * (len(seconds) - 1))])
        for (name, device), seconds in calls.items()
        if seconds
    }


def _sorted_models() -> list[Model]:
    with _open_lock:
        return sorted(_open, key=lambda model: str(model.path))


def _open_session(path: Path, threads: int | None) -> tuple[Any, str]:
    """Create a session on the chosen device; return it with the device that it really uses."""
    import onnxruntime

    available = _available()
    tried = [_device] if _device != "auto" else [n for n in AUTOMATIC if n in available] + ["cpu"]
    trouble = ""
    for name in tried:
        if name in NVIDIA:
            if not has_nvidia_gpu():
                trouble = NO_NVIDIA
                continue
            # Libraries that came as wheels are not on the system's search path.
            onnxruntime.preload_dlls()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # our own message is enough
        options.use_deterministic_compute = True
        options.intra_op_num_threads = threads or _allowed_threads()
        options.add_session_config_entry("session.intra_op.spin_duration_us", SPIN_MICROSECONDS)
        providers: list[Any] = [available[name]] if name in available else []
        if name == "cuda":
            # The exhaustive search times algorithms and may take another one tomorrow.
            providers = [(available[name], {"cudnn_conv_algo_search": "HEURISTIC"})]
        if name != "cpu":
            providers.append("CPUExecutionProvider")
            # Convolutions in 8 bits are for CPUs; elsewhere their weights become floats again.
            options.add_session_config_entry("session.disable_quant_qdq", "1")
        try:
            session = onnxruntime.InferenceSession(path, options, providers=providers)
        except Exception as error:
            if name != "cpu" and _device == "auto":
                trouble = _first_line(error)
                continue
            reason = _first_line(error)
            raise ModelError(f"model {str(path)!r} cannot be opened: {reason}") from error
        # Without this, a failing GPU would be swapped for the CPU in the middle of a show.
        session.disable_fallback()
        took = _short(session.get_providers()[0])
        if took == name:
            if _device == "auto" and took not in announced_devices:
                announced_devices.add(took)
                reason = f", because {trouble}" if trouble and has_nvidia_gpu() else ""
                (warn_once if reason else info)(f"networks run on {took}{reason}")
            return session, took
        trouble = f"{name} did not start"
    raise ProviderError(_unavailable(_device, available, trouble))


def _allowed_threads() -> int:
    """Return OMP_NUM_THREADS, or how many cores this process has where those are not all; else 0.

    ONNX Runtime itself regards neither. Threads that wait spin, at the cost of others.
    """
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if said.isdecimal():
        return int(said)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    return cores if cores < (os.cpu_count() or 1) else 0


def _unavailable(name: str, available: Mapping[str, str], trouble: str = "") -> str:
    real = [repr(one) for one in available if one not in NVIDIA or has_nvidia_gpu()]
    reason = f" ({trouble})" if trouble else ""
    remedy = REMEDIES.get(name, "install the build of ONNX Runtime that has it")
    return f"device {name!r} is not available{reason}; there are {', '.join(real)}; {remedy}"


def _available() -> dict[str, str]:
    """Return the devices that this build of ONNX Runtime supports: provider name by short name."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)  # our own message is enough
    return {_short(name): name for name in onnxruntime.get_available_providers()}


def _short(provider: str) -> str:
    return provider.removesuffix("ExecutionProvider").lower()


def has_nvidia_gpu() -> bool:
    """Return whether an NVIDIA driver answers and has a GPU."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        count = ctypes.c_int()
        failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
        return not failed and count.value > 0
    except OSError:
        return False


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__


def _shape(spec: TensorSpec) -> str:
    sizes = ", ".join("any" if size is None else str(size) for size in spec.shape)
    return f"({sizes}{',' if len(spec.shape) == 1 else ''})"
