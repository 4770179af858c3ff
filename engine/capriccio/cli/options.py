"""What the commands share: types of options, errors in one sentence, progress, plugin commands."""

import json
import math
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click


class Size(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """A size in pixels, such as 512x512."""

    name = "WxH"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return (width, height)."""
        if isinstance(value, tuple):
            return value
        try:
            width, height = map(int, value.lower().split("x"))
        except ValueError:
            self.fail(f"a size is width x height in pixels, such as 512x512, got {value!r}")
        return width, height


class Number(click.FloatRange):
    """A finite number in a range; click's own lets NaN and infinity pass."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"a finite number is needed, such as 30, got {value!r}")
        return number


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Draw a progress bar; call what is returned with the frames done and the frames in all."""
    from rich import progress as ui
    from rich.console import Console

    bar = ui.Progress(
        ui.TextColumn(title),
        ui.BarColumn(),
        ui.MofNCompleteColumn(),
        ui.TextColumn("frames"),
        ui.TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    task = bar.add_task(title)

    def done(frames: int, total: int) -> None:
        bar.start()
        bar.update(task, completed=frames, total=total)

    try:
        yield done
    finally:
        if bar.live.is_started:  # else it would leave an empty line
            bar.stop()


@contextmanager
def plain_errors(sketch: Path | None = None) -> Iterator[None]:
    """Report an error in one sentence, with the line of the sketch that led to it.

    The whole trace is shown only where a sentence cannot be enough: where the error comes neither
    from the sketch or the engine nor from a `raise` in a plugin.
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
        own_file = str(sketch.resolve()) if sketch else ""
        lines = [frame for frame in frames if frame.filename == own_file]
        where = f" ({sketch.name}, line {lines[-1].lineno})" if sketch and lines else ""
        *_, (last, _) = traceback.walk_tb(error.__traceback__)
        package = str(last.f_globals.get("__name__")).partition(".")[0]
        raised = (frames[-1].line or "").startswith("raise")  # then its message is for people
        worded = raised and package in {"capriccio"} | _plugin_packages()
        if not worded and package != "capriccio" and frames[-1].filename != own_file:
            click.echo("".join(traceback.format_exception(error)), err=True)
        kind = "" if worded else f"{type(error).__name__}: "
        raise click.ClickException(f"{kind}{error}{where}") from None


@contextmanager
def final_output() -> Iterator[None]:
    """Print at the end of a show; the terminal may be gone, which may be why the show ended.

    What was not written would fail again as the interpreter exits, with another exit code.
    """
    with suppress(OSError):
        yield
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _plugin_packages() -> set[str]:
    """Return the names of the packages that parts and commands come from."""
    from ..registry import installed

    modules = [found.part.__module__ for found in installed().found]
    callbacks = [command.callback for command in installed().commands.values()]
    modules += [callback.__module__ for callback in callbacks if callback]
    return {module.partition(".")[0] for module in modules}


class PluginGroup(click.Group):
    """Our commands and those of plugins; plugins are not loaded where a command is ours."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name; no plugin can take the name of one of ours."""
        if ours := super().get_command(ctx, cmd_name):
            return ours  # `capriccio doctor` works where nothing else loads
        return _plugin_commands().get(cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands for `capriccio --help`; a broken plugin has none."""
        return sorted({*super().list_commands(ctx), *_plugin_commands()})

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is asked for; where there is none, name what did not load."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            message = error.format_message()
            with suppress(ImportError):  # a library is missing; `capriccio doctor` names it
                from ..registry import installed

                message += installed().missed()
            raise click.UsageError(message, ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Call a command; an error in one of a plugin is reported in a sentence, as in ours."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception:
            if ctx.invoked_subcommand in self.commands:
                raise
            with plain_errors():
                raise


def _plugin_commands() -> dict[str, click.Command]:
    """Return the commands of plugins; none where the registry itself does not load."""
    try:
        from ..registry import installed
    except ImportError:  # a library is missing, as above
        return {}
    return installed().commands


FILE = click.Path(dir_okay=False, path_type=Path)
soundfont_option = click.option(
    "--soundfont",
    default="",
    metavar="FILE.sf2",
    help="Play the sound with this soundfont, by FluidSynth, instead of our own instruments.",
)
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Where models run: auto (a GPU if there is one), cpu, cuda … A device that is named but "
    "not available is an error; the CPU never takes over silently.",
)


def print_result(data: object, as_json: bool, tables: Callable[[], Iterable[Any]]) -> None:
    """Print a result as JSON, or as the rich texts and tables that `tables` returns."""
    if as_json:
        click.echo(json.dumps(data, indent=2))
    else:
        from rich.console import Console

        Console().print(*tables(), sep="\n")


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
