"""Tests of the part `rnn` with the model `chorales`: voices, timing, knobs, and a person."""

import itertools
import math
from statistics import fmean

import numpy as np
import pytest
from capriccio import Moment, Note, pitch_classes
from capriccio_rnn.analyzer import find_faults
from capriccio_rnn.chorales.model import RANGES
from capriccio_rnn.generator import RNN
from helpers import music
from hypothesis import given, settings
from hypothesis import strategies as st


def play(part: RNN, **options) -> list[Note]:
    """Play from the start and return the notes by time and voice."""
    return sorted(music.play(part, **options), key=lambda note: (note.start, note.channel))


def test_the_music_stays_within_the_ranges_of_four_voices():
    notes = play(RNN(seed=3), bars=32)

    assert {note.channel for note in notes} == {1, 2, 3, 4}
    for note in notes:
        low, high = RANGES[note.channel - 1]
        assert low <= note.pitch <= high
        assert 0 < note.length <= 4
        assert 0 < note.velocity <= 1


def test_a_voice_sings_one_note_at_a_time():
    notes = play(RNN(seed=4), bars=32)

    for channel in range(1, 5):
        voice = [note for note in notes if note.channel == channel]
        for note, following in itertools.pairwise(voice):
            assert note.start + note.length <= following.start


@pytest.mark.parametrize("bars_at_once", [1, 4, 8])
def test_the_music_does_not_depend_on_how_it_is_cut_into_phrases(bars_at_once):
    assert play(RNN(seed=5), bars_at_once=bars_at_once) == play(RNN(seed=5), bars_at_once=2)


def test_a_phrase_begins_no_earlier_than_its_moment_and_within_its_span():
    part = RNN(seed=6)

    for beats, span in [(0.0, 0.3), (0.3, 1.1), (1.4, 2.0), (3.4, 0.05), (3.45, 5.0)]:
        for note in part(Moment(beats=beats, span=span)):
            assert 0 <= note.start < span


def test_more_density_writes_more_notes():
    counts = [len(play(RNN(seed=9), bars=24, density=value)) for value in (0.0, 0.5, 1.0)]

    assert counts[0] < counts[1] < counts[2]


def test_more_register_sings_higher_in_every_voice():
    parts = [play(RNN(seed=10), bars=24, register=value) for value in (0.0, 0.5, 1.0)]

    for channel in range(1, 5):
        means = [fmean(n.pitch for n in notes if n.channel == channel) for notes in parts]
        assert means[0] < means[1] < means[2]


def test_more_heat_makes_the_choices_less_certain():
    entropies = []
    for heat in (0.0, 0.25, 0.5, 0.75, 1.0):
        part, seen = RNN(seed=11), []
        for beat in range(64):
            part(Moment(beats=beat, span=1.0), heat=heat)
            seen.append(float(part.player.model.entropy.sum()))
        entropies.append(fmean(seen))

    assert entropies == sorted(entropies)
    assert entropies[0] < entropies[-1] / 2


def test_heat_leaves_the_rhythm_alone():
    calm, wild = (len(play(RNN(seed=15), bars=64, heat=value)) for value in (0.0, 1.0))

    assert wild == pytest.approx(calm, rel=0.25)


def test_at_default_knobs_parallels_are_rare():
    pieces = [RNN(seed=seed)(Moment(span=64.0)) for seed in range(8)]

    found = [
        fault for piece in pieces for fault in find_faults(piece)[1] if "parallel" in fault.what
    ]
    assert len(found) <= 8  # in 128 bars; chance would make sixty


@pytest.mark.parametrize("key", ["d minor", "E flat major", {0, 2, 4, 7, 9}])
def test_a_key_is_kept_to_from_the_first_note(key):
    notes = play(RNN(seed=12), key=key)

    assert len(notes) > 20
    assert {note.pitch % 12 for note in notes} <= pitch_classes(key)


def test_a_key_is_kept_to_when_it_changes_under_a_held_note():
    part = RNN(seed=13)
    part(Moment(beats=0, span=8), key="c major")

    changed = part(Moment(beats=8, span=8), key="f# major")

    # What was composed ahead, to the end of the notes that crossed the bar, is still in c.
    later = [note for note in changed if note.start >= 4]
    assert later and {note.pitch % 12 for note in later} <= pitch_classes("f# major")


def test_an_unknown_key_is_refused():
    with pytest.raises(ValueError, match=r'key must be like "d minor", .*, got .h major'):
        RNN()(Moment(), key="h major")
    with pytest.raises(ValueError, match=r"pitch classes must be numbers 0\.\.11, got \[12\]"):
        RNN()(Moment(), key=[12])


def test_chorales_have_no_style():
    with pytest.raises(ValueError, match="model 'chorales' has no styles, got 'funk'"):
        RNN()(Moment(), style="funk")


def test_notes_of_a_person_change_what_follows():
    alone, fed = RNN(seed=14), RNN(seed=14)
    theme = [Note(pitch, beat) for beat, pitch in enumerate((62, 65, 69, 65, 62, 64, 66, 67))]

    fed.feed(theme)

    assert fed(Moment(beats=8, span=8)) != alone(Moment(beats=8, span=8))


def test_a_melody_is_harmonized_and_kept_note_for_note():
    pitches = (67, 67, 69, 71, 72, 71, 69, 67)
    melody = [Note(pitch, beat) for beat, pitch in enumerate(pitches)]

    phrase = RNN(seed=16).harmonize(melody, key="g major")

    soprano = [(n.pitch, n.start, n.length) for n in phrase if n.channel == 1]
    assert soprano == [(pitch, beat, 1) for beat, pitch in enumerate(pitches)]
    assert {note.channel for note in phrase} == {1, 2, 3, 4}
    others = [note.pitch % 12 for note in phrase if note.channel > 1]
    assert set(others) <= pitch_classes("g major")


@pytest.mark.parametrize("voice", [1, 2, 3, 4])
def test_any_voice_can_be_given(voice):
    pitches = (60, 62, 64, 65, 64, 62, 60)
    melody = [Note(pitch, beat, channel=voice) for beat, pitch in enumerate(pitches)]

    phrase = RNN(seed=17).harmonize(melody)

    given = [note.pitch % 12 for note in phrase if note.channel == voice]
    assert given == [pitch % 12 for pitch in pitches]
    assert len({note.channel for note in phrase}) == 4


def test_notes_without_a_finite_time_are_refused():
    part = RNN()

    with pytest.raises(ValueError, match="note must have a finite start >= 0 and a finite length"):
        part.feed([Note(60, math.nan)])
    with pytest.raises(ValueError, match="phrase must be at most 256 beats long, got 1001"):
        part.feed([Note(60, 1000.0)])


anything = st.builds(
    Note,
    pitch=st.integers(-12, 140),
    start=st.floats(0, 20),
    length=st.floats(-1, 8),
    velocity=st.floats(-1, 2),
    channel=st.integers(0, 17),
)


shared = RNN(seed=18)


@settings(deadline=None, max_examples=40)
@given(st.lists(anything, max_size=12))
def test_any_notes_of_a_person_are_followed_by_playable_notes(notes):
    shared.feed(notes)

    for note in shared(Moment(beats=0, span=4)):  # `Generator` checks that they can be played
        low, high = RANGES[note.channel - 1]
        assert low <= note.pitch <= high


def test_a_state_that_is_not_finite_is_reported_and_reset():
    part = RNN(seed=19)
    play(part, bars=2)
    part.player.model.state[0, 0] = np.nan

    with pytest.raises(
        FloatingPointError, match="state of the network was not finite and has been reset"
    ):
        part(Moment(beats=8, span=8))

    assert len(part(Moment(beats=16, span=8))) > 8
