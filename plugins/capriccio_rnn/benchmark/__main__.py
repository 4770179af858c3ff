"""Measure the music player from the command line."""

import json
from pathlib import Path

import click


@click.group()
def benchmark():
    """Measure the music player against the published tables, and against Bach."""


@benchmark.command()
@click.argument("name", type=click.Choice(["jsb", "nottingham"]))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of the set.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmark"),
              help="Folder for the checkpoints.")  # fmt: skip
@click.option("--hours", type=float, help="Time for each network; by default its full course.")
@click.option("--nets", default=1, show_default=True, help="How many networks vote.")
@click.option("--seed", default=0, show_default=True)
@click.option("--resume", is_flag=True, help="Go on from the checkpoints.")
def frames(name, data, out, hours, nets, seed, resume):
    """Train on a published set and report nats per frame, 88 keys, on its test split."""
    from .frames import measure

    figures = measure(name, data, out, hours=hours, nets=nets, seed=seed, resume=resume)
    click.echo(json.dumps(figures, indent=2))


@benchmark.command()
@click.option("--data", type=click.Path(path_type=Path), required=True,
              help="Folder with Jsb16thSeparated.json.")  # fmt: skip
@click.option("--model", default="chorales", show_default=True)
@click.option("--pieces", default=200, show_default=True)
def chorales(data, model, pieces):
    """Set what the player writes at default knobs beside Bach's test chorales."""
    from .chorales import compare

    click.echo(json.dumps(compare(data, model, pieces), indent=2))


@benchmark.command()
@click.option("--minutes", default=10.0, show_default=True, help="How long the music lasts.")
@click.option("--model", default="chorales", show_default=True)
def rendering(minutes, model):
    """Time how long it takes to write music to a MIDI file, offline."""
    from .rendering import measure

    click.echo(json.dumps(measure(minutes, model), indent=2))


@benchmark.command()
@click.option("--events", default=1000, show_default=True, help="How many keys are struck.")
@click.option("--period", default=64, show_default=True, help="Samples in a period of JACK.")
@click.option("--nice", default=0, show_default=True, help="Of the show, as `nice -n` takes it.")
def latency(events, period, nice):
    """Time how soon the duet answers a key, on a JACK server without a sound card."""
    from .latency import measure

    click.echo(json.dumps(measure(events, period, nice), indent=2))


if __name__ == "__main__":
    benchmark(prog_name="python -m capriccio_rnn.benchmark")
