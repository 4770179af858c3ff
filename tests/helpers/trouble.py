"""A plugin that gets into trouble when it is told to, in every way there is."""

from pathlib import Path

TROUBLE = '''
import ctypes, os, subprocess, sys, time
import numpy as np
from typing import NamedTuple
from capriccio import Analyzer, Gauge, Generator, Input, Instrument, Note, Output, Parameter
from capriccio import Stroke, hookimpl


class Trouble(Generator):
    """Do what `what` says."""

    name = "trouble"
    instruments = {1: "choir"}

    def __init__(self, *, seed=0, model="none"):
        self.seed, self.model, self.heard = seed, model, 0

    def reset(self, seed=0):
        self.seed = seed

    def feed(self, notes):
        self.heard += len(notes)

    def generate(self, now, *, what="", heat=0.5, source=None):
        """Return a picture of one colour.

        Args:
            what: The trouble.
            heat: How red it is.
            source: A picture to return.
        """
        if what == "raise":
            raise ValueError("no paint left")
        if what == "exit":
            os._exit(3)
        if what == "segfault":
            ctypes.string_at(0)
        if what == "hang":
            ctypes.PyDLL(None).sleep(60)  # holds the interpreter
        if what == "memory":
            np.ones(1 << 33, np.uint8)  # 8 GB
        if what == "child":
            subprocess.Popen(["sleep", "600"])
            os._exit(4)
        if what == "flood":
            print("x" * (1 << 20)); os.write(1, b"y" * (1 << 20))
        if what == "garbage":
            for descriptor in range(3, 20):
                try:
                    os.write(descriptor, b"garbage garbage!")
                except OSError:
                    pass
            time.sleep(60)
        if what == "bomb":
            children = []
            while True:
                children.append(subprocess.Popen(["sleep", "600"], start_new_session=True))
        if what == "phrase":
            return [Note(60, 0.5, 1.0, 0.25, 2), Note(62 + self.heard)]
        if what == "drawing":
            return [Stroke(np.array([[0, 0], [1, 0.5]]), 0.1, (1.0, 0.0, 0.5), 0.5)]
        if source is not None:
            return source
        return np.full((4, 6, 3), [int(255 * heat), self.seed % 256, int(now.beats)], np.uint8)


class Warmth(NamedTuple):
    red: float
    word: str


class Worry(Analyzer):
    """Read how red a picture is."""

    def __init__(self, *, gain=1.0):
        self.gain = gain

    def analyze(self, thing):
        if thing.size == 3:
            os._exit(3)
        return Warmth(float(thing[..., 0].mean()) / 255 * self.gain, "warm")


class Lamp(Output):
    """Remember what was shown and played, in a gauge."""

    def __init__(self, target=""):
        super().__init__(target)
        self.seen, self.gain, self.clock = [], 0.5, None

    def start(self, performance):
        self.clock = performance.clock
        width, height = performance.size
        self.seen.append(f"{performance.title} {width}x{height} {performance.instruments[1]}")
        performance.parameters.add_gauge(Gauge("lamp", "all of it", lambda: ", ".join(self.seen)))
        performance.parameters.add(
            Parameter("/lamp/gain", "number", "Brightness", self.turn, value=lambda: self.gain)
        )

    def turn(self, value):
        self.gain = value

    def show(self, image, now):
        red = int(image[0, 0, 0])
        if red == 66:
            os._exit(3)
        if red == 99:
            self.closed = True
        self.seen.append(f"{red * self.gain:g} at {self.clock.seconds():g}")

    def note_on(self, note, now):
        self.seen.append(f"on {note.pitch}")

    def note_off(self, note, now):
        self.seen.append(f"off {note.pitch}")

    @classmethod
    def missing(cls):
        return "no bulb" if os.environ.get("XDG_CACHE_HOME", "").endswith("none") else ""


class Tide(Input):
    """Turn what its target names by the time: half of it, in seconds."""

    def start(self, performance):
        parameters = performance.parameters

        def rise(seconds):
            parameters.set(self.target, seconds / 2)
            parameters.publish_readings(self, "tide", (seconds,))

        if self.target:
            parameters.add_automation(rise)


class Gong(Instrument):
    """Sound a sine."""

    pitches, program, loop = range(40, 60, 10), 15, (0.1, 0.2)

    def sample(self, pitch):
        return 0.5 * np.sin(np.arange(48000) * pitch / 1000)


@hookimpl
def generators():
    return [Trouble]


@hookimpl
def outputs():
    return [Lamp]


@hookimpl
def inputs():
    return [Tide]


@hookimpl
def instruments():
    return [Gong]


@hookimpl
def analyzers():
    return [Worry]
'''


def install_trouble(folder: Path) -> None:
    """Install the plugin into a folder of `sys.path`, as pip would."""
    (folder / "capriccio_trouble.py").write_text(TROUBLE)
    records = folder / "capriccio_trouble-1.0.dist-info"
    records.mkdir()
    (records / "METADATA").write_text("Metadata-Version: 2.1\nName: trouble\nVersion: 1.0\n")
    (records / "entry_points.txt").write_text("[capriccio]\ntrouble = capriccio_trouble\n")
