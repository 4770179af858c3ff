"""The command `plugins`: lists what is installed, and why something did not load."""

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import click

from .options import json_option, plain_errors, print_result

SHIPPED = Path(__file__).with_name("directory.json")  # of plugins, that comes with Capriccio


@click.command()
@click.option("--search", metavar="WORDS", help="Only those whose metadata has all these words.")
@json_option
def plugins(search: str | None, as_json: bool) -> None:
    """List the plugins that are installed, their parts, and why one did not load.

    \b
      capriccio plugins
      capriccio plugins --search film
      capriccio plugins --json

    Searched are names, summary, keywords and classifiers of packages, and the names and first
    sentences of parts; also of plugins that are not installed, as far as the directory has them:
    capriccio directory update takes another one.

    A plugin that would end a command is set aside; capriccio doctor tries it again. Plugins that
    CAPRICCIO_PLUGINS leaves out are listed without parts.
    """
    with plain_errors():
        words = (search or "").lower().split()
        known = [*describe(), *(not_installed() if words else ())]
        described = [one for one in known if all(word in _words(one) for word in words)]
    nothing = ["no plugin has all these words"] if words and not described else None
    print_result(described, as_json, lambda: nothing or table(described))


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
                "says": "",
                "keywords": [],
                "state": "left out",
                **empty,
                "broken": [],
                "deprecated": registry.deprecated.get(name, ""),
            },
        )

    for point in plugin_points():
        origin = (point.dist.name, point.dist.version) if point.dist else ("", "")
        add(point.name, *origin).update(_metadata(point))
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


def not_installed() -> list[dict[str, Any]]:
    """Return the plugins of the directories, ours and the user's, that are not installed.

    Raises:
        ShowError: a directory cannot be read.
    """
    from packaging.utils import canonicalize_name

    from ..errors import ShowError
    from ..registry import COMMANDS, HOOKS, plugin_points

    there = {canonicalize_name(one.dist.name) for one in plugin_points() if one.dist}
    found: dict[str, dict[str, Any]] = {}
    for file in (SHIPPED, Path(click.get_app_dir("capriccio")) / SHIPPED.name):
        try:
            listed = json.loads(file.read_text("utf-8"))["plugins"] if file.exists() else []
            found |= {canonicalize_name(one["distribution"]): one for one in listed}
        except (OSError, ValueError, KeyError, TypeError):
            raise ShowError(f"the directory of plugins {str(file)!r} cannot be read") from None
    empty: dict[str, Any] = {role: [] for role in (*HOOKS, COMMANDS)}
    empty |= {"state": "not installed", "broken": [], "deprecated": ""}
    return [
        {"plugin": ", ".join(one["plugins"]), **one, **empty}
        for name, one in sorted(found.items())
        if name not in there
    ]


def _metadata(point: EntryPoint) -> dict[str, Any]:
    headers = point.dist.metadata if point.dist else None
    if headers is None:
        return {}
    keywords = [word.strip() for word in (headers["Keywords"] or "").split(",") if word.strip()]
    classifiers = headers.get_all("Classifier") or []
    return {"says": headers["Summary"] or "", "keywords": [*keywords, *classifiers]}


def _words(described: dict[str, Any]) -> str:
    """Return what is searched of a plugin, in lower case."""
    from ..registry import HOOKS, installed

    parts = [one.part for one in installed().found if one.plugin == described["plugin"]]
    docs = [f"{part.name} {(part.__doc__ or '').strip().partition(chr(10))[0]}" for part in parts]
    roles = [hook for hook in HOOKS if described[hook]]
    own = [described[key] for key in ("plugin", "distribution", "says")]
    return " ".join([*own, *described["keywords"], *roles, *docs]).lower()


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
        if plugin["deprecated"]:
            words.append(f"\n{plugin['deprecated']}", "yellow")
        if plugin["state"] == "left out":
            words.append("\nleft out by CAPRICCIO_PLUGINS", "yellow")
        if plugin["state"] == "not installed":
            words.append(f"\n{plugin['says']}", "none")
            source, here = plugin["source"], Path(plugin["source"]).exists()
            lacks = "/" in source and "://" not in source and not here
            how = f"{source} is not here" if lacks else f"capriccio install {source}"
            words.append(f"\nnot installed: {how}", "yellow")
        sheet.add_row(Text(plugin["plugin"], "bold"), words)
    return [sheet] if described else ["no plugins are installed"]
