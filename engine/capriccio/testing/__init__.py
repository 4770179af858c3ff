"""Conformance checks for parts, for the tests of a plugin.

    from capriccio.testing import check_generator
    from capriccio_plasma import Plasma

    def test_plasma_conforms():
        check_generator(Plasma)

Each check raises AssertionError with one sentence that names the part, what it did, and a remedy.
"""

from ..clock import OfflineClock
from .checks import check_analyzer, check_generator, check_input, check_instrument, check_output
from .memory import Memory
from .samples import drawings, images, moments, phrases

__all__ = [
    "Memory",
    "OfflineClock",
    "check_analyzer",
    "check_generator",
    "check_input",
    "check_instrument",
    "check_output",
    "drawings",
    "images",
    "moments",
    "phrases",
]
