"""The command `plugins`: lists what is installed, and why something did not load."""

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import click

from .options import json_option, plain_errors, print_result


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

    A plugin that was installed, and is lost since an upgrade of Capriccio or Python, is listed too.
    One that would end a command is set aside; capriccio doctor tries it again. Plugins that
    CAPRICCIO_PLUGINS leaves out are listed without parts.
    """
    with plain_errors():
        words = (search or "").lower().split()
        described = describe()
        described += not_installed(described, "locked", "lost")
        described += not_installed(described, "entries", "not installed") if words else []
        described = [one for one in described if all(word in _words(one) for word in words)]
    nothing = ["no plugin has all these words"] if words and not described else None
    print_result(described, as_json, lambda: nothing or table(described))


def describe() -> list[dict[str, Any]]:
    """Return every plugin by its name: where it comes from, its parts, and what is broken."""
    from ..registry import COMMANDS, HOOKS, installed, plugin_points

    registry = installed()
    commands = registry.commands  # first: a plugin whose commands fail is broken as well
    found: dict[str, dict[str, Any]] = {}

    for point in plugin_points():
        origin = (point.dist.name, point.dist.version) if point.dist else ("", "")
        found[point.name] = _entry(point.name, *origin) | _metadata(point)
    for name in registry.loaded:
        found[name] |= {"state": "ok", "deprecated": registry.deprecated.get(name, "")}
    for one in registry.found:
        hook = next(hook for hook, role in HOOKS.items() if issubclass(one.part, role))
        found[one.plugin][hook].append(one.part.name)
    for name in commands:
        found[registry.command_plugins[name]][COMMANDS].append(name)
    for broken in registry.broken:
        origin = broken.distribution, broken.version
        plugin = found.setdefault(broken.plugin, _entry(broken.plugin, *origin))
        plugin["broken"].append(broken.reason)
        plugin["state"] = "broken"
    return [found[name] for name in sorted(found)]


def not_installed(described: list[dict[str, Any]], method: str, state: str) -> list[dict[str, Any]]:
    """Return the plugins that a method of the command `directory` knows beyond those described."""
    from packaging.utils import canonicalize_name

    from ..registry import installed

    there = {canonicalize_name(one["distribution"]) for one in described}
    known: Any = getattr(installed().commands.get("directory"), method, list)
    return [
        _entry(", ".join(one["plugins"]), "", "") | {"state": state} | one
        for one in known()
        if one["distribution"] not in there
    ]


def _entry(plugin: str, distribution: str, version: str) -> dict[str, Any]:
    from ..registry import COMMANDS, HOOKS

    texts = {"plugin": plugin, "distribution": distribution, "version": version, "says": ""}
    lists: dict[str, Any] = {key: [] for key in ("keywords", *HOOKS, COMMANDS, "broken")}
    return {**texts, **lists, "state": "left out", "deprecated": ""}


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
        if plugin["state"] == "lost":
            words.append("\nwas installed, and is not here: capriccio restore", "yellow")
        if plugin["state"] == "not installed":
            words.append(f"\n{plugin['says']}", "none")
            source, here = plugin["source"], Path(plugin["source"]).exists()
            lacks = "/" in source and "://" not in source and not here
            how = f"{source} is not here" if lacks else f"capriccio install {source}"
            words.append(f"\nnot installed: {how}", "yellow")
        sheet.add_row(Text(plugin["plugin"], "bold"), words)
    return [sheet] if described else ["no plugins are installed"]
