"""The command `render`."""

from pathlib import Path

import click
from capriccio import cluster_workers, load_sketch, use_seed

from .rendering import render_on_cluster


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[OPTION OF RUN]…")
@click.option(
    "--cluster",
    "address",
    metavar="ADDRESS",
    help="Draw on the workers of a Dask cluster: local starts them on this machine, "
    "tcp://HOST:8786 is a scheduler that runs.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    metavar="N",
    help="How many workers of the cluster are used at once.",
)
@click.option("--seed", type=int, metavar="N", help="Seed of every part.")
def render(
    file: Path, arguments: tuple[str, ...], address: str | None, workers: int, seed: int | None
) -> None:
    """Render the sketch FILE to files, on this machine or on a cluster.

    \b
      capriccio render film.py --seconds 60 --to video:film.mp4
      capriccio render film.py --seconds 60 --to video:film.mp4 --cluster local --workers 4
      capriccio render film.py --seconds 60 --cluster tcp://10.0.0.2:8786 --workers 16

    Takes the options of capriccio run --offline, and the files are the same, byte by byte, however
    many workers there are: music, sound and encoding are done here, and the frames are drawn by
    the workers, where the parts of the sketch allow it. A worker that is lost costs the piece that
    it was drawing, which another one draws. All machines need the same versions, and the sketch at
    the same path. A worker runs what it is sent, so keep the address in a network that you trust.
    """
    use_seed(seed)
    sketch = load_sketch(file)
    flags = [*arguments, *(["--seed", str(seed)] if seed is not None else [])]
    if address is None:
        sketch.names = {**sketch.names, "__name__": "__main__"}
        sketch.run(["--offline", *flags])
        return
    with cluster_workers(address, workers) as opened:
        render_on_cluster(sketch, opened, flags, seed, lambda words: click.echo(words, err=True))
