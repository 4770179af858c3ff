"""Outputs and inputs in a process of their own."""

from collections.abc import Callable
from types import MethodType
from typing import Any

from capriccio import Input, Moment, Note, Output, PartError, Performance, input_device, output

from .child_process import WorkerError
from .isolated_part import IsolatedPart
from .mirror import ShowSide, facts_of
from .worker import DEVICE_METHODS, written_by

UNNAMED = "it needs the name of another one, as in isolated:mjpeg"
CLOSE_SECONDS = 10.0  # for a device to close, which may have a file to complete


class IsolatedDevice(IsolatedPart):
    """What outputs and inputs in a process of their own share.

    A call that fails in a live show is lost. The device is started again beside the show, as it was
    at first: there is no spare, since two processes cannot have one port.
    """

    _side: ShowSide | None = None  # while it is started

    def start(self, performance: Performance) -> None:
        """Start the device."""
        self._side = ShowSide(performance, self)
        self._live = self.is_live(performance)
        self._sounding: set[tuple[int, int]] = set()  # channels and pitches that its process plays
        with self._turn:
            try:
                self._take(self._side, self.worker.ask(self._start()))
            except WorkerError as error:
                self.worker.replace(error)
                raise
        if self._side.moves or isinstance(self, Input):
            performance.parameters.add_automation(self._frame)

    def do(self, method: str, *arguments: Any) -> bool:
        """Call a method of the device; return False where the call is lost.

        Raises:
            WorkerError: its process has failed, offline.
            RuntimeError: the device raised this.
        """
        with self._turn:
            side, worker = self._side, self.worker
            if side is None:
                return False
            if self._live and not (worker.running or worker.take_spare()):
                worker.start_spare(self._start)
                return False
            if not worker.running:
                raise WorkerError("its process has failed")
            call = {"call": "do", "method": method, "arguments": list(arguments)}
            try:
                self._take(side, worker.ask({**call, "news": side.news()}))
            except WorkerError as error:
                worker.replace(error)
                self._sounding.clear()
                if not self._live:
                    raise
                return False
            return True

    def close(self) -> None:
        """Close the device, and end its process."""
        side, self._side = self._side, None
        if side is not None and self.worker.running:
            with self._turn:
                try:
                    self.worker.ask({"call": "close"}, CLOSE_SECONDS)
                except WorkerError as error:
                    self.worker.replace(error)
                finally:
                    self.worker.end()
        super().close()

    def _frame(self, seconds: float) -> None:
        self.do("frame", seconds)

    def _start(self) -> dict[str, Any]:
        assert self._side is not None
        facts = facts_of(self._side.performance)
        return {"call": "start", "performance": facts, "news": self._side.first_news()}

    def _take(self, side: ShowSide, news: dict[str, Any]) -> None:
        if isinstance(self, Output) and news.get("closed"):
            self.closed = True
        side.take(news)


class IsolatedOutput(IsolatedDevice, Output):  # type: ignore[misc]
    """What outputs in a process of their own share."""

    def show(self, image: Any, now: Moment) -> None:
        """Show an image."""
        self.do("show", image, now)

    def note_on(self, note: Note, now: Moment) -> None:
        """Start to sound a note."""
        if self.do("note_on", note, now):
            self._sounding.add((note.channel, note.pitch))

    def note_off(self, note: Note, now: Moment) -> None:
        """End a note, unless it was begun by a process that is there no more."""
        if (note.channel, note.pitch) in self._sounding:
            self._sounding.discard((note.channel, note.pitch))
            self.do("note_off", note, now)

    def control(self, change: tuple[int, float, int], now: Moment) -> None:
        """Send the change of a controller."""
        self.do("control", change, now)

    def sent_until(self, now: Moment) -> None:
        """Note that all events before `now` were sent."""
        self.do("sent_until", now)

    def panic(self) -> None:
        """Silence everything that sounds."""
        self.do("panic")

    def leave_out(self, methods: Any) -> None:
        """Keep only these methods: the show then calls only what the device defines."""
        for name in DEVICE_METHODS:
            if name not in methods:
                setattr(self, name, MethodType(getattr(Output, name), self))


class IsolatedInput(IsolatedDevice, Input):
    """What inputs in a process of their own share."""


class OutputByName(IsolatedOutput):
    """Show or sound by another output in a process of its own: `--to isolated:lamp`."""

    name = "isolated"

    @classmethod
    def missing(cls) -> str:
        """Return why it cannot be tried alone."""
        return UNNAMED

    def __init__(self, target: str = "", **options: Any):
        """Run the output that `target` names, with its own target behind a colon.

        Args:
            target: such as "mjpeg:8090".
            options: limits of its process, as in `LIMITS`.
        """
        super().__init__(target)
        kind = _class_of(target, output)
        self.timed = kind.timed  # type: ignore[misc]
        self.leave_out(written_by(kind))
        self.open_named(kind, kind.name, {**options, "target": target.partition(":")[2]})

    def __str__(self) -> str:
        return self.worker.title


class InputByName(IsolatedInput):
    """Set parameters by another input in a process of its own: `--from isolated:gamepad`."""

    name = "isolated"

    @classmethod
    def missing(cls) -> str:
        """Return why it cannot be tried alone."""
        return UNNAMED

    def __init__(self, target: str = "", **options: Any):
        """Run the input that `target` names; see `OutputByName`."""
        super().__init__(target)
        kind = _class_of(target, input_device)
        self.open_named(kind, kind.name, {**options, "target": target.partition(":")[2]})

    def __str__(self) -> str:
        return self.worker.title


def _class_of(words: str, build: Callable[[str], Any]) -> Any:
    if not words.partition(":")[0]:
        raise PartError(UNNAMED)
    built = build(words)  # which touches no device
    built.close()
    return type(built)
