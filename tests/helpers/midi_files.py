"""Short MIDI files that stand in for a person at a keyboard."""

from contextlib import contextmanager

import mido
from capriccio import Performance
from capriccio.performance import current_performance


def midi_file(path, *events, ticks=480):
    """Write a MIDI file of (beats, message), and return its path."""
    track, last = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=123456)]), 0
    for beats, message in events:
        track.append(message.copy(time=round(beats * ticks) - last))
        last = round(beats * ticks)
    file = mido.MidiFile(type=0, ticks_per_beat=ticks)
    file.tracks.append(track)
    file.save(path)
    return path


def note_on(pitch, velocity=100, channel=0):
    return mido.Message("note_on", note=pitch, velocity=velocity, channel=channel)


def control_change(controller, value):
    return mido.Message("control_change", control=controller, value=value)


@contextmanager
def performing(clock):
    """Be within a performance, as a cue is."""
    token = current_performance.set(Performance(clock))
    try:
        yield clock
    finally:
        current_performance.reset(token)
