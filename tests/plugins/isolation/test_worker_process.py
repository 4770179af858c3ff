"""A worker as the show sees it."""

import logging

import pytest
from capriccio import Moment
from capriccio_isolation import child_process, worker_process
from capriccio_isolation.child_process import WorkerError
from capriccio_isolation.worker_process import WorkerProcess
from helpers.devices import wait_for

pytestmark = pytest.mark.usefixtures("installed")


@pytest.fixture
def worker():
    part = {"role": "generator", "part": "trouble", "entry": "", "where": ""}
    one = WorkerProcess("part 'trouble'", part, {"seed": 3}, seconds=20)
    yield one
    one.end()


def play(worker, **knobs):
    return worker.ask({"call": "play", "now": Moment(), "knobs": knobs})


def test_it_is_started_when_it_is_first_asked(worker):
    assert not worker.running
    assert play(worker)[0, 0, 1] == 3
    assert worker.running


def test_a_failure_is_told_and_counted(worker, caplog):
    with pytest.raises(WorkerError, match="its process ended with 3"):
        play(worker, what="exit")
    with caplog.at_level(logging.WARNING, "capriccio"):
        worker.replace("it ended")
        worker.replace("once")
    assert worker.failures == 1
    assert [one.message for one in caplog.records] == [
        "part 'trouble': it ended; it is replaced (1 so far)"
    ]
    assert not worker.running


@pytest.mark.parametrize(("what", "how"), [("segfault", "SIGSEGV"), ("bomb", "more than 64")])
def test_how_it_ended_is_told(worker, what, how):
    play(worker)
    with pytest.raises(WorkerError, match=f"its process ended.*{how}"):
        play(worker, what=what)


def test_its_folder_ends_with_it(worker):
    play(worker)
    folder = worker._child._own_folder.name
    worker.end()
    with pytest.raises(FileNotFoundError), open(f"{folder}/a", "w"):
        pass


def test_what_the_system_cannot_take_from_it_is_told_once(worker, caplog, monkeypatch):
    monkeypatch.setattr(
        child_process, "START", child_process.START.replace(
            "from cap", "import os; os.environ['CAPRICCIO_WORKER_FREE'] = 'network'; from cap"
        )
    )  # fmt: skip
    with caplog.at_level(logging.WARNING, "capriccio"):
        for _ in range(2):
            play(worker)
            worker.end()
    assert [one.message for one in caplog.records] == [
        "part 'trouble' can reach the network: this system cannot take that from it"
    ]


def test_a_spare_that_is_stuck_is_given_up_before_long(worker, monkeypatch, caplog):
    play(worker)
    patience = []

    class Stuck(worker_process.ChildProcess):
        """One that takes too long."""

        def ask(self, call, seconds):
            patience.append(seconds)
            raise WorkerError("its process took too long")

    worker._slowest = 2.0
    monkeypatch.setattr(worker_process, "ChildProcess", Stuck)
    worker.replace("it ended")
    worker.start_spare(lambda: {"call": "facts"})
    worker.wait_for_spare()
    assert patience == [8.0]
    assert not worker.take_spare()
    assert worker.failures == 2
    monkeypatch.undo()
    assert play(worker_after_pause(worker))[0, 0, 1] == 3
    with caplog.at_level(logging.WARNING, "capriccio"):
        monkeypatch.setattr(worker_process, "ChildProcess", Stuck)
        worker.start_spare(lambda: {"call": "facts"})  # beside one that plays
        worker.wait_for_spare()
    assert "it has no spare: its process took too long" in caplog.text
    assert (worker.spare, worker.failures) == (False, 2)


def worker_after_pause(worker):
    wait_for(lambda: worker.may_start, what="the end of the pause")
    return worker
