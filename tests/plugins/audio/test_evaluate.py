"""How well the beat of drums is heard."""

import csv

import mido
import pytest
from capriccio_audio.evaluate import judge, main, render, takes
from click.testing import CliRunner
from helpers.drums import drums


def test_a_beat_that_is_found_is_judged_right_and_another_tempo_wrong():
    sound, _ = drums([100], beats=24)
    right = judge("a", sound, 100.0, 100.0)
    assert right.tempo
    assert right.phase > 0.9
    wrong = judge("a", sound, 87.0, 100.0)
    assert not wrong.tempo
    assert wrong.phase < 0.7


@pytest.fixture
def groove(tmp_path):
    """Return a folder of one take of 32 beats, and a fill that is left out."""
    fields = ["split", "beat_type", "time_signature", "duration", "bpm", "midi_filename"]
    with (tmp_path / "info.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, fields)
        table.writeheader()
        for kind in ("beat", "fill"):
            values = ["test", kind, "4-4", "20", "96", "a.mid"]
            table.writerow(dict(zip(fields, values, strict=True)))
    file = mido.MidiFile(ticks_per_beat=480)
    track = file.add_track()
    for beat in range(32):
        pitch = 38 if beat % 2 else 36
        track.append(mido.Message("note_on", channel=9, note=pitch, velocity=110, time=0))
        track.append(mido.Message("note_off", channel=9, note=pitch, time=480))
    file.save(str(tmp_path / "a.mid"))
    return tmp_path


def test_the_takes_of_a_folder_are_rendered_and_judged(groove):
    assert takes(groove, 30) == [(groove / "a.mid", 96.0)]
    assert abs(render(groove / "a.mid", 96.0, 4)).max() > 0.1
    told = CliRunner().invoke(main, ["--data", str(groove)])
    assert "1 takes: tempo within 4% after 8 beats in 100%" in told.output
