"""An empty folder for the user's own files."""

import pytest
from capriccio.log import summarize


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder of the user's files, which does not exist yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    yield tmp_path / "capriccio"
    summarize()
