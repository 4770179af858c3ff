"""What the tests of the stage share: live shows on a clock that the test winds, parts that fail."""

import io
import threading
import time
from collections import Counter
from contextlib import contextmanager, redirect_stderr

import numpy as np
from capriccio import Generator, Note, Output, Performance
from capriccio.clock import OfflineClock
from capriccio.log import summarize
from capriccio.stage.cues import PlayCue
from capriccio.stage.stage import Stage
from capriccio.testing import Memory

GREY = np.full((4, 4, 3), 128, np.uint8)


class WoundClock(OfflineClock):
    """Live time that moves only when the show waits, and then lets every thread catch up."""

    live = True
    passes: "Passes | None" = None
    stage: Stage

    def __init__(self, *facts):
        super().__init__(*facts)
        self.hanging = set()

    def wait(self, seconds):
        super().wait(seconds)
        if self.passes is None:
            return
        wanted = {thread: self.passes.made[thread.ident] + 2 for thread in self.stage.show.threads}
        deadline = time.monotonic() + 20
        for thread, passes in wanted.items():
            while self.passes.made[thread.ident] < passes and thread.ident not in self.hanging:
                if not thread.is_alive():
                    break
                assert time.monotonic() < deadline, f"{thread.name} does not come back"
                time.sleep(0.0002)

    def hang(self, let: threading.Event) -> None:
        """Wait in a cue or an output until `let` is set, while the show goes on without us."""
        self.hanging.add(threading.get_ident())
        assert let.wait(120)

    def let_go(self, let: threading.Event) -> None:
        """Let go whoever hangs; from now on the show waits for them again."""
        self.hanging.clear()
        let.set()


class Passes(threading.Event):
    """The stage's event that ends its threads, on which each of them waits once a pass."""

    def __init__(self):
        super().__init__()
        self.made = Counter()

    def wait(self, timeout=None):
        self.made[threading.get_ident()] += 1
        return super().wait(min(timeout or 0.001, 0.001))


def live_stage(outputs, *, draw=None, plays=(), bpm=120.0, meter=4, fps=10.0, size=(8, 6)):
    """Set a stage whose time the test winds; each of `plays` is (function, bars)."""
    clock = WoundClock(bpm, meter)
    cues = [PlayCue(function, bars) for function, bars in plays]
    stage = Stage(Performance(clock, size, fps, "a test"), outputs, draw=draw, plays=cues)
    clock.stage, clock.passes = stage, Passes()
    stage.show.stopping = clock.passes
    forget()
    return stage


def offline_stage(outputs, *, draw=None, plays=(), bpm=120.0, meter=4, fps=10.0, size=(8, 6)):
    """Set a stage that renders; each of `plays` is (function, bars)."""
    facts = Performance(OfflineClock(bpm, meter), size, fps, "a test")
    cues = [PlayCue(function, bars) for function, bars in plays]
    forget()
    return Stage(facts, outputs, draw=draw, plays=cues)


def forget() -> None:
    """Forget what other tests have told: it is no trouble of the show to come."""
    with redirect_stderr(io.StringIO()):
        summarize()


class Timed(Memory):
    """Remember what is handed ahead of time, and when it was."""

    timed = True
    stage: Stage | None = None

    def note_on(self, note, now):
        super().note_on(note, now)
        self.ahead = [*getattr(self, "ahead", []), now.seconds - self.stage.clock.seconds()]


class Faulty(Output):
    """An output whose `method` does what it is told to from the given call on."""

    def __init__(self, method, fault, since=0):
        super().__init__()
        self._fault, self._since, self.calls = fault, since, 0
        setattr(self, method, self._fail)

    def _fail(self, *things):
        self.calls += 1
        if self.calls > self._since:
            self._fault()


class Maker(Generator):
    """Make the given thing, or fail with it, from the given call on."""

    def __init__(self, good, bad, since=1):
        self.good, self.bad, self.since, self.calls = good, bad, since, 0

    def generate(self, now):
        self.calls += 1
        if self.calls <= self.since:
            return self.good
        if isinstance(self.bad, type) and issubclass(self.bad, BaseException):
            raise self.bad("the reason")
        return self.bad


def beat(now):
    """A play cue: one note a beat."""
    return [Note(60 + number, number, 0.5) for number in range(round(now.span))]


def grey(now):
    """A draw cue."""
    return GREY


def turns(memory) -> list[tuple[float, bool, int]]:
    """Return what an output heard as (beats, whether the note begins, pitch)."""
    return [
        (round(call.now.beats, 6), call.method == "note_on", call.thing.pitch)
        for call in memory.calls
        if call.method.startswith("note")
    ]


@contextmanager
def released(*events: threading.Event):
    """Let go at the end of whoever waits for these events, so that no thread is left."""
    try:
        yield
    finally:
        for event in events:
            event.set()


def boom():
    raise OSError("no device")


def leave():
    raise SystemExit(3)


def steady():
    """Return an output, and the claim that it and a show of two seconds went on to the end."""
    memory = Memory()

    def claim(frames=20, notes=4):
        assert len(memory.images) == frames
        assert len(memory.notes) == notes
        assert memory.sounding == []
        assert memory.calls[-1].method == "close"

    return memory, claim


def moments_of(cue_moments):
    """Return a cue that remembers its moments, and plays and draws nothing."""

    def cue(now):
        cue_moments.append(now)

    return cue


class ThreadCounter:
    """Count who is inside at once."""

    inside = most = calls = 0

    def enter(self):
        self.calls += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        threading.Event().wait(0.002)
        self.inside -= 1
