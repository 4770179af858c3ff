"""Parts of a plugin with an environment of its own, as a sketch meets them."""

from contextlib import closing

import numpy as np
import pytest
from capriccio import Moment, Note, PartError, analyzer, generator
from capriccio.registry import installed
from capriccio.testing import check_analyzer, check_generator
from capriccio_isolation import stand_ins

pytestmark = pytest.mark.usefixtures("apart")


def test_a_part_of_another_environment_is_one_like_any_other():
    with closing(generator("trouble", seed=7)) as part:
        assert part(Moment(beats=3.0), heat=0.2)[0, 0].tolist() == [51, 7, 3]
        assert list(part.knobs) == ["what", "heat", "source"]
        assert (dict(part.instruments), part.unused_knobs) == ({1: "choir"}, frozenset())
        part.feed([Note(60)])
        assert part(Moment(), what="phrase")[1].pitch == 63
        part.reset(9)
        part.warm_up()
        assert part(Moment())[0, 0, 1] == 9
        with pytest.raises(TypeError, match="has no knob 'heet'; did you mean 'heat'"):
            part(Moment(), heet=1)
        assert part.worker.python.endswith("/trouble/environment/bin/python")
    with closing(generator("trouble", isolated=True, seconds=9)) as part:
        assert part(Moment()).shape == (4, 6, 3)
        assert part.worker.seconds == 9
    with closing(analyzer("worry", gain=0.5)) as part:
        assert part(np.full((2, 2, 3), 51, np.uint8)) == (0.1, "warm")


def test_its_plugin_is_listed_with_its_own_name():
    found = {(one.plugin, one.part.role, one.part.name) for one in installed().found}
    assert {
        ("trouble-apart", "generator", "trouble"),
        ("trouble-apart", "analyzer", "worry"),
    } < found
    assert installed().broken == []


def test_it_keeps_the_contract():
    check_generator("trouble")
    check_analyzer("worry")


def test_options_that_it_does_not_take_are_refused():
    with pytest.raises(TypeError, match="takes no 'sed'; it takes seed, model"):
        generator("trouble", sed=7)


def test_a_plugin_that_is_not_there_is_told():
    with pytest.raises(PartError, match="no plugin 'glow' has an environment of its own"):
        getattr(stand_ins, "glow")  # noqa: B009
