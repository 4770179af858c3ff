"""The control panel: what a page is served, and who is let in."""

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
from contextlib import contextmanager

import numpy as np
import pytest
from capriccio import Moment, Performance, ShowError, generator
from capriccio.clock import OfflineClock
from capriccio.panel import access
from capriccio.panel.panel import Panel
from capriccio.panel.preview import SIDE, Preview, small
from capriccio.panel.serialize import described, measured, standing
from capriccio.parameters import Gauge, Parameter
from helpers.devices import ROOT, end, wait_for
from helpers.panels import JSON, Show
from PIL import Image


@pytest.fixture
def show():
    with Show() as running:
        yield running


# -- what there is ----------------------------------------------------------------------------


def test_the_table_of_the_page_is_the_parameters_and_nothing_else(show):
    table = json.loads(show.ask("/table")[1])
    assert [control["address"] for control in table] == list(show.parameters.by_address)
    by_address = {control["address"]: control for control in table}
    assert by_address["/sea/style"]["choices"] == ["oil", "ink"]
    assert by_address["/show/tempo"]["span"] == [20.0, 300.0]
    assert by_address["/show/black"]["key"] == "b"
    for control in table:
        assert control["says"] == show.parameters.by_address[control["address"]].says != ""


def test_the_state_tells_where_everything_stands_and_what_a_hand_holds(show):
    values = show.state()["values"]
    assert values["/sea/heat"] == [0.25, False]  # as the sketch gives it
    assert values["/sea/calm"] == [0.2, False]
    assert show.turn("/sea/heat", 0.75) == (200, {})
    wait_for(lambda: show.state()["values"]["/sea/heat"] == [0.75, True])
    show.turn("/sea/heat", None)
    wait_for(lambda: show.state()["values"]["/sea/heat"] == [0.25, False])


def test_what_comes_onto_the_parameters_later_changes_the_number_of_the_table(show):
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


def test_buttons_are_pressed_and_words_are_written(show):
    turns = {"/show/panic": None, "/sea/words": "an apple", "/sea/style": "ink"}
    for address, value in turns.items():
        assert show.turn(address, value) == (200, {})
    wait_for(lambda: show.props.pressed == ["panic"])
    wait_for(lambda: show.sea.knob_state.held == {"words": "an apple", "style": "ink"})


@pytest.mark.parametrize(
    ("address", "value", "trouble"),
    [
        ("/sea/heet", 0.5, "no control '/sea/heet'; did you mean '/sea/heat'?"),
        ("/sea/heat", "much", "was given 'much'; give a number 0..1"),
        ("/sea/heat", 10**400, "give a number 0..1"),
        ("/sea/style", "chalk", "has no choice 'chalk'; there are 'ink', 'oil'"),
        ("/sea/words", 7, "was given 7; give words"),
    ],
)
def test_what_the_parameters_refuses_is_told_in_its_words(show, address, value, trouble):
    status, answer = show.turn(address, value)
    assert status == 422
    assert trouble in answer["trouble"]
    assert not show.sea.knob_state.held


def test_meters_tell_the_rate_what_was_late_and_what_sounds(show):
    wait_for(lambda: show.meter("notes")["text"] == "2")
    assert show.state()["sounding"] == [60, 64]
    assert re.fullmatch(r"\d+\.\d of 30", show.meter("frames a second")["text"])
    assert re.fullmatch(r"0:\d\d · bar \d+", show.meter("time")["text"])
    late = int(show.meter("late frames")["text"])
    show.parameters.publish(1.0, "late", 7)
    meter = show.meter("late frames")
    assert int(meter["text"]) >= late + 7 and not meter["good"]


def test_every_meter_of_the_parameters_and_every_model_that_is_played_is_shown(show):
    show.parameters.add_gauge(Gauge("MIDI jitter", "How far off notes are.", lambda: "0.1 ms"))
    garden = generator("vae", model="watercolors")
    garden(Moment())
    assert show.meter("MIDI jitter")["text"] == "0.1 ms"
    assert re.fullmatch(r"\d+\.\d ms on cpu", show.meter("watercolors")["text"])


def test_a_control_or_a_meter_that_fails_leaves_the_others_alone():
    broken = Parameter("/a/b", "number", "b", print, value=lambda: 1 / 0, held=lambda: 1 / 0)
    assert standing(broken) == (None, False)
    assert measured(Gauge("m", "says", lambda: 1 / 0, lambda: 1 / 0))["text"] == ""


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float32(0.5), 0.5),
        (float("nan"), None),
        (np.True_, 1.0),
        ("x" * 5000, "x" * 1000),
        ([1, 2], "[1, 2]"),
        (10**400, str(10**400)),
    ],
)
def test_whatever_stands_on_a_control_can_be_sent(value, plain):
    control = Parameter("/a/b", "thing", "b", print, value=lambda: value)
    assert json.loads(json.dumps(standing(control), allow_nan=False))[0] == plain


def test_an_address_of_one_word_and_one_of_three_have_names():
    assert described(Parameter("/stop", "press", "", print))["name"] == "stop"
    deep = described(Parameter("/show/preset/my_best", "press", "", print))
    assert (deep["group"], deep["series"], deep["name"]) == ("show", "preset", "preset my best")


# -- the picture ------------------------------------------------------------------------------


def test_the_preview_is_the_picture_that_is_shown(show):
    status, jpeg = show.ask("/picture?1")
    assert status == 200
    picture = Image.open(io.BytesIO(jpeg))
    assert picture.size == (60, 40)
    assert abs(picture.getpixel((30, 20))[0] - 64) < 3  # a heat of 0.25
    show.turn("/sea/heat", 1.0)
    wait_for(lambda: Image.open(io.BytesIO(show.ask("/picture")[1])).getpixel((30, 20))[0] > 250)


def test_a_picture_is_made_once_for_all_who_watch_and_none_where_nobody_does(show, monkeypatch):
    made = []
    real = small
    monkeypatch.setattr("capriccio.panel.preview.small", lambda im: made.append(1) or real(im))
    frames = show.panel._preview.number
    wait_for(lambda: show.panel._preview.number > frames + 10)
    assert not made
    begun = time.monotonic()
    for _ in range(40):
        show.ask("/picture")
    assert 1 <= len(made) <= (time.monotonic() - begun) * 10 + 2


@pytest.mark.parametrize("shape", [(1, 1), (16, 16384), (2160, 3840), (513, 511)])
def test_a_picture_of_any_size_is_made_small(shape):
    picture = Image.open(io.BytesIO(small(np.full((*shape, 3), 128, np.uint8))))
    assert max(picture.size) <= SIDE
    if max(shape) > SIDE:
        assert max(picture.size) > SIDE // 2


def test_there_is_a_picture_before_the_first():
    assert Image.open(io.BytesIO(Preview((32, 16)).jpeg())).size == (32, 16)


# -- who is let in ----------------------------------------------------------------------------


def test_the_page_brings_all_it_needs_and_names_no_other_place(show):
    status, page = show.ask("/")
    assert status == 200
    for name in re.findall(r'(?:href|src)="([^"]+)"', page.decode()):
        if not name.startswith("data:"):
            status, text = show.ask(f"/{name}")
            assert status == 200
            assert not re.search(rb"https?:|//[a-z]+\.[a-z]|@import|url\(", text)
    assert b"http" not in page


@pytest.mark.parametrize("host", ["localhost:8787", "127.0.0.1", "127.9.9.9:1", "[::1]:8787"])
def test_this_machine_is_known_by_its_own_names(show, host):
    assert show.ask("/state", headers={"Host": host})[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "192.168.1.7", "", "[", "localhost.evil.example"])
def test_a_name_that_somebody_else_leads_here_is_refused(show, host):
    status, body = show.ask("/", headers={"Host": host})
    assert status == 403
    assert b"the panel is not called" in body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_another_page_can_turn_nothing(show, headers, status):
    assert show.turn("/show/panic", None, **headers)[0] == status
    assert show.turn("/show/tap")[0] == 200
    wait_for(lambda: show.props.pressed)
    assert show.props.pressed == ["tap"]


def test_another_page_can_neither_frame_this_one_nor_show_the_picture(show):
    line = http.client.HTTPConnection("127.0.0.1", show.port)
    line.request("GET", "/")
    headers = line.getresponse().headers
    line.close()
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert show.ask("/picture", headers={"Sec-Fetch-Site": "cross-site"})[0] == 403


def test_with_a_host_every_request_needs_the_token_of_the_address():
    with Show("127.0.0.1:8787") as show:
        token = show.panel.doorway.token
        assert len(token) > 20
        assert show.panel.doorway.address.endswith(f":{show.port}/{token}/")
        for path in ("/", "/state", "/picture", "/page.js", f"/{token[:-1]}/state", f"/?{token}"):
            status, body = show.ask(path)
            assert (status, b"the terminal tells it" in body) == (403, True), path
        assert show.ask("/turn", "POST", "{}", JSON)[0] == 403
        for path in ("", "state", "picture", "page.js"):
            assert show.ask(f"/{token}/{path}")[0] == 200
        assert show.ask(f"/{token}/", headers={"Host": "192.168.1.7:8787"})[0] == 200
        assert show.ask(f"/{token}/", headers={"Host": socket.gethostname()})[0] == 200
        assert show.ask(f"/{token}/", headers={"Host": "evil.example"})[0] == 403


def test_each_show_has_a_token_of_its_own():
    assert Panel("0.0.0.0:1").doorway.token != Panel("0.0.0.0:1").doorway.token
    assert Panel("8787").doorway.token == Panel().doorway.token == ""


def test_everywhere_is_told_as_an_address_that_others_can_reach():
    door = access.Doorway("0.0.0.0:8787")
    with door.open():
        assert re.match(r"http://\d+\.\d+\.\d+\.\d+:\d+/", door.address)
        assert ("//0.0.0.0:" in door.address) == (not has_a_network())


def has_a_network() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect((access.NOBODY[socket.AF_INET], 9))
        except OSError:
            return False
        return True


@pytest.mark.parametrize("target", ["x.py", "0", "65536", "host", "host:", ":x", "999999", "-1"])
def test_a_place_that_is_none_is_told(target):
    with pytest.raises(ShowError, match="is no place for a panel; write --panel alone"):
        Panel(target)


def test_a_host_that_is_not_this_machine_is_told():
    with pytest.raises(ShowError, match="a panel cannot be at"):
        access.Doorway("192.0.2.77:8787").open()
    with pytest.raises(ShowError, match="a panel cannot be at 'no such host'"):
        access.Doorway("no such host:8787").open()


def test_a_port_that_is_taken_gives_way_to_the_next_and_that_is_told(capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with Show(str(port)) as show:
            assert port < show.port <= port + access.PORTS
            told = capsys.readouterr().err
            assert f"the panel is at http://127.0.0.1:{show.port}/, since port {port}" in told


def test_where_no_port_is_free_that_is_told(monkeypatch):
    monkeypatch.setattr(access, "PORTS", 1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ShowError, match="is free for the panel; name another behind --panel"):
            access.Doorway(str(port)).open()


def test_a_panel_is_for_live_shows():
    with pytest.raises(ShowError, match="a panel is for live shows; leave out --panel"):
        Panel().start(Performance(OfflineClock()))


def test_when_the_show_ends_its_port_is_free_and_its_connections_are_closed():
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
    assert not [one for one in threading.enumerate() if one.name == str(show.panel)]
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
    """Run a sketch with the real command; give the process."""
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


def test_the_flag_serves_a_panel_and_the_show_ends_when_told(tmp_path):
    with command(tmp_path, "--to", "midifile:a.mid", "--panel") as child:
        told = [child.stderr.readline(), child.stderr.readline()]
        assert told[0] == "piece: live on midifile:a.mid; Esc or Ctrl-C ends\n"
        port = int(re.search(r"the panel is at http://127.0.0.1:(\d+)/", told[1])[1])
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        line.request("GET", "/table")
        assert "/light/level" in line.getresponse().read().decode()
        child.send_signal(signal.SIGTERM)
        assert re.search(
            r"piece: \d+ frames.* to midifile:a.mid\n", child.communicate(timeout=60)[1]
        )
        assert (tmp_path / "a.mid").exists()


def test_a_place_that_is_none_is_told_by_the_command(tmp_path):
    with command(tmp_path, "--to", "midifile:a.mid", "--panel", "piece.py") as child:
        assert "'piece.py' is no place for a panel" in child.communicate(timeout=60)[1]
        assert child.returncode == 1
