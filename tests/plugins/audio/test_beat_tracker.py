"""The beat in sound."""

import numpy as np
import pytest
from capriccio_audio.beat_tracker import (
    BEATS,
    CERTAIN,
    HOP,
    PERIODS,
    BeatTracker,
    OnsetReader,
    autocorrelation,
    likeness,
)
from capriccio_audio.instrument_samples import RATE
from helpers.drums import drums


def off(tracker, seconds, times, bpm):
    """Return how far a beat that is found is from the nearest that was played, in seconds."""
    found = tracker.beat_at(seconds)
    nearest = times[np.argmin(np.abs(times - seconds))]
    beats = found.beats - (seconds - nearest) * bpm / 60
    return abs(beats - round(beats)) * 60 / bpm


@pytest.mark.parametrize(("bpm", "expected"), [(96, 96), (120, 100), (84, 96), (140, 150)])
def test_tempo_and_beat_are_found_within_eight_beats(bpm, expected):
    sound, times = drums([bpm])
    tracker = BeatTracker(expected)
    tracker.listen(sound)
    seconds = len(sound) / RATE
    beat = tracker.beat_at(seconds)
    assert beat.bpm == pytest.approx(bpm, rel=0.02)
    assert off(tracker, seconds, times, bpm) < 0.03
    assert beat.certainty > CERTAIN


def test_another_tempo_is_followed():
    sound, times = drums([100, 112], beats=16)
    tracker = BeatTracker(100)
    tracker.listen(sound)
    seconds = len(sound) / RATE
    assert tracker.beat_at(seconds).bpm == pytest.approx(112, rel=0.02)
    assert off(tracker, seconds, times, 112) < 0.04


def test_silence_has_no_beat_and_noise_no_certain_one():
    tracker = BeatTracker()
    tracker.listen(np.zeros(4 * RATE, np.float32))
    assert tracker.beat_at(4.0) is None
    noise = np.random.default_rng(1).standard_normal(6 * RATE).astype(np.float32)
    tracker = BeatTracker()
    tracker.listen(0.1 * noise)
    beat = tracker.beat_at(6.0)
    assert beat is None or beat.certainty < CERTAIN


def test_it_does_not_matter_how_the_sound_is_cut():
    sound, _ = drums([120])
    whole, cut = BeatTracker(), BeatTracker()
    whole.listen(sound)
    for at in range(0, len(sound), HOP + 77):
        cut.listen(sound[at : at + HOP + 77])
    assert whole.beat_at(4.0) == cut.beat_at(4.0)


def test_what_repeats_is_like_itself_after_its_period():
    values = np.tile([1.0, 0, 0, 0, 0], 20)
    alike = autocorrelation(values)
    assert alike[0] == 1.0
    assert alike[5] == pytest.approx(1.0, abs=0.05)
    assert max(alike[1:5]) < 0.1


def test_onsets_are_read_in_every_hop():
    sound, times = drums([120], beats=4)
    values = np.array(OnsetReader().read(sound))
    assert values.shape == (len(sound) // HOP, 3)
    kick, snare = values[:, 1], values[:, 2]
    # The kick is on the first beat and the third, the snare on the others.
    hops = (times * RATE / HOP).astype(int)
    for number, hop in enumerate(hops[1:], 1):
        near = slice(hop - 2, hop + 4)
        assert (snare if number % 2 else kick)[near].max() > 3 * np.median(values[:, 1:])


def test_onsets_are_alike_after_parts_and_multiples_of_their_period():
    hops = round(PERIODS[120])
    alike = autocorrelation(np.tile(np.eye(hops)[0], 12))
    found = likeness([alike])
    assert found.shape == (len(PERIODS), len(BEATS))
    near = found[np.abs(PERIODS - hops).argmin()]
    assert near[BEATS == 1] > 0.5 and near[BEATS == 2] > 0.5
    assert near[BEATS == 1 / 2] < 0.1 and near[BEATS == 3 / 4] < 0.1
