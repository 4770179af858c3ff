import pytest
from capriccio_effects.opengl import open_opengl


@pytest.fixture(scope="session")
def opengl():
    """Return OpenGL, or skip a test."""
    found = open_opengl()
    if found.opengl is None:
        pytest.skip(found.reason)
    return found.opengl
