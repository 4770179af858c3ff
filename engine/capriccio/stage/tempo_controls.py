"""The parameters `/show/tempo`, `/show/tap` and `/show/panic` of every show."""

from collections.abc import Callable
from typing import Any

from ..clock import OfflineClock
from ..log import info
from ..parameters import Parameter, Parameters
from ..tempo import TapTempo

# The slowest and the fastest tempo that can be set from outside, in bpm.
SPAN = 20.0, 300.0


class TempoControls:
    """Sets the tempo of a clock, by value or by tapping, and silences all outputs."""

    def __init__(self, clock: OfflineClock, panic: Callable[[], None]):
        self._clock, self._panic = clock, panic
        self._taps = TapTempo()

    def add_to(self, parameters: Parameters) -> None:
        """Add the three parameters."""
        clock = self._clock
        parameters.add(
            Parameter(
                "/show/tempo",
                "number",
                "Tempo in beats a minute",
                apply=self._set,
                convert=fit,
                value=lambda: clock.bpm,
                span=SPAN,
                replayable=False,
            )
        )
        parameters.add(
            Parameter(
                "/show/tap",
                "press",
                "Tap the tempo: four times or more",
                apply=lambda _: self._tap(),
                key="t",
                replayable=False,
                immediate=True,
            )
        )
        parameters.add(
            Parameter(
                "/show/panic",
                "press",
                "Silence everything that sounds; the music goes on with the next notes",
                apply=lambda _: self._panic(),
                key="p",
                replayable=False,
                immediate=True,
            )
        )

    def _set(self, bpm: float | None) -> None:
        if bpm is None:
            return
        if self._clock.leader:
            info(f"the tempo is that of {self._clock.leader}")
            return
        self._clock.change(bpm)

    def _tap(self) -> None:
        if bpm := self._taps.tap(self._clock.seconds()):
            self._set(min(max(bpm, SPAN[0]), SPAN[1]))


def fit(bpm: Any) -> float:
    """Return a tempo clipped to `SPAN`.

    Raises:
        TypeError, ValueError: `bpm` is no number.
    """
    try:
        number = float(bpm)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"the tempo must be a number of beats a minute, got {bpm!r}") from None
    if number != number:
        raise ValueError("the tempo must be a number of beats a minute, got nan")
    return min(max(number, SPAN[0]), SPAN[1])
