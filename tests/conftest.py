"""Fixtures that several tests share: a virtual environment, an X server, MIDI ports on JACK."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from helpers.devices import Scratch, Synth, jack_answers, jack_daemon, needs, x_server

# Fixtures that need a server or an environment of their own.
SYSTEM_FIXTURES = {"scratch", "xvfb", "jack_server"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that uses one of these fixtures as a system test."""
    for item in items:
        if SYSTEM_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.system)


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
    """Give what names a JACK server that answers.

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
