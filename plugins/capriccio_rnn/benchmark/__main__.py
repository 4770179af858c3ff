"""The benchmarks of the part `rnn` as commands."""

import json
from pathlib import Path

import click


@click.group()
def benchmark() -> None:
    """Compare the models with published results and with Bach, and time them."""


@benchmark.command()
@click.argument("name", type=click.Choice(["jsb", "nottingham"]))
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="Folder of the dataset."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmark"),
              help="Folder for the checkpoints.")  # fmt: skip
@click.option("--hours", type=float, help="Time budget of each network; by default all steps.")
@click.option(
    "--nets",
    default=1,
    show_default=True,
    help="Number of networks whose probabilities are averaged.",
)
@click.option("--seed", default=0, show_default=True)
@click.option("--resume", is_flag=True, help="Continue from the checkpoints.")
def frames(
    name: str, data: Path, out: Path, hours: float | None, nets: int, seed: int, resume: bool
) -> None:
    """Train on a published dataset and report nats per frame of 88 keys."""
    from ..training.frames import measure

    figures = measure(name, data, out, hours=hours, nets=nets, seed=seed, resume=resume)
    click.echo(json.dumps(figures, indent=2))


@benchmark.command()
@click.option("--data", type=click.Path(path_type=Path), required=True,
              help="Folder with Jsb16thSeparated.json.")  # fmt: skip
@click.option("--model", default="chorales", show_default=True)
@click.option("--pieces", default=200, show_default=True)
def chorales(data: Path, model: str, pieces: int) -> None:
    """Compare what the model writes at default knobs with Bach's test chorales."""
    from .chorales import compare

    click.echo(json.dumps(compare(data, model, pieces), indent=2))


@benchmark.command()
@click.option("--minutes", default=10.0, show_default=True, help="Length of the music.")
@click.option("--model", default="chorales", show_default=True)
def rendering(minutes: float, model: str) -> None:
    """Time an offline render of music to a MIDI file."""
    from .rendering import measure

    click.echo(json.dumps(measure(minutes, model), indent=2))


@benchmark.command()
@click.option("--events", default=1000, show_default=True, help="Number of keys played.")
@click.option("--period", default=64, show_default=True, help="Samples in a period of JACK.")
@click.option("--nice", default=0, show_default=True, help="Priority of the show, as in `nice -n`.")
def latency(events: int, period: int, nice: int) -> None:
    """Time how soon the sketch `duet` answers a key, on a JACK server without a sound card."""
    from .latency import measure

    click.echo(json.dumps(measure(events, period, nice), indent=2))


if __name__ == "__main__":
    benchmark(prog_name="python -m capriccio_rnn.benchmark")
