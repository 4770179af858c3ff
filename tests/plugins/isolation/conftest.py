"""A plugin that gets into trouble, installed as pip would."""

import json
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from capriccio import registry

TROUBLE = '''
import ctypes, os, subprocess, sys, time
import numpy as np
from typing import NamedTuple
from capriccio import Analyzer, Generator, Note, Stroke, hookimpl


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
            np.ones(1 << 32, np.uint8)
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


@hookimpl
def generators():
    return [Trouble]


@hookimpl
def analyzers():
    return [Worry]
'''


@pytest.fixture(scope="module")
def apart(tmp_path_factory) -> Iterator[Path]:
    """Install the plugin into an environment of its own, as `capriccio install --isolated` does."""
    data = tmp_path_factory.mktemp("data")
    folder = data / "capriccio" / "isolated" / "trouble"
    venv.create(folder / "environment", symlinks=True)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    site = folder / "environment" / "lib" / f"python{version}" / "site-packages"
    (site / "capriccio_trouble.py").write_text(TROUBLE)
    plugins = {"trouble-apart": "capriccio_trouble"}
    facts = {"plugins": plugins, "python": version, "rights": {"megabytes": 3000}}
    (folder / "environment.json").write_text(json.dumps(facts))
    record = folder / "trouble-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: trouble\nVersion: 1.0\n")
    value = "capriccio_isolation.stand_ins:trouble_apart"
    (record / "entry_points.txt").write_text(f"[capriccio]\ntrouble-apart = {value}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(data))
        patch.setenv("XDG_CONFIG_HOME", str(data / "config"))
        patch.setenv("CAPRICCIO_PLUGINS", "trouble-apart,isolation")
        registry.installed.cache_clear()
        yield folder
    registry.installed.cache_clear()


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Iterator[None]:
    """Install the plugin, and nothing but what isolates it."""
    folder = tmp_path_factory.mktemp("trouble")
    (folder / "capriccio_trouble.py").write_text(TROUBLE)
    records = folder / "capriccio_trouble-1.0.dist-info"
    records.mkdir()
    (records / "METADATA").write_text("Metadata-Version: 2.1\nName: trouble\nVersion: 1.0\n")
    (records / "entry_points.txt").write_text("[capriccio]\ntrouble = capriccio_trouble\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("XDG_CONFIG_HOME", str(folder / "home"))
        patch.setenv("CAPRICCIO_PLUGINS", "trouble,isolation")
        registry.installed.cache_clear()
        yield
    registry.installed.cache_clear()
    sys.modules.pop("capriccio_trouble", None)
