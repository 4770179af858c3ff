"""Music for tests: playing a part for some bars, and invented tunes as MIDI files."""

import random
from pathlib import Path

import mido
from capriccio import Generator, Moment, Note

SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def play(part: Generator, bars=8, bars_at_once=2, meter=4, bpm=120.0, **knobs) -> list[Note]:
    """Play from the start and return the notes with their times from there."""
    phrase, span = [], bars_at_once * meter
    for beat in range(0, bars * meter, span):
        now = Moment(beats=beat, seconds=beat * 60 / bpm, span=span, meter=meter, bpm=bpm)
        phrase += [note._replace(start=note.start + beat) for note in part(now, **knobs)]
    return phrase


def write_midi(path: Path, notes: list[Note], *, bpm=100, ticks=480, meter=(4, 4), kind=1) -> Path:
    """Write notes as a MIDI file, a track for each channel."""
    file = mido.MidiFile(type=kind, ticks_per_beat=ticks)
    for channel in sorted({note.channel for note in notes}) or [1]:
        track = file.add_track()
        numerator, denominator = meter
        track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm)))
        track.append(
            mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator)
        )
        events = []
        for note in notes:
            if note.channel == channel:
                end = note.start + note.length
                events.append((round(note.start * ticks), 1, note.pitch, note.velocity))
                events.append((round(end * ticks), 0, note.pitch, 0.0))
        before = 0
        for time, on, pitch, velocity in sorted(events):
            track.append(
                mido.Message("note_on" if on else "note_off", channel=channel - 1, note=pitch,
                             velocity=round(velocity * 127), time=time - before)
            )  # fmt: skip
            before = time
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)
    return path


def tune(seed: int, bars=8, channel=1) -> list[Note]:
    """Invent a tune in eighths, with a bass note a bar."""
    chance = random.Random(seed)
    degree, notes = 3, []
    for step in range(bars * 8):
        degree = min(max(degree + chance.choice((-1, 1)), 0), 7)
        notes.append(Note(SCALE[degree], step / 2, 0.5, 0.5, channel))
    return notes + [Note(SCALE[bar % 4] - 24, bar * 4.0, 4.0, 0.75, 2) for bar in range(bars)]
