"""The pages of the reference that are no docstrings: the parts with their knobs, the commands."""

import re
from typing import Any

import click

VALUES = {"number": "0 to 1", "words": "words", "thing": "an object"}
TITLES = {
    "generator": "Generators",
    "analyzer": "Analyzers",
    "output": "Outputs",
    "input": "Inputs",
}
LEADS = {
    "generator": 'Built by `generator("NAME")`; called with `now` and its knobs.',
    "analyzer": 'Built by `analyzer("NAME")`; called with what it reads.',
    "output": "Named after `--to`, and in `sketch.perform`.",
    "input": "Named after `--from`, and in `sketch.perform(inputs=…)`.",
}


def part_pages(parts: list[dict[str, Any]]) -> dict[str, str]:
    """Return a page for each role, by file name, from what `capriccio parts --json` lists."""
    pages = {}
    for role, title in TITLES.items():
        lines = [f"# {title}", "", LEADS[role], ""]
        for part in sorted((one for one in parts if one["role"] == role), key=_name):
            lines += [f"## {part['name']}", "", f"{cell(part['says'])} Plugin `{part['plugin']}`."]
            lines += ["", *_knobs(part.get("knobs", [])), *_models(part.get("models", []))]
        pages[f"{title.lower()}.md"] = "\n".join(lines)
    return pages


def _name(part: dict[str, Any]) -> str:
    return str(part["name"])


def _knobs(knobs: list[dict[str, Any]]) -> list[str]:
    if not knobs:
        return []
    rows = ["| knob | default | values | |", "| --- | --- | --- | --- |"]
    for knob in knobs:
        values = ", ".join(f"`{one}`" for one in knob["choices"]) or VALUES.get(knob["kind"], "")
        default = "" if knob["default"] in (None, "") else f"`{knob['default']}`"
        row = f"`{knob['name']}`", default, values or cell(knob["kind"]), cell(knob["says"])
        rows.append(f"| {' | '.join(row)} |")
    return [*rows, ""]


def _models(models: list[dict[str, Any]]) -> list[str]:
    if not models:
        return []
    rows = ["| model | learned from | licence |", "| --- | --- | --- |"]
    for model in models:
        card = model.get("card", {})
        licence = card.get("licence", card.get("license", ""))
        row = f"`{model['name']}`", cell(str(card.get("data", ""))), cell(str(licence))
        rows.append(f"| {' | '.join(row)} |")
    return [*rows, ""]


def cell(text: str) -> str:
    """Return text as a cell of a table holds it: on one line, bars and brackets kept."""
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"([|\[\]*_])", r"\\\1", text).replace("<", "&lt;")


def command_page(group: click.Group, program: str = "capriccio") -> str:
    """Return the page of all commands of a group, those of plugins included."""
    lines = ["# Commands", "", "As `--help` after each of them prints it.", ""]
    context = click.Context(group, info_name=program)
    for name in sorted(group.list_commands(context)):
        lines += _command(group.get_command(context, name), context, name, 2)
    return "\n".join(lines)


def _command(
    command: click.Command | None, parent: click.Context, name: str, level: int
) -> list[str]:
    """Return the lines of a command: what it does, its usage and options; then its own commands."""
    if command is None or command.hidden:
        return []
    context = click.Context(command, info_name=name, parent=parent)
    usage = command.get_usage(context).removeprefix("Usage: ")
    lines = [f"{'#' * level} {context.command_path.partition(' ')[2]}", ""]
    lines += ["```text", re.sub(r"\s+", " ", usage), "```", "", *_help(command.help or "")]
    rows = []
    for parameter in command.get_params(context):
        if record := parameter.get_help_record(context):
            rows.append(f"| `{record[0]}` | {cell(record[1])} |")
    lines += ["| option | |", "| --- | --- |", *rows, ""]
    if isinstance(command, click.Group):
        for inner in sorted(command.list_commands(context)):
            lines += _command(command.get_command(context, inner), context, inner, level + 1)
    return lines


def _help(text: str) -> list[str]:
    """Return a help text in Markdown: what click does not wrap are commands."""
    lines = []
    for paragraph in re.split(r"\n\s*\n", re.sub(r"^[ \t]*", "", text, flags=re.MULTILINE)):
        if paragraph.startswith("\b"):
            lines += ["```sh", *paragraph.lstrip("\b\n").splitlines(), "```", ""]
        else:
            lines += [cell(paragraph), ""]
    return lines
