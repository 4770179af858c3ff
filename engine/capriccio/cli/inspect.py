"""The command `inspect`: shows how a file was made."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ShowError
from .options import FILE, json_option, plain_errors

if TYPE_CHECKING:  # what they import would make every command slow to start
    from ..recording.provenance import FileProvenance


@click.command()
@click.argument("file", type=FILE)
@click.option(
    "--card", is_flag=True, help="Show the card of a model: FILE is an .onnx file, or a name."
)
@json_option
def inspect(file: Path, card: bool, as_json: bool) -> None:
    """Show how FILE was made: a PNG, MP4, MIDI file or take of Capriccio.

    \b
      capriccio inspect takes/nocturne-20260314-203000-0083.400s.png
      capriccio inspect nocturne.mp4 --json
      capriccio inspect --card pomona            what a model learned, from whose work
      capriccio inspect --card vae:paintings
      capriccio inspect --card mine.onnx
    """
    if card:
        with plain_errors():
            _show_card(file, as_json)
        return
    from ..recording.provenance import read_provenance
    from ..recording.take import read_take
    from ..sketch_provenance import command_of

    with plain_errors():
        found = read_provenance(file)
        record, take = record_in(found, file), None
        if "take" in record:
            take = read_take(found.text, file.name)
            record.setdefault("models", take.models)
    if as_json:
        source = {"source": found.source} if found.source else {}
        click.echo(json.dumps({"kind": found.kind, **record, **source}, indent=2))
        return
    for name, value in record.items():
        for line in _lines(name, value):
            click.echo(line)
    if found.source:
        click.echo(f"{'source':12}{found.source}")
    if take is not None:
        turns, phrases = _count(take.turns, "parameter change"), _count(take.phrases, "phrase")
        click.echo(f"{'the show':12}{take.seconds:.1f} s, {turns}, {phrases}")
        if lost := sum(count for _, count in take.gaps):
            since = min(seconds for seconds, _ in take.gaps)
            click.echo(f"{'gaps':12}{lost} events are missing, from {since:.1f} s on")
        click.echo(f"{'again':12}capriccio replay {shlex.quote(str(file))}")
    elif not record.get("live"):
        click.echo(f"{'again':12}{command_of(record)}")


def _show_card(model: Path, as_json: bool) -> None:
    from ..models.onnx_reader import read_spec

    path = model if model.suffix == ".onnx" else model_named(str(model))
    said = read_spec(path)[2]
    if as_json:
        click.echo(json.dumps({"file": path.name, **said}, indent=2))
        return
    for name, value in {"file": path.name, **said}.items():
        for line in _lines(name, value):
            click.echo(line if len(line) <= 400 else f"{line[:400]}…")


def model_named(words: str) -> Path:
    """Return the file of a model by its name, `pomona` or `gan:pomona`, among all parts.

    Raises:
        ShowError: no part has a model of this name, or several have.
    """
    from ..errors import suggest
    from ..registry import installed

    part, _, wanted = words.rpartition(":")
    found: dict[str, Path] = {}
    names: set[str] = set()
    for one in installed().found:
        names |= set(one.part.models)
        if wanted in one.part.models and part in ("", one.part.name):
            found[f"{one.part.name}:{wanted}"] = Path(one.part.models[wanted])
    if len(set(found.values())) > 1:
        raise ShowError(f"several parts have a model {wanted!r}; name one: {', '.join(found)}")
    if not found:
        raise ShowError(f"no model is named {words!r}{suggest(wanted, sorted(names))}")
    return next(iter(found.values()))


def record_in(found: "FileProvenance", file: Path) -> dict[str, Any]:
    """Return the provenance record that a file carries; raise ShowError where it has none."""
    from ..recording.provenance import from_json, printable

    if not found.text:
        raise ShowError(f"{file.name!r} has no provenance record; it was not made by Capriccio")
    try:
        record = from_json(found.text.partition("\n")[0])
    except ValueError as error:
        raise ShowError(f"{file.name!r} is no take: {error} (line 1)") from None
    if not isinstance(record, dict):
        raise ShowError(f"{file.name!r} has a malformed provenance record: {printable(record, 60)}")
    return record


def _lines(name: str, value: Any) -> Iterator[str]:
    """Yield the lines that show one fact of a record, cut off where a stranger wrote too much."""
    from ..recording.provenance import printable

    entries = list(value.items())[:50] if isinstance(value, dict) else [("", value)]
    for number, (key, one) in enumerate(entries):
        if isinstance(one, dict):
            one = "  ".join(printable(word, 80) for word in list(one.values())[:5])
        elif isinstance(one, list):
            one = " ".join(map(str, one[:20]))
        label = printable(name, 40) if not number else ""
        yield f"{label + ' ':12}{printable(str(key), 80)}{' ' if key else ''}{printable(one)}"


def _count(things: list[Any], noun: str) -> str:
    return f"{len(things)} {noun}{'s' * (len(things) != 1)}"
