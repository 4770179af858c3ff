"""Events are immutable values that carry the seconds of the show."""

from dataclasses import FrozenInstanceError, fields

import pytest
from capriccio import events
from capriccio.events import Event, ParameterSet, PhrasePlayed

KINDS = [
    kind
    for kind in vars(events).values()
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_starts_with_its_seconds_and_is_immutable(kind):
    event = kind(1.5, *[None] * (len(fields(kind)) - 1))
    assert event.seconds == 1.5
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'seconds'"):
        event.seconds = 2.0


def test_events_compare_by_value():
    assert ParameterSet(1.0, "/a", 0.5) == ParameterSet(1.0, "/a", 0.5)
    assert ParameterSet(1.0, "/a", 0.5) != ParameterSet(1.0, "/a", None)
    assert ParameterSet(1.0, "/a").value is None


def test_a_phrase_of_a_cue_that_raised_has_no_notes():
    event = PhrasePlayed(4.0, cue=0, beats=8.0, span=4.0, called=3.9, notes=None)
    assert event.notes is None
