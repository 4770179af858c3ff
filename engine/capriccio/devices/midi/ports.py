"""Finds MIDI ports: the system that answers, what is connected to it, and the port of a name."""

from ...errors import ShowError
from ...log import stderr_silenced
from ...midi_ports import (
    JACK,
    WINDOWS,
    SystemStuck,
    SystemWatch,
    close_client,
    jack_library,
    midi_library,
    open_client,
    port_names,
    system_name,
    systems,
)

# What our ports are called where other programs see them.
CLIENT = "capriccio"


def find_api() -> int:
    """Return RtMidi's number of the first MIDI system that answers; start none.

    Where only a stuck one runs, it is that. Raises ShowError where none runs.
    """
    try:
        apis = systems()
    except ImportError as error:
        raise ShowError(f"no MIDI: supriya-midi does not load: {error}") from None
    stuck: list[int] = []
    for api in apis:
        try:
            with stderr_silenced():
                if api == JACK and jack_library():
                    SystemWatch(api, CLIENT).close()
                else:
                    close_client(open_client("output", api, CLIENT))
        except SystemStuck:
            stuck.append(api)
            continue
        except ConnectionError:
            continue
        return api
    if stuck:
        return stuck[0]
    names = " and ".join(map(system_name, apis)) or "nothing"
    raise ShowError(f"no MIDI system answers (tried {names})")


def api_name() -> str:
    """Return the name of the MIDI system that answers; raise ShowError where none does."""
    return system_name(find_api())


def api_constant() -> str:
    """Return RtMidi's and mido's word for the system that answers, such as `UNIX_JACK`."""
    return str(midi_library().RtMidiAPI(find_api()).name)


def find_output(name: str) -> tuple[int, str]:
    """Return the MIDI system and the whole name of the output port that `name` means.

    "" means a virtual port, whose whole name is "", or the first port on Windows, which has none.
    Where a system is stuck, the name is what was asked for. Raises ShowError where there is no such
    port.
    """
    api = find_api()
    if not name and api != WINDOWS:
        return api, ""
    try:
        names = list_ports("output", api)
    except SystemStuck:
        return api, name
    if not name and not names:
        raise ShowError("no MIDI output is connected")
    return api, match_port(name, names, "output") if name else names[0]


def list_ports(kind: str, api: int) -> list[str]:
    """Return the ports of a `kind`, "input" or "output", that can be connected to."""
    with stderr_silenced():
        port = open_client(kind, api, CLIENT)
        try:
            return port_names(port)
        finally:
            close_client(port)


def match_port(name: str, names: list[str], kind: str) -> str:
    """Return the one of `names` that is or contains `name`, or raise ShowError about the `kind`."""
    if name in names:
        return name
    near = [port for port in names if name.lower() in port.lower()]
    if len(near) == 1:
        return near[0]
    if near:
        listed = ", ".join(map(repr, near))
        raise ShowError(f"{len(near)} MIDI {kind}s match {name!r}: {listed}")
    others = [repr(port) for port in names if not port.startswith(CLIENT)]
    raise ShowError(f"no MIDI {kind} is called {name!r}; connected: {', '.join(others) or 'none'}")
