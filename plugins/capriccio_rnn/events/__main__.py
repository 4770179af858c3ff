"""Evaluate event models: `python -m capriccio_rnn.events --help`."""

import json
from pathlib import Path

import click


@click.group()
def events() -> None:
    """Evaluate event models against the music they were trained on."""


@events.command()
@click.option("--data", type=click.Path(path_type=Path), required=True,
              help="Folder of the Groove MIDI Dataset.")  # fmt: skip
@click.option("--model", default="groove", show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--split", default="test", show_default=True,
              type=click.Choice(["valid", "test"]),
              help="Tune on `valid`; report on `test`.")  # fmt: skip
def groove(data: Path, model: str, seed: int, split: str) -> None:
    """Compare the drummer at default knobs with the performances of a split."""
    from .groove import compare

    click.echo(json.dumps(compare(data, model, seed, split), indent=2))


if __name__ == "__main__":
    events(prog_name="python -m capriccio_rnn.events")
