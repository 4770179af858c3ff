"""Finds MIDI ports: which system answers, what is connected to it, and which port is meant."""

import os
from contextlib import contextmanager

from ...errors import ShowError
from ...midi_ports import port_names

# What our ports are called where other programs see them.
CLIENT = "capriccio"


def system() -> int:
    """Give rtmidi's number of the first MIDI system that answers; no server is started for it.

    Raises ShowError, with the reason in a few words, where none does.
    """
    try:
        import rtmidi
    except ImportError as error:
        raise ShowError(f"no MIDI: python-rtmidi does not load: {error}") from None
    apis = [api for api in rtmidi.get_compiled_api() if api != rtmidi.API_RTMIDI_DUMMY]
    for api in apis:
        try:
            with hushed():
                rtmidi.MidiOut(api, name=CLIENT).delete()
        except rtmidi.RtMidiError:
            continue
        return api
    names = " and ".join(map(rtmidi.get_api_display_name, apis)) or "nothing"
    raise ShowError(f"no MIDI system answers (tried {names})")


def system_name() -> str:
    """Name the MIDI system that answers; raise ShowError where none does."""
    api = system()
    import rtmidi

    return rtmidi.get_api_display_name(api)


def system_constant() -> str:
    """Give what rtmidi and mido call the system that answers, such as `UNIX_JACK`."""
    api = system()
    import rtmidi

    names = [name for name in dir(rtmidi) if name.startswith("API_")]
    return next(name for name in names if getattr(rtmidi, name) == api).removeprefix("API_")


def output_port(name: str) -> tuple[int, str]:
    """Give the system and the whole name of the output port that `name` means.

    "" means a virtual port, whose whole name is "", where the system can make one, and else the
    first port. Raises ShowError where there is no such port.
    """
    api = system()
    import rtmidi

    if not name and api != rtmidi.API_WINDOWS_MM:
        return api, ""
    names = connected(rtmidi.MidiOut, api)
    if not name and not names:
        raise ShowError("no MIDI output is connected")
    return api, meant(name, names, "output") if name else names[0]


def connected(kind, api: int) -> list[str]:
    """List the ports that rtmidi's MidiIn or MidiOut, whichever `kind` is, can connect to."""
    with hushed():
        looking = kind(api, name=CLIENT)
        try:
            return port_names(looking)
        finally:
            looking.delete()


def meant(name: str, names: list[str], kind: str) -> str:
    """Give the one of `names` that is `name`, or else that holds it, in upper or lower case.

    Raises ShowError where none does, or several do.
    """
    if name in names:
        return name
    near = [port for port in names if name.lower() in port.lower()]
    if len(near) == 1:
        return near[0]
    if near:
        listed = ", ".join(map(repr, near))
        raise ShowError(f"{len(near)} MIDI {kind}s have {name!r} in their name: {listed}; say more")
    raise ShowError(
        f"no MIDI {kind} is called {name!r}; connected: {', '.join(map(repr, names)) or 'none'}"
    )


@contextmanager
def hushed():
    """Keep C libraries off the terminal: ALSA and JACK complain on descriptor 2."""
    try:
        before = os.dup(2)
    except OSError:  # there is no standard error to keep clean
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)
