"""Fixtures of the tests of the stage."""

import pytest
from capriccio.stage import shutdown, watchdog


@pytest.fixture
def quick_watchdog(monkeypatch):
    """Notice at once what hangs, since the time of the tests stands still meanwhile."""
    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.005)
    monkeypatch.setattr(watchdog, "HANGING_SECONDS", 0.1)
    monkeypatch.setattr(watchdog, "GRACE_SECONDS", 60.0)  # or it may end the process of the tests
    monkeypatch.setattr("capriccio.stage.recovery.HANG_SECONDS", 0.05)
    monkeypatch.setattr("capriccio.stage.stage.JOIN_SECONDS", 0.1)
    monkeypatch.setattr("capriccio.stage.event_queue.ENTER_SECONDS", 0.05)
    monkeypatch.setattr(shutdown, "NOTES_BESIDE_SECONDS", 0.02)
    monkeypatch.setattr(shutdown, "CLOSE_BESIDE_SECONDS", 0.02)
