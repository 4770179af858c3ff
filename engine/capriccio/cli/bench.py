"""The command `bench`: times parts, or the stage."""

import sys
from functools import partial

import click

from ..errors import ShowError
from .options import device_option, json_option, plain_errors, print_result


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
@click.option("--isolation", is_flag=True, help="Measure instead what a process of its own costs.")
@click.option("--stage", is_flag=True, help="Measure instead how well a live show keeps time.")
@click.option(
    "--notes",
    type=click.IntRange(10, 1_000_000),
    default=400,
    show_default=True,
    metavar="N",
    help="With --stage: notes sent at each of two rates, 8 and 100 a second.",
)
@device_option
def bench(
    part: str | None, as_json: bool, frames: int, isolation: bool, stage: bool, notes: int,
    device: str,
) -> None:  # fmt: skip
    """Time the generator or analyzer PART, or all of them: its network, the part, a whole frame.

    \b
      capriccio bench
      capriccio bench critic
      capriccio bench vae --frames 1000
      capriccio bench rnn:chorales --json
      capriccio bench --stage --notes 5000

    All are timed in turn in one run, so that their ratios hold on a busy machine. PART may name one
    of its models, or a file, as in `rnn:chorales`. A part that fails is listed with its error; the
    exit code is then 1.

    --isolation times a frame that another process makes, beside pipes and a socket.

    --stage sends notes while a picture blocks the interpreter and a model runs, by the stage and,
    where isobar is installed, by isobar, and measures how late they are.
    """
    from ..models.model import use_device
    from ..registry import installed
    from . import bench_parts, bench_timing

    progress = partial(click.echo, err=True)
    with plain_errors():
        if (stage or isolation) and part:
            raise ShowError(
                f"--{'stage' if stage else 'isolation'} measures no part; leave out {part!r}"
            )
        if isolation:
            command = installed().commands.get("bench-isolation")
            if command is None:
                raise ShowError(f"the plugin 'isolation' is not there{installed().missed()}")
            click.get_current_context().invoke(command, frames=max(10, frames), as_json=as_json)
            return
        use_device(device)
        if stage:
            report, table = bench_timing.measure(notes, progress), bench_timing.table
        else:
            report, table = bench_parts.measure(part, frames, progress), bench_parts.table
    print_result(report, as_json, lambda: [table(report)])
    sys.exit(any("error" in part for part in report.get("parts", [])))
