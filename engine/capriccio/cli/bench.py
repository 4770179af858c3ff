"""The command `bench`."""

import json

import click

from ..errors import ShowError
from .options import device_option, json_option, plain_errors


@click.command()
@click.argument("part", required=False)
@json_option
@click.option(
    "--frames",
    type=click.IntRange(1, 1_000_000),
    default=300,
    show_default=True,
    metavar="N",
    help="How many frames are timed, or bars where a part writes music.",
)
@click.option("--stage", is_flag=True, help="Measure how well a live show keeps time instead.")
@click.option(
    "--notes",
    type=click.IntRange(10, 1_000_000),
    default=400,
    show_default=True,
    metavar="N",
    help="With --stage: notes that are sent at each of two rates, 8 and 100 a second.",
)
@device_option
def bench(
    part: str | None, as_json: bool, frames: int, stage: bool, notes: int, device: str
) -> None:
    """Time the generator PART, or every one with a model: bare network, part, whole frame.

    \b
      capriccio bench
      capriccio bench vae --frames 1000
      capriccio bench rnn:chorales --json
      capriccio bench --stage --notes 5000

    All three are timed in turn in one run, copies included, so that their ratios hold on a noisy
    machine. PART may name one of its models, or a file, as in `rnn:chorales`.

    With --stage notes are sent while a picture holds the interpreter and a model runs, by the stage
    and then by isobar, where that is installed: how far off were they?
    """
    from ..models.model import use_device
    from . import bench_parts, bench_timing

    def say(words: str) -> None:
        click.echo(words, err=True)

    with plain_errors():
        if stage and part:
            raise ShowError(f"--stage measures the stage alone; leave out {part!r}")
        use_device(device)
        report = (
            bench_timing.measure(notes, say) if stage else bench_parts.measure(part, frames, say)
        )
        table = (bench_timing if stage else bench_parts).table
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        from rich.console import Console

        Console().print(table(report))
