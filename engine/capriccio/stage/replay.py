"""Performs a take: what came from outside comes again, and the music is as it was."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from ..events import AnswerPlayed, ParameterSet, PhrasePlayed
from ..log import warn_once
from ..parts import Analyzer, Input, Output
from ..performance import Performance, current_frame
from ..tempo import ROUNDING_SECONDS
from .answers import ANSWER_BEATS, AnswerCue
from .cues import DrawFunction, PlayCue
from .stage import Progress, Stage, no_progress
from .stats import Stats, frame_count

# What is done at some seconds of a replay: (seconds, order among equals, action).
TimedAction = tuple[float, int, Callable[[], Any]]


class Replay:
    """One performance of the take `performance.take`, offline, on a stage of its own.

    Every phrase is played as it was. Its cue is called as well, when it was called then, so that
    whatever the sketch remembers of it is there for the pictures. An error in a cue is logged,
    since it did not end the show then; one in an output is raised.

    Args:
        performance: its facts, with a take.
        outputs: what shows and sounds.
        draw: the draw cue.
        plays: the play cues, in the order of the sketch.
        answers: the answer cues, in the order of the sketch.
        inputs: those that know what they read then.
        as_shown: leave the frames that were dropped then as nobody saw them: a sketch that paints
            on in its last picture needs that to come out the same. Of a still the last frame alone
            is shown.
    """

    def __init__(
        self,
        performance: Performance,
        outputs: Iterable[Output],
        *,
        draw: DrawFunction | None = None,
        plays: Iterable[PlayCue] = (),
        answers: Iterable[AnswerCue] = (),
        inputs: Iterable[Input] = (),
        as_shown: bool = False,
    ):
        self.take = performance.take
        performance = replace(performance, read=self._read)
        self.stage = Stage(performance, outputs, inputs=inputs, draw=draw)
        # No cue has a turn of its own, and nobody plays now: the take says what they played.
        self._plays, self._answers = list(plays), list(answers)
        self.stage.has_music = bool(self._plays or self._answers)
        for number, cue in enumerate(self._plays):
            cue.number = number
        self._turns: Iterator[ParameterSet] = iter(self.take.turns)
        self._turn = next(self._turns, None)
        still = self.take.moment is not None
        self._as_shown = (as_shown or still) and performance.fps == self.take.record["fps"]
        self._draw = draw
        self._screens = self.stage.delivery.screens
        if still:
            self.stage.delivery.screens = []
        for change in self.take.tempo_changes:
            self.stage.change_tempo(change)
        for seconds in self.take.panics:
            self.stage.shutdown.silence(seconds)
        self._actions = sorted(self._all_actions(), key=lambda action: action[:2])
        self._place = 0

    def perform(self, seconds: float, progress: Progress = no_progress) -> Stats:
        """Perform the first `seconds` of the take, and return what happened."""
        return self.stage.run(partial(self._frames, seconds, progress), seconds)

    def _all_actions(self) -> Iterator[TimedAction]:
        """Yield when which phrase was asked for, and when it was there."""
        scheduler = self.stage.scheduler
        for phrase in self.take.phrases:
            if phrase.cue in range(len(self._plays)):
                yield min(phrase.called, phrase.seconds), 0, partial(self._call_play, phrase)
            if phrase.notes:
                yield phrase.seconds, 1, partial(scheduler.distribute, phrase.notes)
        for answer in self.take.answers:
            if answer.cue in range(len(self._answers)):
                yield min(answer.called, answer.seconds), 0, partial(self._call_answer, answer)
            if answer.notes:
                yield answer.seconds, 1, partial(scheduler.distribute, answer.notes)
        for change in self.take.sketches:
            yield change.seconds, 2, partial(scheduler.forget, change.beats)

    def _frames(self, seconds: float, progress: Progress) -> None:
        fps, stage = self.stage.performance.fps, self.stage
        frames = frame_count(seconds, fps)
        for frame in range(frames):
            due = frame / fps
            self._advance(due)
            unseen = self._as_shown and self.take.was_dropped(frame)
            stage.draw = None if unseen else self._draw
            if frame == frames - 1:
                stage.delivery.screens = self._screens
            self._set_parameters(due)
            stage.draw_frame(due)
            stage.show.forgives_cues = True  # what is wrong with the first frame is raised
            stage.report(progress, frame + 1)
        self._advance(seconds)

    def _advance(self, seconds: float) -> None:
        for at, _, action in self._actions[self._place :]:
            if at > seconds + ROUNDING_SECONDS:
                break
            self._place += 1
            self.stage.clock.wait(at)
            action()
        self.stage.advance(seconds)

    def _set_parameters(self, due: float) -> None:
        while self._turn is not None and self._turn.seconds <= due + ROUNDING_SECONDS:
            self._set(self._turn.address, self._turn.value)
            self._turn = next(self._turns, None)

    def _set(self, address: str, value: Any) -> None:
        parameters = self.stage.performance.parameters
        parameter = parameters.by_address.get(address)
        if not parameter.replayable if parameter else address.startswith("/show/"):
            return
        try:
            parameters.set(address, value)
        except (LookupError, ValueError, TypeError) as error:
            warn_once(f"{error}; it is left out", f"a turn of {address}")

    def _call_play(self, phrase: PhrasePlayed) -> None:
        cue = self._plays[phrase.cue]
        now = self.stage.clock.moment(beats=phrase.beats, span=phrase.span)
        call = self.stage.watchdog.call(cue.name, "it plays what it played")
        self.stage.show.attempt(call, cue.function, now, cue=cue.function)

    def _call_answer(self, answer: AnswerPlayed) -> None:
        cue = self._answers[answer.cue]
        if cue.function is None:  # it passed on what was played
            return
        now = self.stage.clock.moment(beats=answer.beats, span=ANSWER_BEATS)
        call = self.stage.watchdog.call(cue.name, "it answers what it answered")
        self.stage.show.attempt(call, cue.function, now, list(answer.heard), cue=cue.function)

    def _read(self, analyzer: Analyzer, thing: Any) -> Any:
        """Return what the analyzer read at this time of the take; see `Performance.read`."""
        now = current_frame.get()
        seconds = now.seconds if now else self.stage.clock.seconds()
        name = self.stage.performance.parameters.name_of(analyzer, analyzer.name)
        try:
            return self.take.readings(name, seconds, lambda: analyzer.read(thing))
        except TimeoutError:
            if now is not None:
                raise
            # A take holds what draw cues read; what a play cue made of its readings is in it too.
            return analyzer.read(thing)
