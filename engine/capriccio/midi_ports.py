"""Lists MIDI ports and opens one by its name, while others come and go.

A MIDI system renumbers its ports whenever one comes or goes; rtmidi asks for them one by one and
opens by number. So a list may be inconsistent, and a number may mean another port by now.
"""

import time
from typing import Any

# How often a list is asked for, or a port opened, until nothing has changed meanwhile.
MAX_TRIES = 20
PAUSE_SECONDS = 0.005


def port_names(port: Any, last: list[str] | None = None) -> list[str]:
    """Return the ports that can be opened, in the order of their numbers.

    Args:
        port: a MidiIn or MidiOut of rtmidi.
        last: what an earlier call returned. Two lists must agree; where nothing has changed since,
            one question is enough.

    Raises:
        Exception: the error of rtmidi that does not pass.
    """
    for left in reversed(range(MAX_TRIES)):
        try:
            names: list[str] = port.get_ports()
        except Exception:  # one that was counted is gone
            if not left:
                raise
            time.sleep(PAUSE_SECONDS)
            continue
        if names == last:
            break
        last = names
    return names


def open_port(port: Any, name: str, own_name: str) -> None:
    """Open a port by its name.

    Args:
        port: a MidiIn or MidiOut of rtmidi.
        name: of the port to connect to.
        own_name: of our end of the connection.

    Raises:
        ConnectionError: it is not there.
        Exception: the error of rtmidi where it cannot be opened.
    """
    for left in reversed(range(MAX_TRIES)):
        names = port_names(port)
        if name not in names:
            break
        number = names.index(name)
        try:
            port.open_port(number, name=own_name)
        except Exception:
            port.close_port()
            if not left or _unchanged(port, names, number):
                raise
            continue
        if _unchanged(port, names, number):
            return
        port.close_port()
    raise ConnectionError(f"{name!r} has just gone")


def _unchanged(port: Any, names: list[str], number: int) -> bool:
    """Return whether the ports up to `number` are still these, so that it meant what it means."""
    return port_names(port, names)[: number + 1] == names[: number + 1]
