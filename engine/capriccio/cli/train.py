"""The command `train`: trains a model of a plugin on a folder of the user's."""

import ast
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

import click

from ..errors import PartError, ShowError, describe
from ..extras import install_command
from .options import Number, plain_errors

# The distributions that training needs and a show does not.
TRAINING = {"torch", "onnx", "onnxscript", "safetensors"}
KINDS: dict[str, Any] = {"float": float, "int": int, "Path": click.Path(path_type=Path)}
RESTARTS = 3  # of all workers, where one is lost
PLUGIN = "capriccio.plugin"  # under which the click context keeps the plugin that is named


class TrainCommand(click.Command):
    """A command whose help also lists the plugins, or the options of the plugin that is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; note which plugin is named, for help."""
        found, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[PLUGIN] = found.get("plugin")
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then those of the plugin, or what can be trained."""
        super().format_options(ctx, formatter)
        plugin = ctx.meta[PLUGIN]
        if not isinstance(plugin, str):  # none is named
            from ..registry import installed

            with formatter.section("Plugins that can be trained"):
                formatter.write_text(", ".join(sorted(installed().trainable())) or "none")
                formatter.write_text("With the name of one, --help lists its own options too.")
            return
        if message := missing_distributions():  # help is help, even where nothing can be trained
            formatter.write_paragraph()
            formatter.write_text(f"{message}; then the options of {plugin} are listed here")
            return
        with plain_errors():
            own = options_of(trainer_of(plugin), _own_names(ctx))
        if rows := [option.get_help_record(ctx) for option in own]:
            with formatter.section(f"Options of {plugin}"):
                formatter.write_dl([row for row in rows if row])


# Options that the command does not have are those of the plugin.
@click.command(
    cls=TrainCommand, context_settings={"ignore_unknown_options": True, "allow_extra_args": True}
)
@click.argument("plugin")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder, or file, to learn from, where it needs one.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="FILE.onnx to write.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint beside FILE.onnx.")
@click.option("--dry-run", is_flag=True, help="Run every step once, and leave no file.")
@click.option("--hours", type=Number(0.001), help="Stop after this time; the best model is kept.")
@click.option("--seed", default=0, show_default=True, help="Seed of the training.")
@click.option("--workers", type=click.IntRange(1), help="Number of processes, or of GPUs of this "
              "machine, to train on; a lost one is started again.")  # fmt: skip
@click.option("--accumulate", type=click.IntRange(1), default=1, show_default=True,
              help="Batches of each worker whose gradients make one step.")  # fmt: skip
@click.option("--bf16", is_flag=True, help="Compute in bfloat16, though it may not be faster.")
@click.option("--compile", is_flag=True, help="Have torch.compile translate the networks.")
@click.pass_context
def train(
    ctx: click.Context, /, plugin: str, data: Path | None, out: Path, workers: int | None,
    accumulate: int, bf16: bool, compile: bool, **options: Any,
) -> None:  # fmt: skip
    """Train a model of PLUGIN on a folder of your own, checked and ready to play.

    \b
      capriccio train vae --data my-pictures/ --out mine.onnx --hours 1
      capriccio train vae --data my-pictures/ --out mine.onnx --resume
      capriccio train vae --data my-pictures/ --out mine.onnx --steps 500

    A plugin may take more options, such as --steps; capriccio train vae --help lists them. Then
    play the model with generator("vae", model="mine.onnx"). Ctrl-C keeps what was learned so far.
    """
    if plugin.startswith("-"):
        raise click.UsageError(f"write the options of a plugin, such as {plugin}, after its name")
    with plain_errors():
        if data is not None and not data.exists():
            raise ShowError(f"no folder {str(data)!r} to learn from")
        if out.suffix != ".onnx":
            raise ShowError(f"a model is written as .onnx, not {out.name!r}")
        if message := missing_distributions():
            raise ShowError(message)
        trainer = trainer_of(plugin)
        # A trainer that takes `data: Path | None` can do without.
        if data is None and "None" not in str(inspect.signature(trainer).parameters["data"]):
            raise click.UsageError(f"training {plugin} needs --data FOLDER", ctx)
        if data is not None and data.is_file() and not getattr(trainer, "reads_files", False):
            raise ShowError(f"{plugin} learns from a folder, got the file {str(data)!r}")
        own = own_options(trainer, plugin, ctx.args, _own_names(ctx))
        from ..training.workers import check_compiler, settings

        if compile:
            check_compiler()
        if (workers or 1) > 1 and "WORLD_SIZE" not in os.environ:
            if options["dry_run"]:
                raise click.UsageError("a dry run is that of one worker; leave out --workers", ctx)
            sys.exit(launch(workers or 1, words_of(ctx)))
        settings.accumulate, settings.bf16, settings.compile = accumulate, bf16, compile
        trainer(data, out, **options, **own)


def words_of(ctx: click.Context) -> list[str]:
    """Return the words of a command line that has the options of a context, but for --workers."""
    words = [ctx.params["plugin"]]
    for name, value in ctx.params.items():
        if value not in (None, False) and name not in ("plugin", "workers"):
            flag = f"--{name.replace('_', '-')}"
            words += [flag] if value is True else [f"{flag}={value}"]
    return [*words, *ctx.args]


def launch(workers: int, words: list[str]) -> int:
    """Train in several processes, which torchrun starts; return the exit code."""
    cores = str(max(1, (os.cpu_count() or 1) // workers))
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--max-restarts={RESTARTS}"]
    launcher += ["--local-addr=127.0.0.1"]  # asks no name server, which may not answer
    command = [*launcher, f"--nproc-per-node={workers}", "-m", "capriccio", "train", *words]
    environment = {"OMP_NUM_THREADS": cores, **os.environ}
    return subprocess.run([sys.executable, *command], env=environment).returncode


def missing_distributions() -> str:
    """Return what is not installed that training needs, with the remedy; "" where nothing is."""
    names = ", ".join(name for name in sorted(TRAINING) if find_spec(name) is None)
    return names and f"training needs {names}; install with {install_command('train')}"


def trainer_of(plugin: str) -> Callable[..., Any]:
    """Return the function `train` of a plugin; raise ShowError where it cannot be imported."""
    from ..registry import installed

    try:
        return installed().trainer(plugin)
    except PartError:
        raise
    except Exception as error:
        message = f"the training of plugin {plugin!r} cannot be imported: {describe(error)}"
        raise ShowError(message) from None


def missing_modules(module: str) -> Iterator[str]:
    """Yield the modules that `module` needs and that are not there, without importing any.

    Follows the imports at the head of the module and of those of its package.
    """
    package, seen = module.partition(".")[0], {module}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        source = _source(name)
        if source is None or source.suffix != ".py":
            continue
        parent = name if source.stem == "__init__" else name.rpartition(".")[0]
        for wanted, names in _imports(source, parent):
            top = wanted.partition(".")[0]
            if (find_spec(top) if top != package else _source(wanted)) is None:
                if wanted not in seen:
                    yield wanted
                seen.add(wanted)
            elif top == package:
                # A name that is taken from a package may be a module of it.
                inner = {f"{wanted}.{one}" for one in names if _source(f"{wanted}.{one}")}
                waiting += {wanted, *inner} - seen
                seen |= {wanted, *inner}


def _imports(source: Path, parent: str) -> Iterator[tuple[str, list[str]]]:
    """Yield every module that the head of a file imports, and the names it takes from it."""
    for line in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(line, ast.Import):
            yield from ((alias.name, []) for alias in line.names)
        elif isinstance(line, ast.ImportFrom):
            relative = "." * line.level + (line.module or "")
            yield resolve_name(relative, parent), [alias.name for alias in line.names]


def _source(module: str) -> Path | None:
    """Return the file of a module, or its folder; `find_spec` would import what is above it."""
    top, *inner = module.split(".")
    spec = find_spec(top)
    for folder in (spec and spec.submodule_search_locations) or ():
        place = Path(folder, *inner)
        files = [place / "__init__.py", *place.parent.glob(f"{place.name}.*"), place]
        if found := next((file for file in files if file.exists()), None):
            return found
    return None


def _own_names(ctx: click.Context) -> set[str]:
    """Return the options that the command has itself."""
    params = ctx.command.get_params(ctx)
    return {name for param in params if isinstance(param, click.Option) for name in param.opts}


def options_of(trainer: Callable[..., Any], ours: set[str]) -> list[click.Parameter]:
    """Return the keywords of the function `train` of a plugin beyond `ours`, as options.

    Numbers, flags and paths can be given; their help is what the docstring says under `Args`.
    """
    options: list[click.Parameter] = []
    described = argument_texts(inspect.getdoc(trainer) or "")
    for parameter in inspect.signature(trainer).parameters.values():
        name = "--" + parameter.name.replace("_", "-")
        # Read as it is written: some modules keep their annotations as text.
        kinds = re.findall(
            r"\b(int|float|bool|Path)\b", inspect.formatannotation(parameter.annotation)
        )
        if parameter.kind is not parameter.KEYWORD_ONLY or name in ours or not kinds:
            continue
        text = described.get(parameter.name, "")
        text = text[:1].upper() + text[1:]
        if "bool" in kinds:
            options.append(click.Option([name], is_flag=True, help=text))
            continue
        kind = next(value for word, value in KINDS.items() if word in kinds)
        default = parameter.default if isinstance(parameter.default, int | float) else None
        shown = default is not None
        options.append(
            click.Option([name], type=kind, default=default, show_default=shown, help=text)
        )
    return options


def argument_texts(docstring: str) -> dict[str, str]:
    """Return what a docstring says of each argument, by its name."""
    _, _, rest = docstring.partition("\nArgs:\n")
    texts: dict[str, str] = {}
    name = ""
    for line in rest.splitlines():
        if line and not line.startswith(" "):
            break  # the next section
        if found := re.match(r"    (\w+): (.*)", line):
            name, texts[found[1]] = found[1], found[2]
        elif name and line.strip():
            texts[name] += " " + line.strip()
    return texts


def own_options(
    trainer: Callable[..., Any], plugin: str, words: list[str], ours: set[str]
) -> dict[str, Any]:
    """Return the keywords in `words` that the function `train` of a plugin takes beyond `ours`."""
    options = options_of(trainer, ours)
    parser = click.Command(plugin, params=options)
    try:
        with parser.make_context(f"capriccio train {plugin}", list(words)) as found:
            return {name: value for name, value in found.params.items() if value is not None}
    except click.NoSuchOption as error:
        known = [*ours, *(option.opts[0] for option in options)]
        near = get_close_matches(error.option_name, known, 1)
        raise click.NoSuchOption(error.option_name, possibilities=near, ctx=error.ctx) from None
