"""Add styles to the walks of a VAE: `python -m capriccio_vae.training.waypoints`.

The walks of a VAE pass through latents that its card lists by style. Those of pictures of a style
that the decoder was not told of can be added, if it copies them well.
"""

from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
from capriccio import Model, generator, image_files
from capriccio.training import copy_error, write_model

from .dataset import read_picture, read_splits
from .export import WAYPOINTS

TRIED = 60  # pictures of a style, of which those that are copied best are kept


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True),
              help="Folder of pictures; folders in it are styles.")  # fmt: skip
@click.option("--vae", required=True, type=click.Path(path_type=Path, exists=True),
              help="FILE.onnx of the VAE, its encoder beside it.")  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), help="FILE.onnx to write.")
@click.option("--style", "styles", multiple=True, required=True, help="A style to add.")
def main(data: Path, vae: Path, out: Path, styles: tuple[str, ...]) -> None:
    """Write a VAE whose walks know more styles."""
    part: Any = generator("vae", model=str(vae))
    card = Model(vae).card
    kinds = dict(card["latents"]["kinds"])
    splits = read_splits(data)
    pictures = [
        path
        for path in image_files(data)
        if splits.get(path.relative_to(data).as_posix(), "train") == "train"
    ]
    for style in styles:
        files = [path for path in pictures if path.parent.name == style]
        if not files:
            raise click.ClickException(f"there is no picture in a folder {style!r} of {data}")
        files = files[:: -(-len(files) // TRIED)]
        images = [image for path in files if (image := read_picture(path)) is not None]
        kinds[style] = np.round(latents_of(part, images), 2).tolist()
    names = [*card["styles"], *(style for style in styles if style not in card["styles"])]
    model = onnx.load(str(vae))
    widen_style(model.graph, len(card["styles"]), len(names))
    latents = {**card["latents"], "kinds": kinds}
    write_model(model, out, {**card, "latents": latents, "styles": names})
    click.echo(f"{out}: {len(names)} styles")


def latents_of(vae: Any, images: list[np.ndarray]) -> np.ndarray:
    """Return the latents of the images that a VAE copies best, `(WAYPOINTS at most, numbers)`."""
    latents = [vae.posterior(image)[0] for image in images]
    errors = [copy_error(image, vae.decode(z)) for image, z in zip(images, latents, strict=True)]
    return np.stack(latents)[np.argsort(errors)[:WAYPOINTS]]


def widen_style(graph: Any, learned: int, count: int) -> None:
    """Make a decoder's `style` as wide as `count`; what it has not learned has no effect."""
    from onnx import TensorProto, helper

    for node in graph.node:
        node.input[:] = ["style/learned" if name == "style" else name for name in node.input]
    bounds = {"style/from": 0, "style/to": learned, "style/axis": 1}
    graph.initializer.extend(
        helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in bounds.items()
    )
    graph.node.insert(0, helper.make_node("Slice", ["style", *bounds], ["style/learned"]))
    (style,) = (one for one in graph.input if one.name == "style")
    style.type.tensor_type.shape.dim[1].dim_value = count


if __name__ == "__main__":
    main(prog_name="python -m capriccio_vae.training.waypoints")
