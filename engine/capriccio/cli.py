"""The command `capriccio`."""

import json
import sys
import time
import traceback
from pathlib import Path

import click

from . import __version__
from .errors import ModelError, PartError, ProviderError, ShowError

# Seconds of a show that nobody is there to end.
RECORDING_SECONDS = 16.0


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


def performance_options(command):
    """Add the flags of a performance, the same for `run`, `demo` and `python sketch.py`."""
    for option in (
        click.option(
            "--device",
            default="auto",
            show_default=True,
            help="Where models run: auto, cpu, cuda, … A demanded device that is not there is an error.",
        ),
        click.option(
            "--bpm",
            type=click.FloatRange(1, 1000),
            help="Tempo in beats a minute, instead of the sketch's.",
        ),
        click.option(
            "--fps",
            type=click.FloatRange(0.1, 1000),
            help="Frames a second, instead of the sketch's.",
        ),
        click.option("--size", type=_Size(), help="Picture size in pixels, such as 1080x1080."),
        click.option(
            "--to",
            multiple=True,
            metavar="OUTPUT",
            help="screen, screen:1, video:FILE.mp4, frames:DIR, midi, midi:PORT, midifile:FILE.mid, "
            "or an output of a plugin; give it once for each. Default: screen and midi live, "
            "files in takes/ offline.",
        ),
        click.option(
            "--seed", type=int, help="Seed of every part; the same one gives the same show."
        ),
        click.option(
            "--seconds",
            type=click.FloatRange(0.01),
            help="How long; live the default is until you end it.",
        ),
        click.option(
            "--offline",
            is_flag=True,
            help="Render to files, exactly, faster or slower than real time.",
        ),
    ):
        command = option(command)
    return command


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@performance_options
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
@performance_options
def demo(**flags) -> None:
    """Play the first piece: a watercolour garden, and a chorale that opens it."""
    _perform(Path(__file__).with_name("demo.py"), **flags)


def _perform(file: Path, *, offline, seconds, seed, to, size, fps, bpm, device) -> None:
    from .inference import use_device
    from .registry import use_seed
    from .sketch import load_sketch

    with _plainly(file):
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
        late = f", {tally.late} late" if live else ""
        click.echo(
            f"{sketch.title}: {tally.frames} frames{late}, {tally.notes} notes; {names}", err=True
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


def _progress(title: str, frames: int):
    from contextlib import contextmanager

    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    @contextmanager
    def bar():
        columns = [
            TextColumn(title),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("frames"),
            TimeRemainingColumn(),
        ]
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(title, total=frames)
            yield lambda done: progress.update(task, completed=done)

    return bar()


class _plainly:
    """Tell an expected error in one sentence, and one in a sketch with the sketch's own lines."""

    def __init__(self, file: Path | None = None):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is None or isinstance(error, click.ClickException | SystemExit | click.Abort):
            return False
        if isinstance(error, KeyboardInterrupt):
            raise click.Abort from None
        if isinstance(error, SyntaxError):
            raise click.ClickException("".join(traceback.format_exception_only(error)).strip())
        if self.file is None:
            if isinstance(error, ModelError | PartError | ProviderError | ShowError):
                raise click.ClickException(str(error)) from None
            return False
        here = str(self.file.resolve())
        lines = [frame for frame in traceback.extract_tb(trace) if frame.filename == here]
        where = f" ({self.file.name}, line {lines[-1].lineno}: {lines[-1].line})" if lines else ""
        if isinstance(error, ModelError | PartError | ProviderError | ShowError) or lines:
            kind = (
                ""
                if isinstance(error, ModelError | PartError | ProviderError | ShowError)
                else f"{type(error).__name__}: "
            )
            raise click.ClickException(f"{kind}{error}{where}") from None
        raise click.ClickException(f"{type(error).__name__}: {error}") from None
