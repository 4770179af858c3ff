"""A show goes with that of a conductor: in beats, and in what is turned there."""

import pytest
from capriccio import ShowError
from capriccio.clock import OfflineClock
from capriccio_cluster.follower import BeatsFollower, ClockOffset
from helpers.command import PIECE, error


class Clock(OfflineClock):
    """A live clock whose time the test sets; events are sent 0.25 s ahead."""

    live = True

    def __init__(self, bpm=120.0):
        super().__init__(bpm)
        self.ahead = 0.25
        self.change(standing=True)


def play(follower, until, conductor, bpm=120.0, step=0.1, jitter=lambda index: 0.0):
    """Follow the beats that `conductor(seconds)` is at, up to a time."""
    clock, index = follower.clock, 0
    while clock.seconds() < until:
        clock.wait(clock.seconds() + step)
        index += 1
        seconds = clock.seconds() + jitter(index)
        follower.follow(seconds, conductor(clock.seconds()), bpm, False)


@pytest.mark.parametrize("begun", [-0.4, 0.0, 3.0, 1000.25])
def test_the_beats_are_the_conductors_very_own(begun):
    follower = BeatsFollower(Clock())
    play(follower, 4.0, lambda seconds: begun + seconds * 2)
    assert follower.clock.beats_at(5.0) == pytest.approx(begun + 10.0, abs=0.01)
    assert abs(follower.drift) < 0.005


def test_a_conductor_that_is_behind_is_waited_for():
    follower = BeatsFollower(Clock())
    play(follower, 3.0, lambda seconds: 10 + seconds * 2)
    play(follower, 9.0, lambda seconds: 6 + seconds * 2)
    assert follower.clock.beats_at(9.5) == pytest.approx(25.0, abs=0.01)


def test_a_small_drift_is_steered_away_and_the_tempo_followed():
    follower = BeatsFollower(Clock())
    play(follower, 3.0, lambda seconds: seconds * 2)
    begun = follower.clock.beats_at(3.0)
    play(follower, 12.0, lambda seconds: begun + (seconds - 3) * 1.5, bpm=90.0)
    assert follower.clock.beats_at(12.0) == pytest.approx(begun + 13.5, abs=0.01)
    assert follower.clock.bpm == pytest.approx(90, abs=1)


def test_uneven_answers_move_the_beat_little():
    follower = BeatsFollower(Clock())
    play(follower, 10.0, lambda seconds: seconds * 2, jitter=lambda index: (-1) ** index * 0.004)
    assert follower.clock.beats_at(10.0) == pytest.approx(20.0, abs=0.02)


def test_where_the_conductor_rests_the_show_rests():
    follower = BeatsFollower(Clock())
    play(follower, 3.0, lambda seconds: seconds * 2)
    follower.follow(3.0, 6.0, 120.0, True)
    assert follower.clock.tempo.stands_at(4.0)
    before = follower.clock.tempo.segments()
    follower.follow(3.1, 6.0, 120.0, True)
    assert follower.clock.tempo.segments() == before


def test_nothing_happens_before_the_show():
    clock = Clock()
    clock.started = False
    BeatsFollower(clock).follow(0.0, 5.0, 120.0, False)
    assert clock.tempo.stands_at(1.0)


def test_the_offset_is_that_of_the_quickest_answer():
    offset = ClockOffset()
    ways = [(0.030, 0.002), (0.001, 0.029), (0.002, 0.001), (0.028, 0.030)]
    for number, (there, back) in enumerate(ways):
        sent = float(number)
        found = offset.add(sent, sent + there + 50.0, sent + there + back)
    assert found == pytest.approx(50.0005)


def test_a_show_that_is_not_live_follows_nobody(tmp_path):
    from capriccio import Performance
    from capriccio_cluster.follower import Follower

    with pytest.raises(ShowError, match="a conductor is followed live"):
        Follower("localhost").start(Performance(OfflineClock()))
    (tmp_path / "piece.py").write_text(PIECE)
    flags = ("--offline", "--seconds", "0.1", "--follow", "conductor:127.0.0.1:9/rose")
    assert "a conductor is followed live; leave out" in error("run", tmp_path / "piece.py", *flags)
