"""Takes of shows on a clock that the test moves, and their replays."""

import json
from contextlib import contextmanager

import numpy as np
from capriccio import Generator, Note, Performance
from capriccio.recording.recorder import Recorder
from capriccio.recording.take import read_take
from capriccio.stage.cues import PlayCue
from capriccio.stage.replay import Replay
from capriccio.testing import Memory

from helpers.shows import live_stage

RECIPE = {"sketch": "a.py", "sha256": "0" * 64, "bpm": 120, "meter": 4, "fps": 10, "size": [8, 6]}


@contextmanager
def recording(stage, path):
    """Write the take of a stage to `path` while the block performs it."""
    recorder = Recorder(path, lambda: RECIPE)
    recorder.begin(stage.performance.parameters, stage.picture)
    try:
        yield recorder
    finally:
        recorder.close(stage.stats.seconds)


def replay(take, *, draw=None, plays=(), fps=10.0, size=(8, 6), place=lambda parameters: None):
    """Perform a take with these cues; give what an output was handed."""
    memory = Memory()
    facts = Performance(take.clock(), size, fps, "a test", take=take)
    place(facts.parameters)
    cues = [PlayCue(function, bars) for function, bars in plays]
    Replay(facts, [memory], draw=draw, plays=cues).perform(take.seconds)
    return memory


def lines(path) -> list:
    return [json.loads(line) for line in path.read_text().splitlines()]


def frames(memory) -> dict[float, bytes]:
    """Return the frames by the time they were due."""
    shown = [call for call in memory.calls if call.method == "show"]
    return {round(call.now.seconds, 6): call.thing.tobytes() for call in shown}


class Light(Generator):
    """Paint one grey."""

    def generate(self, now, *, level=0.2):
        return np.full((6, 8, 3), level)


class Piece:
    """A piece that is another one each time it is played: it hears chance, time and its hands."""

    def __init__(self, chance=7):
        self.light, self.chance, self.said = Light(), np.random.default_rng(chance), []
        self.stage = None

    def draw(self, now):
        ear = self.stage.loudness() if self.stage else 0.0
        return (self.light(now) * np.float32(0.5) + ear * 100).clip(0, 255).astype(np.uint8)

    def play(self, now):
        self.said.append(now.beats)
        pitches = self.chance.integers(40, 90, 4)
        return [Note(int(pitch), beat, 0.6, 0.5) for beat, pitch in enumerate(pitches)]

    def place(self, parameters):
        from capriccio.parts import knob_parameter

        parameters.add(knob_parameter("light", self.light, Light.knobs["level"]))


def record_piece(path, seconds=4.0, hands=lambda frame, parameters: None):
    """Play a band live on a wound clock, with hands that reach in at every frame; give both."""
    band, memory = Piece(), Memory()

    def draw(now):
        hands(round(now.seconds * 10), stage.performance.parameters)
        return band.draw(now)

    stage = live_stage([memory], draw=draw, plays=[(band.play, 1)])
    band.stage = stage
    band.place(stage.performance.parameters)
    with recording(stage, path):
        stage.perform(seconds)
    return band, memory


def replay_piece(path, **flags):
    """Perform the take of a band with another band; give that one and what was heard and seen."""
    take, band = read_take(path.read_text(), path.name), Piece(chance=8)

    def draw(now):
        return band.draw(now)

    memory = Memory()
    size, fps = flags.get("size", (8, 6)), flags.get("fps", 10.0)
    facts = Performance(take.clock(), size, fps, "a test", take=take)
    band.place(facts.parameters)
    cues = [PlayCue(band.play, 1)]
    replay = Replay(facts, [memory], draw=draw, plays=cues)
    band.stage = replay.stage
    replay.perform(take.seconds)
    return band, memory


def turn_knob(frame, parameters):
    """A hand that turns a knob a dozen times, and lets go of it."""
    if frame % 3 == 0:
        parameters.set("/light/level", frame / 40)
    if frame == 31:
        parameters.set("/light/level")
