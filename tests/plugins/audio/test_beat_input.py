"""A show that follows a beat that is heard."""

import pytest
from capriccio import Performance, ShowError
from capriccio.clock import LiveClock, OfflineClock
from capriccio_audio.beat_input import BeatInput, HeardBeat
from capriccio_audio.instrument_samples import RATE
from helpers.command import PIECE, error
from helpers.devices import jack_daemon, wait_for
from helpers.drums import drums

HOP = 480


def test_a_show_follows_the_tempo_and_the_beats():
    sound, times = drums([104], beats=40)
    clock = OfflineClock(96)
    clock.ahead = 0.25
    heard = HeardBeat(clock)
    for at in range(0, len(sound), HOP):
        seconds = (at + HOP) / RATE
        clock.wait(seconds)
        heard.receive(sound[at : at + HOP], seconds)
    assert clock.bpm == pytest.approx(104, rel=0.02)
    for time in times[24:38]:
        beats = clock.beats_at(float(time))
        assert abs(beats - round(beats)) * 60 / 104 < 0.05
    assert "bpm" in heard.words()
    assert "sure" in heard.words()


def test_where_no_beat_is_heard_the_tempo_stays():
    clock = OfflineClock(96)
    heard = HeardBeat(clock)
    clock.wait(3.0)
    heard.receive(0 * drums([100])[0], 3.0)
    assert clock.bpm == 96
    assert heard.words() == "no beat yet"


def test_a_beat_is_followed_live_alone():
    with pytest.raises(ShowError, match="a beat is followed live; leave out --follow"):
        BeatInput().start(Performance(OfflineClock()))


@pytest.mark.system
def test_a_microphone_is_opened_and_closed(monkeypatch):
    with jack_daemon(waits=False) as server:
        monkeypatch.setenv("JACK_DEFAULT_SERVER", server)
        beat = BeatInput()
        clock = LiveClock()
        beat.start(Performance(clock))
        clock.start()
        wait_for(lambda: beat.heard._frames > 4800, what="sound from the microphone")
        beat.close()
        beat.close()


def test_the_command_line_follows_what_is_heard(tmp_path):
    (tmp_path / "piece.py").write_text(PIECE)
    for words in ("audio", "audio:Scarlett"):
        told = error(
            "run", tmp_path / "piece.py", "--offline", "--seconds", "0.1", "--follow", words
        )
        assert "a beat is followed live; leave out --follow, or --offline" in told
