"""What a person writes against: a sketch and its three kinds of cue."""

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, overload

import numpy as np

from .clock import LiveClock, Moment, OfflineClock
from .errors import ShowError
from .general_midi import check_instruments
from .log import warn_once
from .notebook import Film, show
from .parameters import Parameters
from .parts import Generator, Input, Output, inputs_of, knob_parameter
from .performance import Performance, check_size
from .recording.recorder import Recorder
from .recording.take import Take
from .registry import file_output, input_device, installed, output, reseed, sound_renderer
from .sketch_provenance import provenance_of
from .stage.answers import AnswerCue, check_answer, thru_cue
from .stage.cues import (
    DrawFunction,
    PlayCue,
    add_cue,
    call_draw,
    check_cue,
    cue_name,
    draw_cue_name,
)
from .stage.feel import Feel
from .stage.replay import Replay
from .stage.stage import Progress, Stage, no_progress
from .stage.stats import Stats

F = TypeVar("F", bound=Callable[..., Any])

# The file that is being loaded: `sketch.run()`, its last line, then does nothing.
loading: ContextVar[Path | None] = ContextVar("loading", default=None)


class Sketch:
    """A piece: what to draw and what to play, and at which tempo, meter, frame rate and size.

    The command line may overrule each of them but the meter.

    Args:
        bpm: beats a minute.
        meter: beats in a bar.
        fps: frames a second.
        size: (width, height) in pixels.
        follow_window: live, the picture takes the size of its window, and changes with it.
    """

    def __init__(
        self,
        bpm: float = 120.0,
        meter: int = 4,
        fps: float = 30.0,
        size: tuple[int, int] = (512, 512),
        follow_window: bool = False,
    ):
        self.bpm, self.meter, self.fps, self.size = self.written = bpm, meter, fps, size
        self.follow_window = follow_window  # `written` is what stands in the file
        self._title = self.soundfont = ""  # the file of a soundfont that plays it
        self._names: dict[str, Any] | None = None  # of the sketch's file, where it was loaded
        self._draw: DrawFunction | None = None
        self._plays: list[PlayCue] = []
        self._answers: list[AnswerCue] = []
        self._instruments: dict[int, str | int] = {}
        self.current_stage: Stage | None = None
        self.seekable = ""  # "now" or "run" overrules what its parts say; see `Part.seekable`

    def draw(self, function: F) -> F:
        """Call `function(now)` for the image of every frame. A sketch draws one picture.

        The function returns an image `(height, width, 3)`, uint8 or floats 0..1; a PIL image, an
        RGBA array and a list of `Stroke` are converted. Its namesake replaces it, else ShowError.
        """
        check_cue(function, "draw", "now")
        if self._draw is not None and cue_name(function) != cue_name(self._draw):
            raise ShowError(
                f"{cue_name(function)!r} would be a second draw cue beside "
                f"{cue_name(self._draw)!r}; a sketch has one"
            )
        self._draw = function
        return function

    @overload
    def play(
        self,
        bars: float = 1,
        *,
        swing: float | None = None,
        humanise: float | None = None,
        grid: float = 0.5,
    ) -> Callable[[F], F]: ...

    @overload
    def play(self, *, seconds: float) -> Film: ...

    def play(
        self,
        bars: float = 1,
        *,
        swing: float | None = None,
        humanise: float | None = None,
        grid: float = 0.5,
        seconds: float | None = None,
    ) -> Callable[[F], F] | Film:
        """Call the function every `bars` bars for the phrase that fills them; ValueError: not > 0.

        `swing` 0..1 plays every second eighth late: 0.67 as in triplets; with `grid=0.25` every
        second sixteenth. `humanise` 0..1 moves notes and velocities a little, as a person does.
        Each that is given is a parameter of the show, `/CUE/swing` and `/CUE/humanise`.

        `sketch.play(seconds=8)` instead returns a film of the sketch, which a notebook shows.
        """
        if seconds is not None:
            with TemporaryDirectory() as folder:
                film = Path(folder, "film.mp4")
                self.render(film, seconds=seconds)
                return Film(film, self.size)
        if callable(bars):
            raise TypeError("@sketch.play needs to know how often; write @sketch.play(bars=2)")
        if not (isinstance(bars, int | float) and 0 < bars < 10_000):
            raise ValueError(f"bars must be positive, got {bars!r}")
        feel = Feel.written(swing, humanise, grid)

        def add(function: F) -> F:
            check_cue(function, "play", "now")
            add_cue(self._plays, PlayCue(function, bars, feel=feel))
            return function

        return add

    def answer(self, controls: Any, *, seconds: float = 0.0) -> Callable[[F], F]:
        """Call the function for every note that is played on `controls`, for the phrase to reply.

        `function(now, notes)` is called at once, in a thread of its own, and its phrase is played
        at once. What is played within `seconds` of a note is passed with it, as one chord.
        """
        check_answer(controls, seconds)

        def add(function: F) -> F:
            check_cue(function, "answer", "now", "notes")
            add_cue(self._answers, AnswerCue(function, controls, seconds))
            return function

        return add

    def thru(self, controls: Any, channel: int = 1, instrument: str | int | None = None) -> None:
        """Play the keys of `controls` as they are played, on `channel`, with an instrument."""
        others = [one for one in self._answers if (one.controls, one.function) != (controls, None)]
        self._answers = [*others, thru_cue(controls, channel)]
        if instrument is not None:
            self.instruments({channel: instrument})

    def instruments(self, instruments: Mapping[int, str | int]) -> None:
        """Choose what plays each channel: `sketch.instruments({1: "organ", 2: "Cello", 3: 49})`.

        An instrument is one that `capriccio parts` lists, or a General MIDI name or number, which
        MIDI ports and files receive. A channel without one has what suits the part that plays it.

        Raises:
            TypeError, ValueError: it is no dict, or there is no such channel or instrument.
        """
        installed()  # the plugins, which know more of them
        self._instruments.update(check_instruments(instruments))

    # -- within cues --------------------------------------------------------------------------

    def tempo(self, now: Moment, bpm: float, beats: float = 0.0) -> None:
        """Go to a tempo from the moment `now` on, over `beats`; a cue passes its own `now`.

        Live it starts a moment later where that moment is too near. Another clock that is followed
        takes precedence.
        """
        stage = self.current_stage
        if stage is None or stage.performance.take is not None:  # a take knows its tempo
            return
        if stage.clock.leader:
            warn_once(f"the tempo is that of {stage.clock.leader}")
        else:
            stage.clock.change(bpm, seconds=stage.clock.seconds_at(now.beats), over=beats)

    @property
    def image(self) -> np.ndarray[Any, Any]:
        """The image last drawn, `(height, width, 3)` uint8; black before the first."""
        if self.current_stage is None:
            return np.zeros((self.size[1], self.size[0], 3), np.uint8)
        return self.current_stage.wanted_image()

    @property
    def loudness(self) -> float:
        """How loud the music is now, 0..1: the strongest note, halved with every beat it lasts."""
        return 0.0 if self.current_stage is None else self.current_stage.loudness()

    def _functions(self) -> list[Callable[..., Any]]:
        cues: list[Any] = [cue.function for cue in self._plays]
        cues += [cue.function for cue in self._answers if cue.function]
        return [self._draw, *cues] if self._draw else cues

    @property
    def names(self) -> dict[str, Any]:
        """What the sketch's file has names for; in a script, what its cues can see."""
        if self._names is not None:
            return self._names
        names: dict[str, Any] = {}
        for function in self._functions():
            names.update(getattr(function, "__globals__", {}))
            code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", ())
            for name, cell in zip(code.co_freevars if code else (), cells or (), strict=False):
                with suppress(ValueError):  # it is assigned later
                    names[name] = cell.cell_contents
        return names

    @names.setter
    def names(self, names: dict[str, Any]) -> None:
        self._names = names

    @property
    def file(self) -> Path | None:
        """Its file; None where it was typed in or read from standard input."""
        file = str(self.names.get("__file__") or "<")
        return None if file.startswith("<") else Path(file)

    @property
    def title(self) -> str:
        """The name of its file without the ending, or "sketch"."""
        return self._title or (self.file.stem if self.file else "sketch")

    @title.setter
    def title(self, title: str) -> None:
        self._title = title

    @property
    def parts(self) -> dict[str, Generator]:
        """The generators of the sketch by the names that it gives them."""
        return {
            name: thing
            for name, thing in self.names.items()
            if isinstance(thing, Generator) and not name.startswith("_")
        }

    # -- performing ---------------------------------------------------------------------------

    def run(self, arguments: Sequence[str] | None = None) -> None:
        """Perform as `capriccio run` does, with its flags: the last line of a sketch.

        `python mine.py --seed 3` then works, and `python mine.py --help` lists the flags. Does
        nothing where the file is loaded by `capriccio run` or imported.

        Args:
            arguments: flags; those of the command line unless given.
        """
        names = self.names
        if loading.get() or names.get("__name__", "__main__") != "__main__":
            return
        if arguments is None:  # a notebook has arguments of its own
            arguments = sys.argv[1:] if self.file or sys.argv[0] in ("-", "-c") else []
        # The command line stands above this module, which knows it by name alone.
        import_module("capriccio.cli.run").run_script(self, list(arguments))

    def render(
        self,
        *files: str | Path,
        seconds: float | None = None,
        seed: int | None = None,
        progress: Progress = no_progress,
    ) -> Stats:
        """Render offline to files: `sketch.render("mine.mp4", "mine.mid", seconds=8, seed=3)`.

        Args:
            files: `.mp4` is a film, `.mid` the music, `.wav`, `.flac` and `.ogg` its sound, `.gif`
                and `.webp` an animation, `.png` the last picture; a name without ending is a
                folder of PNGs.
            seconds: how long; a picture alone is the first one without it.
            seed: of all parts that take one; without it they go on as they are.
            progress: called after every frame with the number of frames done.

        Raises:
            ShowError: an ending is unknown, or a file cannot be written.
        """
        if not files:
            raise ShowError("nothing to render to; give a file, such as 'mine.mp4'")
        outputs = [file_output(Path(file)) for file in files]
        if seconds is None:
            if any(Path(file).suffix.lower() != ".png" for file in files):
                raise ShowError(f"render needs to know how long {files[0]} is; write seconds=8")
            seconds = 1 / self.fps
        return self.perform(outputs, seconds=seconds, seed=seed, progress=progress)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """Return how a notebook shows it: what it shows now, or its first picture."""
        if self._draw is None:
            return {"text/plain": f"{self.title}: a sketch without a picture"}
        if self.current_stage is None:
            with TemporaryDirectory() as folder:
                self.render(Path(folder, "first.png"))
        return show(self.image)._repr_mimebundle_()

    def perform(
        self,
        outputs: Iterable[Output | str] = (),
        *,
        inputs: Iterable[Input | str] = (),
        seconds: float | None = None,
        live: bool = False,
        seed: int | None = None,
        progress: Progress = no_progress,
        provenance: Callable[[], Mapping[str, Any]] | None = None,
        recorder: Recorder | None = None,
        simulation: Any = None,
    ) -> Stats:
        """Perform to `outputs`, offline for some seconds, or live until asked to end.

        Offline raises whatever goes wrong; live logs it and plays on. A part that hangs cannot be
        told from one that is slow: offline it is waited for until Ctrl-C.

        Args:
            outputs: objects, or words: "screen", "video:mine.mp4"; others are a TypeError.
            inputs: likewise: "osc:9000"; those that the sketch has names for are added.
            seconds: how long; without it a live show goes on until asked to end.
            live: in real time.
            seed: of all parts that take one, which begin anew; the same seed, the same show.
            progress: called after every frame with the number of frames done.
            provenance: returns what files say of how they were made.
            recorder: writes a take.
            simulation: plays all `controls()`.
        """
        opened = [output(one) if isinstance(one, str) else one for one in outputs]
        devices = [input_device(one) if isinstance(one, str) else one for one in inputs]
        own = inputs_of([*self.names.values(), *(cue.controls for cue in self._answers)])
        devices += [one for one in own if one not in devices]
        for role, given in ((Output, opened), (Input, devices)):
            if wrong := [one for one in given if not isinstance(one, role)]:
                raise TypeError(f"{role.role}s= takes {role.role}s, got {wrong[0]}")
        if seed is not None:
            reseed(self.names.values(), seed)
        if live and self._answers:  # nobody who plays waits until a model is loaded
            for part in self.parts.values():
                part.warm_up()
        if provenance is None:
            provenance = provenance_of(self, seed=seed, seconds=seconds)
        self.current_stage = stage = self.stage(
            opened, inputs=devices, live=live, provenance=provenance, simulation=simulation
        )
        if recorder:
            recorder.begin(stage.performance.parameters, stage.picture)
        try:
            return stage.perform(seconds, progress)
        finally:
            if recorder:
                recorder.close(stage.stats.seconds)

    def replay(
        self,
        take: Take,
        outputs: Iterable[Output] = (),
        *,
        seconds: float | None = None,
        progress: Progress = no_progress,
        provenance: Callable[[], Mapping[str, Any]] = dict,
        as_shown: bool = False,
    ) -> Stats:
        """Perform a take of this sketch offline: the same notes and pictures, at any size and rate.

        `as_shown` leaves out dropped frames; the take of a still gives its picture. `outputs`,
        `seconds`, `progress` (called with the frames drawn) and `provenance` are as in `perform`.
        """
        performance = self._performance(take.clock(), provenance=provenance, take=take)
        replay = Replay(
            performance,
            outputs,
            draw=self._draw,
            plays=self._new_plays(),
            answers=self._new_answers(),
            inputs=[one for one in inputs_of(self.names.values()) if one.replayed],
            as_shown=as_shown,
        )
        self.current_stage = replay.stage
        return replay.perform(min(seconds or math.inf, take.seconds), progress)

    def stage(
        self,
        outputs: Iterable[Output] = (),
        *,
        inputs: Iterable[Input] = (),
        live: bool = False,
        provenance: Callable[[], Mapping[str, Any]] = dict,
        simulation: Any = None,
    ) -> Stage:
        """Return a stage of `outputs`, `inputs`, `live`, `provenance`, `simulation`."""
        clock = (LiveClock if live else OfflineClock)(self.bpm, self.meter)
        return Stage(
            self._performance(clock, provenance=provenance, simulation=simulation),
            outputs,
            inputs=inputs,
            draw=self._draw,
            plays=self._new_plays(),
            answers=self._new_answers(),
        )

    def _performance(self, clock: OfflineClock, **facts: Any) -> Performance:
        self._check()
        check_size(self.size)
        if not (isinstance(self.fps, int | float) and 0 < self.fps <= 1000):
            raise ShowError(f"fps must be more than 0 and at most 1000, got {self.fps!r}")
        suited: dict[int, str | int] = {}
        if self._plays or self._answers:
            facts["open_sound"] = sound_renderer()
            for part in self.parts.values():
                suited = {**check_instruments(part.instruments), **suited}
        facts |= {"instruments": suited | self._instruments, "soundfont": self.soundfont}
        facts["follows_window"] = self.follow_window
        for cue in self._plays:
            cue.feel.reset()
        performance = Performance(clock, self.size, self.fps, self.title, **facts)
        self._add_parameters(performance.parameters)
        return performance

    def _new_plays(self) -> list[PlayCue]:
        return [PlayCue(cue.function, cue.bars, feel=cue.feel) for cue in self._plays]

    def _new_answers(self) -> list[AnswerCue]:
        return [cue.again() for cue in self._answers]

    def _check(self) -> None:
        if self._draw is None and not (self._plays or self._answers):
            raise ShowError(f"{self.title!r} has no cue; decorate a function with @sketch.draw")

    def _add_parameters(self, parameters: Parameters) -> None:
        """Add every knob of every part, and the names of what is read."""
        parameters.names.update((id(thing), name) for name, thing in self.names.items())
        for name, part in self.parts.items():
            for knob in part.knobs.values():
                if knob.kind != "thing":
                    parameters.add(knob_parameter(name, part, knob))
        for cue in self._plays:
            for parameter in cue.feel.parameters(cue_name(cue.function)):
                parameters.add(parameter)

    # -- another version of the sketch takes over ----------------------------------------------

    def now(self) -> Moment:
        """Return the moment that a live show has come to; the start, before there is one."""
        stage = self.current_stage
        clock = stage.clock if stage else OfflineClock(self.bpm, self.meter)
        return clock.moment(seconds=clock.seconds(), span=clock.beats_at(1 / self.fps))

    def try_frame(self, now: Moment) -> None:
        """Draw the picture of a moment that nobody sees: errors are raised, models open."""
        self._check()
        if self._draw is not None:
            call_draw(self._draw, now, draw_cue_name(self._draw), self.size)

    def replace_part(self, name: str, part: Any) -> None:
        """Replace the part or the controls of this name."""
        old = self.names.get(name)
        for function in self._functions():
            scope = getattr(function, "__globals__", {})
            if scope.get(name) is old:
                scope[name] = part
        if self._names is not None:
            self._names[name] = part
        for cue in self._answers:
            if cue.controls is old:
                cue.controls = part
        if self.current_stage is not None and isinstance(part, Generator):
            self._add_parameters(self.current_stage.performance.parameters)

    def replace_with(self, other: "Sketch", digest: str = "") -> float:
        """Go on with the cues and parts of another sketch from the next bar; return its beats.

        A live show must be going on, else ShowError. Its tempo, size and frame rate stay. `digest`
        is the SHA-256 of the other's file, for the take.
        """
        if self.current_stage is None or not self.current_stage.performance.clock.live:
            raise ShowError(f"{self.title!r} is not performed live; it cannot be replaced")
        stage = self.current_stage
        gone = {f"/{name}/{knob}" for name, part in self.parts.items() for knob in part.knobs}
        other.current_stage, other.size = stage, self.size

        def take_over() -> None:
            parameters = stage.performance.parameters
            parameters.remove(gone)
            other._add_parameters(parameters)

        beats = stage.change_cues(
            other._draw, other._new_plays(), other._new_answers(), take_over, digest
        )
        self._names = other.names
        return beats
