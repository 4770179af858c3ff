"""Finds the sound cards of this machine; run as a program it writes their names as JSON."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from logging import getLogger
from queue import Empty, SimpleQueue
from typing import Any

from capriccio import ShowError

log = getLogger("capriccio")

# The period that is asked of a sound card, in milliseconds; JACK has its own.
PERIOD_MS, PERIODS = 6, 3
# A card of this name swallows everything.
NULL_CARD = "Discard all samples"
# How long a sound system may take to list its devices, and to close one, in seconds; one that takes
# longer is stuck, as a JACK server that is stopped.
ANSWER_SECONDS, CLOSE_SECONDS = 3.0, 1.0
# How often a microphone of a stuck system is looked for.
LOOK_SECONDS = 0.5
# What `device_names` calls the cards of a stuck system.
STUCK = "JACK, which does not answer"

_waiting: dict[Any, threading.Thread] = {}  # for stuck systems


def playbacks() -> tuple[Any, list[dict[str, Any]]]:
    """Return the first sound system of this machine that can play, and its devices."""
    return _devices("get_playbacks")


def captures() -> tuple[Any, list[dict[str, Any]]]:
    """Return the first sound system of this machine that can record, and its devices."""
    return _devices("get_captures")


def choose(name: str, found: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return the device whose name contains `name`, the first one for "".

    Raises:
        LookupError: there is none.
    """
    if not found:
        raise LookupError(f"no {kind} was found")
    fitting = [one for one in found if name.lower() in one["name"].lower()]
    if not fitting:
        names = ", ".join(repr(one["name"]) for one in found)
        raise LookupError(f"no {kind} is called {name!r}; there are: {names}")
    return fitting[0]


def open_playback(
    name: str, requests: Generator[Any, int, None], rate: int, jack: str = ""
) -> tuple[Any, str, int]:
    """Return a started sound card, its name, and how many requests of sound wait in it.

    Args:
        name: a part of its name.
        requests: is asked for frames, stereo float32; it has begun.
        rate: frames a second.
        jack: the name of the device where it is known to be that of JACK, which is then not asked
            for a list: that takes 0.2 s.

    Raises:
        LookupError: there is no such sound card, or miniaudio is not installed.
        TimeoutError: no sound system answers.
        miniaudio.MiniaudioError: it cannot be opened.
    """
    miniaudio = _library()
    backend, chosen = miniaudio.Backend.JACK, dict[str, Any](id=None, name=jack)
    if not jack:
        backend, found = playbacks()
        chosen = choose(name, found, "sound card")
    is_jack = backend == miniaudio.Backend.JACK
    kind = direct_device(miniaudio) if is_jack else miniaudio.PlaybackDevice
    device = kind(
        output_format=miniaudio.SampleFormat.FLOAT32,
        nchannels=2,
        sample_rate=rate,
        buffersize_msec=0 if is_jack else PERIOD_MS,  # another size would be filled in turns
        device_id=chosen["id"],
        callback_periods=PERIODS,
        backends=[backend],
        app_name="capriccio",
    )
    device.start(requests)
    return device, chosen["name"], 1 if is_jack else PERIODS


def direct_device(miniaudio: Any) -> Any:
    """Return the class of a sound card of JACK that asks for sound in the period that plays it.

    miniaudio asks a period ahead, to always ask for as many frames, unless `noFixedSizedCallback`
    is set in its settings. Its module for Python lacks that, the last of four bytes in a row.
    """

    class Direct(miniaudio.PlaybackDevice):  # type: ignore[misc]
        def _make_context(self, *arguments: Any) -> Any:
            ffi, settings = miniaudio.ffi, self._devconfig
            fields = dict(ffi.typeof("ma_device_config").fields)
            # Behind `periods` come `performanceProfile`, and the four bytes.
            flag = fields["periods"].offset + 4 + 4 + 3
            if flag < fields["dataCallback"].offset <= flag + 5:
                ffi.cast("unsigned char *", ffi.addressof(settings))[flag] = 1
            return super()._make_context(*arguments)

    return Direct


class Capture:
    """A microphone that calls `receive` with mono float32 from a thread of its own.

    Where the sound system is stuck, it is opened when that answers again.

    Raises:
        ShowError: there is none, or it cannot be opened.
    """

    def __init__(self, name: str, receive: Callable[[Any], None], rate: int):
        self._wanted = name, receive, rate
        self._closed, self._lock = threading.Event(), threading.Lock()
        self._device: Any = None
        try:
            self._device = _open_capture(*self._wanted)
        except TimeoutError as error:
            log.warning("the room cannot be heard: %s; it is heard when it does", error)
            threading.Thread(target=self._open_later, daemon=True).start()

    def close(self) -> None:
        """Stop hearing."""
        self._closed.set()
        with self._lock:
            device, self._device = self._device, None
        if device is not None:
            close_in_time(device)

    def _open_later(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            try:
                device = _open_capture(*self._wanted)
            except TimeoutError:
                continue
            except ShowError as error:
                log.warning("%s", error)
                return
            with self._lock:
                self._device = device
            log.info("the room is heard")
            if self._closed.is_set():
                self.close()
            return


def close_in_time(device: Any) -> None:
    """Close a device; where its system is stuck, that is not waited for."""

    def close() -> None:
        with suppress(Exception):  # of any driver
            device.close()
        with suppress(AttributeError):
            device.running = False  # or miniaudio stops it once more as garbage, and raises

    thread = threading.Thread(target=close, daemon=True)
    thread.start()
    thread.join(CLOSE_SECONDS)


def _open_capture(name: str, receive: Callable[[Any], None], rate: int) -> Any:
    import numpy as np

    def received() -> Generator[None, bytes, None]:
        while True:
            receive(np.frombuffer((yield), np.float32).reshape(-1, 2).mean(axis=1))

    try:
        miniaudio = _library()
    except LookupError as error:
        raise ShowError(f"the room cannot be heard: {error}") from None
    try:
        backend, found = captures()
        device = miniaudio.CaptureDevice(
            input_format=miniaudio.SampleFormat.FLOAT32,
            nchannels=2,  # JACK has as many as its card, and mixes none
            sample_rate=rate,
            buffersize_msec=10,
            device_id=choose(name, found, "microphone")["id"],
            backends=[backend],
            app_name="capriccio",
        )
        calls = received()
        next(calls)
        device.start(calls)
    except (LookupError, miniaudio.MiniaudioError) as error:
        raise ShowError(f"the room cannot be heard: {error}") from None
    return device


def _library() -> Any:
    """Return the module miniaudio.

    Raises:
        LookupError: it is not installed, as on Linux on ARM, for which it has no wheels.
    """
    try:
        import miniaudio
    except ImportError:
        raise LookupError("sound cards need the package miniaudio: pip install miniaudio") from None
    return miniaudio


def _devices(method: str) -> tuple[Any, list[dict[str, Any]]]:
    miniaudio = _library()
    kind = miniaudio.Backend
    wanted = {
        "linux": [kind.JACK, kind.PULSEAUDIO, kind.ALSA],
        "darwin": [kind.COREAUDIO],
        "win32": [kind.WASAPI, kind.DSOUND],
    }.get(sys.platform, [kind.ALSA])
    stuck = False
    for backend in wanted:
        try:
            found = _in_time(backend, method)
        except miniaudio.MiniaudioError:
            continue
        except TimeoutError:
            stuck = True
            continue
        found = [one for one in found if NULL_CARD not in one["name"]]
        if found:
            return backend, found
    if stuck:
        raise TimeoutError("the sound system does not answer")
    return wanted[0], []


def _in_time(backend: Any, method: str) -> Any:
    """Return the devices of one sound system, or raise TimeoutError where that takes too long.

    While it owes an answer, it is not asked again: that would hang as well.
    """
    import miniaudio

    if backend in _waiting and _waiting[backend].is_alive():
        raise TimeoutError
    answers: SimpleQueue[tuple[Any, Exception | None]] = SimpleQueue()

    def answer() -> None:
        try:
            answers.put((getattr(miniaudio.Devices([backend]), method)(), None))
        except Exception as error:
            answers.put((None, error))

    _waiting[backend] = threading.Thread(target=answer, daemon=True)
    _waiting[backend].start()
    try:
        found, error = answers.get(timeout=ANSWER_SECONDS)
    except Empty:
        raise TimeoutError from None
    _waiting[backend].join()
    if error:
        raise error
    return found


def device_names(timeout: float = 10.0) -> list[str]:
    """Return the names of the sound cards that can play; STUCK alone where a system may have some.

    A process of its own asks for them: drivers write to the terminal, and a broken one may hang.
    """
    return list(_ask("names", timeout) or [])


def device_latency(timeout: float = 5.0) -> tuple[str, float]:
    """Return the name of the first sound card, and how many milliseconds late it plays.

    It is opened for a moment, and plays silence; ("", 0.0) where that fails.
    """
    name, latency = _ask("latency", timeout) or ("", 0.0)
    return str(name), float(latency)


def _ask(what: str, timeout: float) -> Any:
    try:
        found = subprocess.run(
            # With `-m` instead of its path, the package around it would be imported, numpy and all.
            [sys.executable, "-P", __file__, what],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
        )
        return json.loads(found.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return None


def measure_latency(rate: int = 48_000) -> tuple[str, float]:
    """Open the first sound card until it has asked for sound a few times; see `device_latency`."""
    asked: list[int] = []
    enough = threading.Event()

    def silence() -> Generator[bytes, int, None]:
        frames = yield b""
        while True:
            asked.append(frames)
            if len(asked) > 4:  # the first ones may fill a buffer
                enough.set()
            frames = yield bytes(8 * frames)

    requests = silence()
    next(requests)
    device, name, periods = open_playback("", requests, rate)
    enough.wait(2.0)
    device.close()
    return name, round(1000 * periods * asked[-1] / rate, 1) if asked else 0.0


if __name__ == "__main__":
    wanted = sys.argv[1] == "latency"
    try:
        answer: Any = measure_latency() if wanted else [one["name"] for one in playbacks()[1]]
    except TimeoutError:
        answer = (STUCK, 0.0) if wanted else [STUCK]
    print(json.dumps(answer), flush=True)
    os._exit(0)  # a driver that is stuck would not let go
