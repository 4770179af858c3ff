"""The built-in plugin: screens, files and MIDI, registered like anybody else's."""

from capriccio import hookimpl

from .frames import Frames
from .midi import Midi
from .midifile import MidiFile
from .screen import Screen
from .video import Video


@hookimpl
def outputs():
    return [Screen, Frames, Video, Midi, MidiFile]
