"""What happens in a show, counted."""

import math
from dataclasses import dataclass, field


@dataclass
class Tally:
    """What happened in a show."""

    frames: int = 0
    late: int = 0
    notes: int = 0
    seconds: float = 0.0
    troubles: dict[str, int] = field(default_factory=dict)


def frames_in(seconds: float, fps: float) -> int:
    """Give the number of frames that begin within so many seconds."""
    return max(1, math.ceil(seconds * fps - 1e-6))
