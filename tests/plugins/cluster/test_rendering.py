"""A show that workers draw has the files of one that is drawn in one process."""

from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from capriccio import ShowError, load_sketch, use_seed
from capriccio_cluster import pieces, rendering
from capriccio_cluster.rendering import render_on_cluster

from .test_pieces import SKETCH


class Here:
    """Workers that are this process, and keep what they were asked for."""

    def __init__(self, count=2):
        self.count, self.asked = count, []

    def submit(self, function, *arguments):
        self.asked.append(arguments)
        future = Future()
        pieces._current.clear()  # each piece in a worker of its own
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def result(self, future):
        return future.result()


@pytest.fixture
def render(tmp_path):
    """Render a sketch on workers and in one process; return the workers and what was said."""

    def render(text, seconds=3.0, workers=None):
        file = tmp_path / "piece.py"
        file.write_text(text)
        workers, said = workers or Here(), []
        files = [f"{{}}.{ending}" for ending in ("mp4", "mid", "png")]
        for name, made in (("one", None), ("many", workers)):
            use_seed(5)
            sketch = load_sketch(file)
            to = [f"--to={out}:{tmp_path}/{form.format(name)}" for out, form in
                  zip(("video", "midifile", "image"), files, strict=True)]  # fmt: skip
            flags = ["--seconds", str(seconds), "--seed", "5", *to]
            if made is None:
                sketch.names = {**sketch.names, "__name__": "__main__"}
                sketch.run(["--offline", *flags])
            else:
                render_on_cluster(sketch, made, flags, 5, said.append)
        for form in files:
            one, many = (Path(tmp_path, form.format(name)).read_bytes() for name in ("one", "many"))
            assert one == many, form
        return workers, said

    yield render
    pieces._current.clear()


def test_the_files_are_the_same_byte_by_byte(render):
    workers, said = render(SKETCH)
    cut = [piece for _, piece in workers.asked]
    assert [piece.first for piece in cut[1:]] == [piece.end for piece in cut[:-1]]
    assert len(cut) >= 4 and cut[0].first == 0 and cut[-1].end == 30 and not said


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("    level =", "    trail.append(1)\n    level = len(trail) +", "changes what the file"),
        ("    level =", "    echo(now)\n    level =", "'echo', generator 'feedback', says so"),
        ("    level =", "    level = sketch.image.mean() / 2 +", "looks at the picture before"),
        # A state that nothing tells of.
        ("    level =", "    level = 5 * next(ticks) +", "from the one before"),
    ],
)
def test_a_sketch_that_keeps_a_state_is_drawn_here(render, old, new, why):
    lines = (
        "import itertools\nticks = itertools.count()\ntrail = []\nfrom capriccio import generator\n"
    )
    if "echo" in new:
        lines += "echo = generator('feedback')\n"
        new = new.replace("echo(now)", "echo(now, over=np.zeros((32, 32, 3), np.uint8))")
    _, said = render(lines + SKETCH.replace(old, new), seconds=2.0)
    assert len(said) == 1 and why in said[0]


def test_a_worker_that_draws_something_else_is_told(render, monkeypatch):
    real, calls = rendering.render_piece, []

    def draw_wrongly(job, piece):
        calls.append(piece)
        frames = real(job, piece)
        return frames._replace(before="another") if len(calls) == 3 else frames

    monkeypatch.setattr(rendering, "render_piece", draw_wrongly)
    with pytest.raises(SystemExit):
        render(SKETCH)


def test_the_error_names_the_frame(tmp_path):
    file = tmp_path / "piece.py"
    file.write_text(SKETCH)
    frames = rendering._DistantFrames(load_sketch(file), lambda now: None, Here(), None, print)
    wrong = pieces.Frames([np.zeros((4, 4, 3), np.uint8)], "another", "")
    future = Future()
    future.set_result(wrong)
    frames._waiting.append((pieces.Piece(7, 8), future))
    with pytest.raises(ShowError, match="frame 6 is another one where a worker begins with it"):
        frames._receive()


def test_music_alone_asks_no_worker(tmp_path):
    file = tmp_path / "piece.py"
    file.write_text(SKETCH.partition("@sketch.draw")[0])
    sketch, workers = load_sketch(file), Here()
    render_on_cluster(sketch, workers, [f"--to=midifile:{tmp_path}/a.mid", "--seconds=1"])
    assert (tmp_path / "a.mid").is_file() and not workers.asked
