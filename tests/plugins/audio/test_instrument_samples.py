"""The instruments and their samples."""

import json

import numpy as np
import pytest
from capriccio_audio import instrument_samples
from capriccio_audio.instrument_samples import (
    INSTRUMENTS,
    NEAREST_DRUMS,
    PADDING,
    SAMPLES,
    instrument_for,
    keep_decoded,
    samples_of,
    save_decoded,
)


def test_every_general_midi_program_has_an_instrument():
    assert {instrument_for(number) for number in range(1, 129)} <= set(INSTRUMENTS)
    assert instrument_for("choir") == "choir"
    assert [instrument_for(number) for number in (1, 5, 20, 25, 34, 49, 53, 15)] == [
        "piano", "electric piano", "organ", "guitar", "bass", "strings", "choir", "bells"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["choir", "kit"])
def test_samples_begin_and_end_in_silence_and_lie_within_the_sound(name):
    found = samples_of(name)
    assert np.isfinite(found.sound).all()
    for sample in found.samples:
        assert np.abs(found.sound[sample.start - PADDING : sample.start + 1]).max() == 0.0
        assert PADDING <= sample.start < sample.end <= len(found.sound) - PADDING


def test_a_loop_goes_on_where_it_began():
    """What is read behind the end of a loop are its first frames, and there is no step."""
    found = samples_of("choir")
    for sample in found.samples:
        first, last = sample.loop
        assert last == sample.end
        sound = found.sound
        assert (sound[last : last + PADDING] == sound[first : first + PADDING]).all()
        step = abs(float(sound[first] - sound[last - 1]))
        usual = np.abs(np.diff(sound[first:last])).max()
        assert step <= usual


def test_the_nearest_sample_is_played():
    found = samples_of("choir")
    assert {abs(found.find(pitch, 0).pitch - pitch) for pitch in range(36, 89)} <= {0, 1, 2}
    assert [found.find(60, layer).layer for layer in (0, 1)] == [0, 1]


def test_every_drum_of_general_midi_sounds():
    found = {sample.pitch for sample in samples_of("kit").samples}
    assert {NEAREST_DRUMS.get(pitch, pitch) for pitch in range(35, 82)} <= found


def test_the_samples_are_small_and_of_known_instruments():
    files = sorted(SAMPLES.glob("*.ogg"))
    assert {file.stem.replace("-", " ") for file in files} == set(INSTRUMENTS)
    assert sum(file.stat().st_size for file in files) < 4_000_000
    for file in files:
        notes = json.loads(file.with_suffix(".json").read_text())
        assert all(0 < note["gain"] < 10 for note in notes)


def test_what_is_decoded_is_kept_for_another_process(tmp_path, monkeypatch):
    monkeypatch.setattr(instrument_samples, "_folder", None)
    keep_decoded(tmp_path)
    first = samples_of.__wrapped__("bass").sound
    save_decoded()
    assert [file.name for file in tmp_path.iterdir()] == ["bass.npy"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instrument_samples, "decode", lambda path: pytest.fail("decoded again"))
        assert (samples_of.__wrapped__("bass").sound == first).all()
    (tmp_path / "bass.npy").write_bytes(b"half")
    assert (samples_of.__wrapped__("bass").sound == first).all()
    save_decoded()
    assert (tmp_path / "bass.npy").stat().st_size > 1000
    keep_decoded(tmp_path / "gone")  # nothing can be written there
    assert (samples_of.__wrapped__("bass").sound == first).all()
    save_decoded()
