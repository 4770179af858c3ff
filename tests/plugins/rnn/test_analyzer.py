"""Tests of the part `ear`: every reading on music with a known answer, and on random notes."""

import numpy as np
import pytest
from capriccio import Model, Moment, Note
from capriccio.testing import check_analyzer, phrases
from capriccio_rnn.analyzer import Ear, Fault, estimate_key, longest_shared_run, training_sounds
from capriccio_rnn.generator import RNN
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def ear():
    return Ear()


def line(pitches, channel=1, length=1.0) -> list[Note]:
    return [Note(p, i * length, length, channel=channel) for i, p in enumerate(pitches) if p]


def chords(*pitches) -> list[Note]:
    """Return four voices, one chord a beat, from soprano to bass."""
    return [n for v, voice in enumerate(zip(*pitches, strict=True)) for n in line(voice, v + 1)]


def test_the_part_keeps_the_contract():
    check_analyzer(Ear, [*phrases(), [], RNN(seed=1)(Moment(span=16.0))])


@pytest.mark.parametrize("shift", range(12))
@pytest.mark.parametrize(
    "scale, mode", [((0, 2, 4, 5, 7, 9, 11, 12), "major"), ((0, 2, 3, 5, 7, 8, 11, 12), "minor")]
)
def test_a_scale_with_its_tonic_is_in_its_key(scale, mode, shift):
    names = ("c", "c#", "d", "e flat", "e", "f", "f#", "g", "a flat", "a", "b flat", "b")

    key, certainty = estimate_key(line([60 + shift + step for step in (*scale, 7, 0)]))

    assert key == f"{names[shift]} {mode}"
    assert certainty > 0.7


def test_twelve_different_notes_are_in_no_key():
    assert estimate_key(line(range(60, 72))) == ("", 0.0)
    assert estimate_key([]) == ("", 0.0)


def test_density_counts_notes_a_beat(ear):
    assert ear(line([60] * 8, length=0.5)).density == pytest.approx(2 / 16)
    assert ear([Note(60, 0, 0.01)] * 9).density == 1.0


def test_semitones_are_rough_and_fifths_are_smooth(ear):
    def roughness(*pitches):
        return ear([Note(pitch, channel=n + 1) for n, pitch in enumerate(pitches)]).dissonance

    assert roughness(60) == 0
    assert roughness(67, 60) == 0
    assert roughness(67, 60) < roughness(64, 60) < roughness(66, 60) < roughness(61, 60) == 1
    assert roughness(73, 60) == 1  # a minor ninth is as rough


def test_notes_that_do_not_sound_together_are_not_rough(ear):
    assert ear(line([60, 61, 60, 61])).dissonance == 0


def test_a_repeated_motif_is_recognised_in_another_key(ear):
    motif = [60, 62, 64, 60]
    new = [65, 64, 67, 71]

    assert ear(line([*motif, *(pitch + 5 for pitch in motif)])).repetition == pytest.approx(1 / 5)
    assert ear(line([*motif, *new])).repetition == 0


def test_parallel_fifths_and_octaves_are_found_where_they_are(ear):
    clean = chords((72, 67, 64, 48), (74, 67, 59, 55))
    octaves = chords((72, 67, 64, 48), (74, 65, 62, 50))

    assert ear(clean).where == ()
    assert ear(octaves).where == (Fault(1, "parallel octaves", ("soprano", "bass")),)
    parallel = ear([*line([67, 69], 2), *line([60, 62], 3)])
    assert parallel.where == (Fault(1, "parallel fifths", ("alto", "tenor")),)
    assert parallel.faults == 1.0


def test_voices_that_stay_or_move_apart_are_no_parallels(ear):
    assert ear(chords((72, 67, 64, 48), (72, 67, 64, 48))).where == ()
    assert ear([*line([67, 67], 2), *line([60, 60], 3)]).where == ()
    assert ear([*line([67, 62], 2), *line([60, 67], 3)]).where[0].what == "crossing"


def test_a_note_out_of_its_voices_range_is_found(ear):
    assert ear(line([90])).where == (Fault(0, "out of range", ("soprano",)),)


def test_the_network_is_less_surprised_by_a_tune_than_by_noise(ear):
    tune = line([67, 67, 69, 71, 72, 71, 69, 67, 69, 67, 65, 64, 62, 60])
    noise = line([61, 78, 66, 81, 60, 75, 63, 80, 68, 60, 79, 61, 73, 66])

    assert 0 < ear(tune).surprise < ear(noise).surprise <= 1
    assert ear(tune).figures.nats < ear(noise).figures.nats


def test_a_copy_from_the_training_set_is_found_in_any_key(ear):
    card = Model(Ear.models["chorales"]).card
    bach = training_sounds(card)[16:80].astype(int)  # four bars of a chorale
    copy = [
        Note(int(bach[step, voice]) + 35 + 2, step / 4, 0.25, channel=voice + 1)
        for step in range(64)
        for voice in range(4)
        if bach[step, voice]
    ]

    assert ear(copy).figures.copied == pytest.approx(63 / 4)  # the first step has no step before it
    assert ear(copy).originality == pytest.approx(1 / 64)


def test_music_unlike_the_training_set_is_original(ear):
    strange = chords((61, 60, 59, 58), (80, 53, 68, 37), (60, 73, 47, 66))

    assert ear(strange).figures.copied < 1
    assert ear(strange).originality > 0.6


def test_a_run_is_counted_in_sixteenths_and_in_any_key():
    known = np.array([[30, 25, 20, 10], [32, 25, 20, 10], [32, 24, 17, 5], [30, 25, 20, 10]])
    moved = known[:3] + 3

    assert longest_shared_run(moved, known) == 2
    assert longest_shared_run(moved[:0], known) == 0
    assert longest_shared_run(moved[::-1], known) == 0


anything = st.builds(
    Note,
    pitch=st.integers(-12, 140),
    start=st.floats(0, 20),
    length=st.floats(-1, 8),
    velocity=st.floats(0, 1),
    channel=st.integers(0, 17),
)


@settings(deadline=None, max_examples=40)
@given(phrase=st.lists(anything, max_size=12))
def test_any_phrase_can_be_read(phrase, ear):
    readings = ear(phrase)  # `Analyzer.read` checks that every float is 0..1

    assert readings == ear(phrase)


def test_a_phrase_of_infinite_length_is_refused(ear):
    with pytest.raises(ValueError, match="note must have a finite start >= 0 and a finite length"):
        ear([Note(60, 0, float("inf"))])
