"""The process of an isolated part, spoken to without the part that plays it."""

import json
import subprocess
import sys

import pytest
from capriccio import Moment
from capriccio_isolation.child_process import START
from capriccio_isolation.wire import SharedMemory, receive, send

pytestmark = pytest.mark.usefixtures("installed")


@pytest.fixture
def worker():
    memory = SharedMemory.create()
    part = {
        "role": "generator",
        "part": "trouble",
        "entry": "",
        "where": "",
        "options": {"seed": 3},
    }
    facts = {**part, "memory": str(memory.path), "path": [one for one in sys.path if one]}
    with subprocess.Popen(
        [sys.executable, "-c", START, json.dumps({**facts, "beside": []})],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as process:

        def ask(**call):
            send(process.stdin, memory, call)
            return receive(process.stdout, memory, 20.0)

        assert receive(process.stdout, memory, 20.0) == {"free": []}
        yield process, ask
        process.kill()
    memory.close()


def test_it_answers_until_the_show_closes_its_input(worker):
    process, ask = worker
    picture = ask(call="play", now=Moment(), knobs={})["result"]
    assert picture[0, 0, 1] == 3
    assert ask(call="facts")["result"] == {"unused": [], "instruments": {"1": "choir"}}
    assert "there is no call 'bow'" in ask(call="bow")["error"]
    assert ask(call="play", now=Moment(), knobs={"what": "raise"}) == {
        "error": "ValueError: no paint left"
    }
    process.stdin.close()
    assert process.wait(120) == 0
