"""Sound: the output `audio`, which plays the music with nothing but this computer."""

from capriccio import Output, hookimpl


@hookimpl
def outputs() -> list[type[Output]]:
    """Return the output `audio`."""
    from .output import Audio

    return [Audio]
