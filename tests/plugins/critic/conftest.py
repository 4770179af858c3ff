"""Fixtures that several tests of the critic share."""

import pytest
from capriccio_critic.analyzer import Critic


@pytest.fixture(scope="session")
def critic() -> Critic:
    """A critic with the model that comes with it; reading a picture does not change it."""
    return Critic()
