"""Write the readings of pictures as one HTML file without external resources."""

from base64 import b64encode
from collections.abc import Iterable
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from .descriptions import Explanation
from .readings import NUMBERS, Readings
from .study import draw_study
from .suggestions import Suggestion

STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #faf8f4; --line: #d8d2c6; --bar: #b5532a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e4dc; --paper: #1b1a18; --line: #3a3733; --bar: #e08a5b; } }
body { font: 16px/1.5 Georgia, serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-weight: normal; margin: 0 0 .25rem; }
h2 { font-size: 1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
section { display: grid; grid-template-columns: 15rem 1fr 15rem; gap: 1.5rem;
  padding: 1.5rem 0; border-top: 1px solid var(--line); }
figure { margin: 0 0 .75rem; } img { display: block; max-width: 100%; border-radius: 2px; }
figcaption, small { font: 13px/1.4 system-ui, sans-serif; opacity: .75; }
dl { display: grid; grid-template-columns: 6rem 1fr 2.5rem; gap: .15rem .5rem; margin: 0;
  align-content: start; font: 13px/1.5 system-ui, sans-serif; }
dd { margin: 0; } dd.bar { background: var(--line); height: .6rem; align-self: center; }
dd.bar i { display: block; height: 100%; background: var(--bar); }
p { margin: 0 0 .6rem; }
.wide { grid-column: 1 / -1; } .pair { display: flex; gap: 1rem; flex-wrap: wrap; }
.pair figure { flex: 1 1 12rem; max-width: 24rem; }
@media (max-width: 50rem) { section { grid-template-columns: minmax(0, 1fr); } }
"""


def write_report(
    path: Path, pictures: Iterable[tuple[Path, np.ndarray[Any, Any], Readings, Explanation]]
) -> None:
    """Write a page of files with their images, readings, studies, and what was tried on them."""
    parts = [_section(*each) for each in pictures]
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>Readings of the critic</title>\n<style>{STYLE}</style></head>\n<body>\n"
        "<h1>Readings of the critic</h1>\n"
        f"<p><small>{len(parts)} picture{'s' * (len(parts) != 1)}. Quality is not beauty: it "
        "measures how intact a picture is, compared with old European paintings and degraded "
        "copies of them.</small></p>\n"
        f"{''.join(parts)}</body></html>\n"
    )
    path.write_text(page, encoding="utf-8")


def _section(
    file: Path, image: np.ndarray[Any, Any], readings: Readings, explained: Explanation
) -> str:
    small = _thumbnail(image)
    explanation = "".join(f"<p>{escape(line)}</p>" for line in explained.lines)
    tried = "".join(_tried(small, one) for one in explained.suggestions)
    study = _data_url(draw_study(image, readings, explained.box))
    bars = "".join(
        f'<dt>{name}</dt><dd class="bar"><i style="width:{value:.1%}"></i></dd><dd>{value:.2f}</dd>'
        for name in NUMBERS
        if name not in ("focus_x", "focus_y") and (value := getattr(readings, name)) is not None
    )
    return (
        f'<section><div><figure><img alt="{escape(file.name, quote=True)}" '
        f'src="{_data_url(small)}"></figure>'
        f'<figure><img alt="where {escape(readings.movement)} was seen" '
        f'src="{_data_url(heat_overlay(small, readings))}">'
        f"<figcaption>where {escape(readings.movement)} was seen; "
        "the ring is where the eye goes</figcaption></figure></div>"
        f"<div><h2>{escape(str(file))}</h2>{explanation}</div><dl>{bars}</dl>"
        f'<div class="wide">{tried}<figure><img alt="a crop and a value study" src="{study}">'
        "</figure></div></section>\n"
    )


def _tried(small: np.ndarray[Any, Any], one: Suggestion) -> str:
    """Return a picture before and after a change, side by side."""
    figures = "".join(
        f'<figure><img alt="{alt}" src="{_data_url(_thumbnail(picture))}">'
        f"<figcaption>{alt}: quality {quality:.2f}</figcaption></figure>"
        for alt, picture, quality in (
            ("before", small, one.quality_before),
            ("after", one.image, one.quality_after),
        )
    )
    return f'<h2>{escape(one.change)}</h2><div class="pair">{figures}</div>'


def heat_overlay(image: np.ndarray[Any, Any], readings: Readings) -> np.ndarray[Any, Any]:
    """Return an image with its heat map: grey where heat is 0, orange where it is 1."""
    from PIL import Image, ImageDraw

    height, width = image.shape[:2]
    heat = Image.fromarray(readings.heat.astype(np.float32)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    hot = np.clip(np.asarray(heat), 0, 1)[..., None]  # (height, width, 1)
    grey = image.mean(axis=2, keepdims=True) * 0.6 + 60  # (height, width, 1)
    warm = np.array([255, 110, 30]) * 0.45 + image * 0.55  # (height, width, 3)
    over = Image.fromarray((grey * (1 - hot) + warm * hot).clip(0, 255).astype(np.uint8))
    x, y, reach = (
        readings.focus_x * width,
        readings.focus_y * height,
        max(4, min(width, height) / 16),
    )
    ring = ImageDraw.Draw(over)
    for edge, colour in ((3, "black"), (1, "white")):
        ring.ellipse((x - reach, y - reach, x + reach, y + reach), outline=colour, width=edge)
    return np.asarray(over)


def _thumbnail(image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((480, 480), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(picture)


def _data_url(image: np.ndarray[Any, Any]) -> str:
    from PIL import Image

    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=82)
    return f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"
