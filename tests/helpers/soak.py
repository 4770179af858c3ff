"""A long show in little time, watched for leaks: `cd tests; python -m helpers.soak`.

The whole of a live show is performed, its threads, its take, its panel with a client, simulated
controls, presets and tempo set from outside, but on a clock that the test moves as fast as the
machine allows; with `--live` in real time. Watched after it has warmed up are the memory of the
process, which must not grow by 2 %, the objects that the interpreter keeps, and everything that
waits somewhere, which must not grow at all.
"""

import gc
import http.client
import json
import os
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

from capriccio import Output
from capriccio import sketch as sketch_module
from capriccio.devices.midi.simulated_player import Simulation
from capriccio.loader import load_sketch
from capriccio.panel.panel import Panel
from capriccio.recording.recorder import Recorder
from capriccio.remote.automation import KnobAutomation
from capriccio.remote.presets import Presets

from helpers.faults import free_port
from helpers.shows import Passes, WoundClock

PIECE = """
    from capriccio import Note, Sketch, controls, generator

    garden = generator("vae", model="watercolors")
    hands = controls()
    sketch = Sketch(bpm=96, fps=10, size=(96, 96))

    @sketch.draw
    def flowers(now):
        return garden(now, drift=hands[1], bloom=sketch.loudness)

    @sketch.play(bars=1)
    def song(now):
        return [Note(48 + 2 * beat, beat, 1.5, hands[2]) for beat in range(4)]

    @sketch.answer(hands)
    def echo(now, notes):
        return [note._replace(pitch=note.pitch - 12, channel=2) for note in notes]
"""
# The same with a part that costs nothing.
LIGHT = """
    import numpy as np
    from capriccio import Generator

    class Paper(Generator):
        def generate(self, now, *, drift=0.5, bloom=0.5, grain=0.5):
            return np.full((96, 96, 3), (drift, bloom, grain))

""" + PIECE.replace('generator("vae", model="watercolors")', "Paper()")
# What may grow, as a part of what there was; and what a queue may vary by, as a part and in things.
GROWTH, VARIES, VARIES_BY = 0.02, 1.5, 16
SAMPLES = 200
# Something is done to the show every so many seconds of it.
HAND_SECONDS = 2.0


class Sample(NamedTuple):
    """What a show held at one time; megabytes, objects, and the lengths of what waits by name."""

    seconds: float
    frames: int
    memory: float
    objects: int
    queues: dict[str, int]


class Sink(Output):
    """Count what comes, and keep nothing."""

    def __init__(self, timed: bool):
        super().__init__()
        self.timed, self.pictures, self.notes = timed, 0, 0

    def show(self, image, now):
        self.pictures += 1

    def note_on(self, note, now):
        self.notes += 1


class Guest:
    """Somebody at the panel, and at the parameters: turns knobs, recalls and saves presets."""

    def __init__(self, panel: Panel):
        self._panel, self._chance, self.done = panel, Random(1), 0

    def reach_in(self) -> None:
        number = self._chance.randint(1, 5)
        self._ask("/state")
        self._ask("/picture")
        self._turn("/garden/bloom", self._chance.choice((None, self._chance.random())))
        if self._chance.random() < 0.1:
            self._turn(f"/show/save/{number}")
        if self._chance.random() < 0.2:
            self._turn(f"/show/preset/{number}")
        if self._chance.random() < 0.02:
            self._turn("/show/tempo", self._chance.uniform(80, 120))
        self.done += 1

    def _turn(self, address: str, value: float | None = None) -> None:
        self._ask("/turn", json.dumps({"address": address, "value": value}))

    def _ask(self, path: str, body: str | None = None) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self._panel.access.port, timeout=20)
        headers = {"Content-Type": "application/json"}
        line.request("POST" if body else "GET", path, body, headers)
        answer = line.getresponse()
        words = answer.read()
        assert answer.status == 200, words
        line.close()


def memory() -> float:
    """Return how many megabytes of this process are in memory, on Linux."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def waiting(stage, hands, recorder: Recorder) -> dict[str, int]:
    """Return how many things wait in each queue."""
    ear, parameters = stage.loudness_queue, stage.performance.parameters
    return {
        "outputs": sum(len(one) + one.sounding + len(one.delayed) for one in stage.delivery.queues),
        "loudness": len(ear) + ear.sounding + len(ear._framed) + len(ear._composed),
        "parameters": len(parameters._pending)
        + len(parameters._subscribers)
        + len(parameters._automations)
        + len(parameters.by_address),
        "hands": len(hands._coming) + len(hands._waiting) + len(hands._now.held),
        "answers": sum(len(cue.waiting) for cue in stage.answers.cues),
        "take": len(recorder._waiting),
        "stage": len(stage.scheduler.changes)
        + len(stage.watchdog.calls)
        + len(stage.stats.troubles),
        "threads": threading.active_count(),
    }


def soak(
    file: Path, seconds: float, live: bool, say: Callable[[Sample], None] = lambda sample: None
) -> list[Sample]:
    """Perform the sketch `file` for some seconds of a show, and return the samples."""
    os.environ["XDG_CONFIG_HOME"] = str(file.parent / "home")
    piece = load_sketch(file)
    hands, panel, samples = piece.names["hands"], Panel(str(free_port())), []
    record = {"sketch": file.name, "sha256": "0" * 64, "bpm": piece.bpm, "meter": piece.meter}
    record |= {"fps": piece.fps, "size": piece.size}
    recorder = Recorder(file.parent / "take.jsonl", lambda: record)
    guest, frames = Guest(panel), seconds * piece.fps

    def watch(done: int) -> None:
        if done % max(1, round(HAND_SECONDS * piece.fps)) == 0:
            guest.reach_in()
        if done * SAMPLES // frames > (done - 1) * SAMPLES // frames:
            gc.collect()
            now = done / piece.fps, done, memory(), len(gc.get_objects())
            samples.append(Sample(*now, waiting(piece.current_stage, hands, recorder)))
            say(samples[-1])

    outputs = [Sink(timed=False), Sink(timed=True), panel]
    # What is there before the show need not be looked through at every sample.
    gc.collect()
    gc.freeze()
    if not live:
        sketch_module.LiveClock = Wound  # type: ignore[misc]
    piece.perform(
        outputs,
        inputs=[Presets(), KnobAutomation()],
        seconds=seconds,
        live=True,
        recorder=recorder,
        progress=watch,
        simulation=Simulation(),
    )
    assert outputs[0].pictures and outputs[0].notes == outputs[1].notes > 0 and guest.done
    return samples


class Wound(WoundClock):
    """The clock of a show whose stage is made elsewhere."""

    def start(self, lead: float = 0.0) -> None:
        super().start(lead)
        gc.unfreeze()  # a live show has what was there before it left out of collections
        self.stage = next(one for one in gc.get_objects() if is_stage_of(one, self))
        self.passes = self.stage.show.stopping = Passes()


def is_stage_of(thing, clock) -> bool:
    return type(thing).__name__ == "Stage" and thing.clock is clock


def verdict(samples: list[Sample]) -> tuple[float, list[str]]:
    """Return by how much the memory grew after the first fifth, and the queues that grew."""
    fifth = max(1, len(samples) // 5)
    before, after = samples[fifth : 2 * fifth], samples[-fifth:]
    growth = median(one.memory for one in after) / median(one.memory for one in before) - 1
    longer = [
        name
        for name in samples[0].queues
        if max(one.queues[name] for one in after)
        > VARIES * max(one.queues[name] for one in before) + VARIES_BY
    ]
    return growth, longer


def row(sample: Sample) -> str:
    minutes, seconds = divmod(round(sample.seconds), 60)
    lengths = "".join(f"{length:9}" for length in sample.queues.values())
    head = f"{minutes:4}:{seconds:02}{sample.frames:9}{sample.memory:9.1f}{sample.objects:10}"
    return head + lengths


def main() -> int:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long the show is")
    parser.add_argument("--live", type=float, metavar="MINUTES", help="in real time, for so long")
    parser.add_argument("--light", action="store_true", help="with a part that costs nothing")
    parser.add_argument("--sketch", type=Path, help="another sketch, with `hands` and a `garden`")
    chosen = parser.parse_args()
    count, begun = 0, time.monotonic()

    def say(sample: Sample) -> None:
        nonlocal count
        if count == 0:
            names = "".join(f"{name:>9}" for name in sample.queues)
            print(f"{'show':>7}{'frames':>9}{'MB':>9}{'objects':>10}{names}")
        if count % (SAMPLES // 20) == 0:
            print(row(sample), flush=True)
        count += 1

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "piece.py")
        lines = (LIGHT if chosen.light else PIECE).splitlines()
        text = "\n".join(line.removeprefix("    ") for line in lines)
        file.write_text(chosen.sketch.read_text() if chosen.sketch else text)
        seconds = 60 * (chosen.live or chosen.minutes)
        samples = soak(file, seconds, chosen.live is not None, say)
    growth, longer = verdict(samples)
    print(row(samples[-1]))
    print(f"{seconds / 60:g} minutes of show in {(time.monotonic() - begun) / 60:.1f} minutes")
    print(f"memory after the first fifth: {100 * growth:+.2f} %; {100 * GROWTH:g} % are allowed")
    print(f"longer at the end: {', '.join(longer) or 'nothing'}")
    return int(growth >= GROWTH or bool(longer))


if __name__ == "__main__":
    sys.exit(main())
