"""The command `capriccio`."""

import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from secrets import randbits

import click

from . import __version__
from .again import in_take, inspect, recipe_of, replay
from .errors import ShowError
from .hands.commands import hands, midi, osc, osc_flag, rehearse, simulate_flag
from .scaffold import new
from .teaching import train
from .terminal import Number, Repertoire, Size, last_words, plain_errors, progress

# How long a show lasts that nobody is there to end, in seconds.
RECORDING_SECONDS = 16.0


@click.group(
    cls=Repertoire,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Plugins may bring more commands; `capriccio parts` names them.",
)
@click.version_option(__version__, prog_name="capriccio")
def main() -> None:
    """Play neural networks as instruments: pictures and music on one clock.

    \b
    A first evening:
      capriccio demo                     watch and hear the first piece
      capriccio new sketch mine          write mine.py, a piece to change
      capriccio run mine.py              play it; Esc or Ctrl-C ends
      capriccio run mine.py --offline --seconds 20 --to video:mine.mp4
      capriccio parts                    every part there is, and its knobs
      capriccio doctor                   what works on this machine, what to install
    """


# -- performing -------------------------------------------------------------------------------


_device = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Where models run: auto (a GPU where there is one), cpu, cuda … One that is asked for but "
    "not there is an error, never a silent fall back.",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")


def _performance(command):
    """Add the flags of a performance, the same for `run`, `demo` and `python sketch.py`."""
    options = [
        click.option("--offline", is_flag=True, help="Render to files, exactly, at any speed."),
        click.option(
            "--seconds",
            type=Number(0.01),
            metavar="S",
            help=f"How long it lasts.  [default: until Esc or Ctrl-C, {RECORDING_SECONDS:g} "
            "where it is only recorded]",
        ),
        click.option(
            "--seed",
            type=int,
            metavar="N",
            help="Seed of every part, before those in the sketch; the same one, the same show.",
        ),
        click.option(
            "--to",
            multiple=True,
            metavar="OUTPUT",
            help="screen, screen:1, video:FILE.mp4, frames:DIR, midi, midi:PORT, midifile:FILE.mid "
            "or an output of a plugin; one --to for each. midi:PORT,clock sends a MIDI clock too; "
            "live, @-15ms at the end makes it early by so much, and @40ms late.  [default: screen "
            "and midi, or with --offline files in takes/]",
        ),
        click.option(
            "--follow",
            metavar="PORT",
            help="Live: follow the MIDI clock that comes in at PORT: its tempo, start, stop, "
            "continue and song position. Or the tempo and the bars of Ableton Link: link.",
        ),
        click.option("--size", type=Size(), help="Picture in pixels, such as 1080x1080."),
        click.option("--fps", type=Number(0.1, 1000), metavar="N", help="Frames a second."),
        click.option("--bpm", type=Number(1, 1000), metavar="N", help="Beats a minute."),
        _device,
        click.option("--no-take", is_flag=True, help="Live: write no take of the show to takes/."),
        click.option(
            "--panel",
            is_flag=False,
            flag_value="",
            metavar="[HOST:]PORT",
            help="Serve a page with every control, the picture and the figures, live: --panel "
            "alone for this machine, at port 8787; with a HOST, such as 0.0.0.0:8787, for others "
            "too.",
        ),
        osc_flag,
        simulate_flag,
    ]
    for option in reversed(options):
        command = option(command)
    return command


@main.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@_performance
def run(file: Path | None, **flags) -> None:
    """Perform the sketch FILE, live to a screen and MIDI or offline to files.

    \b
      capriccio run nocturne.py
      capriccio run nocturne.py --to screen:1 --to "midi:nanoKEY2"
      capriccio run nocturne.py --offline --seconds 8 --seed 7 --to frames:A --to midifile:A.mid

    Where there is no display or no MIDI system, a live run says so and records to takes/ instead.
    On the screen, f toggles full screen and Esc leaves. Where a flag is not given, the sketch
    decides.
    """
    if file is None and str(flags["simulate"]).endswith(".py"):
        raise click.UsageError("no sketch to run; name it before --simulate")
    if file is None:
        raise click.UsageError(
            "no sketch to run; write one with: capriccio new sketch mine, or play: capriccio demo"
        )
    _perform(file, **flags)


@main.command()
@_performance
def demo(**flags) -> None:
    """Play the first piece: a garden of watercolours that opens to the sound of a chorale.

    \b
      capriccio demo
      capriccio demo --offline --seconds 8 --to video:demo.mp4 --to midifile:demo.mid
    """
    origin = getattr(find_spec("capriccio_sketches.first"), "origin", "first.py")
    _perform(Path(origin), **flags)


def _perform(
    file: Path, *, offline, seconds, seed, to, size, fps, bpm, device, panel, follow, no_take, osc,
    simulate,
) -> None:  # fmt: skip
    from .inference import use_device
    from .registry import use_seed
    from .reload import PageTurner
    from .scribe import Scribe
    from .sketch import load_sketch, sketch_file
    from .stage import frames_in

    with plain_errors(file):
        use_device(device)
        file = sketch_file(file)
        name = f"{file.stem}-{time.strftime('%Y%m%d-%H%M%S')}"
        outputs, live = _outputs(to, offline, f"takes/{name}")
        names = ", ".join(f"{output.name}:{output.target}".rstrip(":") for output in outputs)
        if panel is not None:
            from .panel import Panel

            outputs.append(Panel(panel))
            live = not offline
        if follow is not None:
            from .devices.follow import Follow
            from .devices.link import Link

            outputs.append(Link() if follow == "link" else Follow(follow))
        rehearsal, turners = rehearse(simulate, seed)
        outputs += turners
        # Live no two shows need be the same; its take knows what this one was made of.
        chance = randbits(32) if live and seed is None else None
        use_seed(seed, chance or 0)
        sketch = load_sketch(file)
        sketch.bpm, sketch.fps, sketch.size = (
            bpm or sketch.bpm,
            fps or sketch.fps,
            size or sketch.size,
        )
        facts = {"seed": seed, "chance": chance, "device": device}
        if simulate is not None:
            facts["simulate"] = Path(simulate).name or True
        scribe = None
        if live:
            click.echo(f"{sketch.title}: live on {names}; Esc or Ctrl-C ends", err=True)
            recipe = recipe_of(sketch, file, **facts, live=True)
            if not no_take:
                take = Path("takes", f"{name}.jsonl")
                scribe = Scribe(take, in_take(recipe, file, take))
            outputs += hands(osc)
            with PageTurner(file, sketch, load_sketch):
                tally = sketch.perform(
                    outputs,
                    seconds=seconds,
                    live=True,
                    recipe=recipe,
                    scribe=scribe,
                    rehearsal=rehearsal,
                )
        else:
            seconds = seconds or RECORDING_SECONDS
            with progress(sketch.title) as done:
                tally = sketch.perform(
                    outputs,
                    seconds=seconds,
                    recipe=recipe_of(sketch, file, **facts, seconds=seconds),
                    rehearsal=rehearsal,
                    progress=lambda frames: done(frames, frames_in(seconds, sketch.fps)),
                )
        late = f" ({tally.late} dropped, being late)" if tally.late else ""
        with last_words():
            click.echo(
                f"{sketch.title}: {tally.frames} frames{late} and {tally.notes} notes to {names}",
                err=True,
            )
            for path in scribe.written if scribe else ():
                click.echo(f"{path}: perform it again with capriccio replay {path}", err=True)


def _outputs(to, offline: bool, take: str):
    """Build the outputs asked for, or else the best this machine has; say whether it is live."""
    from .registry import output

    if to:
        return [output(words) for words in to], not offline
    files = [f"video:{take}.mp4", f"midifile:{take}.mid"]
    if offline:
        return [output(words) for words in files], False
    chosen, live = [], False
    for stage, file in zip((output("screen"), output("midi")), files, strict=True):
        if reason := stage.missing():
            click.echo(f"{reason}; recording to {file.partition(':')[2]} instead", err=True)
            stage = output(file)
        else:
            live = True
        chosen.append(stage)
    return chosen, live


# -- looking ----------------------------------------------------------------------------------


@main.command()
@_as_json
def parts(as_json: bool) -> None:
    """List every part, its knobs and models, and what did not load and why.

    \b
      capriccio parts
      capriccio parts --json
      CAPRICCIO_PLUGINS=devices,vae capriccio parts    load these plugins alone

    Beside a model stands the device that really runs it.
    """
    from .listing import describe, table

    description = describe()
    if as_json:
        click.echo(json.dumps(description, indent=2))
    else:
        from rich.console import Console

        Console().print(*table(description), sep="\n")


@main.command()
@_as_json
def doctor(as_json: bool) -> None:
    """Say what works on this machine, and what to install where something is missing.

    \b
      capriccio doctor
      capriccio doctor --json

    The exit code is 0 unless something is broken; what is only missing does not count.
    """
    from .doctor import examine, plain, table

    checks = examine()
    if as_json:
        click.echo(json.dumps([check._asdict() for check in checks], indent=2))
    elif find_spec("rich") is None:
        click.echo(plain(checks))
    else:
        from rich.console import Console

        Console().print(table(checks))
    sys.exit(any(check.state == "broken" for check in checks))


@main.command()
@click.argument("part", required=False)
@_as_json
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
@_device
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
    from . import bench as parts
    from . import bench_stage
    from .inference import use_device

    def say(words: str) -> None:
        click.echo(words, err=True)

    with plain_errors():
        if stage and part:
            raise ShowError(f"--stage measures the stage alone; leave out {part!r}")
        use_device(device)
        report = bench_stage.measure(notes, say) if stage else parts.measure(part, frames, say)
        table = (bench_stage if stage else parts).table
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        from rich.console import Console

        Console().print(table(report))


main.add_command(replay)
main.add_command(inspect)
main.add_command(midi)
main.add_command(osc)


# -- making -----------------------------------------------------------------------------------

main.add_command(new)
main.add_command(train)
