"""The commands `capriccio osc` and `capriccio midi`, and the hands that a live run has."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import click

from ..errors import ShowError, suggest
from ..parameters import Parameter, Parameters
from ..remote import PORT
from .options import plain_errors

if TYPE_CHECKING:
    from ..parts import Input

# How long `capriccio midi learn` waits for a control to be moved, and how often it looks.
LEARN_SECONDS, LOOK_SECONDS = 60.0, 0.02
OFF = "off"

osc_option = click.option(
    "--osc",
    default=str(PORT),
    show_default=True,
    metavar="[HOST:]PORT[/WORD]",
    help="Live: hear OSC at this port of this machine, at that of another HOST for whoever knows "
    f"the WORD that addresses begin with, or not at all: {OFF}.",
)
simulate_option = click.option(
    "--simulate",
    is_flag=False,
    flag_value="",
    metavar="[FILE]",
    help="Rehearse without hands: FILE.mid plays every controls(), as if by a human; without a "
    "FILE they are played, and the knobs turned, gently and the same each time. With --follow the "
    "clock is simulated too.",
)
_sketch = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
_as_json = click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")


def remote_inputs(osc: str) -> "list[Input]":
    """Give what reaches into a live show from outside: presets, controllers, and OSC unless off."""
    from ..remote.control_surface import ControlSurface
    from ..remote.osc import Osc
    from ..remote.presets import Presets

    chosen: list[Input] = [Presets(), ControlSurface()]
    return chosen if osc == OFF else [*chosen, Osc(osc)]


def simulation(simulate: str | None, seed: int | None) -> "tuple[Simulation | None, list[Input]]":
    """Give who plays the controls as `--simulate` says, and what turns the knobs besides."""
    from ..devices.midi.simulated_player import Simulation
    from ..remote.automation import KnobAutomation

    if simulate is None:
        return None, []
    return Simulation(simulate, seed), [] if simulate else [KnobAutomation(seed)]


def parameters_of(file: Path) -> Parameters:
    """Give the parameters that a live run of a sketch on a screen has."""
    from ..devices.video.screen_controls import ScreenControls
    from ..loader import load_sketch
    from ..recording.recorder import still_parameter
    from ..remote.control_surface import ControlSurface
    from ..remote.presets import Presets

    parameters = load_sketch(file).stage(live=True).performance.parameters
    booth, presets, surface = ScreenControls(parameters), Presets(), ControlSurface()
    for added in (
        [still_parameter(print)],
        *(one.parameters() for one in (booth, presets, surface)),
    ):
        for parameter in added:
            parameters.add(parameter)
    return parameters


# -- OSC --------------------------------------------------------------------------------------


@click.command()
@_sketch
@_as_json
def osc(file: Path, as_json: bool) -> None:
    """List every OSC address of the sketch FILE: type, range, where it starts, what it does.

    \b
      capriccio osc nocturne.py
      capriccio osc nocturne.py --json

    A live run hears them at 127.0.0.1:9000, or where --osc says. A knob is held where OSC puts it;
    a message without a value lets go of it.
    """
    with plain_errors(file):
        rows = [reference(control) for control in parameters_of(file).controls.values()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        from rich.console import Console

        Console().print(_table(rows))


def reference(control: Parameter) -> dict[str, Any]:
    """Say what a control takes, and where it stands before it was ever turned."""
    types = {"number": "f", "press": "", "words": "s", "choice": "s"}
    return {
        "address": control.address,
        "kind": control.kind,
        "type": types.get(control.kind, "s"),
        "range": list(control.span) if control.kind == "number" else list(control.choices),
        "default": control.value(),
        "key": control.key,
        "says": control.description,
    }


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    sheet = Table("address", "takes", "starts at", "what it does", "key", header_style="bold")
    for row in rows:
        if row["kind"] == "number":
            takes = "{:g} to {:g}".format(*row["range"])
        elif row["kind"] == "choice":
            takes = ", ".join(row["range"])
        else:
            takes = {"press": "nothing, or 1", "words": "words"}.get(row["kind"], row["kind"])
        start = row["default"]
        start = f"{start:g}" if isinstance(start, int | float) else str(start or "")
        cells = [row["address"], takes, start, row["says"], row["key"]]
        sheet.add_row(*map(Text, cells))
    return sheet


# -- MIDI -------------------------------------------------------------------------------------


@click.group()
def midi() -> None:
    """List MIDI devices, and learn which of their controls turn what.

    \b
      capriccio midi list
      capriccio midi learn nocturne.py
    """


@midi.command("list")
@_as_json
def list_ports(as_json: bool) -> None:
    """List MIDI inputs with what their controls turn, and MIDI outputs.

    \b
      capriccio midi list
      capriccio midi list --json
    """
    with plain_errors():
        listed = _ports()
    if as_json:
        click.echo(json.dumps(listed, indent=2))
        return
    for kind in ("inputs", "outputs"):
        click.echo(f"{kind}: {', '.join(repr(port['port']) for port in listed[kind]) or 'none'}")
    for one in listed["maps"]:
        click.echo(f"\n{one['device']}  ({one['file']})")
        for tie in one["ties"]:
            mode = f"  {tie['mode']}" if tie["mode"] else ""
            where = f"channel {tie['channel']}" if tie["channel"] else "any channel"
            click.echo(f"  {tie['move']:10}  {where:11}  {tie['turns']}{mode}")


def _ports() -> dict[str, Any]:
    from ..devices.midi import ports
    from ..devices.midi.inputs import device_of
    from ..remote.midi_map import read_maps

    api = ports.system()
    import rtmidi

    return {
        "inputs": [
            {"port": name, "device": device_of(name)}
            for name in ports.connected(rtmidi.MidiIn, api)
        ],
        "outputs": [{"port": name} for name in ports.connected(rtmidi.MidiOut, api)],
        "maps": [
            {
                "device": one.device,
                "file": str(one.file),
                "ties": [
                    {
                        "move": tie.move,
                        "channel": tie.channel,
                        "turns": tie.address,
                        "mode": tie.mode,
                    }
                    for tie in one.ties
                ],
            }
            for one in read_maps()
        ],
    }


@midi.command()
@_sketch
@click.argument("address", required=False)
@click.option("--toggle", is_flag=True, help="Each press changes between the two ends.")
@click.option(
    "--seconds",
    type=click.FloatRange(0.1),
    default=LEARN_SECONDS,
    show_default=True,
    metavar="S",
    help="How long to wait for a control to be moved.",
)
def learn(file: Path, address: str | None, toggle: bool, seconds: float) -> None:
    """Learn which control of a MIDI controller turns a knob of the sketch FILE.

    \b
      capriccio midi learn nocturne.py                  choose one knob after the other
      capriccio midi learn nocturne.py /garden/bloom    this one
      capriccio midi learn nocturne.py /garden/bloom --toggle

    In a show the key l does the same. What was learned is kept for each device, for every sketch
    that has a knob of that address.
    """
    from ..remote.midi_learn import learnable_addresses

    with plain_errors(file):
        parameters = parameters_of(file)
        addresses = learnable_addresses(parameters)
        if address and address not in addresses:
            raise ShowError(f"no control {address!r} that is turned{suggest(address, addresses)}")
        if address:
            _learn(parameters, address, toggle, seconds)
            return
        if not sys.stdin.isatty():
            raise ShowError(
                "nobody is there to choose; give an address: "
                f"capriccio midi learn {file} {addresses[0]}"
            )
        while (chosen := _choose(parameters, addresses)) is not None:
            _learn(parameters, chosen, toggle, seconds)


def _choose(parameters: Parameters, addresses: list[str]) -> str | None:
    """Ask for one of the addresses, by its number; None for none."""
    from ..remote.midi_map import read_maps

    turned: dict[str, list[str]] = {}
    for one in read_maps():
        for tie in one.ties:
            turned.setdefault(tie.address, []).append(f"{tie} of {one.device!r}")
    for number, address in enumerate(addresses, 1):
        click.echo(f"{number:3}  {address:28} {', '.join(turned.get(address, ()))}")
    number = click.prompt(
        "which one, by its number (0 ends)", type=click.IntRange(0, len(addresses))
    )
    return addresses[number - 1] if number else None


def _learn(parameters: Parameters, address: str, toggle: bool, seconds: float) -> None:
    """Wait until a control is moved, and write down that it turns the address."""
    from ..devices.midi import ports
    from ..devices.midi.controller_events import ControllerParser
    from ..devices.midi.inputs import device_of, subscribe
    from ..remote.midi_learn import MidiLearn
    from ..remote.midi_map import Binding, write_binding

    ports.system()  # or the reason why there is no MIDI
    lesson, found = MidiLearn(address), SimpleQueue[tuple[str, Binding]]()
    moves: dict[str, ControllerParser] = {}

    def hear(port: str, when: float, message: bytes) -> None:
        for move in moves.setdefault(port, ControllerParser()).take(message):
            tie = lesson.hear(device_of(port), move)
            if tie is not None:
                found.put((device_of(port), tie))

    click.echo(f"{address}: move a control of your controller (Ctrl-C ends)")
    listening = subscribe(hear)
    deadline = time.monotonic() + seconds
    try:
        while found.empty():
            if time.monotonic() > deadline:
                raise ShowError(
                    f"nothing was moved for {seconds:g} s; capriccio midi list says "
                    "which controllers are connected"
                )
            time.sleep(LOOK_SECONDS)
    finally:
        listening.stop()
    device, tie = found.get()
    tie = replace(tie, mode="toggle" if toggle else "")
    path = write_binding(device, tie, parameters.by_address)
    click.echo(f"{tie} of {device!r} turns {address}, as {str(path)!r} says")
