"""Instruments as parts: ours, and those of other plugins."""

from pathlib import Path

import numpy as np
import pytest
from capriccio import Instrument, Note, PartError, Sketch, instrument, registry
from capriccio.testing import check_instrument
from capriccio_audio import instrument_samples, orchestra, resampling
from capriccio_audio.instrument_samples import INSTRUMENTS, RATE
from capriccio_audio.orchestra import ORCHESTRA, add_kept_instruments, sampled
from capriccio_audio.output import Audio
from capriccio_audio.sound_file import read_sound
from helpers.devices import jack_daemon


class Glass(Instrument):
    """Ring like glass: a sine that does not end."""

    pitches = range(48, 97, 12)
    loop = (0.5, 1.0)
    program = 93

    def sample(self, pitch):
        time = np.arange(RATE) / RATE
        # Of a whole number of waves a second, so that its loop is smooth.
        return 0.5 * np.sin(2 * np.pi * round(440 * 2 ** ((pitch - 69) / 12)) * time)


@pytest.fixture
def glass(monkeypatch):
    """Glass is an instrument of an installed plugin."""
    found = registry.Found(Glass, "kitchen", "", "")
    known = registry.installed()
    monkeypatch.setattr(known, "found", [*known.found, found])
    monkeypatch.setitem(registry.SHORT_NAMES, "glass", Glass.program)
    yield Glass
    for names in (INSTRUMENTS, instrument_samples._added, orchestra._added):
        names.pop("glass", None)
    instrument_samples.samples_of.cache_clear()
    resampling.whole_note.cache_clear()


def hertz(sound):
    spectrum = np.abs(np.fft.rfft(sound.sum(axis=0) * np.hanning(sound.shape[1])))
    return float(np.argmax(spectrum)) * RATE / sound.shape[1]


def held(name):
    sketch = Sketch(bpm=120, fps=5, size=(32, 32))
    sketch.instruments({1: name})
    sketch.play(bars=2)(lambda now: [Note(65, 0, 6, 0.9)])
    return sketch


@pytest.mark.parametrize("part", ORCHESTRA, ids=lambda part: part.name)
def test_our_own_keep_the_contract(part):
    check_instrument(part)


def test_ours_are_found_by_name_and_by_the_plugin():
    assert instrument("choir").name == "choir"
    assert {part.name for part in ORCHESTRA} >= {"organ", "kit", "electric-piano"}
    sketch = Sketch()
    sketch.instruments({1: "electric-piano"})
    assert instrument_samples.instrument_for(sketch._instruments[1]) == "electric piano"


def test_an_instrument_of_a_plugin_sounds_for_as_long_as_a_note(glass, tmp_path):
    held("glass").render(tmp_path / "a.wav", seconds=4.0)
    sound = read_sound(tmp_path / "a.wav")
    for begin in (0.2, 1.4, 2.6):
        piece = sound[:, round(begin * RATE) : round((begin + 0.3) * RATE)]
        assert hertz(piece) == pytest.approx(349.2, rel=0.02)
        assert np.abs(piece).max() > 0.05
    assert np.abs(sound[:, round(3.9 * RATE) : 4 * RATE]).max() < 0.02  # in the room


def test_midi_files_have_the_program_of_an_instrument(glass, tmp_path):
    import mido

    held("glass").render(tmp_path / "a.mid", seconds=1.0)
    messages = [message for track in mido.MidiFile(tmp_path / "a.mid").tracks for message in track]
    assert [it.program + 1 for it in messages if it.type == "program_change"] == [Glass.program]


def test_its_notes_are_as_loud_as_those_of_others(glass, tmp_path):
    def level(name):
        held(name).render(tmp_path / "a.wav", seconds=2.0)
        sound = read_sound(tmp_path / "a.wav")[:, RATE // 2 : RATE]
        return float(np.sqrt((sound**2).mean()))

    assert 0.25 < level("glass") / level("organ") < 4


@pytest.mark.system
def test_the_process_of_a_sound_card_is_given_it(glass, monkeypatch):
    with jack_daemon(waits=False) as server:
        monkeypatch.setenv("JACK_DEFAULT_SERVER", server)
        out, kept = Audio(), []
        sketch = held("glass")

        @sketch.draw
        def draw(now):
            if out.process and now.seconds > 0.2:
                kept.extend(file.name for file in Path(out._folder.name).glob("*.npz"))
                out.closed = True
            return np.zeros((32, 32, 3), np.uint8)

        stats = sketch.perform([out], seconds=20.0, live=True)
    assert kept == ["glass.npz"]
    assert not stats.troubles


def test_what_is_kept_for_a_process_is_read_there(glass, tmp_path):
    orchestra.add_plugin_instruments(["glass", "choir", 41], tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["glass.npz"]
    before = instrument_samples.samples_of("glass")
    for names in (INSTRUMENTS, instrument_samples._added, orchestra._added):
        names.pop("glass")
    add_kept_instruments(tmp_path)
    after = instrument_samples.samples_of("glass")
    assert after is not before
    assert np.array_equal(after.sound, before.sound)
    assert after.samples == before.samples
    assert INSTRUMENTS["glass"].release == Glass.release


def test_an_instrument_that_makes_no_sound_is_named():
    class Dumb(Instrument):
        """Return nothing."""

        def sample(self, pitch):
            return np.full(100, np.nan)

    with pytest.raises(ValueError, match=r"instrument 'dumb' returned no \(frames,\) floats"):
        sampled(Dumb())
    with pytest.raises(TypeError, match=r"instrument 'instrument' has no sample\(self, pitch\)"):
        type("Instrument", (Instrument,), {})().sample(60)


def test_an_unknown_instrument_is_told():
    with pytest.raises(PartError, match="no instrument is named 'lute'"):
        instrument("lute")
    with pytest.raises(ValueError, match="no instrument is called 'lute'"):
        Sketch().instruments({1: "lute"})
