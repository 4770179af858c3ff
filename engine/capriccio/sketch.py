"""What a person writes against: a sketch, its three kinds of cue, and how a file becomes one."""

import math
import runpy
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np

from .clock import LiveClock, Moment, OfflineClock
from .desk import Control, Desk
from .errors import ShowError, tell
from .hookspecs import Generator, Knob, Output, Performance
from .media import as_image
from .scribe import Scribe
from .stage import COMPOSE_SECONDS, PlayCue, Stage, Tally
from .stage.change import change
from .stage.cue import name_of
from .stage.hearing import AnswerCue
from .stage.replay import Replay
from .take import Take


class Sketch:
    """A piece: what to draw and what to play, and at which tempo, meter, frame rate and size.

    `bpm` is in beats a minute, `meter` beats in a bar, `fps` frames a second, `size` (width,
    height) in pixels. The command line may overrule each of them but the meter. A file that is
    run by itself, `python nocturne.py`, takes the same flags as `capriccio run nocturne.py`.
    """

    def __init__(
        self,
        bpm: float = 120.0,
        meter: int = 4,
        fps: float = 30.0,
        size: tuple[int, int] = (512, 512),
    ):
        caller = sys._getframe(1).f_globals
        if caller.get("__name__") == "__main__" and caller.get("__file__"):
            # Run as a script: start over as `capriccio run` does, so that the flags are read
            # before the parts are built.
            sys.argv = ["capriccio", "run", caller["__file__"], *sys.argv[1:]]
            runpy.run_module("capriccio", run_name="__main__")
            raise SystemExit
        self.bpm, self.meter, self.fps, self.size = bpm, meter, fps, size
        self.written = bpm, meter, fps, size  # as they stand in the file
        self.title = Path(caller.get("__file__") or "sketch").stem
        self._draw: Callable | None = None
        self._plays: list[PlayCue] = []
        self._answers: list[AnswerCue] = []
        self._stage: Stage | None = None
        self._names = caller  # of the sketch's file, where its parts are called something

    def draw(self, function: Callable) -> Callable:
        """Call `function(now)` for the image of every frame. A sketch draws one picture."""
        if self._draw is not None:
            raise ShowError(
                f"{name_of(function)!r} would be a second draw cue beside "
                f"{name_of(self._draw)!r}; a sketch has one"
            )
        self._draw = function
        return function

    def play(self, bars: float = 1) -> Callable[[Callable], Callable]:
        """Call the function every so many `bars` for the phrase that fills them."""
        if callable(bars):
            raise TypeError("@sketch.play needs to know how often; write @sketch.play(bars=2)")
        if not (isinstance(bars, int | float) and 0 < bars < 10_000):
            raise ValueError(f"a play cue every {bars!r} bars; give more than 0")

        def cue(function: Callable) -> Callable:
            self._plays.append(PlayCue(function, bars))
            return function

        return cue

    def answer(self, hands: Any, *, seconds: float = 0.0) -> Callable[[Callable], Callable]:
        """Call the function for every note that is played on `hands`, for the phrase to reply.

        `function(now, notes)` is called at once, in a thread of its own, and its phrase is played
        at once. What is played within so many `seconds` of a note is handed over with it.
        """
        if not hasattr(hands, "attend"):
            raise TypeError(
                "@sketch.answer needs to know whom; write @sketch.answer(hands) with "
                "hands = controls()"
            )
        if not (isinstance(seconds, int | float) and 0 <= seconds <= 1):
            raise ValueError(f"a chord of {seconds!r} seconds; give 0 to 1")

        def cue(function: Callable) -> Callable:
            self._answers.append(AnswerCue(function, hands, seconds))
            return function

        return cue

    def tempo(self, now: Moment, bpm: float, beats: float = 0.0) -> None:
        """Go to a tempo from the moment `now` on, over so many `beats`; a cue hands its own `now`.

        Live it begins a moment later where that moment is too near. Another clock that is followed
        goes before.
        """
        stage = self._stage
        if stage is None or stage.performance.replayed is not None:  # a take knows its tempo
            return
        if stage.clock.leader:
            tell(f"the tempo is that of {stage.clock.leader}")
        else:
            stage.clock.change(bpm, seconds=stage.clock.seconds_at(now.beats), over=beats)

    @property
    def image(self) -> np.ndarray:
        """The image last drawn, `(height, width, 3)` uint8; black before the first."""
        if self._stage is None:
            return np.zeros((self.size[1], self.size[0], 3), np.uint8)
        return self._stage.image

    @property
    def loudness(self) -> float:
        """How loud the music is now, 0..1: the strongest note, halved with every beat it lasts."""
        return 0.0 if self._stage is None else self._stage.loudness()

    @property
    def names(self) -> dict[str, Any]:
        """What the sketch's file has names for."""
        return self._names

    @property
    def parts(self) -> dict[str, Generator]:
        """The generators of the sketch by the names that its file gives them."""
        return {
            name: thing
            for name, thing in self._names.items()
            if isinstance(thing, Generator) and not name.startswith("_")
        }

    def perform(
        self,
        outputs: Iterable[Output] = (),
        *,
        seconds: float | None = None,
        live: bool = False,
        progress: Callable[[int], None] = lambda frames: None,
        recipe: Callable[[], Mapping[str, Any]] = dict,
        scribe: Scribe | None = None,
        rehearsal: Any = None,
    ) -> Tally:
        """Perform to `outputs`, offline for so many `seconds`, or live until told to end.

        Offline raises whatever goes wrong; live tells it and plays on. A part that hangs cannot be
        told from one that is slow: offline it is waited for until Ctrl-C. `progress` is called
        with the number of frames done, `recipe` gives what files say of how they were made, and
        `scribe` writes a take. A `rehearsal` plays all `controls()`.
        """
        if live and self._answers:  # nobody who plays waits until a model is loaded
            for part in self.parts.values():
                part.warm_up()
        self._stage = stage = self.stage(outputs, live=live, recipe=recipe, rehearsal=rehearsal)
        if scribe:
            scribe.begin(stage.performance.desk, stage.picture)
        try:
            return stage.perform(seconds, progress)
        finally:
            if scribe:
                scribe.close(stage.tally.seconds)

    def perform_again(
        self,
        take: Take,
        outputs: Iterable[Output] = (),
        *,
        seconds: float | None = None,
        progress: Callable[[int], None] = lambda frames: None,
        recipe: Callable[[], Mapping[str, Any]] = dict,
        as_shown: bool = False,
    ) -> Tally:
        """Perform a take of this sketch offline: the same notes and pictures, at any size and rate.

        `as_shown` leaves out the frames that were dropped. The take of a still gives its picture.
        """
        self._stage = self.stage(outputs, recipe=recipe, take=take, as_shown=as_shown)
        return self._stage.perform(min(seconds or math.inf, take.seconds), progress)

    def stage(
        self,
        outputs: Iterable[Output] = (),
        *,
        live: bool = False,
        recipe: Callable[[], Mapping[str, Any]] = dict,
        take: Take | None = None,
        as_shown: bool = False,
        rehearsal: Any = None,
    ) -> Stage:
        """Set the stage for a performance, with every knob of every part on its desk."""
        self._check()
        check_size(self.size)
        if not (isinstance(self.fps, int | float) and 0 < self.fps <= 1000):
            raise ShowError(f"{self.fps!r} frames a second; give more than 0, at most 1000")
        clock = take.clock() if take else None
        clock = clock or (LiveClock if live else OfflineClock)(self.bpm, self.meter)
        plays = [PlayCue(cue.function, cue.bars) for cue in self._plays]
        performance = Performance(
            clock,
            self.size,
            self.fps,
            self.title,
            recipe=recipe,
            replayed=take,
            rehearsal=rehearsal,
        )
        self._take_places(performance.desk)
        if take:
            return Replay(
                performance,
                outputs,
                draw=self._draw,
                plays=plays,
                answers=self._new_answers(),
                as_shown=as_shown,
            )
        return Stage(
            performance, outputs, draw=self._draw, plays=plays, answers=self._new_answers()
        )

    def _new_answers(self) -> list[AnswerCue]:
        return [AnswerCue(cue.function, cue.hands, cue.seconds) for cue in self._answers]

    def _check(self) -> None:
        if self._draw is None and not (self._plays or self._answers):
            raise ShowError(f"{self.title!r} has no cue; decorate a function with @sketch.draw")

    def _take_places(self, desk: Desk) -> None:
        """Have every knob of every part on the desk, and say what the sketch calls what is read."""
        desk.names.update((id(thing), name) for name, thing in self._names.items())
        for name, part in self.parts.items():
            for knob in part.knobs.values():
                if knob.kind != "thing":
                    desk.place(knob_control(name, part, knob))

    def now(self) -> Moment:
        """Give the moment that a live show has come to; the beginning, before there is one."""
        clock = self._stage.performance.clock if self._stage else OfflineClock(self.bpm, self.meter)
        return clock.moment(seconds=clock.seconds(), span=clock.beats_at(1 / self.fps))

    def rehearse(self, now: Moment) -> None:
        """Draw the picture of a moment that nobody sees: what is wrong is raised, models open."""
        self._check()
        if self._draw is not None:
            as_image(self._draw(now), f"draw cue {name_of(self._draw)!r}")

    def become(self, other: "Sketch", digest: str = "") -> float:
        """Go on with the cues and parts of another sketch from the next bar; give its beats.

        A show must be going on. Its tempo, size and frame rate stay. `digest` is that of the
        other's file, for the take.
        """
        if self._stage is None or not self._stage.performance.clock.live:
            raise ShowError(f"{self.title!r} is not performed live; it cannot become another one")
        stage, gone = self._stage, self.parts
        other._stage, other.size = stage, self.size
        plays = [PlayCue(cue.function, cue.bars) for cue in other._plays]

        def take_over() -> None:
            desk = stage.performance.desk
            addresses = {f"/{name}/{knob}" for name, part in gone.items() for knob in part.knobs}
            desk.controls = {at: it for at, it in desk.controls.items() if at not in addresses}
            other._take_places(desk)
            stage.hearing.become(other._new_answers(), beats)

        seconds, beats = change(stage, other._draw, plays, take_over, COMPOSE_SECONDS)
        stage.performance.desk.announce(seconds, "sketch", (digest, beats))
        self._names = other._names
        return beats


def knob_control(name: str, part: Generator, knob: Knob) -> Control:
    """Give the control that holds a knob of the part that the sketch calls `name`."""

    def value():
        return part._held.get(knob.name, part._turned.get(knob.name, knob.default))

    def fit(at):
        if knob.kind == "words" and not isinstance(at, str):
            raise TypeError(f"knob {knob.name!r} of {part} was given {at!r}; give words")
        return knob.fit(at, str(part))

    return Control(
        f"/{name}/{knob.name}",
        knob.kind,
        f"{knob.name} of {part}",
        act=lambda at: part.hold(knob.name, at),
        fit=fit,
        value=value,
        choices=knob.choices,
        held=lambda: knob.name in part._held,
    )


def check_size(size: tuple[int, int]) -> None:
    """Raise ShowError unless `size` is (width, height), whole pixels from 16 to 16384."""
    sides = size if isinstance(size, tuple | list) else ()
    if len(sides) != 2 or not all(isinstance(side, int) and 16 <= side <= 16384 for side in sides):
        raise ShowError(f"a size of {size!r}; give (width, height) from 16 to 16384 pixels each")


def sketch_file(path: str | Path) -> Path:
    """Give the whole path of a sketch; raise ShowError where there is no such file."""
    path = Path(path).resolve()
    if not path.is_file():
        raise ShowError(f"no file {str(path)!r} to run")
    return path


def load_sketch(path: str | Path) -> Sketch:
    """Run the file of a sketch and give its `Sketch`; other files beside it can be imported.

    Raises ShowError where there is no such file, or no sketch in it; errors in it go through.
    """
    path = sketch_file(path)
    # A name of its own: a sketch called random.py must not stand in for the module `random`.
    name = f"sketch_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ShowError(f"{path.name!r} is no Python file; a sketch ends in .py")
    module = module_from_spec(spec)
    # At the end, for the same reason: the standard library imports much when it is first needed.
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    sys.modules[name] = module
    spec.loader.exec_module(module)
    things = vars(module).values()
    sketches = list({id(thing): thing for thing in things if isinstance(thing, Sketch)}.values())
    if len(sketches) != 1:
        raise ShowError(
            f"{path.name!r} makes {len(sketches) or 'no'} "
            f"{'sketches; keep one' if sketches else 'sketch; write sketch = Sketch()'}"
        )
    return sketches[0]
