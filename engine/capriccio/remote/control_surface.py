"""Controllers in a show: they turn what their maps say, take hold softly, and learn."""

import threading
from collections import deque
from typing import Any

from ..devices.midi.controller_events import ControllerEvent, ControllerParser
from ..devices.midi.inputs import Subscription, device_of, subscribe
from ..errors import ShowError
from ..events import Event, ParameterSet
from ..log import info, warn_once
from ..parameters import MAX_PENDING, Gauge, Parameter, Parameters
from ..parts import Input
from .midi_learn import MidiLearn, learnable_addresses
from .midi_map import Binding, MidiMap, read_maps, write_binding
from .osc import at_dial

# A fader has reached the present value when it is so near: two steps of a fader of 7 bits.
NEAR = 1 / 64
# What stays where it was left; everything else comes back by itself and takes hold at once.
LASTING = ("cc", "cc14", "nrpn")
LEARN = "/show/learn"
# "All sound off" and "all notes off": every key of a channel is let go.
SILENCES = (120, 123)
# So long the end of a show waits for a map that is being written.
WRITE_SECONDS = 5.0


class SoftTakeover:
    """Soft takeover: a fader moves nothing until it reaches, or crosses, the present value.

    So a knob that something else has turned in the meantime does not jump.
    """

    def __init__(self) -> None:
        self.holds = False
        self._at: float | None = None

    def move(self, to: float, place: float) -> bool:
        """Say whether a fader that goes `to` has hold of what stands at `place`."""
        before, self._at = self._at, to
        if not self.holds:
            crossed = before is not None and min(before, to) <= place <= max(before, to)
            self.holds = crossed or abs(to - place) <= NEAR
        return self.holds


class BoundControl:
    """One control of one device, and what it turns."""

    def __init__(self, tie: Binding):
        self.tie, self.grip = tie, SoftTakeover()
        self.sent: deque[Any] = deque(maxlen=MAX_PENDING)  # our turns that were not taken in yet
        self.down = False

    def value(self, control: Parameter, move: ControllerEvent) -> list[Any]:
        """Give what a move turns the control to, or nothing where it leaves it as it is."""
        struck = move.value > 0 if move.kind in ("note", "program") else move.value >= 0.5
        struck, self.down = struck and not self.down, struck and move.kind != "program"
        if control.kind == "press":
            return [None] if struck else []
        if self.tie.mode == "toggle":
            low = place_of(control, self._latest(control)) < 0.5
            return [at_dial(control, float(low))] if struck else []
        if control.kind == "number" and move.kind in LASTING:
            holds = self.grip.move(move.value, place_of(control, control.value()))
            return [at_dial(control, move.value)] if holds else []
        value = at_dial(control, move.value)
        return [] if control.kind == "choice" and value == self._latest(control) else [value]

    def turned(self, value: Any) -> None:
        """Hear that the control was turned; lose hold of it where somebody else has done so."""
        if value not in self.sent:
            self.grip.holds = False
            return
        while self.sent.popleft() != value:
            pass

    def _latest(self, control: Parameter) -> Any:
        return self.sent[-1] if self.sent else control.value()


def place_of(control: Parameter, value: Any) -> float:
    """Give where a dial for a control that stands at a value would stand, 0..1."""
    if control.kind == "choice":
        at = control.choices.index(value) if value in control.choices else 0
        return at / max(1, len(control.choices) - 1)
    low, high = control.span
    return (float(value) - low) / (high - low) if isinstance(value, int | float) else 0.5


class ControlSurface(Input):
    """Let every MIDI controller turn the parameters during a show; it shows and sounds nothing.

    l, or `/show/learn`, chooses a knob to be learned, and again the next one; so does whoever
    turns a knob by other means meanwhile. The control that is moved then turns it from now on.
    """

    name = "surface"
    _listening: Subscription | None = None

    def start(self, performance):
        self._parameters: Parameters = performance.parameters
        self._lock = threading.Lock()  # over all that follows
        self._lesson: MidiLearn | None = None
        self._moves: dict[str, ControllerParser] = {}  # by port
        self._map(read_maps())
        self._writer: threading.Thread | None = None
        for control in self.parameters():
            self._parameters.add(control)
        self._parameters.add_gauge(
            Gauge("learning", "the knob that is being learned", self._learning)
        )
        self._parameters.subscribe(self._turned)
        self._listening = subscribe(self._hear)

    def close(self):
        if self._listening is not None:
            self._listening.stop()
            self._listening = None
        if getattr(self, "_writer", None) is not None:
            self._writer.join(WRITE_SECONDS)

    def parameters(self) -> list[Parameter]:
        """Give what controllers bring to the parameters."""
        says = "Learn which control of a controller turns a knob; again for the next knob"
        return [Parameter(LEARN, "press", says, self._learn, key="l", replayable=False)]

    def _learning(self) -> str:
        lesson = self._lesson
        return "" if lesson is None or lesson.over(self._parameters.seconds) else lesson.address

    def _map(self, maps: list[MidiMap]) -> None:
        self._holds: dict[str, list[BoundControl]] = {
            device: [BoundControl(tie) for one in maps if one.device == device for tie in one.ties]
            for device in {one.device for one in maps}
        }
        self._tied: dict[str, list[BoundControl]] = {}  # the same by address
        for holds in self._holds.values():
            for hold in holds:
                self._tied.setdefault(hold.tie.address, []).append(hold)

    # -- what is moved ------------------------------------------------------------------------

    def _hear(self, port: str, when: float, message: bytes) -> None:
        device = device_of(port)
        with self._lock:
            holds = self._holds.get(device, [])
            moves = self._moves.setdefault(port, ControllerParser()).take(message)
            if message[0] & 0xF0 == 0xB0 and message[1] in SILENCES:
                keys = [hold.tie for hold in holds if hold.down and hold.tie.kind == "note"]
                channel = (message[0] & 0x0F) + 1
                moves += [
                    ControllerEvent("note", key.number, key.channel or channel, 0.0) for key in keys
                ]
            for move in moves:
                if self._lesson is not None:
                    self._teach(self._lesson, device, move)
                    continue
                tied = [hold for hold in holds if hold.tie.holds(move)]
                for hold in tied:
                    self._turn(hold, move)
                if move.kind == "program" and not tied:
                    self._recall(move)

    def _turn(self, hold: BoundControl, move: ControllerEvent) -> None:
        control = self._parameters.by_address.get(hold.tie.address)
        if control is None or control.kind == "words":
            return  # a knob of another sketch
        for value in hold.value(control, move):
            try:
                self._parameters.set(control.address, value)
            except Exception as error:  # whatever a control does, the show goes on
                warn_once(f"{hold.tie} cannot turn {control.address}: {error}")
            else:
                if control.kind != "press":
                    hold.sent.append(value)

    def _recall(self, move: ControllerEvent) -> None:
        """Recall the preset of a program's number, which instruments print from 1 on."""
        try:
            self._parameters.set("/show/preset", str(move.number + 1))
        except (LookupError, ValueError) as error:
            warn_once(f"program change {move.number + 1}: {error}", "program change")

    # -- what is turned, and learned ----------------------------------------------------------

    def _turned(self, turn: Event) -> None:
        if not isinstance(turn, ParameterSet):
            return
        with self._lock:
            for hold in self._tied.get(turn.address, ()):
                hold.turned(turn.value)
            if self._lesson is not None and turn.address != LEARN:
                self._choose(self._lesson, turn.address)

    def _learn(self, _) -> None:
        """Choose the first thing to learn, or the next; after the last one, or a while, none."""
        with self._lock:
            lessons = learnable_addresses(self._parameters)
            before = self._learning()
            following = lessons.index(before) + 1 if before in lessons else 0
            self._lesson = None
            if following >= len(lessons):
                info("nothing is learned any more")
                return
            self._lesson = MidiLearn(lessons[following], self._parameters.seconds)
        info(
            f"learning {lessons[following]}: move a control, turn another knob, or press l for "
            "the next one"
        )

    def _choose(self, lesson: MidiLearn, address: str) -> None:
        if address != lesson.address and address in learnable_addresses(self._parameters):
            self._lesson = MidiLearn(address, self._parameters.seconds)
            info(f"learning {address}: move a control")

    def _teach(self, lesson: MidiLearn, device: str, move: ControllerEvent) -> None:
        if lesson.over(self._parameters.seconds):
            self._lesson = None
            return
        tie = lesson.hear(device, move)
        if tie is None:
            return
        self._lesson = None
        # A disk may take its time; the music and the picture do not wait for it.
        self._writer = threading.Thread(
            target=self._write, args=(device, tie), name="map", daemon=True
        )
        self._writer.start()

    def _write(self, device: str, tie: Binding) -> None:
        try:
            file = write_binding(device, tie, self._parameters.by_address)
        except ShowError as error:
            warn_once(f"nothing was learned: {error}")
            return
        maps = read_maps()
        with self._lock:
            self._map(maps)
        info(f"{tie} of {device!r} turns {tie.address}, as {str(file)!r} says")
