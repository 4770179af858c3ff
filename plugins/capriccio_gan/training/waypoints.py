"""Give a VAE waypoints that a flow has invented: `python -m capriccio_gan.training.waypoints`.

The walks of a VAE pass through latents that its card lists by style. Samples of a flow of the same
latents are pictures that nobody painted, and a flow knows styles that the decoder was not told of.
"""

from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
import torch
from capriccio import Model
from capriccio.training import write_model
from safetensors.torch import load_file

from ..vocabulary import Vocabulary
from .flow import GRAIN, LatentFlow
from .networks import LATENT

COUNT = 16  # of each style
DECIMALS = 2


@click.command()
@click.option("--flow", required=True, type=click.Path(path_type=Path, exists=True),
              help="FILE.onnx of train gan --flow, its checkpoint beside it.")  # fmt: skip
@click.option("--vae", required=True, type=click.Path(path_type=Path, exists=True),
              help="FILE.onnx of the VAE whose latents the flow has learned.")  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), help="FILE.onnx to write.")
@click.option("--style", "styles", multiple=True, help="A style besides those of the VAE.")
@click.option("--seed", default=0, show_default=True, help="Another seed invents others.")
def main(flow: Path, vae: Path, out: Path, styles: tuple[str, ...], seed: int) -> None:
    """Write a VAE whose walks pass latents that a flow has invented for each style."""
    vocabulary = Vocabulary(Model(flow).card["vocabulary"])
    net = load_flow(flow.with_suffix(".best.safetensors"), vocabulary)
    card = Model(vae).card
    names = [*card["styles"], *styles]
    kinds: dict[str, Any] = dict(card["latents"]["kinds"])
    for name in names:
        unknown = vocabulary.encode(spaced(name))[1]
        if not unknown:
            kinds[name] = np.round(sample(net, vocabulary, name, COUNT, seed), DECIMALS).tolist()
        elif name in styles:
            words = ", ".join(map(repr, unknown))
            raise click.ClickException(f"the flow does not know {words} of style {name!r}")
        else:
            click.echo(f"{name} keeps its waypoints: the flow does not know it")
    latents = {
        **card["latents"],
        "kinds": kinds,
        "note": f"{COUNT} latents of each style that a flow has invented, {LATENT + GRAIN} numbers "
        "each; means of training pictures for a style that the flow does not know",
    }
    model = onnx.load(str(vae))
    widen_style(model.graph, len(card["styles"]), len(names))
    write_model(model, out, {**card, "latents": latents, "styles": names})
    click.echo(f"{out}: {COUNT} waypoints of each of {len(names)} styles")


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


def load_flow(checkpoint: Path, vocabulary: Vocabulary) -> LatentFlow:
    """Return the averaged network of a checkpoint."""
    net = LatentFlow(len(vocabulary))
    tensors: dict[str, Any] = load_file(checkpoint)
    net.load_state_dict({k[4:]: t for k, t in tensors.items() if k.startswith("ema.")})
    return net.eval()


@torch.no_grad()
def sample(
    net: LatentFlow, vocabulary: Vocabulary, style: str, count: int, seed: int = 0
) -> np.ndarray:
    """Return latents of a style, (count, 576)."""
    random = torch.Generator().manual_seed(seed)
    codes = net.text(torch.tensor([vocabulary.encode(spaced(style))[0]])).expand(count, -1)
    z = torch.randn(count, LATENT, generator=random)
    grain = torch.randn(count, GRAIN, generator=random)
    return net.synthesis(net.mapping(z, codes), grain).numpy()


def spaced(style: str) -> str:
    """Return the name of a style as captions have it."""
    return style.replace("-", " ")


if __name__ == "__main__":
    main()
