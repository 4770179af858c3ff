"""Sound: the output `audio`, which plays the music with nothing but this computer.

And `midi_player`, which plays a MIDI file.
"""

from capriccio import Generator, Output, hookimpl


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
