"""A live show with a panel, for the tests of the panel."""

import http.client
import json
import socket
import subprocess
import threading
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from capriccio import Generator, Input, Note, Sketch
from capriccio.panel.panel import Panel
from capriccio.parameters import Parameter, Parameters
from websockets.sync.client import ClientConnection, connect

from helpers.devices import needs, wait_for

JSON = {"Content-Type": "application/json"}


class Sea(Generator):
    """Paint waves, in a colour, to words."""

    def generate(
        self, now, *, heat=0.5, calm=0.2, words="a pear", style: Literal["oil", "ink"] = "oil"
    ):
        """Return one grey.

        Args:
            heat: How bright the water is.
        """
        return np.full((40, 60, 3), heat)


class StageParameters(Input):
    """Adds what a stage would: a tempo, and buttons, one of which stays down."""

    def start(self, performance):
        self.pressed, self.black, self.bpm = [], False, 96.0
        parameters = performance.parameters
        add = self.pressed.append
        tempo = {"span": (20.0, 300.0), "value": lambda: self.bpm}
        parameters.add(
            Parameter("/show/tempo", "number", "Beats a minute.", self._set_tempo, **tempo)
        )
        parameters.add(
            Parameter("/show/tap", "press", "Tap the tempo.", lambda _: add("tap"), key="t")
        )
        parameters.add(Parameter("/show/panic", "press", "End all notes.", lambda _: add("panic")))
        for number in ("1", "2"):
            words = f"Recall preset {number}."
            recall = partial(self._recall, number)
            parameters.add(Parameter(f"/show/preset/{number}", "press", words, recall, key=number))
        parameters.add(
            Parameter(
                "/show/black",
                "press",
                "Show black.",
                self._darken,
                value=lambda: self.black,
                key="b",
            )
        )

    def _recall(self, number, _):
        self.pressed.append(f"preset {number}")

    def _set_tempo(self, bpm):
        self.bpm = bpm

    def _darken(self, _):
        self.black = not self.black


def free_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def certificate(folder: Path) -> Path:
    """Write a certificate for this machine and its private key into one new file."""
    needs("openssl")
    key, file = folder / "key.pem", folder / "certificate.pem"
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    words += " -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    subprocess.run([*words.split(), "-keyout", key, "-out", file], check=True, capture_output=True)
    file.write_text(file.read_text() + key.read_text())
    return file


def websocket_request(path: str, host: str) -> bytes:
    """Return the request that opens a WebSocket."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


class Show:
    """A live show with a panel, in a thread of its own, from `with` to its end."""

    def __init__(
        self, target: str = "", fps: float = 30.0, bpm: float = 120.0, certificate: str = ""
    ):
        # A port of its own, so that tests in other processes do not take it when it is closed.
        self.panel = Panel(target or str(free_tcp_port()), certificate)
        self.sea, self.stage_parameters = Sea(), StageParameters()
        self.sketch = Sketch(bpm=bpm, fps=fps, size=(60, 40))
        self.sketch.names = {"sea": self.sea}
        self.sketch.draw(lambda now: self.sea(now, heat=0.25))
        self.sketch.play(bars=1)(lambda now: [Note(60, 0, 3.5), Note(64, 0, 3.5, channel=2)])
        self._thread = threading.Thread(target=self._perform)

    def _perform(self):
        self.stats = self.sketch.perform([self.panel], inputs=[self.stage_parameters], live=True)

    @property
    def parameters(self) -> Parameters:
        return self.sketch.current_stage.performance.parameters

    @property
    def port(self) -> int:
        return self.panel.access.port

    def __enter__(self):
        self._thread.start()
        wait_for(lambda: self.panel.access.address and self.sketch.current_stage.stats.frames > 1)
        return self

    def __exit__(self, *error):
        self.panel.closed = True
        self._thread.join(20)
        assert not self._thread.is_alive()

    @property
    def pressed(self) -> list[str]:
        """The buttons that were pressed."""
        return self.stage_parameters.pressed

    def request(self, path, method="GET", body=None, headers=None, host="127.0.0.1"):
        """Return the status and the body of a reply."""
        connection = http.client.HTTPConnection(host, self.port, timeout=20)
        connection.request(method, path, body=body, headers=headers or {})
        reply = connection.getresponse()
        found = reply.status, reply.read()
        connection.close()
        return found

    def live(self, path="/live", **options) -> ClientConnection:
        """Open the WebSocket of a page."""
        return connect(f"ws://127.0.0.1:{self.port}{path}", open_timeout=20, **options)

    def state(self):
        status, body = self.request("/state")
        assert status == 200
        return json.loads(body)

    def set(self, address, value=None, **headers):
        """Set a parameter as the page does; return the status and the reply."""
        content = json.dumps({"address": address, "value": value})
        status, body = self.request("/turn", "POST", content, {**JSON, **headers})
        return status, json.loads(body)

    def gauge(self, name):
        return next(gauge for gauge in self.state()["meters"] if gauge["name"] == name)
