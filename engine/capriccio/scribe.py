"""Writes down a live show as it goes on, for `take` to read, and keeps its stills."""

import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .desk import Control, Desk, Turn
from .errors import tell
from .inference import open_models
from .recipe import FORMAT, as_json, as_png, from_json

# A take is written so often, in seconds; what a killed show loses of it.
FLUSH_SECONDS = 0.25
# Lines that may wait to be written: more than the wildest flood brings in that time.
MOST_LINES = 100_000
# Stills that may wait to be written; more are refused, since each is as large as its picture.
MOST_STILLS = 8
# So long the end of a show waits for a slow disk, in seconds.
CLOSE_SECONDS = 2.0


class Still(NamedTuple):
    """A picture that is to be kept, and the seconds of its frame."""

    seconds: float
    image: np.ndarray


class Scribe:
    """Writes the take of a live show behind it, and the stills; the show never waits for it.

    `recipe` gives the first line. `begin` listens to the desk; `close` ends the file. Where it
    cannot be written that is told once, and the show goes on.
    """

    def __init__(self, path: Path, recipe: Callable[[], Mapping[str, Any]]):
        self.path = path
        self.stills: list[Path] = []
        self._recipe = recipe
        self._waiting: deque[Turn | Still] = deque()
        self._lost = self._stills = 0  # lines, and stills that wait
        self._over = False  # nothing more can be written
        self._models: dict = {}
        self._file: Any = None
        self._desk: Desk | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="scribe", daemon=True)

    def begin(self, desk: Desk, picture: Callable[[], tuple[float, np.ndarray] | None]) -> None:
        """Take down from now on what the desk tells; `picture` gives what is to be seen, and when.

        The first line is written at once, so that a place where none can be is known in time.
        """
        self._desk = desk
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path, self._file = _new_file(self.path)
            header = {"take": FORMAT, **self._recipe()}
            header.pop("models", None)  # they are opened when the first picture is made
            self._put([as_json(header)])
        except OSError as error:
            self._give_up(error)
            return
        desk.listeners.append(self.take_down)

        def still(_) -> None:
            seen = picture()
            if seen is None or self._over or self._stills > MOST_STILLS:
                tell("a still cannot be kept now; there is no take, no picture, or no time")
                return
            self._stills += 1
            # A copy: a sketch may paint on in the same array.
            self.take_down(Still(seen[0], seen[1].copy()))

        desk.place(still_control(still))
        self._thread.start()

    @property
    def written(self) -> list[Path]:
        """The files that there are: the take, and the stills."""
        return [path for path in (self.path, *self.stills) if path.is_file()]

    def take_down(self, turn: Turn | Still) -> None:
        """Remember what is to be written; it takes a microsecond."""
        if self._over:
            return
        if len(self._waiting) < MOST_LINES:
            self._waiting.append(turn)
        else:
            self._lost += 1

    def close(self, seconds: float) -> None:
        """Write what waits, and how long the show was; one that did not begin leaves no take."""
        if self._stopping.is_set():
            return
        self.take_down(Turn(seconds, "end", None))
        self._stopping.set()
        if self._thread.ident:
            self._thread.join(CLOSE_SECONDS)
            if not seconds:
                self.path.unlink(missing_ok=True)

    # -- in a thread of its own ----------------------------------------------------------------

    def _write_on(self) -> None:
        going = True
        while going:
            going = not self._stopping.wait(FLUSH_SECONDS)
            if self._over:
                return
            try:
                self._write(going)
            except OSError as error:
                self._give_up(error)
                return
        self._file.close()

    def _write(self, going: bool) -> None:
        lines, seconds = [], -1.0
        if (models := open_models()) != self._models:
            self._models = models
            lines.append(as_json([self._desk.seconds, "models", models]))  # type: ignore[union-attr]
        for _ in range(len(self._waiting)):
            turn = self._waiting.popleft()
            if isinstance(turn, Still):
                self._put(lines)
                lines = []
                self._keep(turn)
            else:
                try:
                    lines.append(_line(turn))
                except (TypeError, ValueError):
                    tell(f"a take cannot hold {turn.value!r} of {turn.address}", turn.address)
                seconds = turn.seconds
        if going and self._desk is not None and self._desk.seconds > seconds:
            lines.append(as_json([self._desk.seconds, "frame", None]))
        self._put(lines)
        if self._lost:
            tell(f"a flood: the take has {self._lost} lines too few", "a flood of lines")

    def _put(self, lines: list[str]) -> None:
        data = "".join(f"{line}\n" for line in lines).encode()
        while data:  # a disk that is nearly full takes a part
            data = data[self._file.write(data) :]

    def _keep(self, still: Still) -> None:
        path = self.path.with_name(f"{self.path.stem}-{still.seconds:08.3f}s.png")
        part = path.with_name(f".{path.name}.part")
        self._stills -= 1
        try:
            first, *lines = self.path.read_text(encoding="utf-8").splitlines()
            header = {**from_json(first), "models": self._models, "moment": still.seconds}
            kept = [line for line in lines if float(line[1 : line.index(",")]) <= still.seconds]
            part.write_bytes(as_png(still.image, "\n".join([as_json(header), *kept, ""])))
            part.replace(path)
        except OSError as error:
            tell(f"a still cannot be written to {str(path)!r}: {error.strerror}")
        else:
            self.stills.append(path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _give_up(self, error: OSError) -> None:
        self._over = True
        reason = error.strerror or type(error).__name__
        tell(f"the take cannot be written to {str(self.path)!r}: {reason}; the show goes on")
        if self._desk is not None and self.take_down in self._desk.listeners:
            self._desk.listeners.remove(self.take_down)
        self._waiting.clear()
        if self._file is not None:
            with suppress(OSError):
                self._file.close()


def _new_file(path: Path):
    """Open a file that was not there, under the next free name."""
    for number in range(1, 1000):
        name = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        with suppress(FileExistsError):
            return name, open(name, "xb", buffering=0)
    raise FileExistsError(17, os.strerror(17))


def _line(turn: Turn) -> str:
    value = turn.value
    if turn.address in ("phrase", "answer") and value[-1] is not None:
        value = [*value[:-1], [[*note, beats] for note, beats in value[-1]]]
    line = as_json([turn.seconds, turn.address, value])
    line.encode()  # half a letter, of a stranger, cannot be written
    return line


def still_control(act: Callable[[Any], None]) -> Control:
    """Give the control that keeps a picture."""
    says = "Keep the picture as a PNG in takes/, with the recipe that makes it again"
    return Control("/show/still", "press", says, act, key="s", again=False)
