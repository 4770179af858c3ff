"""A part in a process of its own: the same to a sketch, and no danger to a show."""

import logging
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from capriccio import Moment, Note, PartError, generator
from capriccio.testing import check_generator
from capriccio_isolation import worker_process
from capriccio_isolation.generator import Isolated
from capriccio_isolation.sandbox import descendants
from helpers.devices import wait_for

pytestmark = pytest.mark.usefixtures("installed")


@pytest.fixture
def part():
    with closing(generator("trouble", isolated=True, seed=7, seconds=20)) as one:
        yield one


def test_a_sketch_cannot_tell_it_from_the_part_itself(part):
    plain = generator("trouble", seed=7)
    assert part.knobs == plain.knobs
    assert (dict(part.instruments), part.unused_knobs) == ({1: "choir"}, frozenset())
    picture = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    for knobs in ({}, {"heat": 0.2}, {"heat": 7}, {"source": picture}):
        now = Moment(beats=3.0)
        np.testing.assert_array_equal(part(now, **knobs), plain(now, **knobs))
    assert part(Moment(), what="phrase") == plain(Moment(), what="phrase")
    (mine,), (theirs,) = (one(Moment(), what="drawing") for one in (part, plain))
    np.testing.assert_array_equal(mine.points, theirs.points)
    assert mine[1:] == theirs[1:]
    part.feed([Note(60), Note(64)])
    assert part(Moment(), what="phrase")[1].pitch == 64
    part.reset(9)
    assert part(Moment())[0, 0, 1] == 9
    part.warm_up()
    assert str(part) == "isolated generator 'trouble'"


def test_it_keeps_the_contract():
    class Own(Isolated):
        """Play the part of these tests."""

        name = "own"

        def __init__(self, *, seed=0):
            super().__init__(part="trouble", seed=seed)

    check_generator(Own)


def test_the_result_that_stands_can_be_changed(part):
    part(Moment())
    part(Moment(), what="exit")[:] = 0
    part(Moment(), what="exit")  # not started again yet
    assert part(Moment(), what="exit")[0, 0, 1] == 7


@pytest.mark.parametrize("what", ["exit", "segfault", "hang", "memory", "child", "garbage", "bomb"])
def test_the_last_picture_stands_while_a_worker_is_replaced(part, what, caplog):
    part.worker.megabytes = 2000
    good = part(Moment(), heat=0.25)
    pids = processes_of(part)
    part.worker.seconds = 0.4 if what in ("hang", "garbage") else 20
    with caplog.at_level(logging.WARNING, "capriccio"):
        np.testing.assert_array_equal(part(Moment(), heat=1.0, what=what), good)
    assert part.failures == 1
    assert "isolated generator 'trouble': its process" in caplog.text
    wait_for(lambda: gone(pids), what=f"the end of {pids}")
    part.worker.seconds = 20
    assert part(Moment(), heat=1.0)[0, 0, 0] == 255
    assert part.failures == 1


def test_an_error_of_the_part_is_its_own(part):
    with pytest.raises(RuntimeError, match="ValueError: no paint left"):
        part(Moment(), what="raise")
    assert part(Moment()).shape == (4, 6, 3)
    assert part.failures == 0


def test_what_it_prints_disturbs_nothing(part):
    assert part(Moment(), what="flood").shape == (4, 6, 3)
    assert part.failures == 0


def test_a_worker_that_fails_at_once_is_not_started_at_every_frame(part, monkeypatch):
    now = 100.0
    monkeypatch.setattr(worker_process, "time", SimpleNamespace(monotonic=lambda: now))
    for _ in range(3):
        with pytest.raises(RuntimeError, match="its process"):
            part(Moment(), what="exit")
    assert part.failures == 1
    now += worker_process.FIRST_PAUSE
    assert part(Moment()).shape == (4, 6, 3)


def test_nothing_is_left_behind(part):
    part(Moment())
    pids, memory = processes_of(part), part.worker._child.memory.path
    assert len(pids) == (2 if sys.platform == "linux" else 1)
    assert not memory.exists()  # both have opened it
    part.close()
    part.close()
    wait_for(lambda: gone(pids), what=f"the end of {pids}")


BAD = {
    "no name": ({"part": ""}, 'expected the name of a generator, as in part="vae"'),
    "no such part": ({"part": "troubel"}, "no generator is named 'troubel'; did you mean"),
    "twice": ({"part": "isolated"}, "an isolated part cannot be isolated again"),
}


@pytest.mark.parametrize(("options", "sentence"), BAD.values(), ids=BAD)
def test_what_cannot_be_isolated_is_told(options, sentence):
    with pytest.raises(PartError, match=sentence):
        generator("isolated", **options)


def processes_of(part) -> list[int]:
    """Return the process that guards a worker, the worker, and what that has begun."""
    return [part.worker.pid, *descendants(part.worker.pid)]


def gone(pids: list[int]) -> bool:
    """Return whether all of these processes have ended."""
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            return False
    return True
