"""The command `plugins`: lists what is installed, and why something did not load."""

from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

import click

from .options import json_option, plain_errors, print_result


@click.command()
@json_option
def plugins(as_json: bool) -> None:
    """List the plugins that are installed, their parts, and why one did not load.

    \b
      capriccio plugins
      capriccio plugins --json

    A plugin that would end a command is set aside; capriccio doctor tries it again. Plugins that
    CAPRICCIO_PLUGINS leaves out are listed without parts.
    """
    with plain_errors():
        described = describe()
    print_result(described, as_json, lambda: table(described))


def describe() -> list[dict[str, Any]]:
    """Return every plugin by its name: where it comes from, its parts, and what is broken."""
    from ..registry import COMMANDS, HOOKS, installed, plugin_points

    registry = installed()
    commands = registry.commands  # first: a plugin whose commands fail is broken as well
    found: dict[str, dict[str, Any]] = {}

    def add(name: str, distribution: str, version: str) -> dict[str, Any]:
        empty: dict[str, Any] = {role: [] for role in (*HOOKS, COMMANDS)}
        return found.setdefault(
            name,
            {
                "plugin": name,
                "distribution": distribution,
                "version": version,
                "says": _summary(distribution),
                "state": "left out",
                **empty,
                "broken": [],
            },
        )

    for point in plugin_points():
        add(point.name, *((point.dist.name, point.dist.version) if point.dist else ("", "")))
    for name in registry.loaded:
        found[name]["state"] = "ok"
    for one in registry.found:
        hook = next(hook for hook, role in HOOKS.items() if issubclass(one.part, role))
        found[one.plugin][hook].append(one.part.name)
    for name in commands:
        found[registry.command_plugins[name]][COMMANDS].append(name)
    for broken in registry.broken:
        plugin = add(broken.plugin, broken.distribution, broken.version)
        plugin["broken"].append(broken.reason)
        plugin["state"] = "broken"
    return [found[name] for name in sorted(found)]


def _summary(distribution: str) -> str:
    try:
        return str(metadata(distribution)["Summary"] or "") if distribution else ""
    except (PackageNotFoundError, ValueError):
        return ""


def table(described: list[dict[str, Any]]) -> list[Any]:
    """Return what to print: a plugin, where it comes from, and below it parts or reasons."""
    from rich.table import Table
    from rich.text import Text

    from ..registry import COMMANDS, HOOKS

    sheet = Table.grid(padding=(0, 2, 0, 0))
    for plugin in described:
        origin = " ".join(filter(None, (plugin["distribution"], plugin["version"])))
        words = Text(origin or "not installed", "dim")
        for role in (*HOOKS, COMMANDS):
            if names := plugin[role]:
                words.append(f"\n{role}: {', '.join(names)}", "none")
        for reason in plugin["broken"]:
            words.append(f"\n{reason}", "bold red")
        if plugin["state"] == "left out":
            words.append("\nleft out by CAPRICCIO_PLUGINS", "yellow")
        sheet.add_row(Text(plugin["plugin"], "bold"), words)
    return [sheet] if described else ["no plugins are installed"]
