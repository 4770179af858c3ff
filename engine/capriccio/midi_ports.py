"""Lists MIDI ports and opens one by its name, while others come and go.

A MIDI system numbers its ports and renumbers them whenever one comes or goes; rtmidi asks for them
one by one and opens by number. So a list may be torn, and a number may mean another port by now.
"""

import time

# So often at most a list is asked for, or a port opened, until nothing has moved meanwhile.
TRIES = 20
PAUSE_SECONDS = 0.005


def port_names(port, last: list[str] | None = None) -> list[str]:
    """List the ports that rtmidi's `port`, a MidiIn or MidiOut, can be opened to, in order.

    It asks until two lists are the same; whoever looks often gives the `last` one, and where
    nothing has changed one question will do. Raises what rtmidi does where that is no passing
    trouble.
    """
    for left in reversed(range(TRIES)):
        try:
            names = port.get_ports()
        except Exception:  # one that was counted is gone
            if not left:
                raise
            time.sleep(PAUSE_SECONDS)
            continue
        if names == last:
            break
        last = names
    return names


def open_port(port, name: str, ours: str) -> None:
    """Open rtmidi's `port` to the one called `name`; `ours` is what our end is called.

    Raises ConnectionError where it is not there, and what rtmidi does where it does not open.
    """
    for left in reversed(range(TRIES)):
        names = port_names(port)
        if name not in names:
            break
        number = names.index(name)
        try:
            port.open_port(number, name=ours)
        except Exception:
            port.close_port()
            if not left or _same(port, names, number):
                raise
            continue
        if _same(port, names, number):
            return
        port.close_port()
    raise ConnectionError(f"{name!r} has just gone")


def _same(port, names: list[str], number: int) -> bool:
    """Say whether the ports up to `number` are still these: then it means what it meant."""
    return port_names(port, names)[: number + 1] == names[: number + 1]
