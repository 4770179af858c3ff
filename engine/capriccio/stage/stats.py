"""What happened in a show, counted."""

import math
from dataclasses import dataclass, field


@dataclass
class Stats:
    """What happened in a show: `late` frames were dropped, `troubles` are warnings by message."""

    frames: int = 0
    late: int = 0
    notes: int = 0
    seconds: float = 0.0
    troubles: dict[str, int] = field(default_factory=dict)


def frame_count(seconds: float, fps: float) -> int:
    """Return the number of frames that start within `seconds`; at least one."""
    return max(1, math.ceil(seconds * fps - 1e-6))
