"""The control panel, flooded: no bytes and no number of them can stop it, or the show."""

import http.client
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from capriccio.panel import app
from helpers.devices import wait_for
from helpers.panels import Show
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture
def show():
    with Show() as running:
        yield running


# -- garbage and floods -----------------------------------------------------------------------


def raw(show, data: bytes) -> bytes:
    """Send bytes as they are and give all that is answered."""
    with socket.create_connection(("127.0.0.1", show.port), timeout=20) as line:
        line.sendall(data)
        with suppress(OSError):
            line.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(ConnectionResetError):
            while more := line.recv(65536):
                answer += more
    return answer


POST = b"POST /turn HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"GET /state\r\n\r\n", 400),
        (b"GET /state HTTP/2.0\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /state HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /state HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
        (b"GET /state HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", 400),
        (b"GET /../page.html HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /page.html HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"DELETE /state HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"POST /state HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (POST + b"Content-Length: -4\r\n\r\n{}", 400),
        (POST + b"Content-Length: 99999999\r\n\r\n{}", 413),
        (POST + b"Content-Length: 2\r\n\r\n{}", 400),
        (POST + b"Content-Length: 2\r\n\r\n[]", 400),
        (POST + b"Content-Length: 4\r\n\r\n\xff\xfe\x00\x01", 400),
        (POST + b"Content-Length: 3000\r\n\r\n" + b"[" * 3000, 400),
        (POST + b'Content-Length: 34\r\n\r\n{"address": "/sea/heat", "value":[]}'[:-1] + b"}", 400),
    ],
    ids=range(19),
)
def test_garbage_is_refused_and_the_connection_closed(show, data, status):
    answer = raw(show, data)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert b"Connection: close" in answer
    assert show.ask("/state")[0] == 200


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_bytes_stop_the_panel(running, data, posted):
    head = POST + b"Content-Length: %d\r\n\r\n" % len(data) if posted else b""
    raw(running, head + data + b"\r\n\r\n")
    assert running.ask("/state")[0] == 200


@pytest.fixture(scope="module")
def running():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "CONNECTIONS_A_SECOND", 1000.0)
        with Show() as show:
            wait_for(lambda: show.ask("/state"))
            patch.undo()  # it is this show's for good
            yield show


def test_one_who_says_nothing_and_one_who_reads_nothing_are_sent_away(monkeypatch):
    monkeypatch.setattr(app, "REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(app, "REQUESTS_A_SECOND", 10_000.0)
    with Show() as show, socket.socket() as deaf:
        watched = show.panel._server._loop._selector.get_map()
        wait_for(lambda: len(watched) == 2)  # the door, and what wakes the loop
        with socket.create_connection(("127.0.0.1", show.port), timeout=20) as slow:
            slow.sendall(b"GET /state HTTP/1.1\r\nHo")
            assert slow.recv(100) == b""
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(1)
        deaf.connect(("127.0.0.1", show.port))
        with suppress(OSError):
            for _ in range(2000):
                deaf.sendall(b"GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10)
        wait_for(lambda: not show.panel._server._guests)
        wait_for(lambda: len(watched) == 2, 5)  # and nothing is kept for it
        assert show.ask("/state")[0] == 200


def test_when_all_places_are_taken_those_who_have_asked_for_nothing_give_way(monkeypatch):
    monkeypatch.setattr(app, "MOST_GUESTS", 4)
    with Show() as show:
        page = http.client.HTTPConnection("127.0.0.1", show.port, timeout=20)
        page.request("GET", "/state")
        page.getresponse().read()
        idle = [socket.create_connection(("127.0.0.1", show.port), timeout=20) for _ in range(12)]
        wait_for(lambda: show.panel._server.taken >= 13)
        assert len(show.panel._server._guests) <= 4
        assert [one.recv(10) for one in idle[:9]] == [b""] * 9
        page.request("GET", "/state")  # the page that was there first still is
        assert page.getresponse().status == 200
        for one in [page, *idle]:
            one.close()


def test_one_connection_is_answered_so_often_a_second_and_no_more():
    with Show() as show, socket.create_connection(("127.0.0.1", show.port), timeout=20) as line:
        many = 3 * int(app.REQUESTS_A_SECOND)
        begun = time.monotonic()
        line.sendall(b"GET /state HTTP/1.1\r\nHost: localhost\r\n\r\n" * many)
        answers = b""
        while answers.count(b"HTTP/1.1 200") < many:
            answers += line.recv(1 << 20)
        # A second's worth at once, and the rest as it comes.
        assert time.monotonic() - begun > 1.5


FLOOD = """
import os, random, socket, sys, time
port, a_second, seconds = map(float, sys.argv[1:])
chance = random.Random(1)
words = [chance.randbytes(200), b"GET / HTTP/1.1\\r\\n\\r\\n", b"\\0" * 3000, b"POST " * 99]
begun, sent = time.monotonic(), 0
while (now := time.monotonic() - begun) < seconds:
    while sent < now * a_second:
        line = socket.socket()
        line.setblocking(False)
        try:
            line.connect(("127.0.0.1", int(port)))
        except BlockingIOError:
            pass
        try:
            line.send(words[sent % len(words)])
        except OSError:
            pass
        line.close()
        sent += 1
    time.sleep(0.002)
print(sent)
"""


def test_a_flood_of_garbage_costs_the_show_nothing_and_a_page_that_is_open_goes_on(capsys):
    def late(seconds):
        frames, missed = show.panel._preview.number, show.panel._late
        time.sleep(seconds)
        return show.panel._preview.number - frames, show.panel._late - missed

    with Show() as show:
        calm = late(3.0)
        page = http.client.HTTPConnection("127.0.0.1", show.port, timeout=20)
        page.request("GET", "/state")
        page.getresponse().read()
        flood = subprocess.Popen(
            [sys.executable, "-c", FLOOD, str(show.port), "5000", "3"],
            stdout=subprocess.PIPE,
            text=True,
        )
        wait_for(lambda: show.panel._server.taken > 20)
        taken, begun = show.panel._server.taken, time.monotonic()
        flooded, answered = late(2.0), 0
        while flood.poll() is None:
            page.request("GET", "/state")
            assert page.getresponse().read()
            answered += 1
        taken, lasted = show.panel._server.taken - taken, time.monotonic() - begun
        sent = int(flood.communicate()[0])
        with capsys.disabled():
            print(
                f"\n{sent} connections, {taken} taken in; (shown, late) before {calm}, in the "
                f"flood {flooded}; an open page was answered {answered} times"
            )
        assert sent > 3000
        assert answered
        assert taken <= (lasted + 1.5) * app.CONNECTIONS_A_SECOND
        assert flooded[0] > calm[0] / 3  # the picture goes on, on however busy a machine
        assert len(show.panel._server._guests) <= app.MOST_GUESTS
        wait_for(lambda: show.ask("/state")[0] == 200)
    assert len(show.stats.troubles) == 1  # where the panel is: nothing else had to be told
