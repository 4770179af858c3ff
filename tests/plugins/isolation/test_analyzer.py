"""An analyzer in a process of its own."""

from contextlib import closing

import numpy as np
import pytest
from capriccio import PartError, analyzer
from capriccio.testing import check_analyzer
from capriccio_isolation.analyzer import Isolated

pytestmark = pytest.mark.usefixtures("installed")


def test_a_sketch_cannot_tell_it_from_the_part_itself():
    picture = np.full((4, 6, 3), 51, np.uint8)
    with closing(analyzer("worry", isolated=True, gain=0.5)) as part:
        plain = analyzer("worry", gain=0.5)
        assert part(picture) == plain(picture) == (0.1, "warm")
        assert part(picture)._fields == plain(picture)._fields
        assert str(part) == "isolated analyzer 'worry'"


def test_the_last_readings_stand_while_a_worker_is_replaced():
    with closing(analyzer("worry", isolated=True)) as part:
        good = part(np.full((4, 6, 3), 255, np.uint8))
        assert part(np.zeros((1, 1, 3), np.uint8)) == good
        assert part.failures == 1
        assert part(np.zeros((4, 6, 3), np.uint8)).red == 0.0


def test_it_keeps_the_contract():
    class Own(Isolated):
        """Read by the analyzer of these tests."""

        name = "own"

        def __init__(self):
            super().__init__(part="worry")

    check_analyzer(Own)


BAD = {
    "no name": ("", 'expected the name of an analyzer, as in part="critic"'),
    "no such part": ("wory", "no analyzer is named 'wory'; did you mean"),
    "twice": ("isolated", "an isolated part cannot be isolated again"),
}


@pytest.mark.parametrize(("part", "sentence"), BAD.values(), ids=BAD)
def test_what_cannot_be_isolated_is_told(part, sentence):
    with pytest.raises(PartError, match=sentence):
        analyzer("isolated", part=part)
