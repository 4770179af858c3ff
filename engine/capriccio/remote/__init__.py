"""The built-in plugin of inputs that set parameters: OSC, presets, MIDI controllers, automation."""

from typing import TYPE_CHECKING

from capriccio import hookimpl

if TYPE_CHECKING:
    from capriccio import Input

# Where OSC is received unless another place is given: from this machine alone.
HOST, PORT = "127.0.0.1", 9000

CONTRACT = 1


@hookimpl
def inputs() -> "list[type[Input]]":
    """Return the inputs that set parameters during a show."""
    from .automation import KnobAutomation
    from .control_surface import ControlSurface
    from .osc import OscInput
    from .presets import Presets

    return [OscInput, Presets, ControlSurface, KnobAutomation]
