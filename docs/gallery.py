"""Make the gallery: `python -m docs.gallery`, or `python -m docs.gallery harbour rose` for some.

Each piece of `sketches/` is performed offline for ten seconds. `docs/gallery/` gets a clip with its
sound and a poster frame, `sheet.webp` all posters, and `docs/gallery.md` the page.
"""

import ast
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

import av
import numpy as np
from capriccio import Canvas
from PIL import Image

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "gallery"
# Each piece, where its clip begins and where its poster stands, in seconds.
PIECES = {
    "first": (0, 5.2),
    "harbour": (0, 6.5),
    "constellations": (16, 24),
    "currents": (4, 10),
    "rose": (8, 12),
    "primer": (8, 17),
    "mobile": (0, 8),
    "orchard": (0, 9),
    "scenery": (2, 11),
    "portrait": (20, 29),
    "organ": (0, 9),
    "drummer": (0, 4.9),
}
SECONDS, WIDTH, POSTER = 10, 640, (960, 540)  # of a clip, and of a poster
# On the sheet, where each row has two wide posters and two square ones.
ROWS = (
    ("harbour", "first", "rose", "constellations"),
    ("portrait", "currents", "mobile", "scenery"),
    ("primer", "drummer", "orchard", "organ"),
)
HIGH, GAP, MARGIN, INK = 420, 40, 110, "#3a3630"


def docstring(name: str) -> str:
    """Return what a sketch says of itself."""
    return ast.get_docstring(ast.parse((ROOT / "sketches" / f"{name}.py").read_text())) or name


def perform(name: str, seconds: float, film: Path) -> None:
    """Write a film of the first `seconds` of a sketch."""
    words = f"run sketches/{name}.py --offline --seconds {seconds} --to video:{film}"
    subprocess.run([sys.executable, "-m", "capriccio", *words.split()], cwd=ROOT, check=True)


def cut(film: Path, begin: float, clip: Path, poster: Path, at: float) -> None:
    """Write a small clip of a film, with its sound, and the frame at `at` seconds as a picture."""
    with av.open(film) as source, av.open(clip, "w", options={"movflags": "faststart"}) as target:
        video = source.streams.video[0]
        width, height = video.width, video.height
        rate = video.average_rate
        small = target.add_stream("libx264", rate=rate, options={"crf": "30", "preset": "slow"})
        small.width, small.height = WIDTH, round(WIDTH * height / width / 2) * 2
        small.pix_fmt = "yuv420p"
        sound = target.add_stream("aac", rate=48_000, options={"b": "96k"})
        resampler = av.AudioResampler("fltp", "stereo", 48_000)
        taken = heard = 0
        for frame in source.decode(video=0, audio=0):
            if frame.time is None:
                continue
            if isinstance(frame, av.AudioFrame):
                if not begin <= frame.time < begin + SECONDS:
                    continue
                for piece in resampler.resample(frame):
                    piece.pts, piece.time_base = heard, Fraction(1, 48_000)
                    heard += piece.samples
                    target.mux(sound.encode(piece))
                continue
            if abs(frame.time - at) < 0.5 / float(rate):
                picture = frame.to_image()
                picture.thumbnail(POSTER, Image.Resampling.LANCZOS)
                picture.save(poster, quality=88, method=6)
            if begin <= frame.time < begin + SECONDS:
                shrunk = frame.reformat(small.width, small.height, "yuv420p")
                shrunk.pts, shrunk.time_base = taken, 1 / rate
                taken += 1
                target.mux(small.encode(shrunk))
        target.mux(small.encode(None))
        target.mux(sound.encode(None))


def sheet() -> None:
    """Write all posters with their names on one sheet."""
    width = 2 * round(HIGH * 16 / 9) + 2 * HIGH + 3 * GAP + 2 * MARGIN
    paper = Canvas(width, len(ROWS) * (HIGH + 30 + GAP) + 2 * MARGIN + 60, units="pixels")
    paper.background("#f6f2e9")
    paper.fill(INK)
    paper.text_size(20)
    for row, names in enumerate(ROWS):
        x, y = MARGIN, MARGIN + row * (HIGH + 30 + GAP)
        for name in names:
            with Image.open(FOLDER / f"{name}.webp") as file:
                picture = file.convert("RGB")
            wide = round(HIGH * picture.width / picture.height)
            shown = np.asarray(picture.resize((wide, HIGH), Image.Resampling.LANCZOS))
            paper.image(shown, x, y, wide, HIGH)
            paper.text(name.title(), x, y + HIGH + 30)
            x += wide + GAP
    paper.text_align("center")
    paper.text_size(54)
    paper.text("Capriccio", width / 2, paper.height - MARGIN - 20)
    paper.text_size(20)
    words = "twelve pieces, pictures and music on one clock"
    paper.text(words, width / 2, paper.height - MARGIN + 24)
    Image.fromarray(paper.pixels).save(FOLDER / "sheet.webp", quality=88, method=6)


def page() -> None:
    """Write the page."""
    lines = [
        "# Gallery",
        "",
        "Twelve pieces of at most 60 lines each. `capriccio run sketches/NAME.py` plays one live.",
        "This page, its pictures and its clips are made by `python -m docs.gallery`.",
        "",
        "![The posters of all pieces](gallery/sheet.webp)",
    ]
    for name in PIECES:
        words = docstring(name)
        title, _, rest = (words if ": " in words else f"{name.title()}: {words}").partition(": ")
        text = rest.replace(f"\n\n    capriccio run sketches/{name}.py\n", "\n")
        text = re.sub(
            r"((?<=\n)    .+\n)+", lambda found: f"```text\n{dedent(found[0])}```\n", text
        )
        lines += ["", f"## {title}", "", text[:1].upper() + text[1:].rstrip(), "",
                  f"![{title}](gallery/{name}.webp)", "",
                  f"[clip with sound](gallery/{name}.mp4) · "
                  f"[sketches/{name}.py](../sketches/{name}.py)"]  # fmt: skip
    (FOLDER.parent / "gallery.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(names: list[str]) -> None:
    """Make the pieces of these names, or all; then the sheet and the page."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or PIECES:
        begin, at = PIECES[name]
        with TemporaryDirectory() as folder:
            film = Path(folder) / "film.mp4"
            perform(name, max(begin + SECONDS, at + 0.5), film)
            cut(film, begin, FOLDER / f"{name}.mp4", FOLDER / f"{name}.webp", at)
    if all((FOLDER / f"{name}.webp").is_file() for name in PIECES):
        sheet()
    page()


if __name__ == "__main__":
    main(sys.argv[1:])
