"""A process beside the show is started again where it ends or hangs."""

import os
import signal
import sys
import textwrap
from functools import partial

import pytest
from capriccio import ShowError, SupervisedProcess
from helpers.devices import wait_for

# Says what it hears; alive until it hears "hang", and ends where it hears "die".
CHILD = r"""
    import json, os, sys, threading, time

    def say(**report):
        os.write(1, (json.dumps(report) + "\n").encode())  # whole: two threads do

    say(ready="yes")
    hanging = threading.Event()

    def live():
        while not hanging.is_set():
            say(alive=0.5)
            time.sleep(0.1)

    threading.Thread(target=live, daemon=True).start()
    for line in sys.stdin:
        word = line.strip()
        if word == "hang":
            hanging.set()
            time.sleep(60)
        if word == "be quiet":  # for two seconds
            hanging.set()
            for _ in range(8):
                sys.stdin.readline()
            say(quiet=8)
        if word == "die":
            os._exit(3)
        if word == "nonsense":
            os.write(1, b"[\n")
        say(heard=word)
        if word == "end":
            break
"""


class Parent:
    def __init__(self, code: str = CHILD, wait: float = 20.0, launch: bool = False):
        self.reports, self.commands, self.restarted = [], 0, 0
        self.process = SupervisedProcess(
            "parrot", self.command, on_report=self.reports.append, on_restart=self.restart
        )
        self.program = sys.executable
        self.code = textwrap.dedent(code)
        (self.process.launch if launch else partial(self.process.start, wait))()

    def command(self):
        self.commands += 1
        return [self.program, "-c", self.code]

    def restart(self):
        self.restarted += 1

    def heard(self, word):
        return {"heard": word} in self.reports


def test_what_is_written_is_read_and_what_it_reports_is_heard():
    parent = Parent()
    assert parent.process.write(b"hello\n")
    wait_for(lambda: parent.heard("hello") and parent.heard(""))  # the second is a beat
    parent.process.write(b"nonsense\nhello again\n")
    wait_for(lambda: parent.heard("hello again"))
    parent.process.close(b"end\n")
    assert parent.heard("end")
    assert parent.commands == 1 and not parent.process.restarts
    assert not parent.process.write(b"anyone there?\n")
    parent.process.close()


def test_one_that_is_launched_hears_the_show_and_is_not_started_again_until_it_is_waited_for():
    parent = Parent(launch=True)
    wait_for(lambda: parent.heard(""))  # a beat
    parent.process.start(20.0)
    assert parent.commands == 1
    parent.process.write(b"die\n")
    wait_for(lambda: parent.restarted == 1)
    parent.process.close()
    parent = Parent("", launch=True)
    with pytest.raises(ShowError, match="it ended"):
        parent.process.start(20.0)
    assert parent.commands == 1
    parent = Parent(launch=True)
    parent.process.close(b"end\n")  # nobody has waited for it
    wait_for(lambda: parent.heard("end"))


@pytest.mark.parametrize("word", ["die", "hang"])
def test_it_is_started_again_where_it_ends_or_hangs(word, caplog):
    parent = Parent()
    first = parent.process.pid
    parent.process.write(f"{word}\n".encode())
    wait_for(lambda: parent.restarted == 1)
    assert parent.process.pid != first and parent.commands == 2
    parent.process.write(b"hello\n")
    wait_for(lambda: parent.heard("hello"))
    parent.process.close()
    why = {"die": "ended with 3", "hang": "did not answer"}[word]
    assert f"the process of parrot {why}; it is started again" in caplog.text


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="there is no such signal here")
def test_a_process_that_was_stopped_is_replaced_and_gone():
    """However long it may be silent when it runs."""
    parent = Parent(CHILD.replace("alive=0.5", "alive=1000"))
    first = parent.process.pid
    wait_for(lambda: parent.heard(""))
    os.kill(first, signal.SIGSTOP)
    wait_for(lambda: parent.restarted == 1)
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    parent.process.close()


def test_a_process_that_runs_may_be_silent_for_as_long_as_it_has_said():
    parent = Parent(CHILD.replace("alive=0.5", "alive=1000"))
    wait_for(lambda: parent.heard(""))
    parent.process.write(b"be quiet\n")
    wait_for(lambda: {"quiet": 8} in parent.reports)
    assert parent.commands == 1
    parent.process.close()


def test_one_that_ends_again_and_again_is_tried_more_and_more_seldom():
    parent = Parent()
    parent.code = 'print(\'{"error": "no port"}\')'
    parent.process.write(b"die\n")
    wait_for(lambda: parent.commands == 4)
    parent.code = textwrap.dedent(CHILD)
    wait_for(lambda: parent.restarted)
    assert parent.commands == 5
    parent.process.close()


def test_a_command_that_cannot_be_run_is_told_and_tried_again(caplog):
    parent = Parent()
    parent.program = "/nowhere/at all"
    parent.process.write(b"die\n")
    wait_for(lambda: "parrot cannot be started again: FileNotFoundError" in caplog.text)
    parent.program = sys.executable
    wait_for(lambda: parent.restarted)
    parent.process.close()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('print(\'{"error": "no port"}\')', "no port"),
        ("", "it ended"),
        ("import sys; sys.stdin.read()", r"nothing happened within 0\.5 s"),
        (
            "import sys; sys.stdin.read(); print('{\"ready\": 1}')",  # too late
            r"nothing happened within 0\.5 s",
        ),
    ],
)
def test_one_that_does_not_start_is_reported(code, words):
    with pytest.raises(ShowError, match=words):
        Parent(code, 0.5 if "stdin" in code else 20.0)


def test_it_has_the_variables_that_it_is_given_beside_those_of_the_show(monkeypatch):
    monkeypatch.setenv("FROM_THE_SHOW", "1")
    reports = []
    code = """
    import json, os, sys
    for report in ({"ready": 1}, {name: os.environ[name] for name in ("FROM_THE_SHOW", "ITS_OWN")}):
        print(json.dumps(report), flush=True)
    sys.stdin.read()
    """
    process = SupervisedProcess(
        "parrot",
        lambda: [sys.executable, "-c", textwrap.dedent(code)],
        on_report=reports.append,
        environment={"ITS_OWN": "2"},
    )
    process.start(20.0)
    wait_for(lambda: reports, what="its report")
    process.close()
    assert reports == [{"FROM_THE_SHOW": "1", "ITS_OWN": "2"}]
