"""Describes every part there is, for people and for programs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import json_option

if TYPE_CHECKING:
    from ..registry import Found


def describe() -> dict[str, list[dict[str, Any]]]:
    """Give all parts with knobs, models and their provider, all commands, and what is broken."""
    from ..registry import installed

    opened: dict[Path, dict[str, Any]] = {}
    commands = installed().commands  # first: what is wrong with them is broken as well
    return {
        "parts": [_part(found, opened) for found in installed().found],
        "commands": [
            {"name": name, "says": command.get_short_help_str(100)}
            for name, command in commands.items()
        ],
        "broken": [
            {
                "plugin": broken.plugin,
                "distribution": broken.distribution,
                "version": broken.version,
                "reason": broken.reason,
            }
            for broken in installed().broken
        ],
    }


def _part(found: "Found", opened: dict[Path, dict[str, Any]]) -> dict[str, Any]:
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
                "default": _plain(knob.default),
                "choices": list(knob.choices),
            }
            for knob in part.knobs.values()
        ]
    if part.models:
        for path in part.models.values():
            if path not in opened:  # parts may share a file
                opened[path] = _model(path)
        described["models"] = [{"name": name, **opened[p]} for name, p in part.models.items()]
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


def _plain(default: Any) -> Any:
    return default if isinstance(default, int | float | str | None) else repr(default)


def table(description: dict[str, list[dict[str, Any]]]) -> list[Any]:
    """Lay a description out as rich tables: one a role, and one for what did not load."""
    from rich.table import Table
    from rich.text import Text

    tables: list[Any] = []
    for role in dict.fromkeys(part["role"] for part in description["parts"]):
        columns = ["what it does", "plugin"]
        if role == "generator":
            columns[1:1] = ["knobs"]
        if any("models" in part for part in description["parts"] if part["role"] == role):
            columns[-1:-1] = ["models"]
        sheet = Table(f"{role}s", *columns, title_justify="left", header_style="bold")
        for part in description["parts"]:
            if part["role"] == role:
                cells = {
                    "what it does": Text(part["says"]),
                    "knobs": Text("\n".join(map(_knob_line, part.get("knobs", [])))),
                    "models": Text("\n".join(map(_model_line, part.get("models", [])))),
                    "plugin": Text(f"{part['plugin']} ({part['distribution']} {part['version']})"),
                }
                sheet.add_row(Text(part["name"], style="bold"), *(cells[name] for name in columns))
        tables.append(sheet)
    if description["commands"]:
        sheet = Table("commands", "what it does", title_justify="left", header_style="bold")
        for command in description["commands"]:
            sheet.add_row(Text(f"capriccio {command['name']}", style="bold"), Text(command["says"]))
        tables.append(sheet)
    if description["broken"]:
        sheet = Table("did not load", "why", header_style="bold red")
        for broken in description["broken"]:
            sheet.add_row(broken["plugin"], Text(broken["reason"]))
        tables.append(sheet)
    if not tables:
        tables.append("no parts; is CAPRICCIO_PLUGINS set? unset it to load every plugin")
    return tables


def _knob_line(knob: dict[str, Any]) -> str:
    among = f" of {', '.join(knob['choices'])}" if knob["choices"] else ""
    return f"{knob['name']} = {knob['default']!r}{among}"


def _model_line(model: dict[str, Any]) -> str:
    return f"{model['name']}: {model.get('error') or model['provider']}"


@click.command()
@json_option
def parts(as_json: bool) -> None:
    """List every part, its knobs and models, and what did not load and why.

    \b
      capriccio parts
      capriccio parts --json
      CAPRICCIO_PLUGINS=devices,vae capriccio parts    load these plugins alone

    Beside a model stands the device that really runs it.
    """
    description = describe()
    if as_json:
        click.echo(json.dumps(description, indent=2))
    else:
        from rich.console import Console

        Console().print(*table(description), sep="\n")
