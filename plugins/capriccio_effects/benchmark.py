"""Time canvas, layers and effects beside pygame-ce and Pillow.

    python -m capriccio_effects.benchmark
    python -m capriccio_effects.benchmark opengl  # the effects alone; gpu is a graphics card

Wall and processor time of one picture of 1280x720, the median and the least of some runs. On a
busy machine the least processor time says most, beside that of a copy: 0.2 ms on an idle one.
"""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from capriccio import Canvas, Moment, Stroke, generator, layers, rasterise

SIZE, SHAPES, GLYPHS, STROKES, RUNS = (1280, 720), 2000, 500, 300, 9
RADIUS = 8  # pixels of a shape
EFFECTS = (
    *("blur", "glow", "feedback", "slitscan", "motion", "displace", "kaleidoscope", "lens"),
    *("pixelate", "mosaic", "posterise", "palette", "edges", "grain", "vignette", "chromatic"),
    *("wipe", "shader", "segment"),
)


def timed(function: Callable[[], Any], runs: int = RUNS) -> tuple[float, float, float]:
    """Return milliseconds of a call: median on the wall, median and least of the processor."""
    function()
    wall, processor = [], []
    for _ in range(runs):
        begun, used = time.perf_counter(), time.process_time()
        function()
        wall.append(time.perf_counter() - begun)
        processor.append(time.process_time() - used)
    middle = runs // 2
    middles = sorted(wall)[middle], sorted(processor)[middle]
    return 1000 * middles[0], 1000 * middles[1], 1000 * min(processor)


def shapes(size: tuple[int, int], count: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield how canvas, pygame-ce and Pillow draw translucent circles without steps."""
    random = np.random.default_rng(0)
    places = (random.random((count, 2)) * size).tolist()
    colors = random.integers(0, 256, (count, 3)).tolist()
    paper = Canvas(*size, units="pixels")
    paper.no_stroke()
    floats = [tuple(level / 255 for level in color) for color in colors]

    def ours() -> Any:
        paper.background("black")
        for (x, y), (red, green, blue) in zip(places, floats, strict=True):
            paper.fill(red, green, blue, 0.5)
            paper.circle(x, y, 2 * RADIUS)
        return paper.pixels

    def pygame_ce() -> Any:
        import pygame

        target = pygame.Surface(size)
        for (x, y), color in zip(places, colors, strict=True):
            stamp = pygame.Surface((2 * RADIUS + 2, 2 * RADIUS + 2), pygame.SRCALPHA)
            pygame.draw.aacircle(stamp, (*color, 128), (RADIUS + 1, RADIUS + 1), RADIUS)
            target.blit(stamp, (x - RADIUS - 1, y - RADIUS - 1))
        return pygame.surfarray.array3d(target).swapaxes(0, 1)

    def pillow() -> Any:  # four times as large and averaged, since it draws steps
        from PIL import Image, ImageDraw

        target = Image.new("RGB", (size[0] * 2, size[1] * 2))
        pen = ImageDraw.Draw(target, "RGBA")
        for (x, y), color in zip(places, colors, strict=True):
            pen.circle((2 * x, 2 * y), 2 * RADIUS, fill=(*color, 128))
        return np.asarray(target.resize(size, Image.Resampling.BOX))

    yield f"{count} circles: canvas", ours
    yield f"{count} circles: pygame-ce", pygame_ce
    yield f"{count} circles: Pillow", pillow


def others(size: tuple[int, int]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield how text is set, layers are laid and strokes are drawn."""
    random = np.random.default_rng(1)
    page = Canvas(*size)
    page.text_size(0.03)
    number = [0]

    def text() -> None:
        number[0] += 1  # or it would not be set again
        page.text(f"{number[0]:05}" + "lorem ipsum " * (GLYPHS // 12), 0.05, 0.1, 0.9)

    def text_drawn() -> Any:
        page.background("white")
        text()
        return page.premultiplied()

    def blank() -> Any:
        page.background("white")
        return page.premultiplied()

    pictures = [random.integers(0, 256, (size[1], size[0], 3), np.uint8) for _ in range(4)]
    title = Canvas(*size)
    title.text("a title", 0.1, 0.5)
    stack = (
        pictures[0],
        (pictures[1], "screen", 0.6),
        (pictures[2], "multiply"),
        (pictures[3], 0.4),
        title,
    )
    strokes = [
        Stroke(
            random.random((1, 2)) * 0.9 + random.random((2, 2)) * 0.1,
            0.02,
            tuple(random.random(3).tolist()),
            0.7,
        )
        for _ in range(STROKES)
    ]
    yield "a copy of a picture, to compare", pictures[0].copy
    yield f"{GLYPHS} glyphs, new words", text_drawn
    yield "the same without words", blank
    yield "five layers", lambda: layers(*stack, size=size)
    yield f"rasterise {STROKES} strokes", lambda: rasterise(strokes, size)


def effects(size: tuple[int, int], device: str = "cpu") -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the effects on a picture that changes from frame to frame."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    first = np.stack([x // 5 % 256, y // 3 % 256, (x + y) // 7 % 256], -1).astype(np.uint8)
    pictures = [first, np.roll(first, 9, axis=1)]
    for name in EFFECTS:
        effect, frame = generator(name, device=device), [0]

        def show(effect: Any = effect, frame: list[int] = frame) -> Any:
            frame[0] += 1
            # As slow as it must be for what learns its first second.
            now = Moment(beats=frame[0] / 15, seconds=frame[0] / 3)
            return effect(now, over=pictures[frame[0] % 2])

        yield name, show


def main(
    size: tuple[int, int] = SIZE, count: int = SHAPES, runs: int = RUNS, device: str = "cpu"
) -> None:
    """Print a table of all of them, or of the effects on another device."""
    print(f"{'milliseconds at':34}{'wall':>10}{'processor':>12}{'least':>10}")
    rest = () if device != "cpu" else (*shapes(size, count), *others(size))
    for name, function in (*rest, *effects(size, device)):
        wall, middle, least = timed(function, runs)
        print(f"{name:34}{wall:10.1f}{middle:12.1f}{least:10.1f}")


if __name__ == "__main__":
    main(device=sys.argv[1] if len(sys.argv) > 1 else "cpu")
