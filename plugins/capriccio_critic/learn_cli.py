"""The command `capriccio critic`: a taste of one's own."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from capriccio import read_image

from .analyzer import Critic
from .files import find_pictures
from .personal_taste import MIN_PICKS, learn
from .progress import ProgressBar

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def critic() -> None:
    """Teach the critic whose taste it is to judge by.

    \b
      capriccio critic learn --liked loved/ --disliked other/ --out anna.onnx --owner Anna
    """


@critic.command("learn")
@click.option("--liked", required=True, type=FOLDER, metavar="FOLDER", help="Pictures you like.")
@click.option("--disliked", required=True, type=FOLDER, metavar="FOLDER",
              help="Pictures you like less.")  # fmt: skip
@click.option("--out", default=Path("taste.onnx"), show_default=True, metavar="FILE.onnx",
              type=click.Path(dir_okay=False, path_type=Path),
              help="The file to write.")  # fmt: skip
@click.option("--owner", default="its owner", metavar="NAME", help="Whose taste it is.")
@click.option("--model", default="paintings", show_default=True, metavar="MODEL",
              help="The model of the critic whose features are used.")  # fmt: skip
def learn_command(liked: Path, disliked: Path, out: Path, owner: str, model: str) -> None:
    """Learn a personal taste from pictures that you like and pictures that you like less.

    \b
      capriccio critic learn --liked loved/ --disliked other/ --out anna.onnx --owner Anna
      capriccio critique takes/ --taste anna.onnx            how Anna would like them
      capriccio inspect --card anna.onnx                     whose taste, from how many picks

    In a sketch: critic.best_of(garden, 16, now, toward="anna.onnx"), and critic.evolve as well.

    Forty pictures suffice, twenty in each folder; they need not be good or bad, only what you would
    rather have and rather not. It takes seconds. You read what the taste goes by, and how often it
    ordered pictures as you did that it had not seen; where that is no better than guessing, it says
    so. The file works with the model of the critic that it was learned with.
    """
    if out.suffix != ".onnx":
        raise click.UsageError(f"--out must end in .onnx, got {str(out)!r}")
    if not out.absolute().parent.is_dir():
        raise click.UsageError(f"--out expected an existing folder, got {str(out.parent)!r}")
    part = Critic(model=model)
    files = [find_pictures([folder]) for folder in (liked, disliked)]
    for folder, found in zip((liked, disliked), files, strict=True):
        if not found:
            raise click.UsageError(
                f"no pictures in {str(folder)!r}; expected at least {MIN_PICKS}, better twenty"
            )
    with ProgressBar(sum(map(len, files))) as advance:
        taste = learn(
            part,
            _readable(files[0], advance),
            _readable(files[1], advance),
            out,
            owner=owner,
        )
    click.echo(f"{out}: {taste.describe()}")


def _readable(files: Sequence[Path], advance: Callable[[], None]) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the images in files; report and skip what cannot be read."""
    for path in files:
        advance()
        try:
            yield read_image(path)
        except ValueError as error:
            click.echo(f"capriccio: {error}; it is left out", err=True)
