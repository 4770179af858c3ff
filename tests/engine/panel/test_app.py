"""The server of the panel: no bytes and no flood of them can stop it, or the show."""

import http.client
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from capriccio.panel import app
from helpers.devices import wait_for
from helpers.panels import Show, certificate, websocket_request
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed


@pytest.fixture
def show():
    with Show() as running:
        yield running


def raw(show, data: bytes) -> bytes:
    """Send bytes as they are and return everything that is replied."""
    with socket.create_connection(("127.0.0.1", show.port), timeout=20) as line:
        line.sendall(data)
        with suppress(OSError):
            line.shutdown(socket.SHUT_WR)
        reply = b""
        with suppress(ConnectionResetError):
            while more := line.recv(65536):
                reply += more
    return reply


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
def test_malformed_requests_are_refused_and_the_connection_is_closed(show, data, status):
    reply = raw(show, data)
    assert reply.startswith(f"HTTP/1.1 {status} ".encode()), reply
    assert b"connection: close" in reply.lower()
    assert show.request("/state")[0] == 200


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_bytes_stop_the_panel(running, data, posted):
    head = POST + b"Content-Length: %d\r\n\r\n" % len(data) if posted else b""
    raw(running, head + data + b"\r\n\r\n")
    assert running.request("/state")[0] == 200


@pytest.fixture(scope="module")
def running():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "CONNECTIONS_PER_SECOND", 1000.0)
        with Show() as show:
            wait_for(lambda: show.request("/state"))
            patch.undo()  # this show has read it
            yield show


def open_files() -> int:
    return len(os.listdir("/dev/fd"))


def test_clients_that_send_nothing_or_read_nothing_are_disconnected(monkeypatch):
    monkeypatch.setattr(app, "REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(app, "REQUESTS_PER_SECOND", 10_000.0)
    with Show() as show, socket.socket() as deaf:
        before = open_files()
        with socket.create_connection(("127.0.0.1", show.port), timeout=20) as slow:
            slow.sendall(b"GET /state HTTP/1.1\r\nHo")
            assert slow.recv(100) == b""
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(1)
        deaf.connect(("127.0.0.1", show.port))
        with suppress(OSError):
            for _ in range(2000):
                deaf.sendall(b"GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10)
        wait_for(lambda: not show.panel.server.clients)
        wait_for(lambda: open_files() <= before)  # nothing is kept for them
        assert show.request("/state")[0] == 200


def test_at_the_limit_clients_without_a_request_are_dropped_first(monkeypatch):
    monkeypatch.setattr(app, "MAX_CLIENTS", 4)
    with Show() as show:
        page = http.client.HTTPConnection("127.0.0.1", show.port, timeout=20)
        page.request("GET", "/state")
        page.getresponse().read()
        idle = [socket.create_connection(("127.0.0.1", show.port), timeout=20) for _ in range(12)]
        wait_for(lambda: show.panel.server.accepted >= 13)
        assert len(show.panel.server.clients) <= 4
        assert [one.recv(10) for one in idle[:9]] == [b""] * 9
        page.request("GET", "/state")  # the page that was there first still is
        assert page.getresponse().status == 200
        for one in [page, *idle]:
            one.close()


def test_the_requests_of_one_connection_are_limited_per_second():
    with Show() as show, socket.create_connection(("127.0.0.1", show.port), timeout=20) as line:
        many = 3 * int(app.REQUESTS_PER_SECOND)
        begun = time.monotonic()
        line.sendall(b"GET /state HTTP/1.1\r\nHost: localhost\r\n\r\n" * many)
        replies = b""
        while replies.count(b"HTTP/1.1 200") < many:
            replies += line.recv(1 << 20)
        # A second's worth passes at once, the rest at the limit.
        assert time.monotonic() - begun > 1.5


# -- the WebSocket ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        b"\xff" * 40,  # reserved bits and an unknown kind of frame
        b"\x81\x05hello",  # a frame that is not masked
        b"\x81\xff" + b"\x7f" * 8 + bytes(4),  # a frame of exabytes
        b"\x81\xfe\x20\x00" + bytes(4) + bytes(0x2000),  # more than a message may have
        b"\x81\x82" + bytes(4) + b"\xff\xfe",  # no UTF-8
        b"\x00\x80" + bytes(4),  # the continuation of nothing
        b"\x89\xfe\x00\x80" + bytes(4) + bytes(128),  # a ping that is too long
    ],
    ids=range(7),
)
def test_a_malformed_frame_closes_the_websocket_and_nothing_else(show, words):
    with show.live() as page, show.live() as other:
        page.recv(20)
        page.socket.sendall(words)
        with pytest.raises(ConnectionClosed):
            while page.recv(20):
                pass
        other.recv(20)
        other.send("picture")
        assert any(isinstance(other.recv(20), bytes) for _ in range(20))


@given(st.binary(max_size=300))
@settings(max_examples=40, deadline=None)
def test_no_bytes_in_a_websocket_stop_the_panel(running, data):
    with running.live(close_timeout=0.01) as page:  # half a frame would swallow its end
        page.recv(20)
        page.socket.sendall(data)
    assert running.request("/state")[0] == 200


def test_whatever_a_websocket_is_sent_pictures_are_answered_at_a_limited_rate(show):
    many = 2 * int(app.REQUESTS_PER_SECOND)
    with show.live() as page:
        begun, pictures = time.monotonic(), 0
        for number in range(many):
            page.send(["picture", b"\0" * 99, "", "\x00"][number % 4])
        while pictures < many:
            pictures += isinstance(page.recv(20), bytes)
        # A second's worth passes at once, the rest at the limit.
        assert time.monotonic() - begun > 0.8


def test_a_websocket_that_reads_nothing_is_disconnected(monkeypatch):
    monkeypatch.setattr(app, "REQUEST_SECONDS", 0.5)
    monkeypatch.setattr("capriccio.panel.panel.REQUEST_SECONDS", 0.5)
    monkeypatch.setattr(app, "REQUESTS_PER_SECOND", 10_000.0)
    with Show() as show, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(1)
        deaf.connect(("127.0.0.1", show.port))
        deaf.sendall(websocket_request("/live", "localhost"))
        assert deaf.recv(16).startswith(b"HTTP/1.1 101")
        with suppress(OSError):
            for _ in range(2000):
                deaf.sendall((b"\x81\x80" + bytes(4)) * 100)
        wait_for(lambda: not show.panel.server.clients)
        with show.live() as page:
            assert page.recv(20)


def test_a_handshake_that_never_ends_is_disconnected(monkeypatch, tmp_path):
    monkeypatch.setattr(app, "REQUEST_SECONDS", 0.3)
    with Show(certificate=str(certificate(tmp_path))) as show:
        before = open_files()
        for words in (b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", show.port), timeout=20) as slow:
                slow.sendall(words)
                with suppress(ConnectionResetError):
                    while slow.recv(100):
                        pass
        wait_for(lambda: not show.panel.server.clients)
        wait_for(lambda: open_files() <= before)
    assert len(show.stats.troubles) == 1  # only the address of the panel


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


@pytest.mark.slow
def test_a_flood_does_not_slow_the_show_and_an_open_page_is_still_answered(capsys):
    def frames_in(seconds):
        frames, missed = show.panel.preview.frames, show.panel.late_frames
        time.sleep(seconds)
        return show.panel.preview.frames - frames, show.panel.late_frames - missed

    with Show() as show:
        calm = frames_in(3.0)
        page = http.client.HTTPConnection("127.0.0.1", show.port, timeout=20)
        page.request("GET", "/state")
        page.getresponse().read()
        flood = subprocess.Popen(
            [sys.executable, "-c", FLOOD, str(show.port), "5000", "3"],
            stdout=subprocess.PIPE,
            text=True,
        )
        wait_for(lambda: show.panel.server.accepted > 20)
        accepted, begun = show.panel.server.accepted, time.monotonic()
        flooded, answered = frames_in(2.0), 0
        while flood.poll() is None:
            page.request("GET", "/state")
            assert page.getresponse().read()
            answered += 1
        accepted, lasted = show.panel.server.accepted - accepted, time.monotonic() - begun
        sent = int(flood.communicate()[0])
        with capsys.disabled():
            print(
                f"\n{sent} connections, {accepted} accepted; (shown, late) frames before {calm}, "
                f"during the flood {flooded}; an open page had {answered} replies"
            )
        assert sent > 3000
        assert answered
        assert accepted <= (lasted + 1.5) * app.CONNECTIONS_PER_SECOND
        assert flooded[0] > calm[0] / 3  # the picture goes on, however busy the machine
        assert len(show.panel.server.clients) <= app.MAX_CLIENTS
        wait_for(lambda: show.request("/state")[0] == 200)
    assert len(show.stats.troubles) == 1  # only the address of the panel
