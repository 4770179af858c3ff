"""Conformance checks for parts, ours and a stranger's alike; imported by tests alone.

    from capriccio.testing import check_generator
    from capriccio_plasma import Plasma

    def test_plasma_keeps_the_contract():
        check_generator(Plasma)

Each check raises AssertionError with one sentence that says which part, and what it did.
"""

from ..clock import OfflineClock
from .checks import check_analyzer, check_generator, check_output
from .memory import Memory
from .samples import drawings, images, moments, phrases

__all__ = [
    "Memory",
    "OfflineClock",
    "check_analyzer",
    "check_generator",
    "check_output",
    "drawings",
    "images",
    "moments",
    "phrases",
]
