"""Lists MIDI ports and opens one by its name, while others come and go.

A MIDI system renumbers its ports whenever one comes or goes; rtmidi asks for them one by one and
opens by number. So a list may be inconsistent, and a number may mean another port by now.
"""

import time
from collections.abc import Callable
from typing import Any

# How often a list is asked for, or a port opened, until nothing has changed meanwhile.
MAX_TRIES = 20
PAUSE_SECONDS = 0.005
# How often a client is opened, and the pause between.
MAX_CLIENT_TRIES, CLIENT_PAUSE_SECONDS = 4, 0.02


def open_client(kind: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return a client of a MIDI system, of the `kind` MidiIn or MidiOut of rtmidi, or of isobar.

    JACK refuses a client while another one is on its way out; that passes. Raises the error of
    rtmidi that does not.
    """
    for left in reversed(range(MAX_CLIENT_TRIES)):
        try:
            return kind(*arguments, **options)
        except Exception:
            if not left:
                raise
            time.sleep(CLIENT_PAUSE_SECONDS)
    raise AssertionError  # the last try returns or raises


def port_names(port: Any, last: list[str] | None = None) -> list[str]:
    """Return the ports to which a MidiIn or MidiOut of rtmidi can be opened, by their numbers.

    Two lists must agree; where nothing has changed since the `last` one, one question is enough.
    Raises the error of rtmidi that does not pass.
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
    """Open rtmidi's `port` to the one called `name`; our end is called `own_name`.

    Raises ConnectionError where it is not there, and the error of rtmidi where it does not open.
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
