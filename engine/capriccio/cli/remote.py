"""The commands `capriccio osc` and `capriccio midi`, and the inputs that every live run has."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import click

from ..errors import ShowError, suggest
from .options import FILE, json_option, plain_errors, print_result

if TYPE_CHECKING:  # what they import would make every command slow to start
    from ..devices.midi.simulated_player import Simulation
    from ..parameters import Parameter, Parameters
    from ..parts import Input

# How long `capriccio midi learn` waits for a control to be moved, and how often it looks.
LEARN_SECONDS, POLL_SECONDS = 60.0, 0.02
OFF = "off"

osc_option = click.option(
    "--osc",
    default="9000",  # as in remote/__init__.py, which imports too much for every command
    show_default=True,
    metavar="[HOST:]PORT[/WORD]",
    help="Live: receive OSC at this port, from this machine; with a HOST, such as 0.0.0.0, also "
    f"from others, whose addresses must begin with the WORD; {OFF}: not at all.",
)
simulate_option = click.option(
    "--simulate",
    is_flag=False,
    flag_value="",
    metavar="[FILE]",
    help="Simulate a person at the controls: FILE.mid is played on every controls(); without a "
    "FILE controls are played and knobs turned slowly, the same each time. With --follow the clock "
    "is simulated too.",
)
_sketch = click.argument("file", type=FILE)


def remote_inputs(osc: str) -> "list[Input]":
    """Return the inputs of every live show: presets, controllers, and OSC unless it is off."""
    from ..remote.control_surface import ControlSurface
    from ..remote.osc import OscInput
    from ..remote.presets import Presets

    inputs: list[Input] = [Presets(), ControlSurface()]
    return inputs if osc == OFF else [*inputs, OscInput(osc)]


def simulation(simulate: str | None, seed: int | None) -> "tuple[Simulation | None, list[Input]]":
    """Return what plays the controls as `--simulate` says, and the inputs that turn knobs."""
    from ..devices.midi.simulated_player import Simulation
    from ..remote.automation import KnobAutomation

    if simulate is None:
        return None, []
    return Simulation(simulate, seed), [] if simulate else [KnobAutomation(seed=seed)]


def parameters_of(file: Path) -> "Parameters":
    """Return the parameters that a live run of a sketch on a screen has."""
    from ..devices.video.screen_controls import ScreenControls
    from ..loader import load_sketch
    from ..recording.recorder import still_parameter
    from ..remote.control_surface import ControlSurface
    from ..remote.presets import Presets

    parameters = load_sketch(file).stage(live=True).performance.parameters
    parameters.add(still_parameter(print))
    for source in (ScreenControls(parameters), Presets(), ControlSurface()):
        for parameter in source.parameters():
            parameters.add(parameter)
    return parameters


@click.command()
@_sketch
@json_option
def osc(file: Path, as_json: bool) -> None:
    """List every OSC address of the sketch FILE: type, range, start value, what it does.

    \b
      capriccio osc nocturne.py
      capriccio osc nocturne.py --json

    A live run receives them at 127.0.0.1:9000, or where --osc says. A knob is held where OSC sets
    it; a message without a value releases it.
    """
    with plain_errors(file):
        rows = [reference(parameter) for parameter in parameters_of(file).listed]
    print_result(rows, as_json, lambda: [_table(rows)])


def reference(parameter: "Parameter") -> dict[str, Any]:
    """Return what a parameter takes, and its value before it was ever set."""
    types = {"number": "f", "press": ""}
    is_number = parameter.kind == "number"
    return {
        "address": parameter.address,
        "kind": parameter.kind,
        "type": types.get(parameter.kind, "s"),
        "range": list(parameter.span if is_number else parameter.choices),
        "default": parameter.value(),
        "key": parameter.key,
        "says": parameter.description,
    }


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table("address", "takes", "starts at", "what it does", "key", header_style="bold")
    for row in rows:
        if row["kind"] == "number":
            takes = "{:g} to {:g}".format(*row["range"])
        elif row["kind"] == "choice":
            takes = ", ".join(row["range"])
        else:
            takes = "nothing, or 1" if row["kind"] == "press" else row["kind"]
        start = row["default"]
        start = f"{start:g}" if isinstance(start, int | float) else str(start or "")
        cells = [row["address"], takes, start, row["says"], row["key"]]
        table.add_row(*map(Text, cells))
    return table


@click.group()
def midi() -> None:
    """List MIDI devices, and learn which of their controls set which knob.

    \b
      capriccio midi list
      capriccio midi learn nocturne.py
    """


@midi.command("list")
@json_option
def list_ports(as_json: bool) -> None:
    """List MIDI inputs with what their controls set, and MIDI outputs.

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
        for binding in one["ties"]:
            mode = f"  {binding['mode']}" if binding["mode"] else ""
            channel = f"channel {binding['channel']}" if binding["channel"] else "any channel"
            click.echo(f"  {binding['move']:10}  {channel:11}  {binding['turns']}{mode}")


def _ports() -> dict[str, Any]:
    from ..devices.midi import ports
    from ..devices.midi.inputs import device_name
    from ..remote.midi_map import read_maps

    api = ports.find_api()
    return {
        "inputs": [
            {"port": name, "device": device_name(name)} for name in ports.list_ports("input", api)
        ],
        "outputs": [{"port": name} for name in ports.list_ports("output", api)],
        "maps": [
            {
                "device": one.device,
                "file": str(one.path),
                "ties": [
                    dict(move=it.control, channel=it.channel, turns=it.address, mode=it.mode)
                    for it in one.bindings
                ],
            }
            for one in read_maps()
        ],
    }


@midi.command()
@_sketch
@click.argument("address", required=False)
@click.option("--toggle", is_flag=True, help="Each press switches between the two ends.")
@click.option(
    "--seconds",
    type=click.FloatRange(0.1),
    default=LEARN_SECONDS,
    show_default=True,
    metavar="S",
    help="How long to wait for a control to be moved.",
)
def learn(file: Path, address: str | None, toggle: bool, seconds: float) -> None:
    """Learn which control of a MIDI controller sets a knob of the sketch FILE.

    \b
      capriccio midi learn nocturne.py                  choose one knob after the other
      capriccio midi learn nocturne.py /garden/bloom    this one
      capriccio midi learn nocturne.py /garden/bloom --toggle

    In a show the key l does the same. What was learned is saved for each device, for every sketch
    that has a knob of that address.
    """
    from ..remote.midi_learn import learnable_addresses

    with plain_errors(file):
        parameters = parameters_of(file)
        addresses = learnable_addresses(parameters)
        if address:
            if address not in addresses:
                near = suggest(address, addresses)
                raise ShowError(f"no control {address!r} that a controller can set{near}")
            _learn(parameters, address, toggle, seconds)
            return
        if not sys.stdin.isatty():
            remedy = f"give an address: capriccio midi learn {file} {addresses[0]}"
            raise ShowError(f"no terminal to choose a knob at; {remedy}")
        while (chosen := _choose(addresses)) is not None:
            _learn(parameters, chosen, toggle, seconds)


def _choose(addresses: list[str]) -> str | None:
    """Ask for one of the addresses, by its number; return None for 0."""
    from ..remote.midi_map import read_maps

    bound: dict[str, list[str]] = {}
    for one in read_maps():
        for binding in one.bindings:
            bound.setdefault(binding.address, []).append(f"{binding} of {one.device!r}")
    for number, address in enumerate(addresses, 1):
        click.echo(f"{number:3}  {address:28} {', '.join(bound.get(address, ()))}")
    number = click.prompt("number of a knob (0 ends)", type=click.IntRange(0, len(addresses)))
    return addresses[number - 1] if number else None


def _learn(parameters: "Parameters", address: str, toggle: bool, seconds: float) -> None:
    """Wait until a control is moved, and save that it sets the address."""
    from ..devices.midi import ports
    from ..devices.midi.controller_events import ControllerParser
    from ..devices.midi.inputs import device_name, subscribe
    from ..remote.midi_learn import MidiLearn
    from ..remote.midi_map import Binding, write_binding

    ports.find_api()  # raises the reason why there is no MIDI
    learning, found = MidiLearn(address), SimpleQueue[tuple[str, Binding]]()
    parsers: dict[str, ControllerParser] = {}

    def receive(port: str, when: float, message: bytes) -> None:
        for event in parsers.setdefault(port, ControllerParser()).parse(message):
            if binding := learning.receive(device_name(port), event):
                found.put((device_name(port), binding))

    click.echo(f"{address}: move a control of your controller (Ctrl-C ends)")
    subscription = subscribe(receive)
    deadline = time.monotonic() + seconds
    try:
        while found.empty():
            if time.monotonic() > deadline:
                raise ShowError(
                    f"nothing was moved for {seconds:g} s; capriccio midi list shows which "
                    "controllers are connected"
                )
            time.sleep(POLL_SECONDS)
    finally:
        subscription.stop()
    device, binding = found.get()
    binding = replace(binding, mode="toggle" if toggle else "")
    path = write_binding(device, binding, parameters.by_address)
    click.echo(f"{binding} of {device!r} sets {address}; saved in {str(path)!r}")
