"""One performance: cues on one side, outputs on the other, a clock between them."""

import gc
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from time import monotonic
from typing import Any

import numpy as np

from ..clock import OfflineClock
from ..events import FramesDropped, SketchReplaced, TempoChanged
from ..log import summarize
from ..media import fit
from ..parts import Input, Output
from ..performance import Performance, current_frame, current_performance
from ..tempo import ROUNDING_BEATS, TempoChange
from .answers import AnswerCue, Answers
from .background_analysis import BackgroundAnalyses
from .cues import DrawFunction, PlayCue, call_draw, draw_cue_name
from .delivery import SEND_SECONDS, Delivery
from .loudness import Loudness
from .recovery import Recovery
from .scheduling import Scheduler
from .show_state import ShowState
from .shutdown import Shutdown
from .stats import Stats, frame_count
from .tempo_controls import TempoControls
from .watchdog import Watchdog

# How often the main thread looks for new music while it waits for the next frame, in seconds.
LOOK_SECONDS = 0.1
# How long the threads may take to return when the show has ended, in seconds.
JOIN_SECONDS = 2.0

Progress = Callable[[int], None]


def no_progress(frames: int) -> None:
    """Report nothing."""


class Stage:
    """Performs cues to outputs, live until asked to end or offline for some seconds.

    On a live clock errors before the first beat are raised, and after it logged; on an offline
    clock all are raised.

    Args:
        performance: its facts.
        outputs: what shows and sounds.
        inputs: what sets parameters while the show lasts.
        draw: called for the image of every frame.
        plays: cues that are called every so many bars for a phrase.
        answers: cues that are called for what a person plays.
    """

    def __init__(
        self,
        performance: Performance,
        outputs: Iterable[Output],
        *,
        inputs: Iterable[Input] = (),
        draw: DrawFunction | None = None,
        plays: Iterable[PlayCue] = (),
        answers: Iterable[AnswerCue] = (),
    ):
        self.clock: OfflineClock = performance.clock
        self._analyses = BackgroundAnalyses(self.clock, performance.parameters)
        if self.clock.live and performance.read is None:
            performance = replace(performance, read=self._analyses)
        self.performance = performance
        self.draw = draw
        width, height = performance.size
        self.image: np.ndarray[Any, Any] = np.zeros((height, width, 3), np.uint8)
        self.stats = Stats()
        self.watchdog = Watchdog(
            self._look, self._end, lambda: self.shutdown.panic(), self.clock.live
        )
        self.show = ShowState(self.clock, self.watchdog)
        self.delivery = Delivery(outputs, self.show)
        self.loudness_queue = loudness = Loudness()
        self.scheduler = Scheduler(performance, self.show, self.delivery, loudness, plays)
        self.answers = Answers(performance, self.show, self.scheduler, self.delivery, list(answers))
        self._inputs = list(inputs)
        self.has_music = bool(self.scheduler.plays or self.answers.cues)
        self.shutdown = Shutdown(
            performance, self.delivery, self._inputs, self.loudness_queue, self.watchdog
        )
        self._recovery = Recovery(self.show, self.delivery, self.scheduler)
        self._prepared: list[Output] = []  # outputs that get ready
        self._progress_call = self.watchdog.call("the progress")
        self._image_wanted = False
        self._drawn: float | None = None  # the seconds of the frame whose image is there
        self.clock.ahead = SEND_SECONDS + self.delivery.early if self.clock.live else 0.0
        self.clock.listeners.append(self.change_tempo)
        TempoControls(self.clock, self.shutdown.panic).add_to(performance.parameters)
        if performance.follows_window:
            performance.add_size()

    def loudness(self) -> float:
        """Return 0..1: the velocity of the strongest sounding note, halved with every beat."""
        if now := current_frame.get():
            return self.loudness_queue.at_frame(now.beats)
        seconds = self.clock.seconds()
        self._count_notes(self.show.horizon(seconds))
        return self.loudness_queue.loudness(self.clock.beats_at(seconds))

    def wanted_image(self) -> np.ndarray[Any, Any]:
        """Return the image last drawn at the size of the performance; from now on all are drawn."""
        self._image_wanted = True
        return fit(self.image, self.performance.size)

    def picture(self) -> tuple[float, np.ndarray[Any, Any]] | None:
        """Return the seconds of the newest frame and its image, at the size of the performance."""
        if self._drawn is None:
            return None
        return self._drawn, fit(self.image, self.performance.size)

    def change_cues(
        self,
        draw: DrawFunction | None,
        plays: Iterable[PlayCue],
        answers: Iterable[AnswerCue],
        then: Callable[[], None],
        digest: str,
    ) -> float:
        """Replace the cues by those of another sketch at a bar line, live; return its beats.

        `then` is called at that frame; `digest` is what a take says of the other sketch.
        """

        def change() -> None:
            then()
            self.answers.replace(list(answers), beats)

        seconds, beats = self.scheduler.change_cues(draw, plays, change)
        self.performance.parameters.publish(SketchReplaced(seconds, digest, beats))
        return beats

    # -- performing ---------------------------------------------------------------------------

    def perform(self, seconds: float | None = None, progress: Progress = no_progress) -> Stats:
        """Perform for some seconds, or live until asked to end, and return what happened.

        Args:
            seconds: how long; None is for live shows alone.
            progress: called after every frame with the number of frames done.

        Raises:
            ValueError: `seconds` is not positive, or missing offline.
        """
        if seconds is None and not self.clock.live:
            raise ValueError("an offline show needs an end; give seconds=")
        if seconds is not None and not 0 < seconds < math.inf:
            raise ValueError(f"seconds must be positive, got {seconds!r}")

        def frames() -> None:
            if self.clock.live:
                # What was there before the show is left out of garbage collections, each of which
                # would take longer than a frame.
                gc.freeze()
                try:
                    self._perform_live(seconds, progress)
                finally:
                    gc.unfreeze()
            elif seconds is not None:
                self._perform_offline(seconds, progress)

        return self.run(frames, seconds)

    def run(self, frames: Callable[[], None], seconds: float | None = None) -> Stats:
        """Open all outputs and inputs, call `frames`, and close everything whatever happens."""
        self.show.until = math.inf if seconds is None else seconds
        token = current_performance.set(self.performance)
        try:
            with self.watchdog:
                try:
                    self._open_devices(frames)
                except KeyboardInterrupt:
                    if not self.clock.live:
                        raise
                finally:
                    self._end()
            if self.shutdown.trouble:
                raise self.shutdown.trouble
        finally:
            current_performance.reset(token)
            self.stats.troubles = dict(summarize())
        return self.stats

    def _open_devices(self, frames: Callable[[], None]) -> None:
        """Start the outputs and inputs, then call `frames`, which starts what gets ready meanwhile.

        Of several errors the one of the first device is raised, and before any of a cue.
        """
        try:
            for queue in self.delivery.queues:
                output = queue.output
                may_wait = self.clock.live and not queue.shows
                if may_wait and self._call(output, output.prepare):
                    self._prepared.append(output)
                else:
                    self._call(output, output.start)
            for one in self._inputs:
                self._call(one, one.start)
            self.answers.open()
            frames()
        except Exception:
            self._start_prepared()
            raise

    def _start_prepared(self) -> None:
        prepared, self._prepared = self._prepared, []
        for output in prepared:
            self._call(output, output.start)

    def _call(self, device: Output | Input, function: Callable[[Performance], Any]) -> Any:
        return self.show.attempt(self.watchdog.call(str(device)), function, self.performance)

    def report(self, progress: Progress, frames: int) -> None:
        """Call `progress` with the number of frames done."""
        with self._progress_call:
            progress(frames)

    # -- offline ------------------------------------------------------------------------------

    def _perform_offline(self, seconds: float, progress: Progress) -> None:
        fps = self.performance.fps
        for frame in range(frame_count(seconds, fps)):
            due = frame / fps
            self.draw_frame(due, self.advance(due))
            self.report(progress, frame + 1)
        self.advance(seconds)

    def advance(self, seconds: float) -> float:
        """Bring the music to `seconds`, stopping the clock at each turn of a play cue on the way.

        So it does at each note that is answered, and the music is the same at every frame rate.

        Returns:
            The beats up to which things were due.
        """
        horizon, scheduler = self.show.horizon(seconds), self.scheduler
        while scheduler.plays and (cue := scheduler.next_turn(horizon)):
            turn = cue.turn(self.clock.meter)
            self.answers.advance(turn - ROUNDING_BEATS)
            self.clock.wait(self.clock.seconds_at(turn))
            scheduler.compose(cue)
            horizon = self.show.horizon(seconds)  # the cue may have changed the tempo
        if self.answers.cues:
            self.answers.advance(horizon)
            horizon = self.show.horizon(seconds)
        self.clock.wait(seconds)
        self.answers.pass_on()
        self.delivery.sound_all(horizon)
        if self.loudness_queue.next_beats() <= horizon:
            self._count_notes(horizon)
        if self.watchdog.stop_requests:
            raise KeyboardInterrupt
        return horizon

    # -- live ---------------------------------------------------------------------------------

    def _perform_live(self, seconds: float | None, progress: Progress) -> None:
        # The first phrases and the first picture are made before the clock starts: models load
        # and warm up here, and whatever is wrong is raised while nobody is watching yet.
        while cue := self.scheduler.next_turn(ROUNDING_BEATS):
            self.scheduler.compose(cue)
        self.draw_frame(0.0)
        self._start_prepared()
        # The notes of the first beat are to be sent as long ahead as any.
        self.clock.start(self.clock.ahead)
        self.show.started = True
        # Threads of their own, so that a cue that hangs can keep neither the notes before it from
        # sounding nor their ends from being sent, and no output those of another.
        self.scheduler.start_composing()
        self.answers.start()
        self.delivery.start_sending()
        frame = 0
        self.report(progress, 1)
        while not (self.watchdog.stop_requests or self.delivery.closed):
            frame = self._next_frame(frame)
            due = frame / self.performance.fps
            if seconds is not None and due >= seconds:
                self._wait(seconds)
                break
            self._wait(due)
            self.draw_frame(due)
            self.report(progress, frame + 1)

    def _next_frame(self, frame: int) -> int:
        """Return the frame to draw next: late frames are dropped and counted, never queued."""
        current = int(self.clock.seconds() * self.performance.fps)
        if current > frame + 1:
            dropped = current - frame - 1
            self.stats.late += dropped
            at = current / self.performance.fps
            self.performance.parameters.publish(FramesDropped(at, dropped))
            return current
        return frame + 1

    def _wait(self, seconds: float) -> None:
        """Wait until `seconds`, and sound what is due meanwhile for outputs that are not timed."""
        clock, delivery = self.clock, self.delivery
        while not self.watchdog.stop_requests:
            now = clock.seconds()
            for queue in delivery.untimed:
                delivery.sound(queue, self.show.horizon(now - queue.delay))
            delayed = delivery.show_delayed(now)
            if now >= seconds:
                return
            with self.watchdog.call("the clock"):
                following = [
                    clock.seconds_at(queue.next_beats()) + queue.delay for queue in delivery.untimed
                ]
                soon = max(now, min(following + delayed, default=seconds))
                clock.wait(min(seconds, now + LOOK_SECONDS, soon))

    # -- both ---------------------------------------------------------------------------------

    def change_tempo(self, change: TempoChange) -> None:
        """End what sounds where the beats break off, and publish the change."""
        if change.breaks:
            self.scheduler.cut(change.reached - 2 * ROUNDING_BEATS, change.beats)
        self.performance.parameters.publish(TempoChanged(self.clock.seconds(), change))

    def _count_notes(self, horizon: float) -> None:
        self.loudness_queue.advance(horizon)
        self.stats.notes = self.loudness_queue.started

    def draw_frame(self, due: float, horizon: float | None = None) -> None:
        """Apply what was set, call the draw cue for the frame at `due` seconds, and show it.

        `horizon` are the beats that its loudness has heard; by default those up to `due`.
        """
        parameters, show = self.performance.parameters, self.show
        parameters.seconds = due
        if not parameters.idle:
            call = self.watchdog.call("a parameter", "the other changes are applied")
            show.attempt(call, parameters.apply_pending, due)
        span = self.clock.beats_at(1 / self.performance.fps)
        now = self.clock.moment(seconds=due, span=span)
        changes = self.scheduler.changes
        while changes and changes[0].beats <= now.beats + ROUNDING_BEATS:
            _, self.draw, then = changes.popleft()
            then()
        draw = self.draw
        self.loudness_queue.advance_frame(due, show.horizon(due) if horizon is None else horizon)
        if draw is not None and self._is_seen():
            name = draw_cue_name(draw)
            call = self.watchdog.call(name, "the last image stays")
            token = current_frame.set(now)
            try:
                size = self.performance.size
                image = show.attempt(call, call_draw, draw, now, name, size, cue=draw)
            finally:
                current_frame.reset(token)
            self.image = self.image if image is None else image
            self._drawn = due
        self.delivery.show(self.image, now)
        self.stats.frames += 1

    def _is_seen(self) -> bool:
        """Return whether a picture is wanted: files of music alone are rendered without any."""
        if self.clock.live or self.delivery.screens or self._image_wanted:
            return True
        return not (self.has_music and self.delivery.queues)

    def _look(self) -> None:
        self.shutdown.help()
        self._recovery.check()

    def _end(self) -> None:
        show = self.show
        if not show.stopping.is_set():
            self.shutdown.seconds = self.stats.seconds = min(self.clock.seconds(), show.until)
        show.stopping.set()
        self.answers.stop()
        self._count_notes(show.horizon(self.clock.seconds()))
        self.loudness_queue.end()
        self.shutdown.run(quiet=self.clock.live)
        # A thread that is still within a network when the interpreter ends would abort it.
        self._analyses.stop(JOIN_SECONDS)
        deadline = monotonic() + JOIN_SECONDS
        for thread in show.threads:
            thread.join(max(0.0, deadline - monotonic()))
