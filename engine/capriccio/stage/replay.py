"""Performs a take again: what came from outside comes again, and the music is as it was."""

from collections.abc import Callable, Iterable
from functools import partial

from ..desk import Desk
from ..errors import tell
from ..hookspecs import Output, Performance
from . import PlayCue, Stage
from .change import forget
from .composing import sound
from .hearing import ANSWER_BEATS, AnswerCue
from .tally import frames_in

# What forgives the rounding between seconds and beats, in seconds.
ROUNDING_SECONDS = 1e-6


class Replay(Stage):
    """One performance of the take in `performance.replayed`, offline.

    Every phrase is played as it was. Its cue is called as well, when it was called then, so that
    whatever the sketch remembers of it is there for the pictures. What raises in a cue is told,
    since it did not end the show then; in an output it is raised.

    `as_shown` leaves the frames that were dropped then as nobody saw them: a sketch that paints on
    in its last picture needs that to come out the same. Of a still the last frame alone is shown.
    """

    def __init__(
        self,
        performance: Performance,
        outputs: Iterable[Output],
        *,
        draw: Callable | None = None,
        plays: Iterable[PlayCue] = (),
        answers: Iterable[AnswerCue] = (),
        as_shown: bool = False,
    ):
        super().__init__(performance, outputs, draw=draw, plays=plays)
        self.answers = list(answers)  # nobody plays now: the take says what they answered
        self.take = performance.replayed
        self._turns = iter(self.take.turns)
        self._turn = next(self._turns, None)
        still = self.take.moment is not None
        self._as_shown = (as_shown or still) and performance.fps == self.take.recipe["fps"]
        self._draw = draw
        self._hidden = self._shown if still else []
        self._shown = [] if still else self._shown
        for pace in self.take.paces:
            self._change_pace(pace)
        for seconds in self.take.panics:
            self._curtain.silence(seconds)
        self._scenes = sorted(self._scenes_of(), key=lambda scene: scene[:2])
        self._place = 0

    def _scenes_of(self):
        """Yield when which phrase was asked for, and when it was there: (seconds, 0 or 1, act)."""
        for phrase in self.take.phrases:
            if phrase.cue in range(len(self.plays)):
                yield min(phrase.called, phrase.seconds), 0, partial(self._call, phrase)
            if phrase.notes:
                yield phrase.seconds, 1, partial(sound, self, phrase.notes)
        for answer in self.take.answers:
            if answer.cue in range(len(self.answers)):
                yield min(answer.called, answer.seconds), 0, partial(self._answer, answer)
            if answer.notes:
                yield answer.seconds, 1, partial(sound, self, answer.notes)
        for seconds, _, beats in self.take.sketches:
            yield seconds, 2, partial(forget, self, beats)

    def _perform_offline(self, seconds: float, progress) -> None:
        frames = frames_in(seconds, self.performance.fps)
        for frame in range(frames):
            due = frame / self.performance.fps
            self._go_on(due)
            unseen = self._as_shown and self.take.was_dropped(frame)
            self.draw = None if unseen else self._draw
            if frame == frames - 1:
                self._shown = self._shown or self._hidden
            self._frame(due)
            with self._progressing:
                progress(frame + 1)
        self._go_on(seconds)

    def _go_on(self, seconds: float) -> float:
        for at, _, act in self._scenes[self._place :]:
            if at > seconds + ROUNDING_SECONDS:
                break
            self._place += 1
            self.clock.wait(at)
            act()
        return super()._go_on(seconds)

    def _next_turn(self, horizon: float) -> None:
        return None  # whose turn it is says the take

    def _frame(self, due: float, horizon: float | None = None) -> None:
        desk = self.performance.desk
        while self._turn is not None and self._turn.seconds <= due + ROUNDING_SECONDS:
            self._do(desk, self._turn.address, self._turn.value)
            self._turn = next(self._turns, None)
        super()._frame(due, horizon)

    def _do(self, desk: Desk, address: str, value) -> None:
        control = desk.controls.get(address)
        if not control.again if control else address.startswith("/show/"):
            return
        try:
            desk.turn(address, value)
        except (LookupError, ValueError, TypeError) as error:
            tell(f"{error}; it is left out", f"a turn of {address}")

    def _call(self, phrase) -> None:
        cue = self.plays[phrase.cue]
        now = self.clock.moment(beats=phrase.beats, span=phrase.span)
        call = self._stagehand.call(cue.name, "it plays what it played")
        self._try(call, cue.function, now, home=cue.function)

    def _answer(self, answer) -> None:
        cue = self.answers[answer.cue]
        now = self.clock.moment(beats=answer.beats, span=ANSWER_BEATS)
        call = self._stagehand.call(cue.name, "it answers what it answered")
        self._try(call, cue.function, now, list(answer.heard), home=cue.function)

    def _try(self, call, function: Callable, *arguments, home: Callable | None = None):
        try:
            return super()._try(call, function, *arguments, home=home)
        except Exception as error:
            if home is None or not self.tally.frames:
                raise
            call.tell(error, home)
        return None
