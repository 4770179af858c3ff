"""Marks and fixtures that several tests share: a virtual environment, an X server, MIDI on JACK."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack

# Before anything loads a library of numbers: two workers with two threads each wait for each other
# on two cores, and what is computed here is too small to gain from a second thread.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from helpers.devices import Scratch, Synth, jack_answers, jack_daemon, needs, x_server

# Fixtures that need a server or an environment of their own.
SYSTEM_FIXTURES = {"scratch", "xvfb", "jack_server"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use a server, and order all of them for several workers.

    Real time is kept by one test at a time: those with a JACK server share a group, which one
    worker runs. That group and the files with slow tests come first, the small files fill the end.
    """
    slow: set[str] = set()
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if SYSTEM_FIXTURES & fixtures:
            item.add_marker(pytest.mark.system)
        if "jack_server" in fixtures:
            item.add_marker(pytest.mark.xdist_group("jack"))
        if item.get_closest_marker("slow"):
            slow.add(str(item.path))
    items.sort(
        key=lambda item: (
            item.get_closest_marker("xdist_group") is None,
            str(item.path) not in slow,
        )
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Return a worker a file at a time, whose tests share fixtures, or a group."""
    from xdist.scheduler import LoadGroupScheduling

    class FileOrGroupScheduling(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            scope = super()._split_scope(nodeid)
            return scope.partition("::")[0]

    return FileOrGroupScheduling(config, log)


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
