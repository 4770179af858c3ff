"""Opens every connected MIDI input once for all subscribers, and again when it returns."""

import atexit
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from ...clock import raise_priority
from ...errors import ShowError, describe
from ...log import info, stderr_silenced, warn_once
from ...midi_ports import SystemStuck, SystemWatch, open_client, open_port, port_names
from . import ports
from .parser import DriverClock, MessageParser
from .player_process import device_name as device_name

# Inputs that return what we send: our own port, and the one that leads from Linux's outputs to its
# inputs. They are opened only where they are asked for by name.
ECHOES = (ports.CLIENT, "Midi Through")
# How often we check which devices are connected, and read what was played, in seconds. The driver
# keeps what is played, with its time: a callback would make it wait for the interpreter, and with
# it, in JACK, all other programs.
CHECK_SECONDS, READ_SECONDS = 0.1, 0.003
# How often a MIDI system that has ended is looked for.
LOOK_SECONDS = 0.5
# The thread that reads runs before others: it takes next to no time.
NICE = -15
# Messages that a driver keeps meanwhile.
MAX_KEPT = 8192
# Ends all keys that are held on a device that is unplugged: "all notes off" on each channel.
ALL_NOTES_OFF = [bytes([0xB0 | channel, 123, 0]) for channel in range(16)]
# The messages of a MIDI clock: song position, tick, start, continue, stop.
CLOCK = (0xF2, 0xF8, 0xFA, 0xFB, 0xFC)

# Called with a port, the time on `time.monotonic()` at which a message was played, and the message.
MessageCallback = Callable[[str, float, bytes], None]


class Subscription:
    """Calls back for the messages of one port, or of all of them, until `stop`."""

    def __init__(self, callback: MessageCallback, port: str, clock: bool = False):
        self.callback, self.port, self.clock = callback, port, clock
        self.stopped = False

    def matching(self, names: list[str]) -> list[str]:
        """Return those of the ports that are subscribed to."""
        if not self.port:
            return [name for name in names if not name.startswith(ECHOES)]
        try:
            return [ports.match_port(self.port, names, "input")]
        except ShowError:  # it is not there now
            return []

    def catch_up(self) -> None:
        """Call back at once, in this thread, for what was played until now."""
        hub.read()

    def stop(self, wait: bool = True) -> None:
        """End the subscription; without `wait` from a finalizer, which may run within `add`."""
        hub.remove(self, wait)


def subscribe(callback: MessageCallback, port: str = "", *, clock: bool = False) -> Subscription:
    """Call `callback` for every channel message that is played, in a thread of its own.

    `port` names one input, or ShowError is raised; "" is each one that is connected, now or later,
    and nothing on a machine without MIDI. With `clock` it is called for those of a MIDI clock.
    """
    subscription = Subscription(callback, port, clock)
    hub.add(subscription)
    return subscription


class InputHub:
    """The inputs that are open, their subscriptions, and the thread that reads them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: list[Subscription] = []
        self._inputs: dict[str, OpenInput] = {}
        self._refused: set[str] = set()
        self._names: list[str] = []  # of what was connected at the last check
        self._idle = threading.Event()
        self._idle.set()
        self._api = 0
        self._client: Any = None  # to ask what is connected
        self._watch: SystemWatch | None = None  # over the system
        self._lost, self._looked = False, 0.0  # whether it has ended; when it was looked for
        # Over that alone, within the other lock or without it: some drivers take their time to
        # list what is connected, and a cue that answers what is played must not wait for it.
        self._asking = threading.Lock()

    @property
    def open_ports(self) -> list[str]:
        """The names of the inputs that are open."""
        return list(self._inputs)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is subscribed to, and no client of the MIDI system is open."""
        return self._client is None and not self._subscriptions

    def add(self, subscription: Subscription) -> None:
        """Open the ports of a subscription; raise ShowError where its port does not exist."""
        with self._lock:
            if self._client is None and not self._lost and not self._open_client(subscription):
                return
            with stderr_silenced():
                try:
                    if subscription.port and not self._lost:
                        ports.match_port(subscription.port, self._connected(), "input")
                    self._subscriptions.append(subscription)
                finally:
                    self._update()
            # One thread reads for all, even where the last one stops while another is added.
            if self._subscriptions and self._idle.is_set():
                self._idle = idle = threading.Event()
                run = partial(self._run, idle)
                threading.Thread(target=run, name="MIDI inputs", daemon=True).start()

    def remove(self, subscription: Subscription, wait: bool = True) -> None:
        """End a subscription and close the ports that only it needed."""
        subscription.stopped = True
        if self._lock.acquire(blocking=wait):
            try:
                if not self.is_idle:
                    self._update()
            finally:
                self._lock.release()

    def close(self) -> None:
        """End all subscriptions."""
        for subscription in list(self._subscriptions):
            self.remove(subscription)
        with self._lock:  # the thread that reads them may be closing the last ones
            pass

    def read(self, check: bool = False) -> None:
        """Pass on what was played; with `check` open and close what has come and gone."""
        try:
            if check:
                self._follow_system()
            names = self._connected() if check else []
            with self._lock:
                if self._idle.is_set():
                    return
                for port in list(self._inputs.values()):
                    port.read()
                if check:
                    self._update(names)
        except Exception as error:  # of any driver: the show goes on
            warn_once(f"MIDI inputs cannot be read: {describe(error)}", "MIDI inputs")

    def _open_client(self, subscription: Subscription) -> bool:
        try:
            self._api = ports.find_api()
            with stderr_silenced():
                self._open_system()
        except SystemStuck as error:
            self._lost = True
            warn_once(f"{error}; MIDI inputs are read when it does")
        except (ShowError, ConnectionError) as error:
            if subscription.port:
                raise ShowError(str(error)) from None
            return False
        return True

    def _open_system(self) -> None:
        """Open a client of the system; raise ConnectionError where it does not answer."""
        watch = SystemWatch(self._api, ports.CLIENT)
        try:
            client = open_client("input", self._api, ports.CLIENT)
        except BaseException:
            watch.close()
            raise
        with self._asking:
            self._client, self._watch = client, watch

    def _close_system(self) -> None:
        with self._asking:
            if self._client is not None and self._watch is not None:
                self._watch.close_client(self._client)
                self._watch.close()
            self._client = self._watch = None

    def _follow_system(self) -> None:
        """Close everything where the MIDI system has ended, and open it where it is back."""
        now = time.monotonic()
        if self._lost:
            if now - self._looked < LOOK_SECONDS:
                return
        elif self._watch is None or not self._watch.ended:
            return
        with self._lock:
            self._looked = now
            if self._idle.is_set():
                return
            if self._lost:
                with suppress(ConnectionError):
                    self._open_system()
                    self._lost = False
                    info("the MIDI system is back; its inputs are read again")
                return
            self._lost = True
            warn_once("the MIDI system has ended; inputs are read again when it is back")
            # All of them first: a client of a system that is gone must not outlive its return.
            self._close_system()
            for name in list(self._inputs):
                self._close_input(name)
            self._refused.clear()

    def _close_input(self, name: str) -> None:
        """Close an input that has gone, and release the keys that are held on it."""
        port = self._inputs.pop(name)
        port.close()
        for message in ALL_NOTES_OFF:
            port.pass_on(time.monotonic(), message)

    def _run(self, idle: threading.Event) -> None:
        raise_priority(NICE)
        checked = time.monotonic()
        while not idle.wait(READ_SECONDS if self._inputs else CHECK_SECONDS):
            check = time.monotonic() - checked >= CHECK_SECONDS
            self.read(check)
            checked = time.monotonic() if check else checked

    def _connected(self) -> list[str]:
        with self._asking:
            if self._client is None:
                return []
            self._names = port_names(self._client, self._names)
            return self._names

    def _update(self, names: list[str] | None = None) -> None:
        """Open what has come, close what has gone, and connect subscriptions to their inputs."""
        self._subscriptions = [one for one in self._subscriptions if not one.stopped]
        names = self._connected() if names is None else names
        wanted: dict[str, list[Subscription]] = {}
        for subscription in self._subscriptions:
            for name in subscription.matching(names):
                wanted.setdefault(name, []).append(subscription)
        self._refused &= set(names)
        for name in [name for name in self._inputs if name not in wanted]:
            if self._subscriptions and name not in names:
                warn_once(f"MIDI input {name!r} is gone; it is read again when it is back")
                self._close_input(name)
            else:
                self._inputs.pop(name).close()
        for name, subscriptions in wanted.items():
            watch = self._watch
            # A client beside those of a JACK that has ended would have its library crash.
            gone = name in self._refused or watch is None or watch.ended
            if name not in self._inputs and watch and not gone and watch.answers():
                try:
                    self._inputs[name] = OpenInput(self._api, name, watch)
                except ConnectionResetError:  # it has just gone, and is tried again
                    continue
                except ConnectionError as error:  # another program has it, say
                    self._refused.add(name)
                    warn_once(f"MIDI input {name!r} does not open: {error}; it is not read")
            if name in self._inputs:
                port = self._inputs[name]
                port.callbacks = tuple(one.callback for one in subscriptions if not one.clock)
                port.clock_callbacks = tuple(one.callback for one in subscriptions if one.clock)
        if not self._subscriptions:
            self._idle.set()
            self._close_system()
            self._refused.clear()
            self._lost = False


class OpenInput:
    """One open port, which passes every message and its time on to all callbacks."""

    def __init__(self, api: int, name: str, watch: SystemWatch):
        self.callbacks: tuple[MessageCallback, ...] = ()
        self.clock_callbacks: tuple[MessageCallback, ...] = ()
        self._name, self._watch = name, watch
        self._parser, self._driver_clock = MessageParser(), DriverClock()
        self._port = open_client("input", api, ports.CLIENT, queue_size_limit=MAX_KEPT)
        # What is ignored would be missing from the time between messages.
        self._port.ignore_types(sysex=False, timing=False, active_sense=False)
        try:
            open_port(self._port, name, ports.CLIENT)
        except BaseException:
            self.close()
            raise

    def read(self) -> None:
        """Pass on what was played since the last time."""
        for _ in range(MAX_KEPT):  # a device that plays faster must not keep us here
            event = self._port.get_message()
            if event is None:
                return
            data, since = bytes(event[0]), event[1]
            played = self._driver_clock.played_at(time.monotonic(), since)
            if self.clock_callbacks and data and data[0] in CLOCK:
                for callback in self.clock_callbacks:
                    callback(self._name, played, data)
            for message in self._parser.feed(data):
                self.pass_on(played, message)

    def pass_on(self, played: float, message: bytes) -> None:
        """Call back for one channel message."""
        for callback in self.callbacks:
            callback(self._name, played, message)

    def close(self) -> None:
        """Close the port."""
        self._watch.close_client(self._port)


hub = InputHub()


@atexit.register
def close() -> None:
    """Close all ports: when the interpreter has ended, it would be too late for some drivers."""
    hub.close()
    if SystemWatch.abandoned:  # of which the library would complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
