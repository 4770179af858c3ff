"""MIDI controllers that set parameters as their maps say, with soft takeover and MIDI learn."""

import threading
from collections import defaultdict, deque
from functools import partial
from typing import Any

from ..devices.midi.controller_events import ControllerEvent, ControllerParser
from ..devices.midi.controller_state import ALL_OFF
from ..devices.midi.inputs import Subscription, device_name, subscribe
from ..errors import ShowError
from ..events import Event, ParameterSet
from ..log import info, warn_once
from ..parameters import MAX_PENDING, Gauge, Parameter, Parameters
from ..parts import Input
from ..performance import Performance
from .midi_learn import MidiLearn, learnable_addresses
from .midi_map import Binding, MidiMap, read_maps, write_binding
from .scaling import from_unit, to_unit

# A fader has reached a value when it is this near: two steps of a 7-bit fader.
TOLERANCE = 1 / 64
# Controls that stay where they were left; all others return by themselves, and act at once.
STATIONARY = ("cc", "cc14", "nrpn")
LEARN = "/show/learn"
# How long the end of a show waits for a map that is being written.
WRITE_SECONDS = 5.0


class SoftTakeover:
    """Lets a fader set a value only once it has reached or crossed it, so that it never jumps."""

    def __init__(self) -> None:
        self.engaged = False
        self._position: float | None = None

    def move(self, position: float, current: float) -> bool:
        """Return whether a fader that moves to `position` sets a value that stands at `current`."""
        before, self._position = self._position, position
        if not self.engaged:
            low, high = sorted((position if before is None else before, position))
            self.engaged = low <= current <= high or abs(position - current) <= TOLERANCE
        return self.engaged


class BoundControl:
    """One control of one device, and what it has set."""

    def __init__(self, binding: Binding):
        self.binding, self.takeover = binding, SoftTakeover()
        self.pending: deque[Any] = deque(maxlen=MAX_PENDING)  # our values, not yet applied
        self.is_down = False

    def values(self, parameter: Parameter, event: ControllerEvent) -> list[Any]:
        """Return what an event sets the parameter to: one value, or none."""
        down = event.value > 0 if event.kind in ("note", "program") else event.value >= 0.5
        pressed = down and not self.is_down
        self.is_down = down and event.kind != "program"
        if parameter.kind == "press":
            return [None] if pressed else []
        if self.binding.mode == "toggle":
            is_low = to_unit(parameter, self._latest(parameter)) < 0.5
            return [from_unit(parameter, float(is_low))] if pressed else []
        if parameter.kind == "number" and event.kind in STATIONARY:
            engaged = self.takeover.move(event.value, to_unit(parameter, parameter.value()))
            return [from_unit(parameter, event.value)] if engaged else []
        value = from_unit(parameter, event.value)
        return [] if parameter.kind == "choice" and value == self._latest(parameter) else [value]

    def notice(self, value: Any) -> None:
        """Take note that the parameter was set; disengage where something else has set it."""
        if value in self.pending:
            while self.pending.popleft() != value:
                pass
        else:
            self.takeover.engaged = False

    def _latest(self, parameter: Parameter) -> Any:
        return self.pending[-1] if self.pending else parameter.value()


class ControlSurface(Input):
    """Set parameters with MIDI controllers, and learn which control sets what.

    The key l, or `/show/learn`, chooses the first knob to learn, and again the next one; so does
    setting a knob by other means meanwhile. The control that is then moved sets it from now on.
    """

    name = "surface"
    maps: list[MidiMap]
    _subscription: Subscription | None = None
    _writer: threading.Thread | None = None

    def start(self, performance: Performance) -> None:
        self._parameters: Parameters = performance.parameters
        self._lock = threading.Lock()  # guards everything below
        self._learn: MidiLearn | None = None
        self._parsers: defaultdict[str, ControllerParser] = defaultdict(ControllerParser)  # by port
        self.use_maps(read_maps())
        for parameter in self.parameters():
            self._parameters.add(parameter)
        gauge = Gauge("learning", "The knob that a controller is learning", self._learning)
        self._parameters.add_gauge(gauge)
        self._parameters.subscribe(self._notice)
        self._subscription = subscribe(self.receive)

    def close(self) -> None:
        if self._subscription is not None:
            self._subscription.stop()
        if self._writer is not None:
            self._writer.join(WRITE_SECONDS)

    def parameters(self) -> list[Parameter]:
        """Return the parameters that controllers add."""
        text = "Learn which control of a MIDI controller sets a knob; again: the next knob"
        return [Parameter(LEARN, "press", text, self._choose_next, key="l", replayable=False)]

    def use_maps(self, maps: list[MidiMap]) -> None:
        """Bind controls as these maps say, in the place of all before."""
        self._by_device: dict[str, list[BoundControl]] = {}
        self._by_address: dict[str, list[BoundControl]] = {}
        for one in maps:
            for control in map(BoundControl, one.bindings):
                self._by_device.setdefault(one.device, []).append(control)
                self._by_address.setdefault(control.binding.address, []).append(control)
        self.maps = maps

    def receive(self, port: str, when: float, message: bytes) -> None:
        """Take in a MIDI message from a port; called from any thread."""
        device = device_name(port)
        with self._lock:
            controls = self._by_device.get(device, [])
            events = self._parsers[port].parse(message)
            if message[0] & 0xF0 == 0xB0 and message[1] in ALL_OFF:
                channel = (message[0] & 0x0F) + 1
                down = [one.binding for one in controls if one.is_down]
                keys = [one for one in down if one.kind == "note"]
                events += [
                    ControllerEvent("note", key.number, key.channel or channel, 0.0) for key in keys
                ]
            for event in events:
                if self._learn is not None:
                    self._feed_learn(self._learn, device, event)
                    continue
                bound = [one for one in controls if one.binding.matches(event)]
                for control in bound:
                    self._set(control, event)
                if event.kind == "program" and not bound:
                    self._recall(event)

    def _set(self, control: BoundControl, event: ControllerEvent) -> None:
        parameter = self._parameters.by_address.get(control.binding.address)
        if parameter is None or parameter.kind == "words":
            return  # a knob of another sketch
        for value in control.values(parameter, event):
            try:
                self._parameters.set(parameter.address, value)
            except Exception as error:  # whatever a parameter does, the show goes on
                warn_once(f"{control.binding} cannot set {parameter.address}: {error}")
            else:
                if parameter.kind != "press":
                    control.pending.append(value)

    def _recall(self, event: ControllerEvent) -> None:
        """Recall the preset of a program's number, which instruments print from 1 on."""
        try:
            self._parameters.set("/show/preset", str(event.number + 1))
        except (LookupError, ValueError) as error:
            warn_once(f"program change {event.number + 1}: {error}", "program change")

    def _notice(self, event: Event) -> None:
        if not isinstance(event, ParameterSet):
            return
        with self._lock:
            for control in self._by_address.get(event.address, ()):
                control.notice(event.value)
            if self._learn is not None and event.address != LEARN:
                self._choose(self._learn, event.address)

    def _learning(self) -> str:
        learn = self._learn
        return "" if learn is None or learn.is_over(self._parameters.seconds) else learn.address

    def _choose_next(self, _: None) -> None:
        """Learn the first knob, or the next one; after the last one, or the timeout, none."""
        with self._lock:
            addresses = learnable_addresses(self._parameters)
            before = self._learning()
            following = addresses.index(before) + 1 if before in addresses else 0
            self._learn = None
            if following >= len(addresses):
                info("learning has ended")
                return
            self._learn = learn = MidiLearn(addresses[following], self._parameters.seconds)
        ways = "move a control, set another knob, or press l for the next one"
        info(f"learning {learn.address}: {ways}")

    def _choose(self, learn: MidiLearn, address: str) -> None:
        if address != learn.address and address in learnable_addresses(self._parameters):
            self._learn = MidiLearn(address, self._parameters.seconds)
            info(f"learning {address}: move a control")

    def _feed_learn(self, learn: MidiLearn, device: str, event: ControllerEvent) -> None:
        if learn.is_over(self._parameters.seconds):
            self._learn = None
        elif binding := learn.receive(device, event):
            self._learn = None
            # A disk may take its time; the music and the picture do not wait for it.
            write = partial(self._write, device, binding)
            self._writer = threading.Thread(target=write, name="map", daemon=True)
            self._writer.start()

    def _write(self, device: str, binding: Binding) -> None:
        try:
            path = write_binding(device, binding, self._parameters.by_address)
        except ShowError as error:
            warn_once(f"nothing was learned: {error}")
            return
        maps = read_maps()
        with self._lock:
            self.use_maps(maps)
        info(f"{binding} of {device!r} sets {binding.address}; saved in {str(path)!r}")
