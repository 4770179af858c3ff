"""Opens a stranger's model and runs it once in a process with limits, before we open it.

A file of 141 bytes may ask for 8 GB, and one of 270 bytes may never come to an end; nothing short
of running them tells. `refusal` runs this file as a script: `trial.py PATH MEGABYTES SECONDS`. The
script imports only ONNX Runtime, and reports in one line of JSON how it ended. A verdict is kept by
the hash of the file.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

# What a trial may take beyond an empty interpreter, and what more for each megabyte of the file:
# our own models of 20 MB need a quarter of it.
MEGABYTES, MEGABYTES_EACH, MAX_MEGABYTES = 176, 16, 4096
CPU_SECONDS, CPU_SECONDS_EACH = 0.8, 0.4
WALL_SECONDS = 10.0  # whatever the file's size, the start of the interpreter included
# The folders of models that need more, and are yours.
TRUSTED_FOLDERS = "CAPRICCIO_TRUSTED_MODELS"
MAX_VERDICTS = 1000
MAX_CACHE_BYTES = 1_000_000

_verdicts: dict[str, str] = {}  # of this process, by key


def refusal(path: Path) -> str:
    """Return why a model must not be opened, for the end of a sentence; "" where it may be.

    Models that lie in the package of code that runs in this process are not tried, nor are those
    in the folders of CAPRICCIO_TRUSTED_MODELS.
    """
    if _is_packaged(path) or _is_trusted(path):
        return ""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    key = f"{digest}-{_runtime()}-{MEGABYTES}-{CPU_SECONDS}"
    if key not in _verdicts:
        known = _read_verdicts()
        if key in known:
            _verdicts[key] = known[key]
        else:
            verdict, is_lasting = _try(path)
            if not is_lasting:
                return verdict
            _verdicts[key] = verdict
            _write_verdicts({**known, key: verdict})
    return _verdicts[key]


def limits(size: int) -> tuple[float, float]:
    """Return the megabytes and the seconds of one core that a file of `size` bytes may take."""
    megabytes = size / 2**20
    memory = min(MEGABYTES + MEGABYTES_EACH * megabytes, MAX_MEGABYTES)
    return memory, min(CPU_SECONDS + CPU_SECONDS_EACH * megabytes, WALL_SECONDS)


def _is_packaged(path: Path) -> bool:
    folders = {str(path.absolute().parent), str(path.resolve().parent)}
    return any(
        os.path.dirname(file) in folders
        for module in list(sys.modules.values())
        if hasattr(module, "__path__") and (file := getattr(module, "__file__", None))
    )


def _is_trusted(path: Path) -> bool:
    folders = os.environ.get(TRUSTED_FOLDERS, "").split(os.pathsep)
    return any(
        folder and path.resolve().is_relative_to(Path(folder).resolve()) for folder in folders
    )


def _try(path: Path) -> tuple[str, bool]:
    """Return the verdict on a file, and whether another trial would come to the same."""
    memory, seconds = limits(path.stat().st_size)
    command = [sys.executable, "-P", __file__, str(path.absolute()), str(memory), str(seconds)]
    advice = f"; if it is your own, set {TRUSTED_FOLDERS} to its folder"
    try:
        child = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=WALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"did not open and run once within {WALL_SECONDS:g} s{advice}", False
    if child.returncode == -getattr(signal, "SIGPROF", 0) != 0:
        return f"takes more than {seconds:.1f} s to open and run once{advice}", True
    told: dict[str, Any] = {}
    with suppress(ValueError):
        told = json.loads(child.stdout)
    if told.get("memory"):
        return f"takes more than {memory:.0f} MB to open and run once{advice}", True
    if not told:
        return f"ends ONNX Runtime when it is opened (code {child.returncode})", True
    return "", True


# -- verdicts that are kept -------------------------------------------------------------------


def cache_file() -> Path:
    """Return the path of the file of verdicts."""
    import click

    return Path(click.get_app_dir("capriccio")) / "models.json"


def _read_verdicts() -> dict[str, str]:
    with suppress(OSError, ValueError, RecursionError):
        with cache_file().open("rb") as file:
            known = json.loads(file.read(MAX_CACHE_BYTES))
        if isinstance(known, dict):
            return {str(key): str(verdict) for key, verdict in known.items()}
    return {}


def _write_verdicts(verdicts: dict[str, str]) -> None:
    from ..atomic_file import write_bytes

    newest = dict(list(verdicts.items())[-MAX_VERDICTS:])
    with suppress(OSError):  # else it is tried again next time
        write_bytes(cache_file(), json.dumps(newest, indent=0).encode(), private=True)


def _runtime() -> str:
    for name in ("onnxruntime-gpu", "onnxruntime"):
        with suppress(ImportError):
            return version(name)
    return ""


# -- in a process of its own ------------------------------------------------------------------


def main(path: str, megabytes: float, seconds: float) -> None:
    """Open the model and run it once, on zeros, within limits; report how it ended."""
    import numpy as np
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    limit_memory(megabytes)
    if hasattr(signal, "setitimer"):  # ends the process, even within a call of C code
        signal.setitimer(signal.ITIMER_PROF, seconds)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    report: dict[str, Any] = {"memory": False}
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        feeds = {}
        for one in session.get_inputs():
            kind = one.type.removeprefix("tensor(").removesuffix(")")
            dtype = {"float": "float32", "double": "float64", "string": "object"}.get(kind, kind)
            shape = [size if isinstance(size, int) else 1 for size in one.shape]
            feeds[one.name] = np.zeros(shape, dtype)
        session.run(None, feeds)
    except MemoryError:
        report["memory"] = True
    except Exception as error:  # what else is wrong with it is told where it is opened for good
        report["memory"] = "alloc" in str(error).lower()
    print(json.dumps(report), flush=True)
    os._exit(0)  # nothing of the session is needed, and its end may take its time


def limit_memory(megabytes: float) -> None:
    """Allow this process so much more memory than it has now, where the system can."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[5])  # of data, in use
        allowed = int(pages * resource.getpagesize() + megabytes * 2**20)
        resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
    except (ImportError, OSError, ValueError):
        _watch_memory(megabytes)


def _watch_memory(megabytes: float) -> None:
    """End the process when it has grown too large: for systems without such a limit."""
    import threading
    import time

    def watch() -> None:
        begun = _peak_megabytes()
        while _peak_megabytes() - begun < megabytes:
            time.sleep(0.01)
        print(json.dumps({"memory": True}), flush=True)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _peak_megabytes() -> float:
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2 ** (20 if sys.platform == "darwin" else 10)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
