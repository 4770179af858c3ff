"""Warnings are logged once, counted, and summarized at the end of a show."""

import logging
import os
import subprocess
import sys
import threading

import pytest
from capriccio.log import (
    MAX_KINDS,
    info,
    logger,
    newest,
    stderr_silenced,
    summarize,
    warn_once,
)


@pytest.fixture(autouse=True)
def no_counts():
    summarize()
    yield
    summarize()


def test_a_warning_is_logged_once_and_counted(capsys):
    for number in range(3):
        warn_once(f"the port is lost ({number})", key="port")
    warn_once("the screen is lost")
    assert capsys.readouterr().err == (
        "capriccio: the port is lost (0)\ncapriccio: the screen is lost\n"
    )
    assert summarize() == {"the port is lost (0)": 3, "the screen is lost": 1}
    assert capsys.readouterr().err == "capriccio: 3 times: the port is lost (0)\n"


def test_the_newest_warning_is_told_with_the_count_of_all():
    assert newest() == (0, "")
    warn_once("the port is lost")
    for number in range(2):
        warn_once(f"the screen is lost ({number})", "screen")
    warn_once("the port is lost")
    assert newest() == (4, "the screen is lost (0)")


def test_a_new_show_logs_warnings_again(capsys):
    warn_once("the port is lost")
    summarize()
    warn_once("the port is lost")
    assert capsys.readouterr().err.count("the port is lost") == 2


def test_a_message_is_one_line_of_limited_length(capsys):
    warn_once("a\nb" + "c" * 10_000)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("capriccio: a bccc") and line.endswith("c …") and len(line) < 600


def test_warnings_come_from_any_number_of_threads(capsys):
    threads = [
        threading.Thread(target=lambda: [warn_once("the port is lost") for _ in range(500)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert summarize() == {"the port is lost": 4000}
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_an_info_is_logged_every_time_and_not_counted(capsys):
    for _ in range(2):
        info("the tempo is that of 'TR-8'")
    assert capsys.readouterr().err == "capriccio: the tempo is that of 'TR-8'\n" * 2
    assert not summarize()


def test_further_kinds_of_warning_are_only_counted(capsys):
    for number in range(MAX_KINDS + 10):
        warn_once(f"warning {number}")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == MAX_KINDS + 1
    assert lines[-1] == "capriccio: more than 64 kinds of warning; further ones are only counted"
    assert sum(summarize().values()) == MAX_KINDS + 10


def test_a_program_may_handle_the_messages_itself(capsys):
    seen = []

    class Handler(logging.Handler):
        def emit(self, record):
            seen.append((record.levelname, record.getMessage()))

    handler = Handler()
    logger.addHandler(handler)
    try:
        warn_once("100% lost")
    finally:
        logger.removeHandler(handler)
    assert seen == [("WARNING", "100% lost")]


def test_a_closed_stderr_is_no_error():
    script = "import sys; sys.stderr.close(); from capriccio.log import info; info('a'); print(1)"
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert child.stdout == "1\n"


def test_what_c_libraries_write_to_stderr_is_discarded(capfd):
    with stderr_silenced():
        os.write(2, b"ALSA lib complains")
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"
