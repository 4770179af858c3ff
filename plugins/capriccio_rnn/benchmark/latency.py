"""Time how soon the sketch `duet` answers: MIDI in, the network, MIDI out, on real JACK ports."""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from capriccio import midi_library

SAMPLE_RATE = 48_000  # in Hz
PEDAL = (0xB0, 64, 127)
PITCHES = (62, 64, 65, 67, 69, 70, 72, 74)  # of D minor
# Velocities, taken in turn to tell which key an answer belongs to.
VELOCITIES = (40, 70, 100)
POLL_SECONDS = 0.0002
REST_SECONDS = (0.02, 0.09)  # least and most time between an answer and the next key
ANSWER_SECONDS = 2.0  # after which an answer counts as missing
START_SECONDS = 120.0  # for the show to load its models


def measure(events: int, period: int, nice: int) -> dict[str, Any]:
    """Play keys and return how soon each came in on a port of ours and was answered.

    Args:
        events: number of keys.
        period: of JACK, in samples.
        nice: priority of the show.
    """
    with TemporaryDirectory() as folder, quiet_stderr(), jack_server(period) as real_time:
        figures = play_duet(events, nice, folder)
        jack = {"period_ms": 1000 * period / SAMPLE_RATE, "real_time": real_time}
        return {**figures, "jack": jack}


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what JACK's library writes to file descriptor 2."""
    before, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)


@contextmanager
def jack_server(period: int) -> Iterator[bool]:
    """Run a JACK server without a sound card; yield whether it runs in real time."""
    if shutil.which("jackd") is None:
        raise click.ClickException("jackd is not installed; apt-get install jackd2")
    name = "capriccio-latency"  # always the same: JACK has slots for eight, dead ones included
    os.environ["JACK_DEFAULT_SERVER"] = name
    server = None
    for real_time in ("-R", "-r"):  # real time needs a permission
        # -S: synchronous, it waits for its clients and loses nothing.
        command = f"jackd -n {name} -S {real_time} -t 5000 -d dummy -r {SAMPLE_RATE} -p {period}"
        server = subprocess.Popen(command.split(), stdout=subprocess.DEVNULL)
        wait_for(partial(has_settled, server), 20, "jackd")
        if server.poll() is None:
            break
    else:
        raise click.ClickException("jackd did not start")
    try:
        yield real_time == "-R"
    finally:
        server.terminate()
        server.wait()


def has_settled(server: subprocess.Popen[bytes]) -> bool:
    """Return whether the server has ended or accepts clients."""
    midi = midi_library()
    if server.poll() is None:
        try:
            probe = midi.MidiOut(midi.RtMidiAPI.UNIX_JACK, "probe")
            probe.get_port_count()
            probe.delete()
        except (midi.RtMidiError, RuntimeError):
            return False
    return True


def play_duet(events: int, nice: int, folder: str) -> dict[str, Any]:
    """Play to the sketch on the running server; its take is left in `folder`."""
    midi = midi_library()
    api = midi.RtMidiAPI.UNIX_JACK
    keys = midi.MidiOut(api, "clavier")
    keys.open_virtual_port("keys")
    echo, answers = (midi.MidiIn(api, name) for name in ("echo", "celesta"))
    echo.open_port([("clavier" in name) for name in echo.get_ports()].index(True), "echo")
    answers.open_virtual_port("answers")
    capriccio = ["nice", "-n", str(nice), sys.executable, "-m", "capriccio"]
    show = subprocess.Popen(
        [*capriccio, "run", str(duet_sketch()), "--to", "midi:celesta"],
        cwd=folder,
        env={**os.environ, "DUET": "clavier"},
        stdout=subprocess.DEVNULL,
    )
    real_time = raise_priority()
    try:
        key = KeyTimer(keys, echo, answers)

        def is_answered() -> bool:
            if show.poll() is not None:
                raise click.ClickException("the sketch duet ended early")
            keys.send_message(PEDAL)
            return key.play(PITCHES[0], VELOCITIES[0], 0.5)[1] is not None

        wait_for(is_answered, START_SECONDS, "the sketch duet")
        load = os.getloadavg()[0]
        times, rng = [], random.Random(0)
        for number in range(events):
            time.sleep(rng.uniform(*REST_SECONDS))
            velocity = VELOCITIES[(number + 1) % len(VELOCITIES)]
            times.append(key.play(rng.choice(PITCHES), velocity, ANSWER_SECONDS))
    finally:
        show.terminate()
        show.wait()
        for port in (keys, echo, answers):
            port.close_port()
            port.delete()
    both = [(direct, answer) for direct, answer in times if direct and answer]
    return {
        "events": events,
        "answered": len(both),
        "port": percentiles([direct for direct, _ in both]),
        "answer": percentiles([answer for _, answer in both]),
        "beyond": percentiles([answer - direct for direct, answer in both]),
        "nice": nice,
        "measured_in_real_time": real_time,
        "load": [round(load, 2), round(os.getloadavg()[0], 2)],
    }


def duet_sketch() -> Path:
    """Return the path of the sketch `duet`, beside this package in a wheel or in a checkout."""
    root = Path(__file__).parents[2]
    folders = (root / "capriccio_sketches", root.parent / "sketches")
    return next(folder for folder in folders if folder.is_dir()) / "duet.py"


class KeyTimer:
    """Plays a key and measures the time until it comes in directly and until it is answered."""

    def __init__(self, keys: Any, echo: Any, answers: Any):
        self._keys, self._ports = keys, (echo, answers)

    def play(self, pitch: int, velocity: int, timeout: float) -> list[float | None]:
        """Return the seconds until the note came in on `echo` and `answers`, None if it did not."""
        found: list[float | None] = [None, None]
        started = time.monotonic()
        self._keys.send_message((0x90, pitch, velocity))
        while None in found and time.monotonic() - started < timeout:
            time.sleep(POLL_SECONDS)
            for index, port in enumerate(self._ports):
                while event := port.get_message():
                    kind, _, received = (*event[0], 0, 0)[:3]
                    if kind & 0xF0 == 0x90 and 0.8 * velocity <= received <= velocity:
                        found[index] = found[index] or time.monotonic() - started
        self._keys.send_message((0x80, pitch, 0))
        return found


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Return median, 99th percentile and maximum in milliseconds."""
    ordered = sorted(seconds)
    shares = {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}
    return {
        name: round(1000 * ordered[round(share * (len(ordered) - 1))], 3)
        for name, share in shares.items()
    }


def raise_priority() -> bool:
    """Run this process in real time where permitted, so that its own delays are not measured."""
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        return True
    return False


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return the first true value of `condition`.

    Raises:
        ClickException: there was none within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise click.ClickException(f"{what} did not answer within {seconds:g} s")
        time.sleep(0.1)
    return found
