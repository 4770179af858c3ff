"""Every MIDI input that is connected, opened once for all who listen, and again when it returns."""

import atexit
import threading
import time
from collections.abc import Callable
from typing import Any

from ...clock import raise_priority
from ...errors import ShowError, describe
from ...log import warn_once
from ...midi_ports import open_port, port_names
from . import ports
from .parser import DriverClock, MessageParser
from .player_process import device_of as device_of

# Inputs that give back what we send: our own port, and the one that leads from Linux's outputs to
# its inputs. They are heard where they are asked for by name.
ECHOES = (ports.CLIENT, "Midi Through")
# How often we look which devices are connected, and what has been played on them, in seconds. The
# driver keeps what is played, with its time: were it to call us instead, it would wait for the
# interpreter, and with it, in JACK, everybody's music.
LOOK_SECONDS, HEAR_SECONDS = 0.1, 0.003
# The thread that looks goes before others: it takes next to no time.
NICE = -15
# Messages that a driver keeps meanwhile.
MOST_KEPT = 8192
# What ends every key that is held on a device that is unplugged: "all notes off" on each channel.
LET_GO = [bytes([0xB0 | channel, 123, 0]) for channel in range(16)]

# The messages of a MIDI clock: song position, tick, start, continue, stop.
CLOCK = (0xF2, 0xF8, 0xFA, 0xFB, 0xFC)

# What a listener is called with: a port, when on `time.monotonic()`, and a whole message.
Hear = Callable[[str, float, bytes], None]


class Subscription:
    """Somebody who hears one port, or all of them, until `stop` is called."""

    def __init__(self, hear: Hear, port: str, clock: bool = False):
        self.hear, self.port, self.clock = hear, port, clock
        self.closed = False

    def chosen(self, names: list[str]) -> list[str]:
        """Give those of the ports that are meant."""
        if not self.port:
            return [name for name in names if not name.startswith(ECHOES)]
        try:
            return [ports.meant(self.port, names, "input")]
        except ShowError:  # it is not there now
            return []

    def catch_up(self) -> None:
        """Hear at once, in this thread, what was played until now."""
        _room.hear()

    def stop(self) -> None:
        """Hear no more."""
        _room.leave(self)

    def forget(self) -> None:
        """Hear no more, from wherever the interpreter tidies up: it may be within `enter`."""
        _room.leave(self, wait=False)


def subscribe(hear: Hear, port: str = "", *, clock: bool = False) -> Subscription:
    """Have `hear(port, when, message)` called, in a thread of its own, for all that is played.

    `port` means one input, as `ports.meant` says; "" means each that is connected, now or later.
    With `clock` it is called for the messages of a MIDI clock, and for no others.
    Raises ShowError where there is no such port; without one, a machine without MIDI is silent.
    """
    listening = Subscription(hear, port, clock)
    _room.enter(listening)
    return listening


class _Room:
    """Where everybody listens: the inputs that are open, and the thread that looks after them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listening: list[Subscription] = []
        self._inputs: dict[str, _Input] = {}
        self._refused: set[str] = set()
        self._names: list[str] = []  # of what was connected when we looked last
        self._empty = threading.Event()
        self._empty.set()
        self._looking: Any = None  # rtmidi's, to ask what is connected
        # Over that alone, within the other lock or without it: some drivers take their time to
        # tell what is connected, and whoever answers what is played must not wait for it.
        self._asking = threading.Lock()

    def enter(self, listening: Subscription) -> None:
        with self._lock, ports.hushed():
            if self._looking is None and not self._open(listening):
                return
            try:
                if listening.port:
                    ports.meant(listening.port, self._connected(), "input")
                self._listening.append(listening)
            finally:
                self._look()
            # One thread looks after all, whoever leaves while another enters.
            if self._listening and self._empty.is_set():
                self._empty = threading.Event()
                threading.Thread(
                    target=self._watch, args=(self._empty,), name="inputs", daemon=True
                ).start()

    def leave(self, listening: Subscription, wait: bool = True) -> None:
        listening.closed = True
        if self._lock.acquire(blocking=wait):
            try:
                if self._looking is not None:
                    self._look()
            finally:
                self._lock.release()

    def close(self) -> None:
        for listening in list(self._listening):
            self.leave(listening)

    def _open(self, listening: Subscription) -> bool:
        try:
            self._api = ports.system()
        except ShowError:
            if listening.port:
                raise
            return False
        import rtmidi

        self._looking = rtmidi.MidiIn(self._api, name=ports.CLIENT)
        return True

    def _watch(self, empty: threading.Event) -> None:
        raise_priority(NICE)
        looked = time.monotonic()
        while not empty.wait(HEAR_SECONDS if self._inputs else LOOK_SECONDS):
            look = time.monotonic() - looked >= LOOK_SECONDS
            self.hear(look)
            looked = time.monotonic() if look else looked

    def hear(self, look: bool = False) -> None:
        """Hand on what was played, and `look` what is connected."""
        try:
            names = self._connected() if look else []
            with self._lock:
                if self._empty.is_set():
                    return
                for port in list(self._inputs.values()):
                    port.take()
                if look:
                    self._look(names)
        except Exception as error:  # whatever a driver does, the show goes on
            warn_once(f"MIDI inputs cannot be heard: {describe(error)}", "MIDI inputs")

    def _connected(self) -> list[str]:
        with self._asking:
            if self._looking is None:
                return []
            self._names = port_names(self._looking, self._names)
            return self._names

    def _look(self, names: list[str] | None = None) -> None:
        """Open what has come, close what has gone, and have everybody hear what they mean to."""
        import rtmidi

        self._listening = [one for one in self._listening if not one.left]
        names = self._connected() if names is None else names
        meant: dict[str, list[Subscription]] = {}
        for listening in self._listening:
            for name in listening.chosen(names):
                meant.setdefault(name, []).append(listening)
        self._refused &= set(names)
        for name in [name for name in self._inputs if name not in meant]:
            port = self._inputs.pop(name)
            port.close()
            if self._listening and name not in names:
                warn_once(f"MIDI input {name!r} is gone; it is heard again when it is back")
                for message in LET_GO:
                    port.hand(time.monotonic(), message)
        for name, several in meant.items():
            if name not in self._inputs and name not in self._refused:
                try:
                    self._inputs[name] = _Input(self._api, name)
                except ConnectionError:  # it has just gone, and is sought again
                    continue
                except rtmidi.RtMidiError as error:  # another program has it, say
                    self._refused.add(name)
                    warn_once(f"MIDI input {name!r} does not open: {error}; it is not heard")
            if name in self._inputs:
                device = self._inputs[name]
                device.hears = tuple(one.hear for one in several if not one.clock)
                device.follows = tuple(one.hear for one in several if one.clock)
        if not self._listening:
            self._empty.set()
            with self._asking:
                self._looking.delete()
                self._looking = None
            self._refused.clear()


class _Input:
    """One port that is open: everybody who listens hears every message and when it was played."""

    def __init__(self, api: int, name: str):
        import rtmidi

        self.hears: tuple[Hear, ...] = ()
        self.follows: tuple[Hear, ...] = ()  # who hears its clock
        self._name = name
        self._stream, self._stopwatch = MessageParser(), DriverClock()
        self._port = rtmidi.MidiIn(api, name=ports.CLIENT, queue_size_limit=MOST_KEPT)
        # What is ignored would be missing from the time between messages.
        self._port.ignore_types(sysex=False, timing=False, active_sense=False)
        try:
            open_port(self._port, name, ports.CLIENT)
        except BaseException:
            self._port.delete()  # or a JACK server would wait for us
            raise

    def take(self) -> None:
        """Hand on what has been played since the last time."""
        for _ in range(MOST_KEPT):  # whoever plays faster than that is not waited for
            event = self._port.get_message()
            if event is None:
                return
            data, since = event
            played = self._stopwatch.played(time.monotonic(), since)
            if self.follows and data and data[0] in CLOCK:
                for hear in self.follows:
                    hear(self._name, played, bytes(data))
            for message in self._stream.take(bytes(data)):
                self.hand(played, message)

    def hand(self, played: float, message: bytes) -> None:
        for hear in self.hears:
            hear(self._name, played, message)

    def close(self) -> None:
        self._port.close_port()
        self._port.delete()


_room = _Room()
# A port that is still open when the interpreter ends is closed too late for some drivers.
atexit.register(_room.close)
