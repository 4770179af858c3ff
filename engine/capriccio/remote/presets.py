"""Presets: the values of a sketch's knobs, saved by name, recalled on a bar, and morphed."""

import math
import threading
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, NoReturn

from ..errors import ShowError, describe, suggest
from ..events import Event, ParameterSet
from ..log import info, warn_once
from ..parameters import Parameter, Parameters
from ..parts import Input
from ..performance import Performance
from ..tempo import ROUNDING_BEATS
from .user_files import UserFile, checked, set_aside, to_toml, user_file, write_text

# Presets with a key of the window: 1 to 9 recall, with shift they save.
KEYS = "123456789"
# The longest morph, in beats.
MAX_BEATS = 64.0
# How long the end of a show waits for presets that are being written.
WRITE_SECONDS = 5.0
# How often presets are written at most, in seconds, and how many a guest can add.
SAVE_SECONDS, MAX_PRESETS = 1.0, 500
STATES = ("held", "free")
HEAD = """\
# Presets of {title!r}, as written by capriccio, or by you. `held` are the knobs that were held from
# outside, and that a recall holds again; `free` those that the sketch set, and their values.
"""


@dataclass(frozen=True)
class Preset:
    """Values by address: of the knobs that were held from outside, and of those that were not."""

    held: dict[str, Any] = field(default_factory=dict)
    free: dict[str, Any] = field(default_factory=dict)


def read_presets(path: Path) -> dict[str, Preset]:
    """Read the presets in a file, if it exists; raise ShowError with the line of an error."""
    return _parse_presets(UserFile(path))


def save_preset(path: Path, title: str, name: str, preset: Preset) -> Path | None:
    """Write a preset among the others, or raise ShowError; return where a broken file is now."""
    broken = None
    try:
        file = UserFile(path)
        presets = _parse_presets(file) | {name: preset}
    except ShowError:
        broken = set_aside(path)
        file, presets = UserFile(path), {name: preset}
    head = HEAD.format(title=title)
    text = file.text_without(lambda _, header: name in header) or head
    text += _preset_toml(name, preset)
    rewritten = head + "\n".join(_preset_toml(*one) for one in presets.items())
    write_text(path, checked(path, text, _parse_presets, presets, rewritten))
    return broken


def _parse_presets(file: UserFile) -> dict[str, Preset]:
    def fail(message: str, *place: str) -> NoReturn:
        file.fail(_line_of(file, *place), message)

    presets = {}
    for name, preset in file.content.items():
        key, its_name = to_toml(name), f"preset {name!r}"
        if not isinstance(preset, dict):
            fail(f"{name!r} is not a preset; write [{key}.held]", name)
        for state, knobs in preset.items():
            if state not in STATES:
                fail(f"{its_name} has no {state!r}{suggest(state, STATES)}", name, state)
            if not isinstance(knobs, dict):
                expected = f"{state!r} of {its_name} must be a table; write [{key}.{state}]"
                fail(f"{expected}, got {knobs!r}", name, state)
            for address, value in knobs.items():
                finite = type(value) is float and math.isfinite(value)
                if not finite and type(value) not in (str, int):
                    expected = f"{address!r} of {its_name} must be a number or words"
                    fail(f"{expected}, got {value!r}", name, state, address)
        presets[name] = Preset(**preset)
    return presets


def _line_of(file: UserFile, name: str, state: str = "", address: str = "") -> int:
    """Return the line of a preset, of its table `held` or `free`, or of an address in it."""
    for index, (first, header, _) in enumerate(file.tables()):
        inner = header.get(name)
        if isinstance(inner, dict):
            line = file.line_of(index, address or state)
            if not state or state in inner or line > first:
                return line
    return file.line_of(0, name)


def _preset_toml(name: str, preset: Preset) -> str:
    lines = []
    for state, knobs in (("held", preset.held), ("free", preset.free)):
        lines.append(f"[{to_toml(name)}.{state}]")
        lines += [f"{to_toml(address)} = {to_toml(value)}" for address, value in knobs.items()]
    return "\n".join(lines) + "\n"


@dataclass
class Transition:
    """One knob on its way from a value to another; `released` where it is released there."""

    parameter: Parameter
    start: Any
    end: Any
    released: bool
    sent: Any = None

    def value_at(self, progress: float) -> Any:
        """Return the value at a progress of 0..1; None to release the knob."""
        if progress >= 1 - ROUNDING_BEATS:
            return None if self.released else self.end
        if self.parameter.kind == "number":
            return self.start + (self.end - self.start) * progress
        return self.start if progress < 0.5 - ROUNDING_BEATS else self.end


class Presets(Input):
    """Save, recall and morph the values of knobs, with the keys 1 to 9.

    The keys 1 to 9 recall on the next bar, with shift they save; `/show/preset` and `/show/save` do
    the same by name. `/show/morph` sets over how many beats a recall goes: numbers in a straight
    line, words and choices in the middle. A knob that is set meanwhile leaves the morph.
    """

    name = "presets"
    _writer: threading.Thread | None = None

    def __init__(self, target: str = ""):
        super().__init__(target)
        self.saved: dict[str, Preset] = {}
        self._morph_beats, self._current = 0.0, ""

    def start(self, performance: Performance) -> None:
        self._parameters: Parameters = performance.parameters
        self._clock, self._title = performance.clock, performance.title
        self._path = user_file(performance.title, "presets")
        self._next: tuple[str, float] | None = None  # a preset, and the beat of its recall
        self._transitions: dict[str, Transition] = {}
        self._begun, self._length = 0.0, 0.0  # of the present recall, in beats
        self._unwritten: SimpleQueue[tuple[str, Preset] | None] = SimpleQueue()
        try:
            self.saved = read_presets(self._path)
        except ShowError as error:
            warn_once(f"presets {error}; the file is left as it is, and nothing can be recalled")
        for parameter in self.parameters():
            performance.parameters.add(parameter)
        performance.parameters.add_automation(self._advance)
        performance.parameters.subscribe(self._notice)
        self._writer = threading.Thread(target=self._write, name="presets", daemon=True)
        self._writer.start()

    def close(self) -> None:
        if self._writer is not None:
            self._unwritten.put(None)
            self._writer.join(WRITE_SECONDS)

    def parameters(self) -> list[Parameter]:
        """Return the parameters that presets add."""
        recall, other = partial(Parameter, relays=True), partial(Parameter, replayable=False)
        parameters = [
            recall(
                "/show/preset",
                "words",
                "Recall a preset by its name, on the next bar",
                self._recall,
                self._convert_known,
                lambda: self._current,
            ),
            other("/show/save", "words", "Save a preset by its name", self._save, _convert_name),
            other(
                "/show/morph",
                "number",
                "Over how many beats a preset is recalled",
                self._set_morph,
                _convert_beats,
                lambda: self._morph_beats,
                span=(0.0, MAX_BEATS),
            ),
        ]
        for name in KEYS:
            address, text = f"/show/preset/{name}", f"Recall preset {name}, on the next bar"
            apply = partial(self._recall, name)
            parameters.append(recall(address, "press", text, apply, key=name))
        for name in KEYS:
            address, text, key = f"/show/save/{name}", f"Save preset {name}", f"shift+{name}"
            parameters.append(other(address, "press", text, partial(self._save, name), key=key))
        return parameters

    def _convert_known(self, value: Any) -> str:
        name = _convert_name(value)
        if name not in self.saved:
            raise LookupError(f"no preset {name!r}{suggest(name, self.saved)}")
        return name

    def _set_morph(self, beats: float | None) -> None:
        self._morph_beats = beats or 0.0

    def _save(self, name: str | None, pressed: None = None) -> None:
        if name is None:
            return
        if name not in self.saved and len(self.saved) >= MAX_PRESETS:
            warn_once(f"there are {MAX_PRESETS} presets; further ones are not saved")
            return
        values: dict[str, dict[str, Any]] = {state: {} for state in STATES}
        for parameter in self._knobs():
            value = parameter.value()
            state = "held" if parameter.is_held and parameter.is_held() else "free"
            rounded = value if isinstance(value, str) else round(float(value), 6)
            values[state][parameter.address] = rounded
        preset = Preset(**values)
        self.saved = {**self.saved, name: preset}
        self._unwritten.put((name, preset))

    def _recall(self, name: str | None, pressed: None = None) -> None:
        if name is None:
            return
        if name not in self.saved:
            advice = f"; save it with shift+{name}" if len(name) == 1 else ""
            warn_once(f"no preset {name!r} yet{advice}")
            return
        meter = self._clock.meter
        beats = self._clock.beats_at(self._parameters.seconds)
        self._next = name, math.ceil((beats - ROUNDING_BEATS) / meter) * meter

    def _advance(self, seconds: float) -> None:
        """Begin the recall that is due, and set every knob that is on its way."""
        if self._next is None and not self._transitions:
            return
        beats = self._clock.beats_at(seconds)
        if self._next is not None and beats >= self._next[1] - ROUNDING_BEATS:
            name, self._begun = self._next
            self._next, self._current, self._length = None, name, self._morph_beats
            self._transitions = self._begin(name)
        progress = max(0.0, beats - self._begun) / self._length if self._length else 1.0
        for transition in list(self._transitions.values()):
            self._set(transition, progress)
        if progress >= 1 - ROUNDING_BEATS:
            self._transitions = {}

    def _begin(self, name: str) -> dict[str, Transition]:
        preset, transitions = self.saved[name], {}
        missing = [address for address in preset.held if address not in self._parameters.by_address]
        if missing:
            warn_once(f"preset {name!r} holds {', '.join(missing)}; this sketch has no such knob")
        for knob in self._knobs():
            address, now = knob.address, knob.value()
            if address in preset.held:
                transitions[address] = Transition(knob, now, preset.held[address], released=False)
            elif knob.is_held and knob.is_held():
                end = preset.free.get(address, now)
                transitions[address] = Transition(knob, now, end, released=True)
        return transitions

    def _set(self, transition: Transition, progress: float) -> None:
        try:
            value = transition.value_at(progress)
            if value is not None and value == transition.sent:
                return
            transition.sent = value
            self._parameters.set(transition.parameter.address, value)
        except Exception as error:  # a preset may hold what the sketch no longer takes
            self._transitions.pop(transition.parameter.address, None)
            warn_once(f"preset {self._current!r}: {error}")

    def _notice(self, event: Event) -> None:
        if isinstance(event, ParameterSet):
            transition = self._transitions.get(event.address)
            if transition is not None and event.value != transition.sent:
                del self._transitions[event.address]

    def _knobs(self) -> list[Parameter]:
        return [one for one in self._parameters.by_address.values() if one.is_held is not None]

    def _write(self) -> None:
        going, due = True, 0.0
        while going:
            named = self._unwritten.get()
            waiting: dict[str, Preset] = {}
            while named is not None:
                waiting[named[0]] = named[1]
                try:
                    named = self._unwritten.get(timeout=max(0.0, due - monotonic()))
                except Empty:
                    break
            going = named is not None
            for name, preset in waiting.items():
                self._write_one(name, preset)
            due = monotonic() + SAVE_SECONDS

    def _write_one(self, name: str, preset: Preset) -> None:
        try:
            broken = save_preset(self._path, self._title, name, preset)
        except (ShowError, OSError) as error:
            warn_once(f"preset {name!r} lasts for this show only: {error}")
        except Exception as error:
            warn_once(f"a preset was not saved: {describe(error)}")
        else:
            if broken:
                info(f"presets that could not be read were moved to {str(broken)!r}")
            info(f"preset {name!r} is saved in {str(self._path)!r}")


def _convert_name(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError(f"the name of a preset must be words, got {value!r}")
    return value.strip()


def _convert_beats(value: Any) -> float:
    if isinstance(value, str) or not float(value) >= 0:
        raise ValueError(f"a morph takes 0..{MAX_BEATS:g} beats, got {value!r}")
    return min(float(value), MAX_BEATS)
