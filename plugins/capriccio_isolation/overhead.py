"""What it costs to have a frame made in another process: by a worker, by pipes, by a socket."""

import json
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click
import numpy as np
from capriccio import Generator, Moment, hookimpl

from .worker_process import WorkerProcess

SIZES = ((512, 512), (1920, 1080))  # width and height
WARM_UP = 10  # frames of each way that are not counted


class Blank(Generator):
    """Return a frame that costs nothing to make."""

    def __init__(self, *, width: int = 512, height: int = 512):
        self.frame = np.zeros((height, width, 3), np.uint8)

    def generate(self, now: Moment, *, level: float = 0.5) -> Any:
        """Return an image, `(height, width, 3)` uint8.

        Args:
            level: nothing depends on it.
        """
        return self.frame


@hookimpl
def generators() -> list[type[Generator]]:
    """Return the part of this module, which workers find so; it is not installed."""
    return [Blank]


@click.command("bench-isolation")
@click.option("--frames", type=click.IntRange(10, 1_000_000), default=300, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bench_isolation(frames: int, as_json: bool) -> None:
    """Time a frame that another process makes, and that costs nothing to make.

    By a worker, as an isolated part is played; and, to compare, as bytes through the pipes and the
    Unix sockets of Python's multiprocessing. Told are the milliseconds that each adds to a call in
    this process, half and 99 % of the frames at most.
    """
    report = [
        {"size": f"{width}x{height}", **row}
        for width, height in SIZES
        for row in measure(width, height, frames)
    ]
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    for row in report:
        click.echo(f"{row['size']:>9}  {row['way']:7} p50 {row['p50']:6.2f} ms, "
                   f"p99 {row['p99']:6.2f} ms")  # fmt: skip


def measure(width: int, height: int, frames: int) -> list[dict[str, Any]]:
    """Return the milliseconds that each way adds to a call, the ways taking turns."""
    here = Blank(width=width, height=height)
    now = Moment()
    with ExitStack() as stack:
        calls: dict[str, Callable[[], Any]] = {
            "here": lambda: here(now),
            "worker": stack.enter_context(_worker(width, height, now)),
            "pipes": stack.enter_context(_pipes(width, height)),
            "socket": stack.enter_context(_socket(width, height)),
        }
        times: dict[str, list[float]] = {way: [] for way in calls}
        for number in range(WARM_UP + frames):
            for way, call in calls.items():
                begun = time.perf_counter()
                frame = call()
                taken = 1000 * (time.perf_counter() - begun)
                if frame.shape != (height, width, 3):
                    raise RuntimeError(f"{way} brought {frame.shape}, expected {height, width, 3}")
                if number >= WARM_UP:
                    times[way].append(taken)
    alone = statistics.median(times.pop("here"))
    return [
        {
            "way": way,
            "p50": round(statistics.median(taken) - alone, 3),
            "p99": round(float(np.percentile(taken, 99)) - alone, 3),
        }
        for way, taken in times.items()
    ]


@contextmanager
def _worker(width: int, height: int, now: Moment) -> Iterator[Callable[[], Any]]:
    part = {"role": "generator", "part": "blank", "entry": __name__, "where": ""}
    worker = WorkerProcess("bench", part, {"width": width, "height": height})
    try:
        yield lambda: worker.ask({"call": "play", "now": now, "knobs": {"level": 0.5}})
    finally:
        worker.end()


@contextmanager
def _pipes(width: int, height: int) -> Iterator[Callable[[], Any]]:
    asked, ask = multiprocessing.Pipe(duplex=False)
    answer, answered = multiprocessing.Pipe(duplex=False)
    with _serving(asked, answered, width, height):
        yield _caller(ask, answer, width, height)
        ask.send_bytes(b"")


@contextmanager
def _socket(width: int, height: int) -> Iterator[Callable[[], Any]]:
    here, there = multiprocessing.Pipe()  # a pair of Unix sockets, where there are such
    with _serving(there, there, width, height):
        yield _caller(here, here, width, height)
        here.send_bytes(b"")


@contextmanager
def _serving(asked: Any, answered: Any, width: int, height: int) -> Iterator[None]:
    child = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(asked, answered, width, height), daemon=True
    )
    child.start()
    for end in {asked, answered}:
        end.close()  # so that the end of the child is noticed
    try:
        yield
        child.join()
    finally:
        child.kill()


def _caller(ask: Any, answer: Any, width: int, height: int) -> Callable[[], Any]:
    def call() -> Any:
        ask.send_bytes(b"play")
        return np.frombuffer(answer.recv_bytes(), np.uint8).reshape(height, width, 3)

    return call


def _serve(asked: Any, answered: Any, width: int, height: int) -> None:
    part, now = Blank(width=width, height=height), Moment()
    while asked.recv_bytes():
        answered.send_bytes(part(now).reshape(-1).data)
