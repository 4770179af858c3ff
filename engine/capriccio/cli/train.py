"""The command `capriccio train`: a plugin learns from a folder of its user's."""

import inspect
import re
from collections.abc import Callable
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from ..errors import ShowError
from .options import Number, plain_errors

PLUGIN = "capriccio.plugin"


class TrainCommand(click.Command):
    """A command whose help also lists the options of the plugin that is named beside `--help`."""

    def parse_args(self, context, words) -> list[str]:
        # Help is shown before arguments are read, but asks which plugin is meant.
        found, _, _ = self.make_parser(context).parse_args(args=list(words))
        context.meta[PLUGIN] = found.get("plugin")
        return super().parse_args(context, words)

    def format_options(self, context, formatter) -> None:
        super().format_options(context, formatter)
        plugin = context.meta[PLUGIN]
        if not isinstance(plugin, str):  # none was named
            return
        from ..registry import installed

        if words := _missing():  # help is help, even where nothing can be trained
            formatter.write_paragraph()
            formatter.write_text(f"{words}; then options of {plugin}'s own are listed here")
            return
        with plain_errors():
            own = options_of(installed().trainer(plugin), _taken(context))
        if rows := [option.get_help_record(context) for option in own]:
            with formatter.section(f"Options of {plugin}'s own"):
                formatter.write_dl(rows)


# What this command does not know are options of the plugin's own.
@click.command(
    cls=TrainCommand, context_settings={"ignore_unknown_options": True, "allow_extra_args": True}
)
@click.argument("plugin")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder to learn.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="FILE.onnx to write.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint beside FILE.onnx.")
@click.option("--dry-run", is_flag=True, help="Go through every step once, and leave no file.")
@click.option("--hours", type=Number(0.001), help="Time budget; the best model counts.")
@click.option("--seed", default=0, show_default=True, help="Seed of the training.")
@click.pass_context
def train(context: click.Context, plugin: str, data: Path, out: Path, **options) -> None:
    """Train a model of PLUGIN on a folder of your own, checked and ready to play.

    \b
      capriccio train vae --data my-pictures/ --out mine.onnx --hours 1
      capriccio train vae --data my-pictures/ --out mine.onnx --resume
      capriccio train vae --data my-pictures/ --out mine.onnx --steps 500

    A plugin may take more options, such as --steps: the number keywords of its function `train`.
    capriccio train vae --help lists them.
    Then play it with generator("vae", model="mine.onnx"). Ctrl-C keeps what was learnt so far.
    """
    from ..registry import installed

    if plugin.startswith("-"):
        raise click.UsageError(f"write the options of a plugin, such as {plugin}, after its name")
    with plain_errors():
        if not data.is_dir():
            raise ShowError(f"no folder {str(data)!r} to learn from")
        if out.suffix != ".onnx":
            raise ShowError(f"a model is written as .onnx, not {out.name!r}")
        if words := _missing():
            raise ShowError(words)
        trainer = installed().trainer(plugin)
        own = own_options(trainer, plugin, context.args, _taken(context))
        trainer(data, out, **options, **own)


def _missing() -> str:
    """Say what is not installed that training needs, "" where nothing is."""
    from .doctor import TRAINING

    names = ", ".join(name for name in TRAINING if find_spec(name) is None)
    return names and f"training needs {names}; install with pip install 'capriccio[train]'"


def _taken(context: click.Context) -> set[str]:
    """Give the options that the command has itself."""
    params = context.command.get_params(context)
    return {name for param in params if isinstance(param, click.Option) for name in param.opts}


def options_of(trainer: Callable, ours: set[str]) -> list[click.Parameter]:
    """Give the number keywords of the function `train` of a plugin beyond `ours`, as options."""
    options: list[click.Parameter] = []
    for parameter in inspect.signature(trainer).parameters.values():
        name = "--" + parameter.name.replace("_", "-")
        # Read as it is written: some modules keep their annotations as text.
        kinds = re.findall(r"\b(?:int|float)\b", inspect.formatannotation(parameter.annotation))
        if parameter.kind is parameter.KEYWORD_ONLY and name not in ours and kinds:
            options.append(click.Option([name], type=float if "float" in kinds else int))
    return options


def own_options(trainer: Callable, plugin: str, words: list[str], ours: set[str]) -> dict[str, Any]:
    """Read from `words` what the function `train` of a plugin takes beyond `ours`.

    Gives those keywords alone that were written. Raises click's UsageError for what is none.
    """
    options = options_of(trainer, ours)
    reader = click.Command(plugin, params=options)
    try:
        with reader.make_context(f"capriccio train {plugin}", list(words)) as found:
            return {name: value for name, value in found.params.items() if value is not None}
    except click.NoSuchOption as error:
        there = [*ours, *(option.opts[0] for option in options)]
        near = get_close_matches(error.option_name, there, 1)
        raise click.NoSuchOption(error.option_name, possibilities=near, ctx=error.ctx) from None
