"""X servers that the tests of screens share."""

import pytest
from helpers.devices import needs, x_server


@pytest.fixture(scope="session")
def second_server():
    needs("Xvfb")
    with x_server("800x600", "640x480") as name:
        yield name


@pytest.fixture
def two_displays(display, second_server, monkeypatch):
    monkeypatch.setenv("DISPLAY", second_server)
