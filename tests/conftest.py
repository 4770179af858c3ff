"""Marks and fixtures that several tests share: a virtual environment, an X server, MIDI on JACK."""

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

# Before anything loads a library of numbers: two workers with two threads each wait for each other
# on two cores, and what is computed here is too small to gain from a second thread.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from helpers.devices import Scratch, Synth, jack_answers, jack_daemon, needs, x_server
from hypothesis import HealthCheck, settings

# What a shell starts in the background ignores Ctrl-C, and under `nohup` hang-ups, as do all of its
# children: shows that the tests start would not end.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Fixtures that need a server or an environment of their own.
SYSTEM_FIXTURES = {"scratch", "xvfb", "jack_server"}
# Files whose tests keep real time on a JACK server: of several workers, one runs them all, so that
# they do not make each other late.
REAL_TIME = {
    "engine/cli/test_bench_timing.py",
    "engine/cli/test_doctor.py",
    "engine/cli/test_remote.py",
    "engine/devices/midi/test_clock_in.py",
    "engine/devices/midi/test_clock_out.py",
    "engine/devices/midi/test_controls.py",
    "engine/devices/midi/test_inputs.py",
    "engine/devices/midi/test_output.py",
    "engine/devices/midi/test_ports.py",
    "engine/recording/test_take.py",
    "engine/remote/test_control_surface.py",
    "engine/stage/test_answers.py",
    "engine/test_midi_ports.py",
    "engine/stage/test_panic.py",
    "sketches/test_duet.py",
    "system/test_hundred_faults.py",
    "system/test_remote.py",
}
# Folders whose tests wait for processes, servers or windows, as do REAL_TIME and those
# that use an X or a JACK server. They go before what computes, where the system allows it.
WAITING = ("plugins/audio", "plugins/isolation", "engine/devices", "engine/panel", "engine/remote")
PRIORITY = -10  # niceness; it may be raised again by root alone
TESTS = Path(__file__).parent

# What a machine with other work takes for an example says nothing of the code.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use a server, and begin with those that take long.

    Several workers take a file each, in this order, so the small ones fill the end.
    """
    slow: set[Path] = set()
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if SYSTEM_FIXTURES & fixtures:
            item.add_marker(pytest.mark.system)
        if item.get_closest_marker("slow"):
            slow.add(item.path)
        name = item.path.relative_to(TESTS).as_posix()
        if "jack_server" in fixtures and name not in REAL_TIME:
            raise pytest.UsageError(f"{name} uses a JACK server: add it to REAL_TIME in {__file__}")

    def order(item: pytest.Item) -> int:
        if item.path.relative_to(TESTS).as_posix() in REAL_TIME:
            return 0
        return 1 if item.path in slow else 2

    items.sort(key=order)


def waits(item: pytest.Item) -> bool:
    """Tell whether a test waits for what must not be late: see WAITING."""
    name = item.path.relative_to(TESTS).as_posix()
    return (
        name in REAL_TIME
        or name.startswith(WAITING)
        or bool({"xvfb", "jack_server"} & set(getattr(item, "fixturenames", ())))
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Run a test that waits, and what it starts, before other workers' tests that compute."""
    try:
        before = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY if waits(item) else 0)
    except (AttributeError, PermissionError):  # Windows; a user who is not root
        return (yield)
    try:
        return (yield)
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forget warnings and the seed of earlier tests; have torch compile its operators once.

    A warning that is known is not logged again, and the seed of a run takes the place of others.
    Torch compiles the table in each export, in 1.5 s.
    """
    if log := sys.modules.get("capriccio.log"):
        log.summarize()
    if registry := sys.modules.get("capriccio.registry"):
        registry.use_seed(None)
    registration: Any = sys.modules.get("torch.onnx._internal.exporter._registration")
    if registration is not None:
        kind = registration.ONNXRegistry
        if not hasattr(kind.from_torchlib, "cache_info"):
            kind.from_torchlib = staticmethod(cache(kind.from_torchlib))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return one worker more than there are cores: that of REAL_TIME waits most of its time."""
    return len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0]) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out together what shares fixtures: a plugin, or another file; and REAL_TIME."""
    from xdist.scheduler import LoadFileScheduling

    class FileScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid).removeprefix("tests/")
            if file in REAL_TIME:
                return "real time"
            folder, *rest = file.split("/")
            return f"{folder}/{rest[0]}" if folder == "plugins" else file

    return FileScheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(autouse=True, scope="session")
def one_thread_for_networks() -> Iterator[None]:
    """Have ONNX Runtime compute in one thread beside other workers, whom its threads wait for."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    import onnxruntime

    class OneThread(onnxruntime.SessionOptions):
        def __init__(self) -> None:
            super().__init__()
            self.intra_op_num_threads = 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnxruntime, "SessionOptions", OneThread)
        yield


@pytest.fixture(scope="session")
def scratch(tmp_path_factory) -> Scratch:
    assert sys.prefix != sys.base_prefix, "run the tests in a virtual environment"
    return Scratch(tmp_path_factory.mktemp("scratch") / "venv")


@pytest.fixture(scope="session")
def xvfb() -> Iterator[str]:
    """A real X server with one display of 800x600; gives its name."""
    needs("Xvfb")
    with x_server("800x600") as name:
        yield name


@pytest.fixture
def display(xvfb, monkeypatch) -> str:
    """The environment of somebody who sits before that X server."""
    monkeypatch.setenv("DISPLAY", xvfb)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    pygame = sys.modules.get("pygame")
    if pygame and pygame.display.get_init() and pygame.display.get_driver() == "dummy":
        pygame.display.quit()  # an earlier test left it, and SDL keeps its first driver
    return xvfb


@pytest.fixture(scope="session")
def jack_server() -> Iterator[Callable[[], str]]:
    """Return what names a JACK server that answers.

    A server may end of itself, as where a busy machine keeps it waiting for too long. All tests
    that come after would fail for that, so another one is started, and it is told.
    """
    needs("jackd")
    with ExitStack() as running:
        names: list[str] = []

        def answering() -> str:
            if not names or not jack_answers(names[-1]):
                if names:
                    warnings.warn(f"JACK server {names[-1]} answers no more", stacklevel=1)
                running.close()
                names.append(running.enter_context(jack_daemon()))
            return names[-1]

        yield answering


@pytest.fixture
def jack(jack_server, monkeypatch) -> str:
    """The environment of somebody who has a JACK server and so, at least, a MIDI system."""
    name = jack_server()
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    return name


@pytest.fixture
def synth(jack) -> Iterator[Synth]:
    """A synthesizer to play to."""
    instrument = Synth("celesta")
    yield instrument
    instrument.close()
