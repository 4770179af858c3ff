"""A performance, and what a device in another process sees and sets of it."""

import pytest
from capriccio import Gauge, LiveClock, OfflineClock, Parameter, Performance
from capriccio_isolation.mirror import DeviceSide, ShowSide, facts_of


class Device:
    closed = False


@pytest.fixture
def sides():
    """Both sides, of an offline show with one parameter; and a device."""
    performance = Performance(OfflineClock(90, 3), size=(64, 48), instruments={2: "organ"},
                              provenance=lambda: {"seed": 7, "of": (1, None)})  # fmt: skip
    light = Parameter("/light", "choice", "How light", lambda value: None, value=lambda: "dim",
                      choices=("dim", "bright"))  # fmt: skip
    performance.parameters.add(light)
    return ShowSide(performance, Device()), DeviceSide(facts_of(performance)), Device()


def pass_news(show, device, part):
    """Tell the device what has changed, and the show what the device has done."""
    news = show.news()
    device.take(news)
    device.apply(news)
    show.take(device.news(part))


def test_the_device_sees_the_facts_of_the_show(sides):
    _, device, _ = sides
    seen = device.performance
    assert (seen.clock.bpm, seen.clock.meter, seen.size) == (90, 3, (64, 48))
    assert (seen.instruments, seen.provenance()) == ({2: "organ"}, {"seed": 7, "of": [1, None]})
    assert not seen.clock.live


def test_news_are_what_has_changed(sides):
    show, device, part = sides
    clock, seen = show.performance.clock, device.performance
    pass_news(show, device, part)
    light = seen.parameters.by_address["/light"]
    assert (light.value(), light.choices, light.description) == (
        "dim", ("dim", "bright"), "How light",
    )  # fmt: skip
    assert show.news() == {}
    clock.wait(2.0)
    clock.change(45, seconds=4.0)
    show.performance.size = (32, 32)
    pass_news(show, device, part)
    assert (seen.clock.seconds(), seen.size) == (2.0, (32, 32))
    assert seen.clock.beats_at(8.0) == clock.beats_at(8.0) == 9.0
    again = DeviceSide(facts_of(show.performance))  # that of a new process
    again.take(show.first_news())
    assert again.performance.clock.beats_at(8.0) == 9.0
    assert "/light" in again.performance.parameters.by_address


def test_a_live_clock_is_the_same_in_both():
    performance = Performance(LiveClock())
    show, device = ShowSide(performance, Device()), DeviceSide(facts_of(performance))
    device.take(show.news())
    assert not device.performance.clock.started
    performance.clock.start(lead=-3.0)
    device.take(show.news())
    ahead = device.performance.clock.seconds() - performance.clock.seconds()
    assert abs(ahead) < 0.5
    assert "origin" not in show.news()


def test_what_a_device_sets_is_set_in_the_show(sides):
    show, device, part = sides
    turned, readings = [], []
    parameters = show.performance.parameters
    parameters.add(Parameter("/heat", "number", "Heat", turned.append, convert=float))
    parameters.publish_readings = lambda *words: readings.append(words)
    pass_news(show, device, part)
    own = device.performance.parameters
    own.set("/heat", 0.25)
    own.add_automation(lambda seconds: own.set("/light", "bright"))
    own.publish_readings(part, "pad", (0.5,))
    device.frame(0.0)
    pass_news(show, device, part)
    assert show.moves
    parameters.apply_pending(0.0)
    assert turned == [0.25]
    assert [one[1:] for one in readings] == [("pad", (0.5,))]
    own.set("/heat", "hot")
    device.frame(0.0)
    with pytest.raises(ValueError, match="could not convert string"):
        pass_news(show, device, part)


def test_what_a_device_adds_is_added_to_the_show(sides):
    show, device, part = sides
    own, pressed = device.performance.parameters, []
    gain = [0.5]
    own.add(Parameter("/gain", "number", "Gain", lambda it: gain.append(it), convert=lambda it: it,
                      value=lambda: gain[-1]))  # fmt: skip
    own.add(Parameter("/again", "press", "Again", pressed.append))
    own.add_gauge(Gauge("load", "How much", lambda: str(gain[-1]), lambda: gain[-1] < 1))
    pass_news(show, device, part)
    parameters = show.performance.parameters
    assert parameters.by_address["/gain"].value() == 0.5
    parameters.set("/gain", 1.5)
    parameters.set("/again")
    parameters.apply_pending(0.0)
    pass_news(show, device, part)
    assert (gain, pressed) == ([0.5, 1.5], [None])
    gauge = parameters.gauges["load"]
    assert (gauge.read(), gauge.good(), gauge.description) == ("1.5", False, "How much")
    assert show.first_news()["applied"] == [("/gain", 1.5)]  # a new process is turned as this one
