"""Presets: where the knobs of a sketch stood, kept by name, recalled on a bar, and morphed."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ..errors import ShowError, describe, suggest
from ..events import Event, ParameterSet
from ..log import info, warn_once
from ..parameters import Parameter, Parameters
from ..parts import Input
from .user_files import UserFile, as_toml, file_for, set_aside, write_text

# Presets that have a key of the window: 1 to 9, and with shift to save.
KEYS = 9
# The longest morph, in beats.
MOST_BEATS = 64.0
# What forgives the rounding of seconds to beats.
ROUNDING = 1e-6
# So long the end of a show waits for presets that are being written.
WRITE_SECONDS = 5.0
PLACES = ("held", "free")
HEAD = """\
# Presets of {title!r}, as capriccio writes them, or you. `held` are the knobs that a hand held,
# which a recall holds again; `free` those that went as the sketch says, and where they stood.
"""


@dataclass(frozen=True)
class Preset:
    """Where knobs stood, by address: those that a hand held, and those that followed the sketch."""

    held: dict[str, Any] = field(default_factory=dict)
    free: dict[str, Any] = field(default_factory=dict)


def read_presets(file: Path) -> dict[str, Preset]:
    """Read the presets of a sketch; raises ShowError with the file and the line of what is wrong.

    A file that is not there has none.
    """
    return _presets_of(UserFile(file))


def _presets_of(page: UserFile) -> dict[str, Preset]:
    presets = {}
    for name, preset in page.says.items():
        if not isinstance(preset, dict):
            page.refuse(_line(page, name), f"{name!r} is no preset; write [{as_toml(name)}.held]")
        for place, knobs in preset.items():
            if place not in PLACES:
                words = f"preset {name!r} has no {place!r}{suggest(place, PLACES)}"
                page.refuse(_line(page, name, place), words)
            if not isinstance(knobs, dict):
                words = (
                    f"{place!r} of preset {name!r} is {knobs!r}; write [{as_toml(name)}.{place}]"
                )
                page.refuse(_line(page, name, place), words)
            for address, value in knobs.items():
                fits = isinstance(value, str | float | int) and not isinstance(value, bool)
                if not fits or (isinstance(value, float) and not math.isfinite(value)):
                    words = f"{address!r} of preset {name!r} is {value!r}; give a number or words"
                    page.refuse(_line(page, name, place, address), words)
        presets[name] = Preset(**preset)
    return presets


def _line(page: UserFile, name: str, place: str = "", key: str = "") -> int:
    """Give the line of a preset, of its place, or of what stands there."""
    for number, (first, header, _) in enumerate(page.blocks()):
        inner = header.get(name)
        if isinstance(inner, dict):
            line = page.line(number, key or place)
            if not place or place in inner or line > first:
                return line
    return page.line(0, name)


def keep(file: Path, title: str, name: str, preset: Preset) -> Path | None:
    """Write a preset among the others; give the name that a broken file was given, if it was.

    Raises ShowError where the file cannot be written.
    """
    broken = None
    try:
        page = UserFile(file)
        presets = _presets_of(page) | {name: preset}
    except ShowError:
        broken = set_aside(file)
        page, presets = UserFile(file), {name: preset}
    text = page.without(lambda number, header: name in header)
    text = (text or HEAD.format(title=title)) + _written(name, preset)
    try:
        same = _presets_of(UserFile(file, text)) == presets
    except ShowError:
        same = False
    if not same:  # its tables are written in a way we cannot change
        text = HEAD.format(title=title) + "\n".join(_written(*one) for one in presets.items())
    write_text(file, text)
    return broken


def _written(name: str, preset: Preset) -> str:
    lines = []
    for place, knobs in (("held", preset.held), ("free", preset.free)):
        lines.append(f"[{as_toml(name)}.{place}]")
        lines += [f"{as_toml(address)} = {as_toml(value)}" for address, value in knobs.items()]
    return "\n".join(lines) + "\n"


@dataclass
class Glide:
    """One knob on its way: from where, to where, and whether it is let go there."""

    control: Parameter
    start: Any
    end: Any
    free: bool
    sent: Any = None

    def at(self, part: float) -> Any:
        """Give where the knob stands when so much of the way, 0..1, is done."""
        if part >= 1 - ROUNDING:
            return None if self.free else self.end
        if self.control.kind == "number":
            return self.start + (self.end - self.start) * part
        return self.start if part < 0.5 - ROUNDING else self.end


def pressed(does: Callable[[str], None], name: str, _: None) -> None:
    """Do something to the preset of that name where a button is pressed."""
    does(name)


class Presets(Input):
    """Keep, recall and morph where the knobs of a sketch stand; it shows and sounds nothing.

    1 to 9 recall on the next bar, with shift they save; `/show/preset` and `/show/save` do the
    same by name. `/show/morph` sets over how many beats a recall goes: numbers in a straight
    line, words and choices in the middle. A knob that is turned meanwhile stays with the hand.
    """

    name = "presets"
    _parameters: Parameters | None = None

    def __init__(self, target: str = ""):
        super().__init__(target)
        self._presets: dict[str, Preset] = {}
        self._morph, self._current = 0.0, ""

    def start(self, performance):
        self._parameters, self._clock, self._title = (
            performance.parameters,
            performance.clock,
            performance.title,
        )
        self._file = file_for(performance.title, "presets")
        self._waiting: tuple[str, float] | None = None  # which preset, at which beat
        self._glides: dict[str, Glide] = {}
        self._begun, self._beats = 0.0, 0.0
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        try:
            self._presets = read_presets(self._file)
        except ShowError as error:
            warn_once(f"presets {error}; it stays as it is, and none of them can be recalled")
        for control in self.parameters():
            performance.parameters.add(control)
        performance.parameters.add_automation(self._move)
        performance.parameters.subscribe(self._hear)
        self._writer = threading.Thread(target=self._write, name="presets", daemon=True)
        self._writer.start()

    def close(self):
        if self._parameters is not None:
            self._jobs.put(None)
            self._writer.join(WRITE_SECONDS)

    def parameters(self) -> list[Parameter]:
        """Give what presets bring to the parameters."""
        controls = [
            Parameter(
                "/show/preset",
                "words",
                "Recall a preset by its name, on the next bar",
                self._recall,
                self._known,
                lambda: self._current,
                relays=True,
            ),
            Parameter(
                "/show/save",
                "words",
                "Save a preset by its name",
                self._save,
                self._named,
                replayable=False,
            ),
            Parameter(
                "/show/morph",
                "number",
                "Over how many beats a preset is recalled",
                self._set_morph,
                self._length,
                lambda: self._morph,
                span=(0.0, MOST_BEATS),
                replayable=False,
            ),
        ]
        for number in range(1, KEYS + 1):
            controls.append(
                Parameter(
                    f"/show/preset/{number}",
                    "press",
                    f"Recall preset {number}, on the next bar",
                    partial(pressed, self._recall, str(number)),
                    key=str(number),
                    relays=True,
                )
            )
        for number in range(1, KEYS + 1):
            controls.append(
                Parameter(
                    f"/show/save/{number}",
                    "press",
                    f"Save preset {number}",
                    partial(pressed, self._save, str(number)),
                    key=f"shift+{number}",
                    replayable=False,
                )
            )
        return controls

    # -- what is asked ------------------------------------------------------------------------

    def _named(self, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise TypeError(f"a preset called {value!r}; give a name")
        return value.strip()

    def _known(self, value: Any) -> str:
        name = self._named(value)
        if name not in self._presets:
            raise LookupError(f"no preset {name!r}{suggest(name, self._presets)}")
        return name

    def _length(self, value: Any) -> float:
        if isinstance(value, str) or not float(value) >= 0:
            raise ValueError(f"a morph of {value!r} beats; give a number 0..{MOST_BEATS:g}")
        return min(float(value), MOST_BEATS)

    def _set_morph(self, beats: float | None) -> None:
        self._morph = beats or 0.0

    def _save(self, name: str | None) -> None:
        if name is None:
            return
        places: dict[str, dict[str, Any]] = {place: {} for place in PLACES}
        for control in self._knobs():
            value = control.value()
            if not isinstance(value, str):
                value = round(float(value), 6)
            held = control.is_held is not None and control.is_held()
            places["held" if held else "free"][control.address] = value
        preset = Preset(**places)
        self._presets = {**self._presets, name: preset}
        self._jobs.put(lambda: self._keep(name, preset))

    def _recall(self, name: str | None) -> None:
        if name is None:
            return
        if name not in self._presets:
            saves = f"; save it with shift+{name}" if len(name) == 1 else ""
            warn_once(f"no preset {name!r} yet{saves}")
            return
        assert self._parameters is not None
        meter = self._clock.meter
        beats = self._clock.beats_at(self._parameters.seconds)
        self._waiting = name, math.ceil((beats - ROUNDING) / meter) * meter

    # -- in time with the show ----------------------------------------------------------------

    def _move(self, seconds: float) -> None:
        """Begin what waits for this bar, and bring every knob on its way to where it is now."""
        if self._waiting is None and not self._glides:
            return
        beats = self._clock.beats_at(seconds)
        if self._waiting is not None and beats >= self._waiting[1] - ROUNDING:
            name, self._begun = self._waiting
            self._waiting, self._current, self._beats = None, name, self._morph
            self._glides = self._set_out(name)
        part = max(0.0, beats - self._begun) / self._beats if self._beats else 1.0
        for glide in list(self._glides.values()):
            self._turn(glide, part)
        if part >= 1 - ROUNDING:
            self._glides = {}

    def _set_out(self, name: str) -> dict[str, Glide]:
        assert self._parameters is not None
        preset, glides = self._presets[name], {}
        missing = [address for address in preset.held if address not in self._parameters.by_address]
        if missing:
            warn_once(f"preset {name!r} holds {', '.join(missing)}; this sketch has no such knob")
        for control in self._knobs():
            address, now = control.address, control.value()
            if address in preset.held:
                glides[address] = Glide(control, now, preset.held[address], free=False)
            elif control.is_held and control.is_held():
                glides[address] = Glide(control, now, preset.free.get(address, now), free=True)
        return glides

    def _turn(self, glide: Glide, part: float) -> None:
        assert self._parameters is not None
        try:
            value = glide.at(part)
            if value is not None and value == glide.sent:
                return
            glide.sent = value
            self._parameters.set(glide.control.address, value)
        except Exception as error:  # a preset may hold what the sketch no longer takes
            self._glides.pop(glide.control.address, None)
            warn_once(f"preset {self._current!r}: {error}")

    def _hear(self, event: Event) -> None:
        if isinstance(event, ParameterSet):
            glide = self._glides.get(event.address)
            if glide is not None and event.value != glide.sent:
                del self._glides[event.address]

    def _knobs(self) -> list[Parameter]:
        assert self._parameters is not None
        return [
            control
            for control in self._parameters.by_address.values()
            if control.is_held is not None
        ]

    # -- behind the show ----------------------------------------------------------------------

    def _write(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as error:
                warn_once(f"a preset was not saved: {describe(error)}")

    def _keep(self, name: str, preset: Preset) -> None:
        try:
            broken = keep(self._file, self._title, name, preset)
        except (ShowError, OSError) as error:
            warn_once(f"preset {name!r} lasts for this show only: {error}")
            return
        if broken:
            info(f"the presets that could not be read are kept as {str(broken)!r}")
        info(f"preset {name!r} is saved in {str(self._file)!r}")
