"""The built-in plugin: screens, files, MIDI and inputs, registered like any other plugin."""

from capriccio import Output, hookimpl

from .midi.file import MidiFile
from .midi.output import Midi
from .video.film import Video
from .video.frames import Frames
from .video.screen import Screen


@hookimpl
def outputs() -> list[type[Output]]:
    """Return the outputs that come with the engine."""
    return [Screen, Frames, Video, Midi, MidiFile]
