"""Shows the picture in a terminal: for work over SSH, where there is no screen."""

import base64
import os
import shutil
import sys

import numpy as np

from ...clock import Moment
from ...errors import ShowError
from ...media import Array, fit
from ...parts import Output
from ...performance import Performance
from ...recording.provenance import as_png

RATE = 12.0  # pictures a second at most, so that a slow line is not flooded
CHUNK = 4096  # characters of one command of the kitty protocol
KITTY_WIDTH = 640  # pixels of a picture that is sent whole
HOME, HIDE, SHOW, CLEAR = "\x1b[H", "\x1b[?25l", "\x1b[?25h", "\x1b[2J"


class Terminal(Output):
    """Show the picture in the terminal: `terminal`, or `terminal:blocks` or `terminal:kitty`.

    A terminal that knows the graphics protocol of kitty shows it as it is, any other in coloured
    half blocks.
    """

    name = "terminal"

    @classmethod
    def missing(cls) -> str:
        return "" if sys.stdout.isatty() else "standard output is no terminal"

    def __init__(self, target: str = ""):
        super().__init__(target)
        if target not in ("", "blocks", "kitty"):
            raise ShowError(f"{self} is 'terminal', 'terminal:blocks' or 'terminal:kitty'")
        self._started = False

    def start(self, performance: Performance) -> None:
        self._kitty = self.target == "kitty" or (not self.target and _knows_kitty())
        self._next, self._started = 0.0, True
        sys.stdout.write(HIDE + CLEAR)

    def show(self, image: Array, now: Moment) -> None:
        if 0 <= self._next - now.seconds <= 1 / RATE and self._next:
            return
        self._next = now.seconds + 1 / RATE
        sys.stdout.write(HOME + (as_kitty(image) if self._kitty else as_blocks(image)))
        sys.stdout.flush()

    def close(self) -> None:
        if self._started:
            self._started = False
            sys.stdout.write(SHOW + "\n")
            sys.stdout.flush()


def _knows_kitty() -> bool:
    program = os.environ.get("TERM_PROGRAM", "").lower()
    return "kitty" in os.environ.get("TERM", "") or program in ("wezterm", "ghostty")


def as_kitty(image: Array) -> str:
    """Return the commands of kitty's protocol that show an image in place of the last one."""
    height, width = image.shape[:2]
    if width > KITTY_WIDTH:
        image = fit(image, (KITTY_WIDTH, max(1, round(height * KITTY_WIDTH / width))))
    data = base64.b64encode(as_png(image)).decode()
    pieces = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
    head = "a=T,f=100,i=1,p=1,q=2,C=1,"
    return "".join(
        f"\x1b_G{head if number == 0 else ''}m={int(number + 1 < len(pieces))};{piece}\x1b\\"
        for number, piece in enumerate(pieces)
    )


def as_blocks(image: Array) -> str:
    """Return an image as lines of half blocks, two pixels above each other in one character."""
    columns, rows = shutil.get_terminal_size()
    height, width = image.shape[:2]
    scale = min(columns / width, 2 * max(1, rows - 1) / height)
    size = max(1, int(width * scale)), max(2, int(height * scale) // 2 * 2)
    small = fit(image, size)
    lines = []
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        cells, last = [], None
        for colors in np.concatenate([upper, lower], axis=1).tolist():
            if colors != last:
                top, bottom = ";".join(map(str, colors[:3])), ";".join(map(str, colors[3:]))
                cells.append(f"\x1b[38;2;{top};48;2;{bottom}m")
                last = colors
            cells.append("▀")
        lines.append("".join(cells) + "\x1b[0m")
    return "\r\n".join(lines)
