"""Parts of a plugin with an environment of its own, as a sketch meets them."""

from contextlib import closing

import numpy as np
import pytest
from capriccio import (
    Moment,
    Note,
    OfflineClock,
    Output,
    PartError,
    Performance,
    analyzer,
    generator,
    output,
)
from capriccio.registry import installed
from capriccio.testing import check_analyzer, check_generator, check_input, check_instrument
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


def test_devices_and_instruments_of_another_environment():
    kinds = {one.part.name: one.part for one in installed().found}
    lamp, gong = kinds["lamp"], kinds["gong"]
    assert (lamp.missing(), lamp.timed) == ("", False)
    assert lamp.show is not Output.show and lamp.sent_until is Output.sent_until
    assert (list(gong.pitches), gong.program, tuple(gong.loop)) == ([40, 50], 15, (0.1, 0.2))
    performance = Performance(OfflineClock(), title="evening", instruments={1: "choir"})
    with closing(output("lamp:home")) as part:
        part.start(performance)
        part.show(np.zeros((2, 2, 3), np.uint8), performance.clock.moment(span=1))
        assert performance.parameters.gauges["lamp"].read().endswith("choir, 0 at 0")


def test_its_plugin_is_listed_with_its_own_name():
    found = {(one.plugin, one.part.role, one.part.name) for one in installed().found}
    named = [("generator", "trouble"), ("analyzer", "worry"), ("output", "lamp"),
             ("input", "tide"), ("instrument", "gong")]  # fmt: skip
    assert {("trouble-apart", *one) for one in named} < found
    assert installed().broken == []


def test_it_keeps_the_contract():
    check_generator("trouble")
    check_analyzer("worry")
    check_input("tide")
    check_instrument("gong")


def test_options_that_it_does_not_take_are_refused():
    with pytest.raises(TypeError, match="takes no 'sed'; it takes seed, model"):
        generator("trouble", sed=7)


def test_a_plugin_that_is_not_there_is_told():
    with pytest.raises(PartError, match="no plugin 'glow' has an environment of its own"):
        getattr(stand_ins, "glow")  # noqa: B009
