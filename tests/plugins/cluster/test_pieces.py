"""Pieces of a show: what a worker draws of it, from wherever it has come to."""

import hashlib

import numpy as np
import pytest
from capriccio import ShowError, Sketch, __version__
from capriccio_cluster import pieces
from capriccio_cluster.pieces import Job, Piece, digest_of, render_piece

# The picture hears the music, and the music sees the picture.
SKETCH = """
import numpy as np
from capriccio import Analyzer, Note, Sketch

drawn = ""  # a number of calls is no state that matters here
sketch = Sketch(bpm=120, meter=2, fps=10, size=(32, 32))

@sketch.play(bars=1)
def tune(now):
    light = int(sketch.image.mean())
    return [Note(40 + light % 40, start=0.5, length=1, velocity=0.3 + light / 600)]

@sketch.draw
def picture(now):
    level = int(90 * now.phase(bars=3) + 160 * sketch.loudness)
    return np.full((32, 32, 3), level, np.uint8)
"""


@pytest.fixture
def job(tmp_path):
    pieces._current.clear()

    def job(text=SKETCH, seconds=4.0, **changes):
        file = tmp_path / "piece.py"
        file.write_text(text)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        whole = Job("key", str(file), digest, __version__, 7, 120.0, 10.0, (32, 32), seconds)
        return whole._replace(**changes)

    yield job
    pieces._current.clear()


class Seen:
    """The images of a whole show, in one process."""

    def __init__(self, job):
        from capriccio import Output, load_sketch

        class Keep(Output):
            images: list = []  # noqa: RUF012

            def show(self, image, now):
                self.images.append(image.copy())

        keep = Keep()
        load_sketch(job.path).perform([keep], seconds=job.seconds, seed=job.seed)
        self.images = keep.images


def test_a_piece_is_what_a_whole_show_has_there(job):
    whole = Seen(job()).images
    assert len({digest_of(image) for image in whole}) > 10
    for first, end in ((25, 31), (7, 12), (12, 15), (39, 40), (0, 3)):
        made = render_piece(job(), Piece(first, end))
        np.testing.assert_array_equal(made.images, whole[first:end])
        assert not made.trouble
        if first not in (0, 12):  # 12 goes on where the piece before it has ended
            assert made.before == digest_of(whole[first - 1])
        else:
            assert made.before == ""


def test_a_worker_goes_on_from_where_it_is(job):
    render_piece(job(), Piece(0, 5))
    before = pieces._current[0]
    render_piece(job(), Piece(9, 12))
    assert pieces._current[0] is before and before.next == 12
    render_piece(job(), Piece(3, 5))  # it cannot go back
    assert pieces._current[0] is not before
    render_piece(job(key="another"), Piece(6, 7))
    assert pieces._current[0].job.key == "another"


def test_only_the_frames_that_are_needed_are_drawn(job):
    text = SKETCH.replace("    level =", "    now.calls.append(now.seconds)\n    level =")
    text = text.replace("def picture(now):", "def picture(now):\n    now = Counted(now)")
    text += """
class Counted:
    calls = []
    def __init__(self, now):
        self._now = now
    def __getattr__(self, name):
        return getattr(self._now, name)
"""
    render_piece(job(text), Piece(30, 33))
    calls = pieces._current[0].sketch.names["Counted"].calls
    # 0.9 and 1.9 s are looked at by the music, 2.9 s is compared and looked at.
    assert [round(one, 1) for one in calls] == [0.9, 1.9, 2.9, 3.0, 3.1, 3.2]


def test_a_state_of_the_sketch_is_told(job):
    text = SKETCH.replace("    level =", "    trail.append(1)\n    level =") + "\ntrail = []\n"
    assert render_piece(job(text), Piece(0, 3)).trouble == "a cue changes what the file keeps"
    text = SKETCH.replace("    level =", "    level = sketch.image.mean() +")
    assert "looks at the picture before" in render_piece(job(text), Piece(9, 10)).trouble


def test_a_worker_with_another_sketch_or_version_refuses(job):
    with pytest.raises(ShowError, match=r"the worker has Capriccio .*, and the rendering began"):
        render_piece(job(version="0.0.1"), Piece(0, 1))
    with pytest.raises(ShowError, match="is not the one that was asked for"):
        render_piece(job(digest="0"), Piece(0, 1))


def test_an_error_in_a_cue_is_raised_and_the_next_piece_begins_anew(job):
    text = SKETCH.replace("    level =", "    1 / (now.seconds < 0.25)\n    level =")
    with pytest.raises(ZeroDivisionError):
        render_piece(job(text), Piece(0, 5))
    assert not pieces._current
    assert len(render_piece(job(text), Piece(0, 2)).images) == 2
    assert isinstance(pieces._current[0].sketch, Sketch)
