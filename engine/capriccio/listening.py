"""Live analyzers read in threads of their own: the newest thing wins, and nobody waits."""

import threading
from time import monotonic
from typing import Any

from .errors import tell

# How long a live cue waits for an analyzer's very first reading, in seconds; afterwards it never
# waits. Long enough to load a model, short enough to notice before the doors open.
FIRST_READING_SECONDS = 10.0
# After so many seconds without an answer a live analyzer is said to hang.
HANGING_SECONDS = 2.0


class Listener:
    """Keeps one live analyzer in a thread of its own: the newest thing wins, nobody waits."""

    def __init__(self, analyzer):
        self._analyzer = analyzer
        self._changed = threading.Condition()
        self._thing: Any = None
        self._readings: Any = None
        self._trouble: BaseException | None = None
        self._waiting = self._busy = self._hushed = False
        self._since = 0.0
        self._framed: tuple[float, Any] | None = None  # seconds and readings of the last frame
        self._thread = threading.Thread(target=self._listen, name=str(analyzer), daemon=True)
        self._thread.start()

    def hear(self, thing, begun: bool):
        with self._changed:
            self._thing, self._waiting = thing, True
            self._changed.notify_all()
            if self._readings is None and self._trouble is None and not begun:
                self._changed.wait_for(
                    lambda: self._readings is not None or self._trouble, FIRST_READING_SECONDS
                )
            if self._busy and monotonic() - self._since > HANGING_SECONDS:
                tell(f"{self._analyzer} does not answer; its last readings stay")
            trouble, self._trouble = self._trouble, None
            if self._readings is None:
                if trouble or begun:
                    raise trouble or TimeoutError(f"{self._analyzer} has no reading yet")
                raise TimeoutError(
                    f"{self._analyzer} gave no reading within {FIRST_READING_SECONDS:g} s"
                )
            if trouble:
                tell(
                    f"{self._analyzer} raised {trouble!r}; its last readings stay",
                    f"{self._analyzer} {type(trouble).__name__}",
                )
            return self._readings

    def stay(self, readings, seconds: float, desk: Any):
        """Give `readings`, or those that the frame at `seconds` was given before.

        New ones are announced on the `desk`: they come when they come, and a take holds them.
        """
        if self._framed is None or self._framed[0] != seconds:
            if self._framed is None or self._framed[1] is not readings:
                name = desk.name_of(self._analyzer, self._analyzer.name)
                desk.announce(seconds, "reading", (name, *map(_plain, readings)))
            self._framed = seconds, readings
        return self._framed[1]

    def hush(self) -> None:
        """Read nothing more."""
        self._analyzer._listener = None
        with self._changed:
            self._hushed = True
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        """Wait until what is being read has been read."""
        self._thread.join(seconds)

    def _listen(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.wait_for(lambda: self._waiting or self._hushed)
                if self._hushed:
                    return
                thing, self._waiting = self._thing, False
                self._busy, self._since = True, monotonic()
            readings = trouble = None
            try:
                readings = self._analyzer.read(thing)
            except BaseException as error:  # SystemExit included
                trouble = error
            with self._changed:
                self._readings = readings or self._readings
                self._trouble = trouble
                self._changed.notify_all()


def _plain(value):
    """Give a reading as a take can hold it; None where it is a picture, say."""
    if isinstance(value, str):
        return value
    return float(value) if hasattr(value, "__float__") and not getattr(value, "shape", ()) else None


_listeners: set[Listener] = set()
_listening = threading.Lock()


def listener_of(analyzer) -> Listener:
    """Give the listener of an analyzer: its own, as long as a live show lasts."""
    with _listening:
        if analyzer._listener is None:
            analyzer._listener = Listener(analyzer)
            _listeners.add(analyzer._listener)
        return analyzer._listener


def hush(seconds: float) -> None:
    """End the threads of all live analyzers; one that hangs is left after so many seconds."""
    deadline = monotonic() + seconds
    with _listening:
        ended = list(_listeners)
        _listeners.clear()
    for listener in ended:
        listener.hush()
    for listener in ended:
        listener.join(max(0.0, deadline - monotonic()))
