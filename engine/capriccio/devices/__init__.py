"""The built-in plugin: screens, files and MIDI, registered like anybody else's."""

from capriccio import hookimpl

from .frames import Frames
from .midifile import MidiFile
from .video import Video


@hookimpl
def outputs():
    return [Frames, Video, MidiFile]
