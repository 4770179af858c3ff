"""Look before you train: `python -m capriccio_gan.prepare --data FOLDER --out sheet.png`.

Cuts and describes some pictures of a folder as the training would, and lays them out with their
captions, so that a person sees what will be learned.
"""

import textwrap
from pathlib import Path

import click
import numpy as np

from .captions import compose
from .dataset import Pictures, read_pictures

ACROSS = 10  # pictures in a row
LETTERS = 26  # of a caption's line: what stands under a picture of 160 pixels
LINE = 12  # pixels


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True),
              help="Folder to look at.")  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), help="FILE.png to write.")
@click.option("--count", default=60, show_default=True, type=click.IntRange(50), help="How many.")
@click.option("--seed", default=0, show_default=True, help="Another seed varies the captions.")
def prepare(data: Path, out: Path, count: int, seed: int) -> None:
    """Show what a training would learn from a folder: the squares and their captions."""
    try:
        learn, check = read_pictures(data, 160, count)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    shown = Pictures(np.concatenate([learn.squares, check.squares]), learn.facts + check.facts)
    contact_sheet(shown, seed).save(out)
    click.echo(f"{out}: {len(shown)} pictures, {len(check)} of them kept to check with")


def contact_sheet(pictures: Pictures, seed: int = 0):
    """Lay pictures out with their captions: in full, and one of its variations below."""
    from PIL import Image, ImageDraw

    chance = np.random.default_rng(seed)
    size = pictures.squares.shape[1]
    high = size + 6 * LINE
    rows = -(-len(pictures) // ACROSS)
    sheet = Image.new("RGB", (ACROSS * size, rows * high), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (square, facts) in enumerate(zip(pictures.squares, pictures.facts, strict=True)):
        x, y = number % ACROSS * size, number // ACROSS * high
        sheet.paste(Image.fromarray(square), (x, y))
        lines = textwrap.wrap(compose(facts), LETTERS)[:3]
        lines += [f"· {line}" for line in textwrap.wrap(compose(facts, chance), LETTERS - 2)[:2]]
        for index, line in enumerate(lines):
            pen.text((x + 3, y + size + index * LINE), line, fill="black" if index < 3 else "grey")
    return sheet


if __name__ == "__main__":
    prepare(prog_name="python -m capriccio_gan.prepare")
