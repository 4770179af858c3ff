"""Notes on their way to one output: every one is ended, once."""

import math

from capriccio import Note
from capriccio.stage.event_queue import EventQueue
from capriccio.testing import Memory
from helpers.shows import offline_stage, turns
from hypothesis import given, settings
from hypothesis import strategies as st


def test_a_note_played_again_is_ended_first_and_ends_with_the_later_one():
    note = Note(60, 0.0, 3.0)  # the very same thing for every turn
    memory = Memory()
    offline_stage([memory], plays=[(lambda now: [note], 0.5)], bpm=60).perform(10)
    begun = [(float(beats), True, 60) for beats in range(0, 10, 2)]
    ended = [(float(beats), False, 60) for beats in range(2, 11, 2)]
    assert turns(memory) == sorted(begun + ended)


PHRASES = st.lists(
    st.builds(
        Note,
        st.integers(60, 63),
        st.floats(0, 6),
        st.floats(1e-9, 8),
        st.floats(0, 1),
        st.integers(1, 2),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(PHRASES, st.floats(0.1, 6))
def test_every_note_is_ended_once_and_before_it_is_played_again(phrase, seconds):
    memory = Memory()
    offline_stage([memory], plays=[(lambda now: phrase, 1)], fps=5).perform(seconds)
    sounding, before = set(), 0.0
    for call in memory.calls:
        if not call.method.startswith("note"):
            continue
        key = call.thing.channel, call.thing.pitch
        assert (key in sounding) == (call.method == "note_off")
        sounding ^= {key}
        assert call.now.beats >= before - 1e-9
        before = call.now.beats
    assert not sounding
    assert memory.calls[-1].method == "close"


def test_a_note_of_no_known_length_sounds_until_it_is_ended():
    queue, held = EventQueue(), Note(60, 0.0, math.inf)
    queue.add(held, 1.0)
    assert [(event.beats, event.begins) for event in queue.due(5.0)] == [(1.0, True)]
    assert queue.sounding == 1 and queue.next_beats() == math.inf
    queue.add(held._replace(length=0.0), 6.0)
    assert [(event.beats, event.begins) for event in queue.due(7.0)] == [(6.0, False)]
    assert queue.sounding == 0


def test_what_ends_a_held_note_ends_no_other():
    """One that was played meanwhile, by a cue, has a length of its own."""
    queue, held = EventQueue(), Note(60, 0.0, math.inf)
    queue.add(held, 0.0)
    queue.add(Note(60, 0.0, 2.0), 1.0)
    queue.add(held._replace(length=0.0), 1.5)
    turns = [(event.beats, event.begins) for event in queue.due(5.0)]
    assert turns == [(0.0, True), (1.0, False), (1.0, True), (3.0, False)]
