"""Finds the sound cards of this machine; run as a program it writes their names as JSON."""

import json
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

from capriccio import ShowError

# A card of this name swallows everything.
NULL_CARD = "Discard all samples"


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


def open_capture(name: str, receive: Callable[[Any], None], rate: int) -> Any:
    """Return a microphone that calls `receive` with mono float32 from a thread of its own.

    Raises:
        ShowError: there is none, or it cannot be opened.
    """
    import miniaudio
    import numpy as np

    def received() -> Generator[None, bytes, None]:
        while True:
            receive(np.frombuffer((yield), np.float32).reshape(-1, 2).mean(axis=1))

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


def _devices(method: str) -> tuple[Any, list[dict[str, Any]]]:
    import miniaudio

    kind = miniaudio.Backend
    wanted = {
        "linux": [kind.JACK, kind.PULSEAUDIO, kind.ALSA],
        "darwin": [kind.COREAUDIO],
        "win32": [kind.WASAPI, kind.DSOUND],
    }.get(sys.platform, [kind.ALSA])
    for backend in wanted:
        with suppress(miniaudio.MiniaudioError):
            found = getattr(miniaudio.Devices([backend]), method)()
            found = [one for one in found if NULL_CARD not in one["name"]]
            if found:
                return backend, found
    return wanted[0], []


def device_names(timeout: float = 10.0) -> list[str]:
    """Return the names of the sound cards that can play.

    A process of its own asks for them: drivers write to the terminal, and a broken one may hang.
    """
    try:
        found = subprocess.run(
            [sys.executable, "-P", "-m", "capriccio_audio.devices"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
        )
        return list(json.loads(found.stdout))
    except (subprocess.TimeoutExpired, ValueError):
        return []


if __name__ == "__main__":
    print(json.dumps([one["name"] for one in playbacks()[1]]))
