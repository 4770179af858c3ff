"""Preview a training set: `python -m capriccio_gan.training.preview --data FOLDER --out FILE.png`.

Pictures of a folder are cropped and described as in a training and laid out with their captions.
"""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from .captions import compose
from .dataset import Pictures, read_pictures

if TYPE_CHECKING:
    from PIL import Image

SIZE = 160  # pixels of a picture
COLUMNS = 10
LETTERS = 26  # of a caption's line, as many as fit under a picture
LINE = 12  # pixels


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True),
              help="Folder of pictures.")  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), help="FILE.png to write.")
@click.option("--count", default=60, show_default=True, type=click.IntRange(10),
              help="Number of pictures.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Another seed varies the captions.")
def preview(data: Path, out: Path, count: int, seed: int) -> None:
    """Show what a training would learn from a folder: its images and their captions."""
    try:
        training, validation = read_pictures(data, SIZE, count)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    shown = Pictures(
        np.concatenate([training.images, validation.images]), training.facts + validation.facts
    )
    contact_sheet(shown, seed).save(out)
    click.echo(f"{out}: {len(shown)} pictures, {len(validation)} of them for validation")


def contact_sheet(pictures: Pictures, seed: int = 0) -> "Image.Image":
    """Return one sheet of pictures, each above its complete caption and a random variation."""
    from PIL import Image, ImageDraw

    random = np.random.default_rng(seed)
    size = pictures.images.shape[1]
    height = size + 6 * LINE
    rows = -(-len(pictures) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * size, rows * height), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (image, facts) in enumerate(zip(pictures.images, pictures.facts, strict=True)):
        x, y = number % COLUMNS * size, number // COLUMNS * height
        sheet.paste(Image.fromarray(image), (x, y))
        lines = textwrap.wrap(compose(facts), LETTERS)[:3]
        lines += [f"· {line}" for line in textwrap.wrap(compose(facts, random), LETTERS - 2)[:2]]
        for index, line in enumerate(lines):
            fill = "black" if index < 3 else "grey"
            draw.text((x + 3, y + size + index * LINE), line, fill=fill)
    return sheet


if __name__ == "__main__":
    preview(prog_name="python -m capriccio_gan.training.preview")
