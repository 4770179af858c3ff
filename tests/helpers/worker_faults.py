"""A show whose isolated part fails, counted: `cd tests; python -m helpers.worker_faults`.

A sketch of 30 frames a second plays sixteenths while its part, in a process of its own, fails in
every way in turn. Told are, for each way, how long the picture stood, and in all how many notes
were missed or late, how many frames were dropped, and whether the show ended by itself.
"""

import os
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from helpers.trouble import install_trouble

WAYS = ("raise", "exit", "segfault", "hang", "memory", "bomb", "garbage", "flood", "child")
FPS, BPM, NOTES_A_BAR = 30, 120, 16
GOOD_FRAMES = 15  # between the return of the picture and the next fault
AHEAD_SECONDS = 0.25  # that notes are sent before they are due


@dataclass
class Report:
    """What happened in a show.

    Args:
        stood: for each fault its way, and how many seconds passed until a new picture.
        notes: the numbers of the notes that came, in order.
        late: how many seconds after its time the latest note came.
        gap: the longest time between two frames, in seconds.
    """

    stood: list[tuple[str, float]] = field(default_factory=list)
    notes: list[int] = field(default_factory=list)
    late: float = 0.0
    gap: float = 0.0
    frames: int = 0
    dropped: int = 0
    seconds: float = 0.0
    ended: str = "by itself"

    @property
    def missed(self) -> int:
        """How many notes did not come, of those before the last one that did."""
        return len(set(range(max(self.notes, default=-1) + 1)) - set(self.notes))


def perform(ways: list[str], folder: Path, told: Callable[[str, float], None]) -> Report:
    """Perform a show in which these faults happen one after the other, and return what happened."""
    install_trouble(folder)
    sys.path.insert(0, str(folder))
    os.environ |= {
        "XDG_CONFIG_HOME": str(folder / "home"),
        "CAPRICCIO_PLUGINS": "trouble,isolation",
    }
    from capriccio import Note, Output, Sketch, generator

    report, waiting = Report(), list(ways)

    class Ear(Output):
        """Hear when notes come."""

        timed = True

        def start(self, performance):
            self.clock = performance.clock

        def note_on(self, note, now):
            report.notes.append(round(now.beats * NOTES_A_BAR / 4))
            report.late = max(report.late, self.clock.seconds() - now.seconds)

    ear, sketch = Ear(), Sketch(bpm=BPM, fps=FPS, size=(64, 64))
    part = generator("trouble", isolated=True)

    @sketch.play(bars=1)
    def sixteenths(now):
        length = now.span / NOTES_A_BAR
        return [Note(60, number * length, length / 2) for number in range(NOTES_A_BAR)]

    fault: list[tuple[str, float]] = []  # the one that is not over
    good, last = 0, time.monotonic()

    @sketch.draw
    def draw(now):
        nonlocal good, last
        began = time.monotonic()
        report.gap, last = max(report.gap, began - last) if report.frames else 0.0, began
        report.frames += 1
        if not fault and good >= GOOD_FRAMES:
            if not waiting:
                report.ended, ear.closed = "when it was told to", True
            else:
                fault.append((waiting.pop(0), began))
                return part(now, what=fault[0][0])
        shade = report.frames % 200
        picture = part(now, heat=(shade + 0.5) / 255)
        good = good + 1 if picture[0, 0, 0] == shade else 0
        if fault and good:
            way, since = fault.pop()
            report.stood.append((way, time.monotonic() - since))
            told(*report.stood[-1])
        return np.repeat(np.repeat(picture, 8, 0), 8, 1)

    begun = time.monotonic()
    try:
        stats = sketch.perform([ear], live=True)
    finally:
        part.close()
    report.seconds = time.monotonic() - begun
    report.dropped = stats.late if stats else 0
    return report


def main() -> None:
    """Print what happened; the exit code is 1 where a note was missed or a show stopped."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument(
        "--within", type=float, help="fail where a picture stood longer, in seconds"
    )
    given = parser.parse_args()
    ways = [WAYS[number % len(WAYS)] for number in range(given.faults)]
    with tempfile.TemporaryDirectory() as folder:
        report = perform(
            ways, Path(folder), lambda way, seconds: print(f"{way:9} {seconds:6.2f} s", flush=True)
        )
    for way in dict.fromkeys(ways):
        times = sorted(seconds for one, seconds in report.stood if one == way)
        middle = f"{times[len(times) // 2]:.2f}" if times else "-"
        print(
            f"{way:9} {len(times):3} times, middle {middle} s, most {max(times, default=0):.2f} s"
        )
    worst = max((seconds for _, seconds in report.stood), default=0.0)
    print(
        f"faults {len(report.stood)} of {len(ways)}, notes {len(report.notes)}, missed "
        f"{report.missed}, latest {report.late:+.3f} s, frames {report.frames}, dropped "
        f"{report.dropped}, longest gap {report.gap:.2f} s, longest picture {worst:.2f} s, "
        f"{report.seconds:.0f} s, ended {report.ended}"
    )
    fine = report.missed == 0 and report.late <= 0 and len(report.stood) == len(ways)
    sys.exit(not (fine and (given.within is None or worst <= given.within)))


if __name__ == "__main__":
    main()
