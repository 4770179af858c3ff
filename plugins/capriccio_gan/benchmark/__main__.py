"""The command `python -m capriccio_gan.benchmark`."""

import json
from pathlib import Path

import click


@click.command()
@click.option("--size", type=click.Choice(["64", "128", "256"]), default="128", show_default=True,
              help="Of the pictures, in pixels.")  # fmt: skip
@click.option("--model", type=click.Path(path_type=Path),
              help="FILE.onnx to time; by default random weights at the size.")  # fmt: skip
@click.option("--frames", default=200, show_default=True, type=click.IntRange(20),
              help="Number of frames to time.")  # fmt: skip
@click.option("--threads", default=2, show_default=True, help="Threads of torch.")
def benchmark(size: str, model: Path | None, frames: int, threads: int) -> None:
    """Time whole calls of the part beside FastGAN's and StyleGAN2's generators in plain torch."""
    from ..training.rivals import measure

    click.echo(json.dumps(measure(int(size), model, frames, threads), indent=2))


if __name__ == "__main__":
    benchmark(prog_name="python -m capriccio_gan.benchmark")
