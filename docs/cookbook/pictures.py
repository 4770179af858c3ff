"""Makes the pictures of the cookbook: runs each recipe, and shows three moments of it.

    python docs/cookbook/pictures.py                  all of them
    python docs/cookbook/pictures.py music stage      those of two pages

A recipe that draws is shown at three moments of four bars, one beside the other; one that only
plays as a piano roll of eight bars; one that leaves a `picture` as that.
"""

import os
import re
import runpy
import sys
import tempfile
from pathlib import Path

import numpy as np
from capriccio import Canvas, Note, Output, Sketch, fit

HERE = Path(__file__).resolve().parent
RECIPE = re.compile(
    r"^## (?P<title>.+)\n(?:.*\n)*?!\[[^]]*\]\((?P<file>[\w-]+\.webp)\)\n(?:.*\n)*?"
    r"```python\n(?P<code>(?:.*\n)*?)```$",
    re.MULTILINE,
)
COLORS = ("#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b279a2")
MOMENTS = (0.06, 0.27, 0.52)  # of the time that is shown
HEIGHT = 220  # pixels


class Seen(Output):
    """Remember the frames shown."""

    def __init__(self, target: str = ""):
        super().__init__(target)
        self.frames: list[np.ndarray] = []

    def show(self, image, now):
        self.frames.append(np.array(image))


class Heard(Output):
    """Remember the notes alone, so that no picture is drawn for it."""

    def __init__(self, target: str = ""):
        super().__init__(target)
        self.notes: list[tuple[float, Note, float]] = []  # start and end in seconds
        self.starts: dict[Note, float] = {}

    def note_on(self, note, now):
        self.starts[note] = now.seconds

    def note_off(self, note, now):
        self.notes.append((self.starts.pop(note, now.seconds), note, now.seconds))


def recipes(page: str) -> list[dict[str, str]]:
    """Return title, file and code of every recipe of a page."""
    return [match.groupdict() for match in RECIPE.finditer(page)]


def picture_of(code: str) -> np.ndarray:
    """Run a recipe in the current folder and return its picture, `(height, width, 3)` uint8."""
    Path("recipe.py").write_text(code, encoding="utf-8")
    names = runpy.run_path("recipe.py", run_name="recipe")
    sketches = [thing for thing in names.values() if isinstance(thing, Sketch)]
    if not sketches:
        return three([names["picture"]])
    sketch = sketches[-1]
    bar = 60 / sketch.bpm * sketch.meter
    if re.search(r"^@\w+\.draw", code, re.MULTILINE):
        seen = Seen()
        sketch.perform([seen], seconds=4 * bar)
        return three([seen.frames[int(place * len(seen.frames))] for place in MOMENTS])
    heard = Heard()
    sketch.perform([heard], seconds=8 * bar)
    return piano_roll(heard.notes, 8 * bar, bar)


def three(frames: list) -> np.ndarray:
    """Return frames side by side, each as high as a picture of the cookbook."""
    shown = []
    for frame in frames:
        width = round(frame.shape[1] * HEIGHT / frame.shape[0])
        shown += [fit(frame, (width, HEIGHT)), np.full((HEIGHT, 4, 3), 255, np.uint8)]
    return np.hstack(shown[:-1])


def piano_roll(notes: list[tuple[float, Note, float]], seconds: float, bar: float) -> np.ndarray:
    """Return a picture of notes: time to the right, pitches up, a colour for each channel."""
    roll = Canvas(640, 200)
    roll.background("#fafafa")
    low = min(note.pitch for _, note, _ in notes) - 2
    high = max(note.pitch for _, note, _ in notes) + 3
    roll.stroke(0.85)
    roll.stroke_weight(0.005)
    for number in range(round(seconds / bar)):
        roll.line(number * bar / seconds, 0, number * bar / seconds, 1)
    roll.no_stroke()
    channels = sorted({note.channel for _, note, _ in notes})
    for start, note, end in notes:
        color = COLORS[channels.index(note.channel) % len(COLORS)]
        roll.fill(color, 0.35 + 0.65 * note.velocity)
        y, width = 1 - (note.pitch - low) / (high - low), max(0.008, (end - start) / seconds)
        roll.rect(start / seconds, y, width - 0.002, 0.9 / (high - low))
    return roll.pixels


def main(pages: list[str]) -> None:
    """Make the pictures of these pages, or of all."""
    names = pages or [page.stem for page in sorted(HERE.glob("*.md"))]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in names:
            for recipe in recipes((HERE / f"{name}.md").read_text(encoding="utf-8")):
                picture = picture_of(recipe["code"])
                save_webp(picture, HERE / recipe["file"])
                print(f"{recipe['file']}: {picture.shape[1]}x{picture.shape[0]}", flush=True)


def save_webp(picture: np.ndarray, path: Path) -> None:
    """Save a picture as small as it may be."""
    from PIL import Image

    Image.fromarray(picture).save(path, quality=80, method=6)


if __name__ == "__main__":
    main(sys.argv[1:])
