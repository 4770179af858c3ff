"""Tests of music as events and of their history."""

import pytest
from capriccio import Note
from capriccio_rnn.events.encoding import (
    LENGTHS,
    ON_GRID,
    SHIFTS,
    EventHistory,
    beats_at,
    encode,
    field_sizes,
    length_token,
    step_and_offset,
    token_velocity,
    velocity_token,
)


def test_time_is_kept_to_a_96th_of_a_beat():
    for beats in (0.0, 0.01, 1 / 3, 0.49, 2 / 3, 7.125, 100.9):
        assert beats_at(*step_and_offset(beats)) == pytest.approx(beats, abs=1 / 192)
    assert beats_at(*step_and_offset(5 / 3)) == pytest.approx(5 / 3)
    assert step_and_offset(2.25) == (9, ON_GRID)


def test_velocities_and_lengths_come_back_as_they_were():
    for velocity in range(1, 128):
        token = velocity_token(velocity / 127)
        assert token_velocity(token) * 127 == pytest.approx(velocity, abs=2.6)
        assert velocity_token(token_velocity(token)) == token
    assert [LENGTHS[length_token(length)] for length in LENGTHS] == list(LENGTHS)
    assert LENGTHS[length_token(0.0)] == 1 / 16
    assert LENGTHS[length_token(1.1)] == 1
    assert LENGTHS[length_token(99.0)] == 16


def test_notes_become_events_in_the_order_of_time_and_pitch():
    notes = [Note(67, 1.02, 0.5), Note(60, 0.0, 1.0), Note(64, 1.0, 0.5), Note(60, 1.0, 0.5)]
    sounds = [(1, 60), (1, 64), (1, 67)]

    sequence = encode(notes, sounds)

    assert sequence.events[:, :3].tolist() == [
        [0, ON_GRID, 0], [4, ON_GRID, 0], [0, ON_GRID, 1], [0, ON_GRID + 2, 2]
    ]  # fmt: skip
    assert sequence.positions.tolist() == [0, 4, 4, 4]


def test_a_long_rest_is_shortened_by_whole_bars():
    sequence = encode([Note(60), Note(60, 33.25)], [(1, 60)], ((0.0, 3.0),))

    assert sequence.events[1, 0] == 133 - 12 * 9 and sequence.events[1, 0] < SHIFTS
    assert sequence.positions[1] == 133 % 12


def test_places_are_counted_from_where_the_meter_changes():
    notes = [Note(60, beat) for beat in range(10)]

    sequence = encode(notes, [(1, 60)], ((0.0, 4.0), (4.0, 3.0)))

    assert sequence.positions.tolist() == [0, 4, 8, 12, 0, 4, 8, 0, 4, 8]


def test_the_history_returns_the_event_that_followed_a_bar_ago():
    count = field_sizes(3, 4)
    history = EventHistory(count)
    bar = [(0, 0, 12), (4, 1, 14), (6, 2, 12)]  # step, sound, offset
    assert history.following(16) == [*count] * 3

    for step, sound, offset in bar:
        history.add(step, [0, offset, sound, 20])
    history.add(16, [10, 10, 0, 21])  # earlier than a bar ago, and still the same hit

    assert history.following(16) == [4, 14, 1, 20, *count, *count]


def test_the_history_has_a_limited_capacity():
    history = EventHistory(field_sizes(2, 4), capacity=8)
    for step in range(100):
        history.add(step, [1, ON_GRID, 0, step % 32])
        assert len(history.events) <= 16
    assert history.following(2)[:4] == [1, ON_GRID, 0, 98 % 32]
