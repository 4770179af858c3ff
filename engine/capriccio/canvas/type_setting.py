"""Set text: fonts by name, shaped by HarfBuzz in skia's paragraphs."""

from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from unicodedata import bidirectional

from ..errors import suggest
from ..log import stderr_silenced
from .skia_library import load_skia

SHIPPED = "Inter"
FOLDER = Path(__file__).with_name("fonts")
FILES = (".ttf", ".otf", ".ttc")
WIDEST = 1e6  # pixels of a line that is never broken


class Fonts:
    """The fonts in use: the shipped one, and what was found on this machine."""

    def __init__(self) -> None:
        skia = load_skia()
        with stderr_silenced():  # fontconfig complains of the files of newer ones
            self.system = skia.FontMgr()
        self.provider = skia.textlayout.TypefaceFontProvider()
        self.collection = skia.textlayout.FontCollection()
        self.collection.setDefaultFontManager(self.provider)
        self.unicode = skia.Unicodes.ICU.Make()
        self._faces: dict[tuple[str, bool], Any] = {}
        self._fallbacks: dict[str, str] = {}
        for bold, file in ((False, "Inter-Regular.otf"), (True, "Inter-Bold.otf")):
            face = skia.Typeface.MakeFromFile(str(FOLDER / file))
            self._register(face, SHIPPED)
            self._faces["", bold] = self._faces[SHIPPED, bold] = face

    def _register(self, face: Any, family: str) -> None:
        self.provider.registerTypeface(face, family)

    def face(self, name: str, bold: bool) -> Any:
        """Return the typeface of a family, or of a file.

        Raises:
            LookupError: there is none.
        """
        if (name, bold) not in self._faces:
            face = self._open(name, bold)
            self._register(face, name)
            self._faces[name, bold] = face
        return self._faces[name, bold]

    def _open(self, name: str, bold: bool) -> Any:
        skia = load_skia()
        if name.lower().endswith(FILES):
            face = skia.Typeface.MakeFromFile(name) if Path(name).is_file() else None
            if face is None:
                raise LookupError(f"no font file {name!r}, or it cannot be read")
            return face
        style = skia.FontStyle.Bold() if bold else skia.FontStyle.Normal()
        face = self.system.matchFamilyStyle(name, style)
        if face is None or face.getFamilyName().lower() != name.lower():
            known = [SHIPPED, *(self.system[at] for at in range(self.system.countFamilies()))]
            raise LookupError(f"no font is called {name!r}{suggest(name, known)}")
        return face

    def fallback(self, letter: str) -> str:
        """Return the family on this machine that has a letter, or ""."""
        if letter not in self._fallbacks:
            skia = load_skia()
            face = self.system.matchFamilyStyleCharacter(
                "", skia.FontStyle.Normal(), [], ord(letter)
            )
            family = ""
            if face is not None and face.unicharToGlyph(ord(letter)):
                family = face.getFamilyName()
                if (family, False) not in self._faces:
                    self._register(face, family)
                    self._faces[family, False] = face
            self._fallbacks[letter] = family
        return self._fallbacks[letter]

    def families(self, words: str, name: str, bold: bool) -> list[str]:
        """Return the families that together have the letters of a text, the wanted one first."""
        face = self.face(name, bold)
        found = [name or SHIPPED]
        for letter in dict.fromkeys(words):
            if ord(letter) > 126 and not face.unicharToGlyph(ord(letter)):
                family = self.fallback(letter)
                if family and family not in found:
                    found.append(family)
        return found


@cache
def fonts() -> Fonts:
    """Return the fonts of this process."""
    return Fonts()


def check_font(name: str, bold: bool) -> None:
    """Raise LookupError where there is no font of a name."""
    fonts().face(name, bold)


class Paragraph:
    """A text that is set.

    Args:
        words: the text; it may have several lines.
        style: of the canvas.
        size: of type, in pixels.
        width: at which lines are broken, in pixels.
    """

    def __init__(self, words: str, style: Any, size: float, width: float | None):
        self._style, self._limit = style, width
        self._paragraph = _laid_out(
            words,
            style.font,
            style.bold,
            size,
            style.fill.getColor(),
            style.leading,
            style.across,
            width,
            int(style.fill.getBlendMode()),
        )

    @property
    def width(self) -> float:
        """How wide its longest line is, in pixels."""
        return float(self._paragraph.LongestLine)

    def draw(self, canvas: Any, x: float, y: float) -> None:
        """Draw it on a canvas of skia with its anchor at (x, y)."""
        across, down = self._style.across, self._style.down
        paragraph = self._paragraph
        height = {
            "top": 0.0,
            "center": paragraph.Height / 2,
            "bottom": paragraph.Height,
            "baseline": paragraph.AlphabeticBaseline,
        }[down]
        wide = self._limit if self._limit is not None else WIDEST
        left = {"left": 0.0, "center": wide / 2, "right": wide}[across]
        if self._limit is not None:
            left = 0.0  # the box begins at x, however its lines are aligned
        paragraph.paint(canvas, x - left, y - height)


@lru_cache(512)
def _laid_out(
    words: str,
    font: str,
    bold: bool,
    size: float,
    color: int,
    leading: float,
    across: str,
    width: float | None,
    blend: int,
) -> Any:
    """Return a paragraph of skia, laid out."""
    skia = load_skia()
    layout, known = skia.textlayout, fonts()
    text_style = layout.TextStyle()
    paint = skia.Paint(AntiAlias=True)
    paint.setColor(color)
    paint.setBlendMode(skia.BlendMode(blend))
    text_style.setForegroundPaint(paint)
    text_style.setFontFamilies(known.families(words, font, bold))
    text_style.setFontSize(size)
    text_style.setFontStyle(skia.FontStyle.Bold() if bold else skia.FontStyle.Normal())
    text_style.setHeight(leading)
    text_style.setHeightOverride(True)
    paragraph_style = layout.ParagraphStyle()
    paragraph_style.setTextStyle(text_style)
    sides = {"left": "kLeft", "center": "kCenter", "right": "kRight"}
    paragraph_style.setTextAlign(getattr(layout.TextAlign, sides[across]))
    builder = layout.ParagraphBuilder.make(paragraph_style, known.collection, known.unicode)
    builder.pushStyle(text_style)
    builder.addText("\n".join(map(_directed, words.split("\n"))))
    paragraph = builder.Build()
    paragraph.layout(WIDEST if width is None else width)
    return paragraph


def _directed(line: str) -> str:
    """Return a line, embedded from right to left where its first letter runs so."""
    strong = (bidirectional(letter) for letter in line)
    first = next((kind for kind in strong if kind in ("L", "R", "AL")), "L")
    return line if first == "L" else f"\u202b{line}\u202c"
