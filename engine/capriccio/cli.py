"""The command `capriccio`."""

import json
import time
import traceback
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import click

from . import __version__
from .errors import ShowError
from .scaffold import new

# How long a show lasts that nobody is there to end, in seconds.
RECORDING_SECONDS = 16.0


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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


class _Size(click.ParamType):
    name = "WxH"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        try:
            width, height = map(int, value.lower().split("x"))
        except ValueError:
            self.fail(f"{value!r} is no size; give width x height in pixels, such as 512x512")
        return width, height


def _performance(command):
    """Add the flags of a performance, the same for `run`, `demo` and `python sketch.py`."""
    options = [
        click.option("--offline", is_flag=True, help="Render to files, exactly, at any speed."),
        click.option("--seconds", type=click.FloatRange(0.01), help="How long it lasts."),
        click.option("--seed", type=int, help="Seed of every part; the same one, the same show."),
        click.option(
            "--to",
            multiple=True,
            metavar="OUTPUT",
            help="screen, screen:1, video:FILE.mp4, frames:DIR, midi, midi:PORT, midifile:FILE.mid "
            "or an output of a plugin; one --to for each.  [default: screen and midi, or with "
            "--offline files in takes/]",
        ),
        click.option("--size", type=_Size(), help="Picture in pixels, such as 1080x1080."),
        click.option("--fps", type=click.FloatRange(0.1, 1000), help="Frames a second."),
        click.option("--bpm", type=click.FloatRange(1, 1000), help="Tempo in beats a minute."),
        click.option(
            "--device",
            default="auto",
            show_default=True,
            help="Where models run: auto, cpu, cuda … One that is asked for but not there is an "
            "error, never a silent fall back.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_performance
def run(file: Path, **flags) -> None:
    """Perform the sketch FILE, live to a screen and MIDI or offline to files.

    \b
      capriccio run nocturne.py
      capriccio run nocturne.py --to screen:1 --to "midi:nanoKEY2"
      capriccio run nocturne.py --offline --seconds 8 --seed 7 --to frames:A --to midifile:A.mid

    Where there is no display or no MIDI system, a live run says so and records to takes/ instead.
    On the screen, f toggles full screen and Esc leaves.
    """
    _perform(file, **flags)


@main.command()
@_performance
def demo(**flags) -> None:
    """Play the first piece: a garden of watercolours that opens to the sound of a chorale."""
    _perform(Path(find_spec("capriccio_sketches.first").origin), **flags)


def _perform(file: Path, *, offline, seconds, seed, to, size, fps, bpm, device) -> None:
    from .inference import use_device
    from .registry import use_seed
    from .sketch import load_sketch

    with _plain_errors(file):
        use_device(device)
        use_seed(seed)
        sketch = load_sketch(file)
        sketch.bpm, sketch.fps, sketch.size = (
            bpm or sketch.bpm,
            fps or sketch.fps,
            size or sketch.size,
        )
        outputs, live = _outputs(to, offline, sketch.title)
        names = ", ".join(f"{output.name}:{output.target}".rstrip(":") for output in outputs)
        if live:
            click.echo(f"{sketch.title}: live on {names}; Esc or Ctrl-C ends", err=True)
            tally = sketch.perform(outputs, seconds=seconds, live=True)
        else:
            seconds = seconds or RECORDING_SECONDS
            with _progress(sketch.title, round(seconds * sketch.fps)) as progress:
                tally = sketch.perform(outputs, seconds=seconds, progress=progress)
        late = f" ({tally.late} dropped, being late)" if tally.late else ""
        click.echo(
            f"{sketch.title}: {tally.frames} frames{late} and {tally.notes} notes to {names}",
            err=True,
        )


def _outputs(to, offline: bool, title: str):
    """Build the outputs asked for, or else the best this machine has; say whether it is live."""
    from .registry import output

    if to:
        return [output(words) for words in to], not offline
    take = f"takes/{title}-{time.strftime('%Y%m%d-%H%M%S')}"
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


@contextmanager
def _progress(title: str, frames: int):
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("frames"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=frames)
        yield lambda done: progress.update(task, completed=done)


@contextmanager
def _plain_errors(sketch: Path | None = None):
    """Tell an error in one sentence, with the line of the sketch that led to it.

    The whole trace is shown only where neither our code nor the sketch raised it.
    """
    try:
        yield
    except (click.ClickException, click.Abort):
        raise
    except SyntaxError as error:
        raise click.ClickException(
            "".join(traceback.format_exception_only(error)).strip()
        ) from None
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        here = str(sketch.resolve()) if sketch else ""
        lines = [frame for frame in frames if frame.filename == here]
        where = f" ({sketch.name}, line {lines[-1].lineno})" if sketch and lines else ""
        ours = Path(frames[-1].filename).is_relative_to(Path(__file__).parent)
        if not ours and frames[-1].filename != here:
            click.echo("".join(traceback.format_exception(error)), err=True)
        kind = "" if ours else f"{type(error).__name__}: "
        raise click.ClickException(f"{kind}{error}{where}") from None


# -- looking ----------------------------------------------------------------------------------


@main.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def parts(as_json: bool) -> None:
    """List every part, its knobs and models, and what did not load and why."""
    from .listing import describe, table

    description = describe()
    if as_json:
        click.echo(json.dumps(description, indent=2))
    else:
        from rich.console import Console

        Console().print(*table(description), sep="\n")


@main.command()
def doctor() -> None:
    """Say what works on this machine, and what to install where something is missing."""
    from rich.console import Console

    from .doctor import examine, table

    Console().print(table(examine()))


@main.command()
@click.argument("part", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@click.option("--frames", default=300, show_default=True, help="How many calls are timed.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda …")
def bench(part: str | None, as_json: bool, frames: int, device: str) -> None:
    """Time the generator PART, or every one with a model: bare network, part, whole frame.

    All three are timed in turn in one run, copies included, so that their ratios hold on a noisy
    machine. PART may name a model, as in `rnn:chorales`.
    """
    from .bench import measure, table
    from .inference import use_device

    with _plain_errors():
        use_device(device)
        report = measure(part, frames)
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        from rich.console import Console

        Console().print(table(report))


# -- making -----------------------------------------------------------------------------------

main.add_command(new)


@main.command()
@click.argument("plugin")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder to learn.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="FILE.onnx to write.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint beside FILE.onnx.")
@click.option("--dry-run", is_flag=True, help="Go through every step once, and leave no file.")
@click.option("--hours", type=click.FloatRange(0.001), help="Time budget; the best model counts.")
@click.option("--seed", default=0, show_default=True, help="Seed of the training.")
def train(plugin: str, data: Path, out: Path, **options) -> None:
    """Train a model of PLUGIN on a folder of your own, checked and ready to play.

    \b
      capriccio train vae --data my-pictures/ --out mine.onnx --hours 1
      capriccio train vae --data my-pictures/ --out mine.onnx --resume

    Then play it with generator("vae", model="mine.onnx"). Ctrl-C keeps what was learnt so far.
    """
    from .registry import installed

    with _plain_errors():
        if not data.is_dir():
            raise ShowError(f"no folder {str(data)!r} to learn from")
        if out.suffix != ".onnx":
            raise ShowError(f"a model is written as .onnx, not {out.name!r}")
        if find_spec("torch") is None:
            raise ShowError("training needs torch; install it with pip install 'capriccio[train]'")
        installed().trainer(plugin)(data, out, **options)
