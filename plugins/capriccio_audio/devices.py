"""Finds the sound cards of this machine; run as a program it writes their names as JSON."""

import json
import subprocess
import sys
from contextlib import suppress
from typing import Any


def playbacks() -> tuple[Any, list[dict[str, Any]]]:
    """Return the first sound system of this machine that has a device, and its devices."""
    import miniaudio

    kind = miniaudio.Backend
    wanted = {
        "linux": [kind.JACK, kind.PULSEAUDIO, kind.ALSA],
        "darwin": [kind.COREAUDIO],
        "win32": [kind.WASAPI, kind.DSOUND],
    }.get(sys.platform, [kind.ALSA])
    for backend in wanted:
        with suppress(miniaudio.MiniaudioError):
            found = miniaudio.Devices([backend]).get_playbacks()
            # A card that swallows everything is none.
            found = [one for one in found if "Discard all samples" not in one["name"]]
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
