"""The control panel: what a page is served, from the start of a show to its end."""

import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest
from capriccio import Moment, Performance, ShowError, generator
from capriccio.clock import OfflineClock
from capriccio.events import FramesDropped
from capriccio.log import warn_once
from capriccio.panel.panel import Panel
from capriccio.panel.preview import encode_jpeg
from capriccio.parameters import Gauge, Parameter
from helpers.devices import ROOT, end, wait_for
from helpers.panels import Show
from PIL import Image


@pytest.fixture
def show():
    with Show() as running:
        yield running


def test_the_table_lists_exactly_the_parameters(show):
    table = json.loads(show.request("/table")[1])
    assert [control["address"] for control in table] == list(show.parameters.by_address)
    by_address = {control["address"]: control for control in table}
    assert by_address["/sea/heat"]["says"] == "How bright the water is."
    assert by_address["/sea/style"]["choices"] == ["oil", "ink"]
    assert by_address["/show/tempo"]["span"] == [20.0, 300.0]
    assert by_address["/show/black"]["key"] == "b"
    for control in table:
        assert control["says"] == show.parameters.by_address[control["address"]].description != ""


def test_the_state_has_every_value_and_whether_it_is_held(show):
    values = show.state()["values"]
    assert values["/sea/heat"] == [0.25, False]  # as the sketch gives it
    assert values["/sea/calm"] == [0.2, False]
    assert show.set("/sea/heat", 0.75) == (200, {})
    wait_for(lambda: show.state()["values"]["/sea/heat"] == [0.75, True])
    show.set("/sea/heat", None)
    wait_for(lambda: show.state()["values"]["/sea/heat"] == [0.25, False])


def test_a_parameter_that_is_added_later_changes_the_number_of_the_table(show):
    before = show.state()["table"]
    assert show.state()["table"] == before
    show.parameters.add(
        Parameter("/show/preset", "choice", "Recall.", lambda at: None, choices=("a",))
    )
    after = show.state()["table"]
    assert after != before
    show.parameters.add(
        Parameter("/show/preset", "choice", "Recall.", lambda at: None, choices=("b",))
    )
    assert show.state()["table"] not in (before, after)


def test_buttons_are_pressed_and_words_and_choices_are_set(show):
    changes = {"/show/panic": None, "/sea/words": "an apple", "/sea/style": "ink"}
    for address, value in changes.items():
        assert show.set(address, value) == (200, {})
    wait_for(lambda: show.pressed == ["panic"])
    wait_for(lambda: show.sea.knob_state.held == {"words": "an apple", "style": "ink"})


@pytest.mark.parametrize(
    ("address", "value", "trouble"),
    [
        ("/sea/heet", 0.5, "no control '/sea/heet'; did you mean '/sea/heat'?"),
        ("/sea/heat", "much", "must be a number 0..1, got 'much'"),
        ("/sea/heat", 10**400, "must be a number 0..1"),
        ("/sea/style", "chalk", "has no choice 'chalk'; there are 'ink', 'oil'"),
        ("/sea/words", 7, "takes words, got 7"),
    ],
)
def test_a_value_that_is_refused_is_answered_with_the_reason(show, address, value, trouble):
    status, reply = show.set(address, value)
    assert status == 422
    assert trouble in reply["trouble"]
    assert not show.sea.knob_state.held


def test_gauges_show_the_frame_rate_late_frames_and_sounding_notes(show):
    wait_for(lambda: show.gauge("notes")["text"] == "2")
    assert show.state()["sounding"] == [60, 64]
    assert re.fullmatch(r"\d+\.\d of 30", show.gauge("frames a second")["text"])
    assert re.fullmatch(r"0:\d\d · bar \d+", show.gauge("time")["text"])
    late = int(show.gauge("late frames")["text"])
    show.parameters.publish(FramesDropped(1.0, 7))
    gauge = show.gauge("late frames")
    assert int(gauge["text"]) >= late + 7 and not gauge["good"]


def test_failures_of_parts_are_counted_and_named(show):
    assert re.match(r"\d", show.gauge("warnings")["text"])
    warn_once("the lamp raised ValueError: no bulb; the show goes on")
    gauge = wait_for(lambda: (it := show.gauge("warnings"))["text"] != "0" and it)
    count, _, message = gauge["text"].partition(" · ")
    assert int(count) >= 1 and message.startswith("the lamp raised") and not gauge["good"]


def test_every_gauge_and_every_model_that_runs_is_shown(show):
    show.parameters.add_gauge(Gauge("MIDI jitter", "How far off notes are.", lambda: "0.1 ms"))
    garden = generator("vae", model="watercolors")
    garden(Moment())
    assert show.gauge("MIDI jitter")["text"] == "0.1 ms"
    assert re.fullmatch(r"\d+\.\d ms on cpu", show.gauge("watercolors")["text"])


def test_the_preview_is_the_current_image(show):
    status, jpeg = show.request("/picture?1")
    assert status == 200
    picture = Image.open(io.BytesIO(jpeg))
    assert picture.size == (60, 40)
    assert abs(picture.getpixel((30, 20))[0] - 64) < 3  # a heat of 0.25
    show.set("/sea/heat", 1.0)
    wait_for(
        lambda: Image.open(io.BytesIO(show.request("/picture")[1])).getpixel((30, 20))[0] > 250
    )


def test_a_jpeg_is_made_only_on_request_and_once_for_all_pages(show, monkeypatch):
    made = []
    real = encode_jpeg
    monkeypatch.setattr(
        "capriccio.panel.preview.encode_jpeg", lambda im: made.append(1) or real(im)
    )
    frames = show.panel.preview.frames
    wait_for(lambda: show.panel.preview.frames > frames + 10)
    assert not made
    begun = time.monotonic()
    for _ in range(40):
        show.request("/picture")
    assert 1 <= len(made) <= (time.monotonic() - begun) * 10 + 2


def test_an_open_page_is_sent_the_state_again_and_again_and_the_picture_when_it_asks(show):
    with show.live() as page:
        first = json.loads(page.recv(20))
        assert {**show.state(), "view_only": False}.keys() == first.keys()
        assert first["values"]["/sea/heat"] == [0.25, False]
        show.set("/sea/heat", 0.75)
        while json.loads(page.recv(20))["values"]["/sea/heat"] != [0.75, True]:
            pass
        page.send("picture")
        while isinstance(jpeg := page.recv(20), str):
            pass
        assert Image.open(io.BytesIO(jpeg)).size == (60, 40)


def test_pages_that_are_open_at_once_share_what_is_read_of_the_parameters(show, monkeypatch):
    read = []
    real = show.panel._state
    monkeypatch.setattr(show.panel, "_state", lambda: read.append(1) or real())
    with ExitStack() as pages:
        opened = [pages.enter_context(show.live()) for _ in range(8)]
        for page in opened * 5:
            page.recv(20)
        assert len(read) < 8 * 5 / 2


def test_the_page_loads_nothing_from_other_sites(show):
    status, page = show.request("/")
    assert status == 200
    for name in re.findall(r'(?:href|src)="([^"]+)"', page.decode()):
        if not name.startswith("data:"):
            status, text = show.request(f"/{name}")
            assert status == 200
            assert not re.search(rb"https?:|//[a-z]+\.[a-z]|@import|url\(", text)
    assert b"http" not in page


def test_an_offline_show_cannot_have_a_panel():
    with pytest.raises(ShowError, match="the panel needs a live show; leave out --panel"):
        Panel().start(Performance(OfflineClock()))


def test_when_the_show_ends_all_connections_are_closed_and_the_port_is_free():
    before = set(threading.enumerate())
    with Show() as show:
        port, line = show.port, socket.create_connection(("127.0.0.1", show.port), timeout=20)
        line.sendall(b"GET /state HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert line.recv(16).startswith(b"HTTP/1.1 200")
        silent = socket.create_connection(("127.0.0.1", port), timeout=20)
    with line, silent:
        for one in (line, silent):
            while one.recv(65536):
                pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    name = str(show.panel)
    wait_for(
        lambda: not any(one.name == name for one in set(threading.enumerate()) - before),
        what="its thread",
    )
    socket.create_server(("127.0.0.1", port)).close()


# -- the command ------------------------------------------------------------------------------

PIECE = """
import numpy as np
from capriccio import Generator, Note, Sketch

class Light(Generator):
    def generate(self, now, *, level=0.5):
        return np.full((16, 16, 3), level)

light = Light()
sketch = Sketch(fps=20, size=(32, 16))

@sketch.draw
def glow(now):
    return light(now, level=now.phase(bars=1))

@sketch.play(bars=1)
def drum(now):
    return [Note(36, beat, 0.5) for beat in range(4)]
"""


@contextmanager
def command(tmp_path, *flags):
    """Run a sketch with the real command; yield the process."""
    (tmp_path / "piece.py").write_text(PIECE)
    child = subprocess.Popen(
        [sys.executable, "-m", "capriccio", "run", "piece.py", *flags],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "engine"),
            "DISPLAY": "",
            "WAYLAND_DISPLAY": "",
        },
    )
    try:
        yield child
    finally:
        end(child)


def test_the_flag_serves_a_panel_until_the_show_is_terminated(tmp_path):
    with command(tmp_path, "--to", "midifile:a.mid", "--panel") as child:
        lines = [child.stderr.readline(), child.stderr.readline()]
        assert lines[0] == "piece: live on midifile:a.mid; Ctrl-C ends\n"
        port = int(re.search(r"the panel is at http://127.0.0.1:(\d+)/", lines[1])[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/table")
        assert "/light/level" in connection.getresponse().read().decode()
        child.send_signal(signal.SIGTERM)
        assert re.search(
            r"piece: \d+ frames.* to midifile:a.mid\n", child.communicate(timeout=180)[1]
        )
        assert (tmp_path / "a.mid").exists()


def test_the_command_reports_an_invalid_place(tmp_path):
    with command(tmp_path, "--to", "midifile:a.mid", "--panel", "piece.py") as child:
        assert (
            "--panel must stand alone or be followed by [HOST:]PORT, got 'piece.py'"
            in child.communicate(timeout=180)[1]
        )
        assert child.returncode == 1


def test_a_certificate_without_a_panel_is_an_error(tmp_path):
    with command(tmp_path, "--to", "midifile:a.mid", "--panel-certificate", "a.pem") as child:
        assert "--panel-certificate needs --panel" in child.communicate(timeout=180)[1]
        assert child.returncode == 1
