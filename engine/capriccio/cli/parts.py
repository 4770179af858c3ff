"""The command `parts`: lists every part, and the knobs and models of one."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import json_option, plain_errors, print_result

if TYPE_CHECKING:
    from rich.table import Table

    from ..registry import Found

PLAIN = int | float | str | None  # what JSON can hold; other defaults of knobs are described
Description = dict[str, list[dict[str, Any]]]


@click.command()
@click.argument("name", required=False)
@json_option
def parts(name: str | None, as_json: bool) -> None:
    """List every part on a line; with NAME, the knobs and models of one.

    \b
      capriccio parts
      capriccio parts gan
      capriccio parts --json
      CAPRICCIO_PLUGINS=devices,vae capriccio parts    load only these plugins

    A sketch builds generators and analyzers by these names, as in generator("gan"); outputs and
    inputs stand after --to and --from of capriccio run. Beside a model stands the device that
    runs it. A plugin that did not load is listed with the reason.
    """
    with plain_errors():
        description = describe(name)
    if name is None:
        print_result(description, as_json, lambda: table(description))
    else:
        print_result(description, as_json, lambda: chain(*map(details, description["parts"])))


def describe(name: str | None = None) -> Description:
    """Return all parts with knobs, models and their device, all commands, and what is broken.

    With a `name`, or `plugin/name`, only this part is described.
    """
    from ..parts import Part
    from ..registry import installed

    open_once = cache(_model)  # parts may share a file
    registry = installed()
    commands = registry.commands  # first: a plugin whose commands fail is broken as well
    if name is not None:
        only = registry.find(Part, name)
        return {"parts": [_part(one, open_once) for one in registry.found if one.part is only]}
    return {
        "parts": [_part(one, open_once) for one in registry.found],
        "commands": [
            {"name": name, "says": command.get_short_help_str(100)}
            for name, command in commands.items()
        ],
        "broken": [asdict(broken) for broken in registry.broken],
    }


def _part(found: "Found", open_once: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    from ..parts import Generator

    part = found.part
    described: dict[str, Any] = {
        "role": part.role,
        "name": part.name,
        "says": (part.__doc__ or "").strip().partition("\n")[0],
        "plugin": found.plugin,
        "distribution": found.distribution,
        "version": found.version,
    }
    if issubclass(part, Generator):
        described["knobs"] = [
            {
                "name": knob.name,
                "kind": knob.kind,
                "default": knob.default if isinstance(knob.default, PLAIN) else repr(knob.default),
                "choices": list(knob.choices),
                "says": knob.description,
            }
            for knob in part.knobs.values()
        ]
    if part.models:
        described["models"] = [
            {"name": name, **open_once(path)} for name, path in part.models.items()
        ]
    return described


def _model(path: Path) -> dict[str, Any]:
    """Open a model, since only that proves which device runs it."""
    from ..errors import ModelError, ProviderError
    from ..models.model import Model

    try:
        model = Model(path)
        return {"provider": model.provider, "card": model.card}
    except (ModelError, ProviderError, OSError) as error:
        return {"error": str(error)}


def table(description: Description) -> list[Any]:
    """Return what to print: a line for each part and command, and what did not load."""
    from rich.table import Table
    from rich.text import Text

    lines: list[Any] = []
    rows: list[Any]
    width = max((len(part["name"]) for part in description["parts"]), default=0)
    for role in dict.fromkeys(part["role"] for part in description["parts"]):
        rows = []
        for part in description["parts"]:
            if part["role"] == role:
                failed = [model["name"] for model in part.get("models", []) if "error" in model]
                says = Text(part["says"], overflow="ellipsis", no_wrap=True)
                if failed:
                    says = Text(f"model {', '.join(failed)} does not open", "bold red")
                rows.append((f"{part['name']:{width}}", says, Text(part["plugin"], "dim")))
        lines += [Text(f"{role}s", "bold underline"), _grid(rows)]
    if description["commands"]:
        rows = [(f"capriccio {one['name']}", Text(one["says"])) for one in description["commands"]]
        lines += [Text("commands", "bold underline"), _grid(rows)]
    if description["broken"]:
        sheet = Table("did not load", "why", header_style="bold red")
        for broken in description["broken"]:
            sheet.add_row(broken["plugin"], Text(broken["reason"]))
        lines.append(sheet)
    if not lines:
        return ["no parts; is CAPRICCIO_PLUGINS set? unset it to load every plugin"]
    return [*lines, Text("capriccio parts NAME lists the knobs and models of one", "dim")]


def details(part: dict[str, Any]) -> list[Any]:
    """Return what to print of one part: its knobs with a sentence each, and its models."""
    from rich.text import Text

    origin = " ".join(filter(None, (part["distribution"], part["version"])))
    title = f": {part['role']} of plugin {part['plugin']}{origin and f' ({origin})'}"
    rows: list[Any] = []
    lines: list[Any] = [Text.assemble((part["name"], "bold"), title), Text(part["says"])]
    if part.get("knobs"):
        for knob in part["knobs"]:
            values = {"number": "0 to 1", "choice": ", ".join(knob["choices"])}.get(knob["kind"])
            default = "" if knob["default"] is None else str(knob["default"])
            rows.append((knob["name"], *map(Text, (default, values or knob["kind"], knob["says"]))))
        lines += [Text("knobs: default, values", "bold underline"), _grid(rows)]
    if part.get("models"):
        rows = [
            (model["name"], Text(model.get("error") or f"runs on {model['provider']}"))
            for model in part["models"]
        ]
        lines += [Text("models", "bold underline"), _grid(rows)]
    return lines


def _grid(rows: Iterable[Any]) -> "Table":
    """Lay rows out in columns: a name, and texts beside it."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, *texts in rows:
        grid.add_row(Text(f"  {name}", "bold", no_wrap=True), *texts)
    return grid
