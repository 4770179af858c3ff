"""Records a live show while it goes on, as a take, and keeps its stills."""

import errno
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..atomic_file import replacing
from ..events import Event, ImageSeen
from ..log import info, warn_once
from ..models.model import open_models
from ..parameters import Parameter, Parameters
from .footage import Footage
from .provenance import FORMAT, as_json, as_png, from_json
from .take import encode

# How often a take is written, in seconds: what a killed show loses of it.
FLUSH_SECONDS = 0.25
# Events that may wait to be written: more than the wildest flood brings in that time.
MAX_EVENTS = 100_000
# Stills that may wait to be written; more are refused, since each is as large as its picture.
MAX_STILLS = 8
# Images of cameras that may wait to be written, most of a second of them.
MAX_IMAGES = 24
# How long the end of a show waits for a slow disk, in seconds.
CLOSE_SECONDS = 2.0


@dataclass(frozen=True)
class Still(Event):
    """A picture that is to be kept."""

    image: np.ndarray[Any, Any]


@dataclass(frozen=True)
class ShowEnded(Event):
    """The last line of a take."""


class Recorder:
    """Writes the take of a live show, and its stills; the show never waits for it.

    Where it cannot write, because the disk is full or something has closed its file, that is logged
    once, the show goes on, and so does the take when there is room again. Events wait meanwhile;
    where they become too many, a line `gap` says how many are missing.

    Args:
        path: of the take; a number is added where it is taken.
        provenance: returns the first line.
    """

    def __init__(self, path: Path, provenance: Callable[[], Mapping[str, Any]]):
        self.path = path.absolute()  # a sketch may change the current folder
        self.stills: list[Path] = []
        self._provenance = provenance
        self._waiting: deque[Event] = deque()
        self._lost = self._stills = self._images = 0  # events, and pictures that wait
        self._footage = Footage(self.path)
        self.failed = False  # nothing more can be written
        self._models: dict[str, dict[str, str]] = {}
        self._file = -1  # a descriptor
        self._identity = (0, 0)  # of its file: another may have taken the descriptor
        self._length = 0  # bytes of the take that are whole lines
        self._unwritten = b""
        self._trouble = ""  # why it cannot be written now
        self._gap = 0.0  # seconds since when events are lost
        self._parameters: Parameters | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="recorder", daemon=True)

    def begin(
        self,
        parameters: Parameters,
        picture: Callable[[], tuple[float, np.ndarray[Any, Any]] | None],
    ) -> None:
        """Record from now on every event of a show.

        The first line is written at once, so that a folder that cannot be written is known early.

        Args:
            parameters: of the show.
            picture: returns the seconds of the newest frame and its image.
        """
        self._parameters = parameters
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path, self._file = _new_file(self.path)
            self._footage = Footage(self.path)
            self._identity = _identity(self._file)
            header = {"take": FORMAT, **self._provenance()}
            header.pop("models", None)  # they are opened when the first picture is made
            self._put([as_json(header)])
        except OSError as error:
            self._give_up(error)
            return
        parameters.subscribe(self.record)

        def still(_: Any) -> None:
            seen = picture()
            if seen is None or self.failed or self._stills > MAX_STILLS:
                warn_once("a still cannot be kept now; there is no take, no picture, or no time")
                return
            self._stills += 1
            # A copy: a sketch may paint on in the same array.
            self.record(Still(seen[0], seen[1].copy()))

        parameters.add(still_parameter(still))
        self._thread.start()

    @property
    def written(self) -> list[Path]:
        """The files that exist: the take, and the stills."""
        return [path for path in (self.path, *self.stills) if path.is_file()]

    def record(self, event: Event) -> None:
        """Remember an event that is to be written; it takes a microsecond."""
        if self.failed:
            return
        if isinstance(event, ImageSeen):
            if self._images >= MAX_IMAGES:
                warn_once("the take lacks images of a camera: they are written too slowly")
                return
            self._images += 1
        if len(self._waiting) < MAX_EVENTS:
            self._waiting.append(event)
        else:
            self._gap = self._gap if self._lost else event.seconds
            self._lost += 1

    def close(self, seconds: float) -> None:
        """Write what waits, and how long the show was; one that did not begin leaves no take."""
        if self._stopping.is_set():
            return
        if not self.failed:
            self._waiting.append(ShowEnded(seconds))  # whatever else was too much
        self._stopping.set()
        if self._thread.ident:
            self._thread.join(CLOSE_SECONDS)
            for path in () if seconds else (self.path, *self._footage.paths):
                path.unlink(missing_ok=True)

    # -- in a thread of its own ----------------------------------------------------------------

    def _write_on(self) -> None:
        going = True
        while going:
            going = not self._stopping.wait(FLUSH_SECONDS)
            if self.failed:
                return
            try:
                if self._trouble:
                    self._reopen()
                self._write(going)
            except OSError as error:
                self._pause(error)
        if self._trouble:  # at the very end: something else may have closed the descriptor
            with suppress(OSError):
                self._reopen()
        if self._trouble:
            warn_once(f"the take ends early, at {self._length} bytes: {self._trouble}")
        self._footage.close()
        self._close_file()

    def _pause(self, error: OSError) -> None:
        if not self._trouble:
            where = f"the take cannot be written to {str(self.path)!r}"
            warn_once(f"{where}: {_reason(error)}; the show goes on, and the take when it can")
        self._trouble = _reason(error)
        self._close_file()

    def _reopen(self) -> None:
        """Go on behind the last whole line."""
        flags = os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        self._file = os.open(self.path, flags)
        self._identity = _identity(self._file)
        os.ftruncate(self._file, self._length)
        os.lseek(self._file, 0, os.SEEK_END)
        self._put([])
        self._trouble = ""
        lacks = f"; it lacks {self._lost} events" if self._lost else "; nothing is missing in it"
        info(f"the take is written again{lacks}")

    def _close_file(self) -> None:
        # A descriptor that something else has closed may be another file's by now.
        with suppress(OSError):
            if self._file >= 0 and _identity(self._file) == self._identity:
                os.close(self._file)
        self._file = -1

    def _write(self, going: bool) -> None:
        parameters = cast(Parameters, self._parameters)
        lines: list[str] = []
        seconds = -1.0
        if (models := open_models()) != self._models:
            self._models = models
            lines.append(as_json([parameters.seconds, "models", models]))
        lost, since = self._lost, self._gap
        for _ in range(len(self._waiting)):
            event = self._waiting.popleft()
            if isinstance(event, Still):
                self._stills -= 1
                self._put(lines)
                lines = []
                self._keep(event)
                continue
            try:
                if isinstance(event, ImageSeen):
                    self._images -= 1
                    if place := self._footage.keep(event):
                        lines.append(as_json([event.seconds, "image", [event.camera, *place]]))
                elif isinstance(event, ShowEnded):
                    lines.append(as_json([event.seconds, "end", None]))
                else:
                    lines.append(encode(event))
            except (TypeError, ValueError):
                warn_once(f"a take cannot hold {event!r}", f"a take cannot hold {type(event)}")
            seconds = event.seconds
        if going and parameters.seconds > seconds:
            lines.append(as_json([parameters.seconds, "frame", None]))
        if lost:  # behind all that came before them
            lines.append(as_json([max(seconds, since), "gap", [since, lost]]))
            self._lost -= lost
            warn_once(f"too many events: the take lacks {lost} of them", "a gap in the take")
        self._put(lines)

    def _put(self, lines: list[str]) -> None:
        self._unwritten += "".join(f"{line}\n" for line in lines).encode()
        if self._unwritten and _identity(self._file) != self._identity:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        data = self._unwritten
        while data:  # a disk that is nearly full takes a part
            data = data[os.write(self._file, data) :]
        self._length += len(self._unwritten)
        self._unwritten = b""

    def _keep(self, still: Still) -> None:
        path = self.path.with_name(f"{self.path.stem}-{still.seconds:08.3f}s.png")
        try:
            first, *lines = self.path.read_text(encoding="utf-8").splitlines()
            header = {**from_json(first), "models": self._models, "moment": still.seconds}
            kept = [line for line in lines if float(line[1 : line.index(",")]) <= still.seconds]
            with replacing(path) as part:
                part.write_bytes(as_png(still.image, "\n".join([as_json(header), *kept, ""])))
        except OSError as error:
            warn_once(f"a still cannot be written to {str(path)!r}: {error.strerror}")
        else:
            self.stills.append(path)

    def _give_up(self, error: OSError) -> None:
        self.failed = True
        where = f"the take cannot be written to {str(self.path)!r}"
        warn_once(f"{where}: {_reason(error)}; the show goes on")
        if self._parameters is not None:
            self._parameters.unsubscribe(self.record)
        self._waiting.clear()
        self._close_file()


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _new_file(path: Path) -> tuple[Path, int]:
    """Create a file that was not there, under the next free name."""
    for number in range(1, 1000):
        name = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        with suppress(FileExistsError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            return name, os.open(name, flags, 0o666)
    raise FileExistsError(17, os.strerror(17))


def still_parameter(apply: Callable[[Any], None]) -> Parameter:
    """Return the button that keeps a picture."""
    description = "Keep the picture as a PNG in takes/, with the record of how it was made"
    return Parameter("/show/still", "press", description, apply, key="s", replayable=False)
