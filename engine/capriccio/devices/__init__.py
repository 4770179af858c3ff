"""The built-in plugin: screens, files, MIDI and clocks, registered like any other plugin."""

from ..hookspecs import hookimpl
from ..parts import Input, Output

CONTRACT = 1


@hookimpl
def outputs() -> list[type[Output]]:
    """Return the outputs that come with the engine."""
    from .midi.file import MidiFile
    from .midi.output import Midi
    from .video.animation import Animation, ImageFile
    from .video.film import Video
    from .video.frames import Frames
    from .video.screen import Screen

    return [Screen, Frames, Video, Animation, ImageFile, Midi, MidiFile]


@hookimpl
def inputs() -> list[type[Input]]:
    """Return the clocks of other machines and programs that a show can follow."""
    from .midi.ableton_link import LinkInput
    from .midi.clock_in import ClockInput

    return [ClockInput, LinkInput]
