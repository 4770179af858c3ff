"""A conductor and those who follow it, on one machine: beats, knobs, who is missing."""

import numpy as np
import pytest
from capriccio import Generator, Performance, ShowError
from capriccio.clock import LiveClock, OfflineClock
from capriccio.parts import knob_parameter
from capriccio_cluster import conductor as conductor_module
from capriccio_cluster import follower as follower_module
from capriccio_cluster.conductor import Conductor
from capriccio_cluster.follower import Follower
from helpers.devices import wait_for
from helpers.osc import free_udp_port


class Light(Generator):
    def generate(self, now, *, level=0.5):
        return np.zeros((4, 4, 3), np.uint8)


class Show:
    """A live show without a stage: a clock that runs, and a part with a knob."""

    def __init__(self, device, seed="7", sha256="a"):
        self.clock, self.light, self.device = LiveClock(), Light(), device
        record = {"seed": seed, "sha256": sha256}
        self.performance = Performance(self.clock, provenance=lambda: record)
        self.parameters = self.performance.parameters
        self.parameters.add(knob_parameter("light", self.light, Light.knobs["level"]))

    def start(self):
        self.device.start(self.performance)
        self.clock.start()
        return self

    @property
    def beats(self):
        return self.clock.beats_at(self.clock.seconds())

    def level(self):
        self.parameters.apply_pending(self.clock.seconds())
        return self.light.knob_state.held.get("level")


@pytest.fixture
def shows():
    started = []

    def show(device, **facts):
        made = Show(device, **facts).start()
        started.append(made)
        return made

    yield show
    for one in started:
        one.device.close()


@pytest.fixture
def place():
    return f"127.0.0.1:{free_udp_port()}/rose"


def test_two_machines_go_with_the_conductor_and_its_knobs(shows, place, monkeypatch):
    leader = shows(Conductor(f"{place},2"))
    assert leader.clock.tempo.stands_at(1e6) and "2 more missing" in leader.device.words()
    followers = [shows(Follower(place)) for _ in range(2)]
    for number, one in enumerate(followers):
        one.device._name = f"wall-{number}"  # they are of one process here
    wait_for(lambda: not leader.clock.tempo.stands_at(1e6), 60)
    wait_for(lambda: leader.beats > 0.5, 60)
    for one in followers:  # whoever is held up is near again a moment later
        wait_for(lambda one=one: abs(one.beats - leader.beats) < 0.04, 60)
        wait_for(lambda one=one: abs(one.device.beats.drift) < 0.02, 60)
        assert one.clock.leader == "the conductor"
    leader.parameters.set("/light/level", 0.75)
    leader.level()
    for one in followers:
        wait_for(lambda one=one: one.level() == 0.75, 60)
    leader.parameters.set("/light/level")  # released
    leader.level()
    for one in followers:
        wait_for(lambda one=one: one.level() is None, 60)
    assert "wall-0 " in leader.device.words() and "ms" in followers[0].device.words()
    monkeypatch.setattr(conductor_module, "MISSING_SECONDS", 0.3)
    monkeypatch.setattr(follower_module, "MISSING_SECONDS", 0.3)
    followers[0].device.close()
    wait_for(lambda: "wall-0" in leader.device.absent(), 60)
    wait_for(lambda: "wall-0 missing" in leader.device.words(), 60)
    leader.device.close()
    wait_for(lambda: followers[1].device.is_alone, 60)
    wait_for(lambda: followers[1].clock.leader == "", 60)
    assert "missing for" in followers[1].device.words()
    assert not followers[1].clock.tempo.stands_at(1e6)  # the show goes on


def test_who_comes_late_gets_what_was_turned_and_misses_what_was_pressed(shows, place, monkeypatch):
    from capriccio import Parameter

    leader = shows(Conductor(place))
    pressed = []
    leader.parameters.add(Parameter("/next", "press", "Next", pressed.append))
    monkeypatch.setattr(conductor_module, "PRESS_SECONDS", -1.0)
    leader.parameters.set("/light/level", 0.25)
    leader.parameters.set("/next")
    leader.level()
    late = shows(Follower(place))
    late.parameters.add(Parameter("/next", "press", "Next", pressed.append))
    wait_for(lambda: late.level() == 0.25, 60)
    assert pressed == [None]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"sha256": "b"}, "the conductor plays another sketch; copy it to this machine"),
        ({"seed": "8"}, "the conductor plays seed 7; start with --seed 7"),
    ],
)
def test_another_sketch_or_seed_is_refused(shows, place, facts, message):
    shows(Conductor(place))
    with pytest.raises(ShowError, match=message):
        shows(Follower(place), **facts)


def test_a_seed_by_chance_is_refused(shows, place):
    shows(Conductor(place), seed="")
    with pytest.raises(ShowError, match="the conductor plays a seed by chance"):
        shows(Follower(place), seed="")


def test_a_show_waits_for_a_conductor_that_is_not_there(shows, place, monkeypatch, caplog):
    monkeypatch.setattr(follower_module, "GREET_SECONDS", 0.2)
    waiting = shows(Follower(place))
    assert "no conductor answers" in caplog.text and waiting.device.words() == "missing"
    assert waiting.clock.tempo.stands_at(1e6)
    leader = shows(Conductor(place))
    wait_for(lambda: abs(waiting.beats - leader.beats) < 0.04, 60)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("0.0.0.0:9100", "needs a word that its followers know"),
        ("127.0.0.1:9100,many", "waits for a number of machines, got 'many'"),
        ("192.0.2.77:9100/rose", "cannot conduct at 192.0.2.77:9100"),
    ],
)
def test_an_impossible_conductor_is_refused(target, message):
    with pytest.raises(ShowError, match=message):
        Conductor(target).start(Performance(LiveClock()))
    with pytest.raises(ShowError, match="a conductor performs live"):
        Conductor("").start(Performance(OfflineClock()))


def test_strangers_are_not_answered(shows, place):
    leader = shows(Conductor(place))
    hello = ["x", 0.0, 0.0, 0]
    encode = conductor_module.encode
    assert leader.device._answer(encode("thorn", "/hello", *hello)) == []
    assert leader.device._answer(encode("rose", "/hello", "x", 0.0)) == []
    assert leader.device._answer(encode("rose", "/hello", *hello))
    for number in range(2 * conductor_module.MAX_FOLLOWERS):
        leader.device._answer(encode("rose", "/hello", str(number), 0.0, 0.0, 0))
    assert len(leader.device.followers) == conductor_module.MAX_FOLLOWERS
