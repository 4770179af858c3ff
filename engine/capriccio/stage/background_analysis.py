"""Live analyzers read in threads of their own: the newest thing wins, and nobody waits."""

import os
import threading
from time import monotonic
from typing import Any

from ..clock import OfflineClock
from ..events import ReadingTaken
from ..log import warn_once
from ..parameters import Parameters
from ..parts import Analyzer
from ..performance import current_frame
from .show_state import end_fork

# How long a live cue waits for an analyzer's very first reading, in seconds; afterwards it never
# waits. Long enough to load a model, short enough to notice before the doors open.
FIRST_READING_SECONDS = 10.0
# After this many seconds without an answer a live analyzer is reported as hanging.
HANGING_SECONDS = 2.0


class BackgroundAnalyses:
    """Reads every analyzer of one live show in a thread of its own: `Performance.read`."""

    def __init__(self, clock: OfflineClock, parameters: Parameters):
        self._clock, self._parameters = clock, parameters
        self._lock = threading.Lock()
        self._analyses: dict[int, BackgroundAnalysis] = {}

    def __call__(self, analyzer: Analyzer, thing: Any) -> Any:
        """Hand `thing` over and return the newest readings; in a draw cue those of its frame."""
        analysis = self.of(analyzer)
        now = current_frame.get()
        readings = analysis.submit(thing, started=self._clock.seconds() > 0)
        return analysis.at_frame(readings, now.seconds, self._parameters) if now else readings

    def of(self, analyzer: Analyzer) -> "BackgroundAnalysis":
        """Return the analysis of an analyzer, which starts when it is first asked for."""
        with self._lock:
            analysis = self._analyses.get(id(analyzer))
            if analysis is None:
                analysis = self._analyses[id(analyzer)] = BackgroundAnalysis(analyzer)
            return analysis

    def stop(self, seconds: float) -> None:
        """End all threads; one that hangs is abandoned after so many seconds."""
        deadline = monotonic() + seconds
        with self._lock:
            ended = list(self._analyses.values())
            self._analyses.clear()
        for analysis in ended:
            analysis.stop()
        for analysis in ended:
            analysis.join(max(0.0, deadline - monotonic()))


class BackgroundAnalysis:
    """Reads with one analyzer in a thread of its own."""

    def __init__(self, analyzer: Analyzer):
        self._analyzer = analyzer
        self._changed = threading.Condition()
        self._thing: Any = None
        self._readings: Any = None
        self._error: BaseException | None = None
        self._waiting = self._busy = self._stopped = False
        self._since = 0.0
        self._framed: tuple[float, Any] | None = None  # seconds and readings of the last frame
        self._thread = threading.Thread(target=self._run, name=str(analyzer), daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether nothing is being read, and nothing waits."""
        with self._changed:
            return not (self._waiting or self._busy)

    def submit(self, thing: Any, started: bool) -> Any:
        """Read `thing` soon, in place of what waits; return the newest readings.

        Args:
            thing: what is to be read.
            started: the show has begun; before that the first reading is waited for.

        Raises:
            TimeoutError: there is no reading yet.
        """
        with self._changed:
            self._thing, self._waiting = thing, True
            self._changed.notify_all()
            if self._readings is None and self._error is None and not started:
                self._changed.wait_for(
                    lambda: self._readings is not None or self._error, FIRST_READING_SECONDS
                )
            if self._busy and monotonic() - self._since > HANGING_SECONDS:
                warn_once(f"{self._analyzer} does not answer; its last readings stay")
            error, self._error = self._error, None
            if self._readings is None:
                if error or started:
                    raise error or TimeoutError(f"{self._analyzer} has no reading yet")
                raise TimeoutError(
                    f"{self._analyzer} gave no reading within {FIRST_READING_SECONDS:g} s"
                )
            if error:
                warn_once(
                    f"{self._analyzer} raised {error!r}; its last readings stay",
                    f"{self._analyzer} {type(error).__name__}",
                )
            return self._readings

    def at_frame(self, readings: Any, seconds: float, parameters: Parameters) -> Any:
        """Return `readings`, or those that the frame at `seconds` was given before.

        New ones are published: a take holds them, and from which frame on they were known.
        """
        if self._framed is None or self._framed[0] != seconds:
            if self._framed is None or self._framed[1] is not readings:
                name = parameters.name_of(self._analyzer, self._analyzer.name)
                values = tuple(map(_plain, readings))
                parameters.publish(ReadingTaken(seconds, name, values))
            self._framed = seconds, readings
        return self._framed[1]

    def stop(self) -> None:
        """Read nothing more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        """Wait until what is being read has been read."""
        self._thread.join(seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.wait_for(lambda: self._waiting or self._stopped)
                if self._stopped:
                    return
                thing, self._waiting = self._thing, False
                self._busy, self._since = True, monotonic()
            readings, error, process = None, None, os.getpid()
            try:
                readings = self._analyzer.read(thing)
            except BaseException as trouble:  # SystemExit included
                error = trouble
            end_fork(process)
            with self._changed:
                self._readings = readings or self._readings
                self._error = error
                self._changed.notify_all()


def _plain(value: Any) -> float | str | None:
    """Return a reading as a take can hold it; None where it is a picture, say."""
    if isinstance(value, str):
        return value
    return float(value) if hasattr(value, "__float__") and not getattr(value, "shape", ()) else None
