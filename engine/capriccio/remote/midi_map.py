"""MIDI maps: which parameter each control of a device sets, one TOML file a device."""

from collections.abc import Container
from dataclasses import dataclass, field
from itertools import chain, count, repeat
from pathlib import Path
from typing import Any, NoReturn

from ..devices.midi.controller_events import KINDS, ControllerEvent
from ..errors import ShowError, suggest
from ..log import warn_once
from .user_files import UserFile, checked, to_toml, user_file, user_folder, write_text

MODES = ("", "toggle")
KEYS = ("turns", "move", "channel", "mode")
HEAD = """\
# What the controls of one MIDI device set, as written by capriccio midi learn, or by you:
# turns    the address of a knob, such as /garden/bloom
# move     cc 7, cc14 7, nrpn 300, note 60, poly 60, program 5, pressure, bend
# channel  1 to 16; any channel without it
# mode     "toggle": each press switches between the lowest and the highest value
"""


@dataclass(frozen=True, slots=True)
class Binding:
    """One control of a device, on a `channel` 1..16 or 0 for any, and the parameter that it sets.

    In the mode "toggle" each press switches between the ends of the parameter's range.
    """

    address: str
    kind: str
    number: int = 0
    channel: int = 0
    mode: str = ""

    def matches(self, event: ControllerEvent) -> bool:
        """Return whether an event comes from this control."""
        return (self.kind, self.number) == event[:2] and self.channel in (0, event.channel)

    def overlaps(self, other: "Binding") -> bool:
        """Return whether some event would match both."""
        same = (self.kind, self.number) == (other.kind, other.number)
        return same and (self.channel == other.channel or 0 in (self.channel, other.channel))

    @property
    def control(self) -> str:
        """The control as a map names it: "cc 7"."""
        return self.kind if KINDS[self.kind] is None else f"{self.kind} {self.number}"

    def __str__(self) -> str:
        return f"{self.control}{f' on channel {self.channel}' if self.channel else ''}"


@dataclass
class MidiMap:
    """The bindings of one device, and the file they are kept in."""

    device: str
    path: Path
    bindings: list[Binding] = field(default_factory=list)


def read_map(path: Path) -> MidiMap:
    """Read a map; raise ShowError with the file and the line of an error."""
    return _parse_map(UserFile(path))


def read_maps() -> list[MidiMap]:
    """Read the maps of all devices; one with an error is left out, with a warning."""
    maps = []
    for path in sorted(user_folder("maps").glob("*.toml")):
        try:
            maps.append(read_map(path))
        except ShowError as error:
            warn_once(f"map {error}; the map is ignored")
    return maps


def write_binding(device: str, binding: Binding, addresses: Container[str]) -> Path:
    """Write a binding into the map of a device, and return the path of the file.

    It replaces the bindings of the same parameter, and those of the same control to one of
    `addresses`, the parameters of the present sketch; those to parameters of other sketches stay.
    """
    known = [one for one in read_maps() if one.device == device]
    path = known[0].path if known else _unused(user_file(device, "maps"))
    file = UserFile(path)
    bindings = known[0].bindings if known else []
    replaced = {
        index
        for index, one in enumerate(bindings)
        if one.address == binding.address or (one.overlaps(binding) and one.address in addresses)
    }
    tables = _control_tables(file)
    removed = {tables[index] for index in replaced if index < len(tables)}
    text = file.text_without(lambda index, _: index in removed) if known else _head(device)
    wanted = [one for index, one in enumerate(bindings) if index not in replaced] + [binding]
    text += _binding_toml(binding)
    rewritten = _head(device) + "\n".join(map(_binding_toml, wanted))
    wanted_map = MidiMap(device, path, wanted)
    write_text(path, checked(path, text, _parse_map, wanted_map, rewritten))
    return path


def _parse_map(file: UserFile) -> MidiMap:
    known = "device", "control"
    for key, value in file.content.items():
        if key not in known:
            file.fail(_line_anywhere(file, key), f"no entry {key!r}{suggest(key, known)}")
        is_list = isinstance(value, list) and all(isinstance(one, dict) for one in value)
        if key == "control" and not is_list:
            file.fail(_line_anywhere(file, key), "'control' must be a list; write [[control]]")
    device = file.content.get("device")
    if not isinstance(device, str) or not device:
        message = f"device must be the name of a MIDI input, got {device!r}"
        file.fail(file.line_of(0, "device"), message)
    # Entries that are not written as tables of their own are looked for before all tables.
    tables = chain(_control_tables(file), repeat(0))
    entries = zip(tables, file.content.get("control", []), strict=False)
    return MidiMap(device, file.path, [_parse_binding(file, *entry) for entry in entries])


def _control_tables(file: UserFile) -> list[int]:
    """Return the indices of the tables [[control]]."""
    return [index for index, (_, head, _) in enumerate(file.tables()) if list(head) == ["control"]]


def _line_anywhere(file: UserFile, key: str) -> int:
    for index, (first, header, _) in enumerate(file.tables()):
        line = file.line_of(index, key)
        if list(header) == [key] or line > first:
            return line
    return 1


def _parse_binding(file: UserFile, table: int, entry: dict[str, Any]) -> Binding:
    def fail(key: str, message: str) -> NoReturn:
        file.fail(file.line_of(table, key), message)

    for key in entry:
        if key not in KEYS:
            fail(key, f"no entry {key!r}{suggest(key, KEYS)}")
    address, move = entry.get("turns"), entry.get("move")
    if not isinstance(address, str) or not address.startswith("/"):
        fail("turns", f"turns must be an address such as '/garden/bloom', got {address!r}")
    kind, *numbers = move.split() if isinstance(move, str) and move.split() else [""]
    if kind not in KINDS:
        fail("move", f"move must be one such as 'cc 7', 'note 60' or 'bend', got {move!r}")
    count = KINDS[kind]
    number = 0
    if count is None:
        if numbers:
            fail("move", f"move must be {kind!r} without a number, got {move!r}")
    elif len(numbers) != 1 or not numbers[0].isdecimal() or int(numbers[0]) >= count:
        fail("move", f"move must be {kind!r} and a number 0..{count - 1}, got {move!r}")
    else:
        number = int(numbers[0])
    channel, mode = entry.get("channel", 0), entry.get("mode", "")
    if type(channel) is not int or channel not in range(17) or ("channel" in entry and not channel):
        fail("channel", f"channel must be 1 to 16, or left out for any, got {channel!r}")
    if mode not in MODES:
        fail("mode", f"mode must be 'toggle' or left out, got {mode!r}")
    return Binding(address, kind, number, channel, mode)


def _unused(path: Path) -> Path:
    """Return a path that no file has: one that exists belongs to another device, or is broken."""
    others = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(unused for unused in chain([path], others) if not unused.exists())


def _head(device: str) -> str:
    return f"{HEAD}device = {to_toml(device)}\n\n"


def _binding_toml(binding: Binding) -> str:
    values: list[str | int] = [binding.address, binding.control, binding.channel, binding.mode]
    entry = zip(KEYS, values, strict=True)
    return "[[control]]\n" + "".join(f"{key} = {to_toml(it)}\n" for key, it in entry if it)
