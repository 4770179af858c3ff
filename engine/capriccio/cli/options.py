"""What the commands share: arguments, errors in one sentence, progress, those of plugins."""

import math
import os
import sys
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path

import click


class Size(click.ParamType):
    name = "WxH"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        try:
            width, height = map(int, value.lower().split("x"))
        except ValueError:
            self.fail(f"{value!r} is no size; give width x height in pixels, such as 512x512")
        return width, height


class Number(click.FloatRange):
    """A number in a range; NaN, which is in none, and infinity are refused as well."""

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number of this kind; give one such as 30")
        return number


@contextmanager
def progress(title: str):
    """Draw a bar from the first frame on; give what is told how many of how many are done."""
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
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task(title)

    def done(frames: int, of: int) -> None:
        bar.start()
        bar.update(task, completed=frames, total=of)

    try:
        yield done
    finally:
        if bar.live.is_started:  # else it would leave an empty line
            bar.stop()


@contextmanager
def plain_errors(sketch: Path | None = None):
    """Tell an error in one sentence, with the line of the sketch that led to it.

    The whole trace is shown only where that cannot be enough: where the error comes neither from
    the sketch or the engine nor from a `raise` in a plugin.
    """
    try:
        yield
    except (click.ClickException, click.Abort):
        raise
    except SyntaxError as error:
        place = f" ({Path(error.filename).name}, line {error.lineno})" if error.filename else ""
        line = f"\n    {error.text.strip()}" if error.text else ""
        raise click.ClickException(f"{type(error).__name__}: {error.msg}{place}{line}") from None
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        here = str(sketch.resolve()) if sketch else ""
        lines = [frame for frame in frames if frame.filename == here]
        where = f" ({sketch.name}, line {lines[-1].lineno})" if sketch and lines else ""
        *_, (last, _) = traceback.walk_tb(error.__traceback__)
        package = str(last.f_globals.get("__name__")).partition(".")[0]
        # Who wrote `raise` wrote a sentence for people.
        meant = package in _plugins() | {"capriccio"} and (frames[-1].line or "")[:5] == "raise"
        if not meant and package != "capriccio" and frames[-1].filename != here:
            click.echo("".join(traceback.format_exception(error)), err=True)
        kind = "" if meant else f"{type(error).__name__}: "
        raise click.ClickException(f"{kind}{error}{where}") from None


@contextmanager
def last_words():
    """Print what there is to say at the end; the terminal may be gone, and have ended the show.

    What it no longer took would fail again as the interpreter leaves, with another exit code.
    """
    with suppress(OSError):
        yield
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _plugins() -> set[str]:
    """Name the packages that parts and commands come from."""
    from ..registry import installed

    parts = [found.part.__module__ for found in installed().found]
    commands = [command.callback.__module__ for command in installed().commands.values()
                if command.callback]  # fmt: skip
    return {module.partition(".")[0] for module in (*parts, *commands)}


class PluginGroup(click.Group):
    """Our commands, and those of plugins, which are loaded when a command is none of ours."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Find a command by its name; no plugin can take the name of one of ours."""
        if ours := super().get_command(context, name):
            return ours  # `capriccio doctor` works where nothing else loads
        from ..registry import installed

        return installed().commands.get(name)

    def resolve_command(self, context: click.Context, args: list[str]):
        """Find the command that is asked for; where there is none, say what did not load."""
        try:
            return super().resolve_command(context, args)
        except click.UsageError as error:
            from ..registry import installed

            words = f"{error.format_message()}{installed().missed()}"
            raise click.UsageError(words, context) from None

    def invoke(self, context: click.Context):
        """Call a command; what a plugin's raises is told in a sentence, as with ours."""
        try:
            return super().invoke(context)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception:
            if context.invoked_subcommand in self.commands:
                raise
            with plain_errors():
                raise


device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Where models run: auto (a GPU where there is one), cpu, cuda … One that is asked for but "
    "not there is an error, never a silent fall back.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
