"""An environment to install into."""

from pathlib import Path

import pytest
from helpers.devices import Scratch
from helpers.packages import site


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Scratch:
    return Scratch(tmp_path_factory.mktemp("packages") / "venv")


@pytest.fixture
def wheels(tmp_path) -> Path:
    return tmp_path / "wheels"


@pytest.fixture
def clean(scratch):
    """Each test begins and ends with the same files, and without a lock."""
    before = site(scratch)
    yield
    (scratch.bin.parent / "config" / "capriccio" / "plugins.toml").unlink(missing_ok=True)
    assert site(scratch) == before
