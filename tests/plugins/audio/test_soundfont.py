"""Soundfonts, which FluidSynth plays."""

import sys
from pathlib import Path

import numpy as np
import pytest
from capriccio import Note, ShowError, Sketch
from capriccio.cli.main import main
from capriccio_audio import soundfont
from capriccio_audio.instrument_samples import RATE
from capriccio_audio.limiter import CEILING
from capriccio_audio.output import Audio
from capriccio_audio.sound_file import read_sound
from capriccio_audio.soundfont import SoundfontSynthesizer, synthesizer_for
from capriccio_audio.synthesizer import BLOCK, PEDAL, VOLUME, Synthesizer
from click.testing import CliRunner
from helpers.devices import jack_daemon
from helpers.soundfonts import write_soundfont

# Where an octave tells who plays: an organ of ours has a strong fundamental.
PIECE = """
from capriccio import Note, Sketch
sketch = Sketch(bpm=120, fps=5, size=(32, 32))
sketch.instruments({1: "organ"})

@sketch.play(bars=1)
def play(now):
    return [Note(69, 0, 2)]
"""


@pytest.fixture(scope="module")
def sines(tmp_path_factory):
    """A soundfont: sines as piano, an octave lower as organ, two octaves lower as drums."""
    try:
        import fluidsynth  # noqa: F401
    except ImportError as error:
        pytest.skip(f"{error}; pip install pyfluidsynth, apt-get install libfluidsynth3")
    return str(write_soundfont(tmp_path_factory.mktemp("fonts") / "sines.sf2"))


def render(player, blocks):
    return np.concatenate([player.render() for _ in range(blocks)], axis=1)


def hertz(sound):
    spectrum = np.abs(np.fft.rfft(sound.sum(axis=0) * np.hanning(sound.shape[1])))
    return float(np.argmax(spectrum)) * RATE / sound.shape[1]


def level(sound):
    return float(np.sqrt((sound**2).mean()))


def test_a_channel_has_its_program_and_the_tenth_drums(sines):
    player = SoundfontSynthesizer(sines, {1: 1, 2: 20})
    for channel, expected in ((1, 440.0), (2, 880.0), (3, 440.0), (10, 1760.0)):
        player.note_on(player.frame, channel, 69, 0.8)
        assert hertz(render(player, 94)) == pytest.approx(expected, rel=0.01)
        player.panic(player.frame)
        render(player, 200)


@pytest.mark.parametrize("blocks", [1, 8])
def test_notes_start_within_07_ms_of_their_time(sines, blocks):
    for at in (1000, 2047, 3333):
        player = SoundfontSynthesizer(sines, {}, blocks)
        player.note_on(at, 1, 69, 1.0)
        sound = np.abs(render(player, 32 // blocks)).max(axis=0)
        onset = int(np.flatnonzero(sound > 1e-4)[0]) - Synthesizer.LATENCY
        assert abs(onset - at) < 0.0012 * RATE  # the wave itself rises within half a millisecond


def test_notes_end_and_the_pedal_holds_them(sines):
    player = SoundfontSynthesizer(sines, {})
    player.control(0, PEDAL, 1.0, 1)
    player.note_on(0, 1, 69, 0.8)
    player.note_off(5000, 1, 69)
    held = level(render(player, 100)[:, -4 * BLOCK :])
    player.control(player.frame, PEDAL, 0.0, 1)
    assert held > 0.02
    assert level(render(player, 400)[:, -4 * BLOCK :]) < held / 30


def test_volumes_and_mute_are_as_for_our_own_instruments(sines):
    player = SoundfontSynthesizer(sines, {})
    player.set(0, "reverb", 0, 0.0)
    player.note_on(0, 1, 69, 0.5)
    loud = level(render(player, 60)[:, -20 * BLOCK :])
    player.set(player.frame, "volume", 1, 0.4)
    assert level(render(player, 60)[:, -20 * BLOCK :]) == pytest.approx(loud / 4, rel=0.15)
    player.control(player.frame, VOLUME, 0.0, 1)
    assert level(render(player, 60)[:, -20 * BLOCK :]) < loud / 50
    player.control(player.frame, VOLUME, 1.0, 1)
    player.set(player.frame, "volume", 1, 0.8)
    player.set(player.frame, "mute", 0, 1.0)
    assert level(render(player, 60)[:, -20 * BLOCK :]) == 0.0


def test_a_panic_silences_within_a_block_without_a_click(sines):
    player = SoundfontSynthesizer(sines, {})
    player.set(0, "reverb", 0, 0.0)
    player.note_on(0, 1, 69, 0.5)
    before = render(player, 60)
    player.panic(player.frame)
    after = render(player, 3)
    steepest = np.abs(np.diff(before[:, -20 * BLOCK :], n=2)).max()
    whole = np.concatenate([before[:, -BLOCK:], after], axis=1)
    assert np.abs(np.diff(whole, n=2)).max() < 1.5 * steepest
    assert np.abs(after[:, -BLOCK:]).max() < 1e-3


def test_a_thousand_notes_are_limited(sines):
    player = SoundfontSynthesizer(sines, {})
    for number in range(1000):
        player.note_on(0, 1 + number % 16, number % 128, 1.0)
    sound = render(player, 40)
    assert np.isfinite(sound).all() and np.abs(sound).max() <= CEILING * 1.0001


def test_a_sketch_plays_with_a_soundfont_the_same_each_time(sines, tmp_path):
    def sound(name):
        sketch = Sketch(bpm=120, fps=5, size=(32, 32))
        sketch.soundfont = sines
        sketch.instruments({1: "organ"})
        sketch.play(bars=1)(lambda now: [Note(69, 0, 2)])
        sketch.render(tmp_path / name, seconds=1.0)
        return (tmp_path / name).read_bytes()

    assert sound("a.wav") == sound("b.wav")
    assert hertz(read_sound(tmp_path / "a.wav")[:, : RATE // 2]) == pytest.approx(880, rel=0.01)


def test_the_flag_chooses_a_soundfont_and_its_name_is_kept(sines, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("piece.py").write_text(PIECE)
    words = ["run", "piece.py", "--offline", "--seconds", "0.5", "--to", "audio:a.flac"]
    for font, expected in ((sines, 880), ("", 440)):
        done = CliRunner().invoke(main, [*words, "--soundfont", font])
        assert done.exit_code == 0, done.output
        assert hertz(read_sound("a.flac")[:, : RATE // 4]) == pytest.approx(expected, rel=0.02)
    done = CliRunner().invoke(main, [*words, "--soundfont", "gone.sf2"])
    assert (done.exit_code, done.output) == (1, "Error: there is no soundfont 'gone.sf2'\n")


@pytest.mark.system
def test_a_soundfont_is_played_at_a_sound_card_and_what_is_wrong_with_it_told(sines, monkeypatch):
    with jack_daemon(waits=False) as server:
        monkeypatch.setenv("JACK_DEFAULT_SERVER", server)
        sketch = Sketch(bpm=120, fps=5, size=(32, 32))
        sketch.play(bars=1)(lambda now: [Note(69, 0, 2)])
        sketch.soundfont = sines
        assert sketch.perform([Audio()], seconds=0.5, live=True).troubles == {}
        sketch.soundfont = "gone.sf2"
        with pytest.raises(ShowError, match=r"audio' cannot play: there is no soundfont 'gone"):
            sketch.perform([Audio()], seconds=0.5, live=True)


def test_a_file_that_is_none_is_told_in_one_sentence(sines, tmp_path, capfd):
    (tmp_path / "no.sf2").write_bytes(b"RIFF1234sfbk" + bytes(50))
    with pytest.raises(ShowError, match=r"no\.sf2' is no soundfont that FluidSynth can read"):
        synthesizer_for({}, str(tmp_path / "no.sf2"))
    with pytest.raises(ShowError, match=r"there is no soundfont 'gone\.sf2'"):
        synthesizer_for({}, "gone.sf2")
    assert capfd.readouterr() == ("", "")


def test_without_its_extra_a_soundfont_is_told_to_need_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "fluidsynth", None)
    with pytest.raises(ShowError, match=r"^soundfonts need pyfluidsynth; pip install .*soundfont"):
        synthesizer_for({}, "any.sf2")


def test_without_the_library_a_soundfont_is_told_to_need_it(monkeypatch, tmp_path):
    (tmp_path / "fluidsynth.py").write_text("raise ImportError('no library')")
    monkeypatch.delitem(sys.modules, "fluidsynth", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ShowError, match="need the library FluidSynth; apt install libfluid"):
        synthesizer_for({}, "any.sf2")


def test_without_a_soundfont_our_own_instruments_play():
    player = soundfont.synthesizer_for({1: "organ", 2: 41})
    assert type(player) is Synthesizer
    names = [player.channels[channel].instrument.name for channel in (1, 2)]
    assert names == ["organ", "strings"]
