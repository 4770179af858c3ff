"""How a canvas draws: colours, line, blend mode and type."""

from dataclasses import dataclass, field
from typing import Any

from ..errors import suggest
from .skia_library import load_skia

# The blend modes by their names in p5 and in CSS, and how skia calls them.
BLEND_MODES = {
    "normal": "SrcOver",
    "blend": "SrcOver",
    "add": "Plus",
    "multiply": "Multiply",
    "screen": "Screen",
    "overlay": "Overlay",
    "darken": "Darken",
    "lighten": "Lighten",
    "difference": "Difference",
    "exclusion": "Exclusion",
    "hard light": "HardLight",
    "soft light": "SoftLight",
    "dodge": "ColorDodge",
    "burn": "ColorBurn",
    "hue": "Hue",
    "saturation": "Saturation",
    "color": "Color",
    "luminosity": "Luminosity",
    "replace": "Src",
    "erase": "DstOut",
}
CAPS = {"round": "kRound_Cap", "square": "kSquare_Cap", "butt": "kButt_Cap"}
JOINS = {"round": "kRound_Join", "miter": "kMiter_Join", "bevel": "kBevel_Join"}


def skia_blend_mode(mode: str) -> Any:
    """Return skia's blend mode of a name.

    Raises:
        ValueError: there is none of this name.
    """
    key = mode.lower().replace("_", " ").replace("-", " ")
    if key not in BLEND_MODES:
        raise ValueError(f"no blend mode {mode!r}{suggest(key, BLEND_MODES)}")
    return getattr(load_skia().BlendMode, f"k{BLEND_MODES[key]}")


def _paint(color: int, stroked: bool) -> Any:
    skia = load_skia()
    paint = skia.Paint(AntiAlias=True)
    paint.setColor(color)
    if stroked:
        paint.setStyle(skia.Paint.kStroke_Style)
        paint.setStrokeCap(skia.Paint.kRound_Cap)
        paint.setStrokeJoin(skia.Paint.kRound_Join)
    return paint


@dataclass
class Style:
    """What stays as it was set, until `pop`: white inside and a thin black line at first."""

    fill: Any = field(default_factory=lambda: _paint(0xFFFFFFFF, False))
    stroke: Any = field(default_factory=lambda: _paint(0xFF000000, True))
    filled: bool = True
    stroked: bool = True
    weight: float | None = None  # of lines; None is one pixel
    hsb: bool = False
    font: str = ""  # "" is the one that comes with Capriccio
    bold: bool = False
    text_size: float | None = None
    across: str = "left"
    down: str = "baseline"
    leading: float = 1.25  # times the size of the type

    def copy(self) -> "Style":
        """Return a style that may be changed while this one stays."""
        paint = load_skia().Paint
        values = {**vars(self), "fill": paint(self.fill), "stroke": paint(self.stroke)}
        return Style(**values)
