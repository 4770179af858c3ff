"""A real MIDI controller, and a sketch whose parameters it sets."""

from contextlib import contextmanager
from typing import Literal

import numpy as np
from capriccio import Generator, Sketch

from helpers.devices import wait_for

# A sketch file with one part.
FIELD_PIECE = """\
import numpy as np
from capriccio import Generator, Sketch

class Field(Generator):
    def generate(self, now, *, light=0.5, words="a field"):
        return np.full((48, 64, 3), float(light))

field = Field()
sketch = Sketch(bpm=240, fps=30, size=(64, 48))

@sketch.draw
def look(now):
    return field(now, light=0.5)
"""


class Device:
    """A real controller: a port that appears, sends messages, and disappears."""

    def __init__(self, name: str):
        from capriccio.devices.midi import ports
        from capriccio.midi_ports import open_client

        with ports.stderr_silenced():
            self._port = open_client("output", ports.find_api(), name)
            self._port.open_virtual_port(name)

    def send(self, *messages) -> None:
        for message in messages:
            self._port.send_message(list(message))

    def unplug(self) -> None:
        from capriccio.midi_ports import close_client

        close_client(self._port)


@contextmanager
def plugged(name: str):
    device = Device(name)
    try:
        yield device
    finally:
        device.unplug()


def until(claim, device: Device, *messages, what: str = ""):
    """Send messages repeatedly until `claim()` is true, since a listener may connect late."""

    def again():
        device.send(*messages)
        return claim()

    return wait_for(again, what=what)


def cc(number: int, level: int, channel: int = 1) -> tuple[int, int, int]:
    """Return the bytes of a control change."""
    return 0xB0 | channel - 1, number, level


class Field(Generator):
    """Paint one grey; only `light` changes it."""

    def generate(
        self,
        now,
        *,
        light=0.5,
        warmth=0.25,
        words="a field",
        sky: Literal["clear", "grey", "dark"] = "clear",
    ):
        return np.full((4, 4, 3), float(light))


def field_sketch(fps=10.0, bpm=60.0, title="meadow") -> tuple[Sketch, Field]:
    """Return a sketch with one part, called `field`, and that part."""
    field = Field()
    sketch = Sketch(bpm=bpm, fps=fps, size=(16, 16))
    sketch.names, sketch.title = {"field": field}, title
    sketch.draw(lambda now: field(now))
    return sketch, field
