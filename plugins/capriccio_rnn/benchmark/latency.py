"""Times how soon the duet answers: MIDI in, the network, MIDI out, on real ports of JACK."""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

RATE = 48_000  # samples a second
PEDAL = (0xB0, 64, 127)
PITCHES = (62, 64, 65, 67, 69, 70, 72, 74)  # of d minor
# How loud the keys are struck in turn, so that it is seen which of them is answered.
LEVELS = (40, 70, 100)
# How often we look what has come, in seconds.
LOOK_SECONDS = 0.0002
# A key is struck so long after the answer to the one before; and an answer is awaited so long.
REST_SECONDS, PATIENCE_SECONDS = (0.02, 0.09), 2.0
# So long the show may take to begin: it loads its models.
BEGIN_SECONDS = 120.0


def measure(events: int, period: int, nice: int) -> dict[str, Any]:
    """Strike so many keys, and tell how soon each was heard on its own port, and answered."""
    with TemporaryDirectory() as folder, hushed(), server(period) as real_time:
        figures = measured(events, nice, folder)
        return {**figures, "jack": {"period_ms": 1000 * period / RATE, "real_time": real_time}}


@contextmanager
def hushed() -> Iterator[None]:
    """Keep JACK off the terminal: it complains on descriptor 2."""
    before, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)


@contextmanager
def server(period: int) -> Iterator[bool]:
    """Run a JACK server without a sound card; say whether it runs in real time."""
    if shutil.which("jackd") is None:
        raise click.ClickException("jackd is not installed; apt-get install jackd2")
    name = "capriccio-latency"  # always the same: JACK keeps places for eight, also of the dead
    os.environ["JACK_DEFAULT_SERVER"] = name
    child = None
    for real_time in ("-R", "-r"):  # not everybody may run it in real time
        # -S: it waits for its clients, and loses nothing.
        command = f"jackd -n {name} -S {real_time} -t 5000 -d dummy -r {RATE} -p {period}"
        child = subprocess.Popen(command.split(), stdout=subprocess.DEVNULL)
        wait_for(partial(up, child), 20, "jackd")
        if child.poll() is None:
            break
    else:
        raise click.ClickException("jackd does not start")
    try:
        yield real_time == "-R"
    finally:
        child.terminate()
        child.wait()


def up(child: subprocess.Popen) -> bool:
    """Say whether the server has ended, or answers."""
    import rtmidi

    if child.poll() is None:
        try:
            rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="knock").delete()
        except rtmidi.RtMidiError:
            return False
    return True


def measured(events: int, nice: int, folder: str) -> dict[str, Any]:
    """Play to the duet on the server that runs; its take is left in `folder`."""
    import rtmidi

    api = rtmidi.API_UNIX_JACK
    keys = rtmidi.MidiOut(api, name="clavier")
    keys.open_virtual_port("keys")
    echo, answers = (rtmidi.MidiIn(api, name=name) for name in ("echo", "celesta"))
    echo.open_port([("clavier" in name) for name in echo.get_ports()].index(True), name="echo")
    answers.open_virtual_port("answers")
    capriccio = ["nice", "-n", str(nice), sys.executable, "-m", "capriccio"]
    show = subprocess.Popen(
        [*capriccio, "run", str(duet()), "--to", "midi:celesta"],
        cwd=folder,
        env={**os.environ, "DUET": "clavier"},
        stdout=subprocess.DEVNULL,
    )
    hurried = hurry()
    try:
        strike = Strike(keys, echo, answers)

        def answered() -> bool:
            if show.poll() is not None:
                raise click.ClickException("the duet has ended")
            keys.send_message(PEDAL)
            return strike(PITCHES[0], LEVELS[0], 0.5)[1] is not None

        wait_for(answered, BEGIN_SECONDS, "the duet")
        load = os.getloadavg()[0]
        times, chance = [], random.Random(0)
        for number in range(events):
            time.sleep(chance.uniform(*REST_SECONDS))
            level = LEVELS[(number + 1) % len(LEVELS)]
            times.append(strike(chance.choice(PITCHES), level, PATIENCE_SECONDS))
    finally:
        show.terminate()
        show.wait()
        for port in (keys, echo, answers):
            port.close_port()
            port.delete()
    both = [(bare, answer) for bare, answer in times if bare and answer]
    return {
        "events": events,
        "answered": len(both),
        "port": spread([bare for bare, _ in both]),
        "answer": spread([answer for _, answer in both]),
        "beyond": spread([answer - bare for bare, answer in both]),
        "nice": nice,
        "measured_in_real_time": hurried,
        "load": [round(load, 2), round(os.getloadavg()[0], 2)],
    }


def duet() -> Path:
    """Give the sketch that came with Capriccio."""
    found = find_spec("capriccio_sketches")
    return Path(next(iter(found.submodule_search_locations))) / "duet.py"  # type: ignore


class Strike:
    """Strikes a key, and gives the seconds until it is heard itself, and until it is answered."""

    def __init__(self, keys, echo, answers):
        self._keys, self._ports = keys, (echo, answers)

    def __call__(self, pitch: int, level: int, patience: float):
        found: list[float | None] = [None, None]
        begun = time.monotonic()
        self._keys.send_message((0x90, pitch, level))
        while None in found and time.monotonic() - begun < patience:
            time.sleep(LOOK_SECONDS)
            for place, port in enumerate(self._ports):
                while event := port.get_message():
                    kind, _, loud = (*event[0], 0, 0)[:3]
                    if kind & 0xF0 == 0x90 and 0.8 * level <= loud <= level:
                        found[place] = found[place] or time.monotonic() - begun
        self._keys.send_message((0x80, pitch, 0))
        return found


def spread(seconds: list[float]) -> dict[str, float]:
    """Give the percentiles in milliseconds."""
    ordered = sorted(seconds)
    shares = {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}
    return {
        name: round(1000 * ordered[round(share * (len(ordered) - 1))], 3)
        for name, share in shares.items()
    }


def hurry() -> bool:
    """Go before ordinary processes, where we may: nothing of our own is to be measured."""
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        return True
    return False


def wait_for(claim: Callable[[], Any], seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := claim()):
        if time.monotonic() > deadline:
            raise click.ClickException(f"{what} does not answer within {seconds:g} s")
        time.sleep(0.1)
    return found
