"""The tempo in the hands of a performer, and what silences everything."""

from collections.abc import Callable

from ..clock import OfflineClock
from ..desk import Control, Desk
from ..errors import say
from ..tempo import Taps

# From the slowest to the fastest tempo that hands can ask for, in bpm.
SPAN = 20.0, 300.0


class Baton:
    """Puts `/show/tempo`, `/show/tap` and `/show/panic` on the desk of a live show."""

    def __init__(self, clock: OfflineClock, panic: Callable[[], None]):
        self._clock, self._panic = clock, panic
        self._taps = Taps()

    def place(self, desk: Desk) -> None:
        """Put the controls on the desk."""
        clock = self._clock
        desk.place(
            Control(
                "/show/tempo",
                "number",
                "Tempo in beats a minute",
                act=self._go_to,
                fit=fit,
                value=lambda: clock.bpm,
                span=SPAN,
                again=False,
            )
        )
        desk.place(
            Control(
                "/show/tap",
                "press",
                "Tap the tempo: four times or more",
                act=lambda _: self._tap(),
                key="t",
                again=False,
                at_once=True,
            )
        )
        desk.place(
            Control(
                "/show/panic",
                "press",
                "Silence everything that sounds; the music goes on with the next notes",
                act=lambda _: self._panic(),
                key="p",
                again=False,
                at_once=True,
            )
        )

    def _go_to(self, bpm: float | None) -> None:
        if bpm is None:
            return
        if self._clock.leader:
            say(f"the tempo is that of {self._clock.leader}")
            return
        self._clock.change(bpm)

    def _tap(self) -> None:
        if bpm := self._taps.tap(self._clock.seconds()):
            self._go_to(min(max(bpm, SPAN[0]), SPAN[1]))


def fit(bpm) -> float:
    """Give a tempo within the span; raise where it is none."""
    try:
        number = float(bpm)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"a tempo of {bpm!r}; give a number of beats a minute") from None
    if number != number:
        raise ValueError("a tempo of nan; give a number of beats a minute")
    return min(max(number, SPAN[0]), SPAN[1])
