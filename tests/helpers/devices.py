"""Real devices and environments: MIDI ports on JACK, X servers, a virtual environment."""

import json
import os
import shutil
import signal
import subprocess
import sysconfig
import threading
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from itertools import count
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
servers = count(1)  # JACK servers that were started


class Scratch:
    """A virtual environment that sees everything installed beside the tests, and can be changed.

    A venv of a venv would see the system's packages alone, so a path file leads to ours, and the
    commands are written anew; nothing is loaded from the network.
    """

    def __init__(self, folder: Path):
        venv.create(folder, symlinks=os.name != "nt")
        self.bin = folder / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.bin / "python"
        paths = {"base": str(folder), "platbase": str(folder)}
        here = Path(sysconfig.get_path("purelib", "venv", paths))
        ours = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
        lines = [f"import site; site.addsitedir({path!r})" for path in dict.fromkeys(ours)]
        (here / "beside.pth").write_text("\n".join(lines) + "\n")
        for command in entry_points(group="console_scripts"):
            script = self.bin / command.name
            script.write_text(
                f"#!{self.python}\n"
                f"import sys\nfrom {command.module} import {command.attr.partition('.')[0]}\n"
                f"sys.exit({command.attr}())\n"
            )
            script.chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_CONFIG_HOME": str(folder / "config"),  # where plugins that were seen are kept
            "XDG_DATA_HOME": str(folder / "data"),  # where isolated ones are
            # A plugin is built with the setuptools that is here. "0" is how pip spells, in its
            # environment, that there be no isolation.
            "PIP_NO_BUILD_ISOLATION": "0",
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def run(self, command: str, folder: Path) -> str:
        """Run a shell command in `folder` and give what it printed; it must succeed."""
        child = subprocess.run(
            ["bash", "-ec", command],
            cwd=folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert child.returncode == 0, f"{command}\n{child.stdout}\n{child.stderr}"
        return child.stdout

    def parts(self, folder: Path) -> dict:
        """Return what `capriccio parts --json` says."""
        return json.loads(self.run("capriccio parts --json", folder))


# -- real devices -----------------------------------------------------------------------------


def wait_for(claim, seconds: float = 120.0, what: str = ""):
    """Wait until `claim()` is true and give it; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := claim()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain{what and f' for {what}'}"
        time.sleep(0.01)
    return found


def needs(*commands: str) -> None:
    """Skip the test, naming the Debian package, where a command is not installed."""
    packages = {"Xvfb": "xvfb", "jackd": "jackd2"}  # the others are called as they are
    for command in commands:
        if shutil.which(command) is None:
            pytest.skip(
                f"{command} is not installed; apt-get install {packages.get(command, command)}"
            )


def midi_library():
    """Return supriya-midi; skip the test where it does not load, as on a Linux without ALSA."""
    from capriccio import midi_ports

    try:
        return midi_ports.midi_library()
    except ImportError as error:
        pytest.skip(f"supriya-midi does not load: {error}")


def end(child: subprocess.Popen) -> None:
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


@contextmanager
def x_server(*sizes: str) -> Iterator[str]:
    """Run a real X server with displays of these sizes; give its name."""
    read, write = os.pipe()
    screens = [
        word for number, size in enumerate(sizes) for word in ("-screen", str(number), f"{size}x24")
    ]
    child = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-noreset", "-nolisten", "tcp", *screens],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with open(read) as line:  # it says its number when it is ready
            number = line.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        end(child)


@contextmanager
def wayland(folder: Path, scale: int = 1) -> Iterator[dict[str, str]]:
    """Run a Wayland compositor whose display has `scale` pixels a point; give the environment.

    Args:
        folder: of its socket.
        scale: how many pixels a point has, across and down.
    """
    needs("weston")
    folder.chmod(0o700)
    environment = {name: it for name, it in os.environ.items() if name != "DISPLAY"}
    environment |= {"XDG_RUNTIME_DIR": str(folder), "WAYLAND_DISPLAY": "wayland-test"}
    child = subprocess.Popen(
        ["weston", "--backend=headless-backend.so", "--socket=wayland-test", f"--scale={scale}"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for((folder / "wayland-test").exists, what="weston")
        yield environment | {"SDL_VIDEODRIVER": "wayland"}
    finally:
        end(child)


class Synth:
    """A real MIDI instrument: a port that others connect to, and everything that arrived at it."""

    def __init__(self, name: str):
        from capriccio.devices.midi import ports
        from capriccio.midi_ports import open_client

        self.name = name
        self.heard: list[tuple[float, tuple[int, ...]]] = []  # when we looked, and message
        with ports.stderr_silenced():
            # No callback: it would run within JACK's period, which does not wait for Python.
            self._port = open_client("input", ports.find_api(), name, queue_size_limit=4096)
            self._port.open_virtual_port(name)

    @property
    def messages(self) -> list[tuple[int, ...]]:
        while event := self._port.get_message():
            self.heard.append((time.monotonic(), tuple(event[0])))
        return [message for _, message in self.heard]

    @property
    def begun(self) -> int:
        return sum(message[0] & 0xF0 == 0x90 for message in self.messages)

    @property
    def sounding(self) -> set[tuple[int, int]]:
        """The channels 0..15 and pitches that were begun and not ended, one by one."""
        sounding = set()
        for status, pitch, *_ in self.messages:
            if status & 0xF0 == 0x90:
                sounding.add((status & 0x0F, pitch))
            elif status & 0xF0 == 0x80:
                sounding.discard((status & 0x0F, pitch))
        return sounding

    def receive_clock(self) -> None:
        """Receive the messages of a MIDI clock too, which RtMidi leaves out."""
        self._port.ignore_types(timing=False)

    def close(self) -> None:
        from capriccio.midi_ports import close_client

        close_client(self._port)


class JackServer:
    """A real JACK server without a sound card, of its own name, that can be started again.

    One that `waits` for its clients waits for ever where one of them is killed.
    """

    def __init__(self, waits: bool = True, period: int = 512, rate: int = 48_000):
        # A name of its own each time: one that was killed leaves its name taken.
        self.name = f"capriccio-{os.getpid()}-{next(servers)}{'' if waits else '-on'}"
        # -S: the server waits for its clients. Otherwise a busy machine, where one of them comes
        # late, has it give out what was sent a period before once more, and drop what is new.
        kind = "-S -t 5000" if waits else "-t 500"
        words = f"jackd -n {self.name} {kind} -r -d dummy -r {rate} -p {period}"
        self._command = words.split()
        self.start()

    def start(self) -> None:
        self.child = child = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert child.stdout is not None
        wait_for(lambda: jack_answers(self.name) or child.poll() is not None, what="jackd")
        assert child.poll() is None, child.stdout.read().decode()
        # Nobody reads on, and a full pipe would stop it.
        threading.Thread(target=child.stdout.read, daemon=True).start()

    def kill(self) -> None:
        self.child.kill()
        self.child.wait()

    def close(self) -> None:
        if self.child.returncode == -signal.SIGKILL:
            # It keeps its place, of which there are eight, until one of its name has ended well.
            self.start()
        end(self.child)


@contextmanager
def jack_daemon(waits: bool = True) -> Iterator[str]:
    """Run a real JACK server without a sound card; give its name."""
    server = JackServer(waits)
    try:
        yield server.name
    finally:
        server.close()


def jack_answers(server: str) -> bool:
    from capriccio.devices.midi import ports
    from capriccio.midi_ports import JACK, close_client, open_client

    with pytest.MonkeyPatch.context() as patch, ports.stderr_silenced():
        patch.setenv("JACK_DEFAULT_SERVER", server)
        try:
            close_client(open_client("output", JACK, "knock"))
        except ConnectionError:
            return False
    return True
