"""One process of a part, begun and ended."""

import sys

import pytest
from capriccio import Moment
from capriccio_isolation.child_process import ChildProcess, WorkerError

pytestmark = pytest.mark.usefixtures("installed")
PART = {"role": "generator", "part": "trouble", "entry": "", "where": ""}
RIGHTS = {"network": False, "write": False, "megabytes": 4096}
CALL = {"call": "play", "now": Moment(), "knobs": {}}


def test_it_answers_until_it_is_ended():
    child = ChildProcess(PART, {"seed": 3}, sys.executable, None, RIGHTS)
    assert child.fresh
    assert child.ask(CALL, 60)[0, 0, 1] == 3
    assert not child.fresh and not child.memory.path.exists()
    with pytest.raises(RuntimeError, match="ValueError: no paint left"):
        child.ask({**CALL, "knobs": {"what": "raise"}}, 60)
    child.end()
    child.end()


def test_who_asks_one_that_is_killed_meets_its_end():
    child = ChildProcess(PART, {}, sys.executable, None, RIGHTS)
    child.kill()
    with pytest.raises(WorkerError, match="its process ended"):
        child.ask(CALL, 60)
    child.end()
