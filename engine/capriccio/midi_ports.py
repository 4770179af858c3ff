"""Opens MIDI ports: the one module that knows the library behind them, supriya-midi.

Of the bindings of RtMidi that have wheels for today's Pythons it alone reports errors as
exceptions, names clients and polls inputs. A MIDI system renumbers its ports whenever one comes or
goes; RtMidi asks for them one by one and opens by number. So a list may be inconsistent, and a
number may mean another port by now.
"""

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from queue import Empty, SimpleQueue
from types import ModuleType
from typing import Any, TypeVar

# RtMidi's numbers of the systems that are treated apart, and of the one that does nothing.
JACK, WINDOWS, DUMMY = 3, 4, 5
# What JACK's servers answer to; and its option not to start one.
JACK_LIBRARY, NO_START_SERVER = "libjack.so.0", 1
# How often a list is asked for, or a port opened, until nothing has changed meanwhile.
MAX_TRIES = 20
PAUSE_SECONDS = 0.005
# How often a client is opened, and the pause between.
MAX_CLIENT_TRIES, CLIENT_PAUSE_SECONDS = 4, 0.02
# How long JACK's server may take to answer, and to let go of a client.
ANSWER_SECONDS, CLOSE_SECONDS = 3.0, 1.5

T = TypeVar("T")


class SystemStuck(ConnectionError):
    """JACK's server accepts requests and does not answer them; it may do so later."""

    def __init__(self) -> None:
        super().__init__("JACK does not answer")


# Answers of JACK that came too late; until they come, nothing else can be asked.
_late: list[SimpleQueue[int | None]] = []


def is_stuck() -> bool:
    """Return whether JACK still owes an answer."""
    return bool(_late)


def ask(
    call: Callable[[], int | None], undo: Callable[[int], object], seconds: float
) -> int | None:
    """Return what a call of JACK's library does, which may never return.

    Raises SystemStuck where it takes longer; what it returns then is given to `undo`.
    """
    if _late:
        raise SystemStuck
    answers: SimpleQueue[int | None] = SimpleQueue()

    def clear() -> None:
        if answer := answers.get():
            undo(answer)
        _late.remove(answers)

    threading.Thread(target=lambda: answers.put(call()), daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except Empty:
        _late.append(answers)
        threading.Thread(target=clear, daemon=True).start()
        raise SystemStuck from None


@cache
def jack_library() -> ctypes.CDLL | None:
    """Return this machine's JACK library; None where there is none, or another system's.

    It is loaded for all libraries that come after it: the copy within a wheel is older than today's
    servers, which refuse it.
    """
    if sys.platform != "linux":
        return None
    with suppress(OSError, AttributeError):
        jack = ctypes.CDLL(JACK_LIBRARY, mode=ctypes.RTLD_GLOBAL)
        # It would write on standard error; this takes a message, and does nothing with it.
        for listener in (jack.jack_set_error_function, jack.jack_set_info_function):
            listener(ctypes.CDLL(None).labs)
        return jack
    return None


def midi_library() -> ModuleType:
    """Return the library that speaks to MIDI systems; raise ImportError where it does not load."""
    jack_library()
    return import_module("supriya_midi")


def systems() -> list[int]:
    """Return RtMidi's numbers of the MIDI systems that the library speaks to."""
    return [int(api) for api in midi_library().get_compiled_apis() if api != DUMMY]


def system_name(api: int) -> str:
    """Return the name of a MIDI system for people."""
    return str(midi_library().get_api_display_name(midi_library().RtMidiAPI(api)))


def open_client(kind: str, api: int, name: str, **options: Any) -> Any:
    """Return a client of a MIDI system that can open an "input" or "output", called `name`.

    It holds the interpreter meanwhile, so that a JACK should be asked by `SystemWatch` before.
    Raises ConnectionError where the system does not run.
    """
    if api == JACK and is_stuck():
        raise SystemStuck
    library = midi_library()
    client = {"input": library.MidiIn, "output": library.MidiOut}[kind]

    def connect() -> Any:
        opened = client(library.RtMidiAPI(api), name, **options)
        try:
            opened.get_port_count()  # or a JACK that is not there would only be missed later
        except BaseException:
            close_client(opened)
            raise
        return opened

    try:
        return try_again(connect)
    except (library.RtMidiError, RuntimeError) as error:
        raise ConnectionError(str(error)) from None


def close_client(client: Any) -> None:
    """Close the port of a client and the client; what cannot be sent any more is dropped."""
    if not client.is_deleted:
        client.set_error_callback(lambda *trouble: None)  # of which nothing follows now
        client.close_port()
        client.delete()  # or a JACK server would wait for us


def try_again(connect: Callable[[], T]) -> T:
    """Return what `connect` does, after a while where it raises.

    JACK refuses a client while another one is on its way out; that passes.
    """
    for left in reversed(range(MAX_CLIENT_TRIES)):
        try:
            return connect()
        except Exception as error:
            if not left or isinstance(error, SystemStuck):
                raise
            time.sleep(CLIENT_PAUSE_SECONDS)
    raise AssertionError  # the last try returns or raises


def port_names(client: Any, last: list[str] | None = None) -> list[str]:
    """Return the ports to which a client can be opened, by their numbers.

    Two lists must agree; where nothing has changed since the `last` one, one question is enough.
    Raises the error of the library that does not pass.
    """
    for left in reversed(range(MAX_TRIES)):
        try:
            names: list[str] = client.get_ports()
        except Exception:  # one that was counted is gone
            if not left:
                raise
            time.sleep(PAUSE_SECONDS)
            continue
        if names == last:
            break
        last = names
    return names


def open_port(client: Any, name: str, own_name: str) -> None:
    """Open a client to the port called `name`; our end is called `own_name`.

    Raises ConnectionError where it is not there, or does not open.
    """
    for left in reversed(range(MAX_TRIES)):
        names = port_names(client)
        if name not in names:
            break
        number = names.index(name)
        try:
            client.open_port(number, own_name)
        except Exception as error:
            client.close_port()
            if not left or _unchanged(client, names, number):
                raise ConnectionError(str(error)) from None
            continue
        if _unchanged(client, names, number):
            return
        client.close_port()
    raise ConnectionResetError(f"{name!r} has just gone")


def _unchanged(client: Any, names: list[str], number: int) -> bool:
    """Return whether the ports up to `number` are still these, so that it meant what it means."""
    return port_names(client, names)[: number + 1] == names[: number + 1]


class SystemWatch:
    """Notices that a MIDI system has ended or is stuck, which RtMidi tells nobody.

    JACK tells its clients; those of a server that has ended must be closed before another one is
    opened. Other systems do not end while programs use them. Raises ConnectionError where JACK
    does not run, and SystemStuck.
    """

    abandoned = False  # whether some client could not be closed

    def __init__(self, api: int, name: str):
        self.ended = False
        self._client: int | None = None
        self._jack = jack = jack_library() if api == JACK else None
        if jack is None:
            return
        jack.jack_client_open.restype = ctypes.c_void_p
        jack.jack_get_uuid_for_client_name.restype = ctypes.c_void_p

        def connect() -> int:
            client = ask(
                lambda: jack.jack_client_open(name.encode(), NO_START_SERVER, None),
                lambda client: jack.jack_client_close(ctypes.c_void_p(client)),
                ANSWER_SECONDS,
            )
            if client is None:
                raise ConnectionError("JACK does not run")
            return client

        self._client = try_again(connect)
        listener = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
        self._listener = listener(self._notice)  # kept as long as JACK may call it
        jack.jack_on_shutdown(ctypes.c_void_p(self._client), self._listener, None)

    def answers(self) -> bool:
        """Return whether calls to the system return: its server answers, or has ended."""
        jack, client = self._jack, self._client
        if jack is None or client is None or self.ended:
            return True

        def call() -> None:  # which asks the server, and changes nothing
            text = jack.jack_get_uuid_for_client_name(ctypes.c_void_p(client), b"system")
            jack.jack_free(ctypes.c_void_p(text))

        with suppress(SystemStuck):
            ask(call, abs, CLOSE_SECONDS)
            return True
        return False

    def close_client(self, client: Any) -> None:
        """Close a client, or leave that to the end of the process where it would never return."""
        if self.answers():
            close_client(client)
        else:
            SystemWatch.abandoned = True
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(client))  # or it is closed as garbage

    def close(self) -> None:
        """Watch no longer."""
        if self._client is not None and self._jack is not None and self.answers():
            client, self._client = self._client, None
            self._jack.jack_client_close(ctypes.c_void_p(client))

    def _notice(self, argument: object) -> None:
        self.ended = True
