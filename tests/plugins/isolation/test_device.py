"""Outputs and inputs in a process of their own: to a show the same, and no danger to it."""

import logging
from contextlib import closing

import numpy as np
import pytest
from capriccio import (
    LiveClock,
    Note,
    OfflineClock,
    Parameter,
    PartError,
    Performance,
    Sketch,
    generator,
    input_device,
    output,
)
from capriccio.events import ReadingTaken
from capriccio.testing import Memory, check_input, check_output
from capriccio_isolation.child_process import WorkerError
from helpers.devices import wait_for

pytestmark = pytest.mark.usefixtures("installed")


def picture(red):
    return np.full((6, 8, 3), red, np.uint8)


@pytest.fixture
def lamp():
    with closing(output("lamp:home", isolated=True, seconds=20)) as one:
        yield one


def performance_of(clock):
    return Performance(clock, size=(8, 6), title="evening", instruments={1: "choir"})


def test_an_output_is_shown_played_and_turned(lamp):
    performance = performance_of(OfflineClock())
    parameters, clock = performance.parameters, performance.clock
    lamp.start(performance)
    seen = parameters.gauges["lamp"].read
    assert seen() == "evening 8x6 choir"
    clock.wait(0.5)
    lamp.show(picture(100), clock.moment(seconds=0.5, span=1))
    lamp.note_on(Note(60), clock.moment(seconds=1.0, span=1))
    parameters.set("/lamp/gain", 0.25)
    parameters.apply_pending(1.0)
    assert parameters.by_address["/lamp/gain"].value() == 0.25
    clock.wait(2.0)
    lamp.show(picture(100), clock.moment(seconds=2.0, span=1))
    lamp.note_off(Note(60), clock.moment(seconds=2.0, span=1))
    assert seen() == "evening 8x6 choir, 50 at 0.5, on 60, 25 at 2, off 60"
    assert not lamp.closed
    lamp.show(picture(99), clock.moment(seconds=3.0, span=1))
    assert lamp.closed  # it asks for the end of the show
    assert str(lamp) == "isolated output 'lamp'"


def test_a_sketch_performs_to_both(lamp):
    part, sketch, memory = generator("trouble"), Sketch(fps=10, size=(16, 16)), Memory()
    sketch.names = {"part": part}
    sketch.instruments({1: "choir"})

    @sketch.draw
    def draw(now):
        return part(now)

    heard = []

    class Listen(Memory):
        """Hear what is published."""

        def start(self, performance):
            super().start(performance)
            self.gauges = performance.parameters.gauges
            performance.parameters.subscribe(heard.append)

    memory = Listen()
    tide = input_device("tide:/part/heat", isolated=True, seconds=20)
    sketch.perform([memory, lamp], seconds=0.5, inputs=[tide])
    reds = [int(255 * seconds / 20) for seconds in range(5)]
    assert [one[0, 0, 0] for one in memory.images] == reds
    readings = [one.values for one in heard if isinstance(one, ReadingTaken)]
    assert readings == [(one / 10,) for one in range(5)]
    assert memory.gauges["lamp"].read().endswith(f"{reds[4] / 2:g} at 0.4")
    assert not lamp.worker.running and not tide.worker.running


def test_an_output_that_fails_live_is_started_again_beside_the_show(lamp, caplog):
    performance = performance_of(LiveClock())
    lamp.start(performance)
    performance.clock.start()
    parameters, now = performance.parameters, performance.clock.moment(span=1)
    parameters.set("/lamp/gain", 1.0)
    parameters.apply_pending(0.0)
    lamp.note_on(Note(60), now)
    with caplog.at_level(logging.WARNING, "capriccio"):
        lamp.show(picture(66), now)
    assert "isolated output 'lamp': its process ended with 3; it is replaced" in caplog.text
    assert parameters.gauges["isolated output 'lamp' 1"].read() == "replaced 1 times"

    def shown():
        lamp.show(picture(100), now)
        return ", 100 at " in parameters.gauges["lamp"].read()  # as bright as it was turned

    wait_for(shown, what="the new process")
    lamp.note_off(Note(60), now)  # which the new one does not play
    lamp.note_on(Note(62), now)
    seen = parameters.gauges["lamp"].read()
    assert seen.startswith("evening 8x6 choir, 100 at ") and seen.endswith(", on 62")
    assert "off" not in seen


def test_offline_a_failure_is_raised(lamp):
    performance = performance_of(OfflineClock())
    lamp.start(performance)
    now = performance.clock.moment(span=1)
    with pytest.raises(WorkerError, match="its process ended with 3"):
        lamp.show(picture(66), now)
    with pytest.raises(WorkerError, match="its process"):
        lamp.show(picture(1), now)


def test_errors_are_those_of_the_device(lamp):
    performance = performance_of(OfflineClock())
    performance.instruments = {}
    with pytest.raises(RuntimeError, match="KeyError: 1"):
        lamp.start(performance)
    tide = input_device("tide:/lamp/gian", isolated=True, seconds=20)
    with closing(tide):
        parameters = performance.parameters
        parameters.add(Parameter("/lamp/gain", "number", "Brightness", lambda value: None))
        tide.start(performance)
        with pytest.raises(RuntimeError, match="no control '/lamp/gian'; did you mean"):
            parameters.apply_pending(0.0)


def test_only_what_a_device_writes_is_called(lamp):
    from capriccio.stage.event_queue import EventQueue

    assert EventQueue(lamp).shows
    assert not EventQueue(lamp).wants_progress


def test_what_has_no_name_is_not_checked():
    for check in (check_output, check_input):
        with pytest.raises(AssertionError, match="on this machine: it needs the name of another"):
            check("isolated")


@pytest.mark.parametrize("build", [output, input_device])
def test_what_cannot_be_isolated_is_told(build):
    with pytest.raises(PartError, match="it needs the name of another one, as in isolated:mjpeg"):
        build("isolated")
    with pytest.raises(PartError, match="cannot be isolated again"):
        build("isolated:isolated:lamp" if build is output else "isolated:isolated:tide")
    with pytest.raises(PartError, match="is named 'lmap'"):
        build("lmap", isolated=True)
