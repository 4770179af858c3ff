"""Sound: the output `audio`, which plays the music with nothing but this computer.

The input `microphone` hears the room, and the generator `midi_player` plays MIDI files.
"""

from capriccio import Generator, Input, Instrument, Output, hookimpl

CONTRACT = 1


@hookimpl
def outputs() -> list[type[Output]]:
    """Return the output `audio`."""
    from .output import Audio

    return [Audio]


@hookimpl
def generators() -> list[type[Generator]]:
    """Return the part `midi_player`."""
    from .midi_player import MidiPlayer

    return [MidiPlayer]


@hookimpl
def inputs() -> list[type[Input]]:
    """Return the input `microphone`, and `beat`, which follows the beat that one hears."""
    from .beat_input import BeatInput
    from .microphone import Microphone

    return [BeatInput, Microphone]


@hookimpl
def instruments() -> list[type[Instrument]]:
    """Return the instruments that come with Capriccio."""
    from .orchestra import ORCHESTRA

    return ORCHESTRA
