"""Maps: what the controls of a MIDI device turn, one TOML file for each device."""

from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..devices.midi.controller_events import KINDS, ControllerEvent
from ..errors import ShowError, suggest
from ..log import warn_once
from .user_files import UserFile, as_toml, file_for, user_folder, write_text

MODES = ("", "toggle")
KEYS = ("turns", "move", "channel", "mode")
HEAD = """\
# What the controls of one MIDI device turn, as capriccio midi learn writes it, or you:
# move     cc 7, cc14 7, nrpn 300, note 60, poly 60, program 5, pressure, bend
# channel  1 to 16; any, where it is left out
# mode     "toggle": each press changes between the two ends
"""


@dataclass(frozen=True, slots=True)
class Binding:
    """What one control of a device turns: an address of the parameters.

    `channel` is 1..16, or 0 for any; `mode` is "toggle" where each press changes between the ends.
    """

    address: str
    kind: str
    number: int = 0
    channel: int = 0
    mode: str = ""

    def holds(self, move: ControllerEvent) -> bool:
        """Say whether a move is of this control."""
        return (self.kind, self.number) == move[:2] and self.channel in (0, move.channel)

    def meets(self, other: "Binding") -> bool:
        """Say whether some move is of both."""
        same = (self.kind, self.number) == (other.kind, other.number)
        return same and (self.channel == other.channel or 0 in (self.channel, other.channel))

    @property
    def move(self) -> str:
        """What is moved, as it stands in a map: "cc 7"."""
        return self.kind if KINDS[self.kind] is None else f"{self.kind} {self.number}"

    def __str__(self) -> str:
        return f"{self.move}{f' on channel {self.channel}' if self.channel else ''}"


@dataclass
class MidiMap:
    """The ties of one device, and the file they stand in."""

    device: str
    file: Path
    ties: list[Binding] = field(default_factory=list)


def read_map(file: Path) -> MidiMap:
    """Read a map; raises ShowError with the file and the line of what is wrong."""
    return _map_of(UserFile(file))


def _map_of(page: UserFile) -> MidiMap:
    for key, value in page.says.items():
        if key not in ("device", "control"):
            page.refuse(
                _line_anywhere(page, key), f"no entry {key!r}{suggest(key, ('device', 'control'))}"
            )
        if key == "control" and not (
            isinstance(value, list) and all(isinstance(one, dict) for one in value)
        ):
            page.refuse(_line_anywhere(page, key), "'control' is a list; write [[control]]")
    device = page.says.get("device")
    if not isinstance(device, str) or not device:
        page.refuse(page.line(0, "device"), f"device = {device!r}; give the name of a MIDI input")
    places = [
        number for number, (_, name, _) in enumerate(page.blocks()) if list(name) == ["control"]
    ]
    ties = []
    for number, entry in enumerate(page.says.get("control", [])):
        block = places[number] if number < len(places) else 0
        ties.append(_tie_of(page, block, entry))
    return MidiMap(device, page.file, ties)


def _line_anywhere(page: UserFile, key: str) -> int:
    for number, (first, name, _) in enumerate(page.blocks()):
        line = page.line(number, key)
        if list(name) == [key] or line > first:
            return line
    return 1


def _tie_of(page: UserFile, block: int, entry: dict[str, Any]) -> Binding:
    def refuse(key: str, words: str):
        page.refuse(page.line(block, key), words)

    for key in entry:
        if key not in KEYS:
            refuse(key, f"no entry {key!r}{suggest(key, KEYS)}")
    address, move = entry.get("turns"), entry.get("move")
    if not isinstance(address, str) or not address.startswith("/"):
        refuse("turns", f"turns = {address!r}; give an address such as '/garden/bloom'")
    kind, *numbers = move.split() if isinstance(move, str) and move.split() else [""]
    if kind not in KINDS:
        refuse("move", f"move = {move!r}; give one such as 'cc 7', 'note 60' or 'bend'")
    most = KINDS[kind]
    number = 0
    if most is None:
        if numbers:
            refuse("move", f"move = {move!r}; there is only one {kind!r} on a channel")
    elif len(numbers) != 1 or not numbers[0].isdecimal() or int(numbers[0]) >= most:
        refuse("move", f"move = {move!r}; give {kind!r} and a number 0..{most - 1}")
    else:
        number = int(numbers[0])
    channel, mode = entry.get("channel", 0), entry.get("mode", "")
    if type(channel) is not int or channel not in range(17) or ("channel" in entry and not channel):
        refuse("channel", f"channel = {channel!r}; give 1 to 16, or leave it out for any")
    if mode not in MODES:
        refuse("mode", f"mode = {mode!r}; give 'toggle', or leave it out")
    assert isinstance(address, str)
    return Binding(address, kind, number, channel, mode)


def read_maps() -> list[MidiMap]:
    """Read the maps of all devices; one that is broken is told, left alone, and missing."""
    maps = []
    for file in sorted(user_folder("maps").glob("*.toml")):
        try:
            maps.append(read_map(file))
        except ShowError as error:
            warn_once(f"map {error}; it is left out")
    return maps


def write_binding(device: str, tie: Binding, addresses: Container[str]) -> Path:
    """Write a tie into the map of a device and give the file.

    It takes the place of what the same control turned, and of what else turned the same knob, as
    far as the sketch goes: ties to addresses of other sketches stay.
    """
    known = [one for one in read_maps() if one.device == device]
    file = known[0].file if known else _free(file_for(device, "maps"))
    page = UserFile(file)
    ties = known[0].ties if known else []
    old = {
        number
        for number, one in enumerate(ties)
        if one.address == tie.address or (one.meets(tie) and one.address in addresses)
    }
    numbers = [at for at, (_, name, _) in enumerate(page.blocks()) if list(name) == ["control"]]
    gone = {numbers[number] for number in old if number < len(numbers)}
    text = page.without(lambda number, name: number in gone) if known else _head(device)
    wanted = [one for number, one in enumerate(ties) if number not in old] + [tie]
    write_text(file, _checked(device, file, text + _written(tie), wanted))
    return file


def _free(file: Path) -> Path:
    """Give a name that no file has: one that is there is another device's, or broken."""
    number, free = 1, file
    while free.exists():
        number += 1
        free = file.with_stem(f"{file.stem}-{number}")
    return free


def _checked(device: str, file: Path, text: str, ties: list[Binding]) -> str:
    """Give the text if it says what it should; else it was written in a way we cannot change."""
    with suppress(ShowError):
        if _map_of(UserFile(file, text)) == MidiMap(device, file, ties):
            return text
    return _head(device) + "\n".join(map(_written, ties))


def _head(device: str) -> str:
    return f"{HEAD}device = {as_toml(device)}\n\n"


def _written(tie: Binding) -> str:
    lines = ["[[control]]", f"turns = {as_toml(tie.address)}", f"move = {as_toml(tie.move)}"]
    if tie.channel:
        lines.append(f"channel = {tie.channel}")
    if tie.mode:
        lines.append(f"mode = {as_toml(tie.mode)}")
    return "\n".join(lines) + "\n"
