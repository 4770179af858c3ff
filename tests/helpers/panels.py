"""What the tests of the panel share: a live show that has one."""

import http.client
import json
import threading
from functools import partial
from typing import Literal

import numpy as np
from capriccio import Generator, Note, Output, Sketch
from capriccio.panel.panel import Panel
from capriccio.parameters import Parameter, Parameters

from helpers.devices import wait_for

JSON = {"Content-Type": "application/json"}


class Sea(Generator):
    """Paint waves, in a colour, to words."""

    def generate(
        self, now, *, heat=0.5, calm=0.2, words="a pear", style: Literal["oil", "ink"] = "oil"
    ):
        return np.full((40, 60, 3), heat)


class Props(Output):
    """Place what a stage would: a tempo, and buttons, one of which stays down."""

    def start(self, performance):
        self.pressed, self.black, self.bpm = [], False, 96.0
        parameters = performance.parameters
        add = self.pressed.append
        tempo = {"span": (20.0, 300.0), "value": lambda: self.bpm}
        parameters.add(Parameter("/show/tempo", "number", "Beats a minute.", self._set, **tempo))
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

    def _set(self, bpm):
        self.bpm = bpm

    def _darken(self, _):
        self.black = not self.black


class Show:
    """A live show with a panel, in a thread of its own, until it is told to end."""

    def __init__(self, target: str = "", fps: float = 30.0, bpm: float = 120.0):
        self.sea, self.panel, self.props = Sea(), Panel(target), Props()
        self.sketch = Sketch(bpm=bpm, fps=fps, size=(60, 40))
        self.sketch.names = {"sea": self.sea}
        self.sketch.draw(lambda now: self.sea(now, heat=0.25))
        self.sketch.play(bars=1)(lambda now: [Note(60, 0, 3.5), Note(64, 0, 3.5, channel=2)])
        self._thread = threading.Thread(target=self._perform)

    def _perform(self):
        self.stats = self.sketch.perform([self.props, self.panel], live=True)

    @property
    def parameters(self) -> Parameters:
        return self.sketch._stage.performance.parameters

    @property
    def port(self) -> int:
        return self.panel.doorway.port

    def __enter__(self):
        self._thread.start()
        wait_for(lambda: self.panel.doorway.address and self.sketch._stage.stats.frames > 1)
        return self

    def __exit__(self, *trouble):
        self.panel.closed = True
        self._thread.join(20)
        assert not self._thread.is_alive()

    def ask(self, path, method="GET", body=None, headers=None, host="127.0.0.1"):
        """Give the status and the body of an answer."""
        line = http.client.HTTPConnection(host, self.port, timeout=20)
        line.request(method, path, body=body, headers=headers or {})
        answer = line.getresponse()
        found = answer.status, answer.read()
        line.close()
        return found

    def state(self):
        status, body = self.ask("/state")
        assert status == 200
        return json.loads(body)

    def turn(self, address, value=None, **headers):
        words = json.dumps({"address": address, "value": value})
        status, body = self.ask("/turn", "POST", words, {**JSON, **headers})
        return status, json.loads(body)

    def meter(self, name):
        return next(meter for meter in self.state()["meters"] if meter["name"] == name)
