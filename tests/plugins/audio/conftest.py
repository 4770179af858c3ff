import csv

import mido
import pytest


@pytest.fixture
def groove(tmp_path):
    """Return a folder of one take of 32 beats in each split, and a fill that is left out."""
    fields = ["split", "beat_type", "time_signature", "duration", "bpm", "midi_filename"]
    with (tmp_path / "info.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, fields)
        table.writeheader()
        for split, kind in (("test", "beat"), ("test", "fill"), ("train", "beat")):
            values = [split, kind, "4-4", "20", "96", "a.mid"]
            table.writerow(dict(zip(fields, values, strict=True)))
    file = mido.MidiFile(ticks_per_beat=480)
    track = file.add_track()
    for beat in range(32):
        pitch = 38 if beat % 2 else 36
        track.append(mido.Message("note_on", channel=9, note=pitch, velocity=110, time=0))
        track.append(mido.Message("note_off", channel=9, note=pitch, time=480))
    file.save(str(tmp_path / "a.mid"))
    return tmp_path
