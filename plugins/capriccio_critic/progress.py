"""A progress bar for work on many pictures."""

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

MIN_COUNT = 20  # pictures from which reading them takes about two seconds
MIN_EXPLAINED = 5  # the same, where each is explained


class ProgressBar:
    """Draw a progress bar on standard error where there are many pictures.

    Args:
        count: of pictures.
        fewest: pictures from which a bar is drawn.
    """

    def __init__(self, count: int, fewest: int = MIN_COUNT):
        self._count, self._fewest = count, fewest
        self._bar: Progress | None = None

    def __enter__(self) -> Callable[[], None]:
        if self._count < self._fewest:
            return lambda: None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        bar = self._bar = Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                                   console=Console(stderr=True))  # fmt: skip
        task = bar.add_task("", total=self._count)
        bar.start()
        return lambda: bar.advance(task)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()
