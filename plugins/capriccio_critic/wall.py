"""The generator `wall`: eight pictures in frames on a wall, with a plaque under each."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from capriccio import Generator, Moment

Array = np.ndarray[Any, Any]

WIDTH, HEIGHT = 1280, 720
PLACES = [(column, row) for row in (0, 1) for column in range(4)]
CELL_WIDTH, CELL_HEIGHT = 300, 316  # around a picture, with its lamp and its plaque
LEFT, TOP = 40, 16
SIDE, MOULDING = 196, 16  # of a picture; width of its frame
PICTURE_X, PICTURE_Y = (CELL_WIDTH - SIDE) // 2, 44  # within a cell
PLAQUE_WIDTH, PLAQUE_HEIGHT = 240, 42
PLAQUE_X, PLAQUE_Y = (CELL_WIDTH - PLAQUE_WIDTH) // 2, PICTURE_Y + SIDE + MOULDING + 8
STAGGER = 0.5  # share of `turn` between the start of the first picture and of the last
GOLD, PAPER, INK = (176, 138, 66), (222, 208, 176), (52, 38, 22)
FABRIC, SEAL, LAMP = (70, 22, 26), (176, 30, 34), (190, 128, 80)


class Wall(Generator):
    """Show eight pictures in gold frames, two rows of four, with a plaque under each.

    The images are `(720, 1280, 3)` uint8. `picked` holds the places, 0..7 from the upper left to
    the lower right, of the pictures whose lamps, `pick1` to `pick8`, were at 0.5 or more in the
    last image.
    """

    picked: tuple[int, ...] = ()

    def generate(
        self,
        now: Moment,
        *,
        pictures: Sequence[Array | None] = (),
        before: Sequence[Array | None] = (),
        words: Sequence[str] = (),
        favourite: int | None = None,
        title: str = "",
        turn: float = 1.0,
        pick1: float = 0.0,
        pick2: float = 0.0,
        pick3: float = 0.0,
        pick4: float = 0.0,
        pick5: float = 0.0,
        pick6: float = 0.0,
        pick7: float = 0.0,
        pick8: float = 0.0,
    ) -> Array:
        """Return an image of the wall.

        Args:
            pictures: Up to eight images, shown from the upper left to the lower right.
            before: Up to eight images that hang there while `turn` is 0.
            words: The texts on the plaques, each of one or two lines.
            favourite: The place, 0..7, of the picture whose plaque bears a red seal.
            title: The line of text below the pictures.
            turn: How far the pictures have changed from `before` to `pictures`, one by one.
            pick1: Brightness of the lamp over the first picture in the upper row.
            pick2: Brightness of the lamp over the second picture in the upper row.
            pick3: Brightness of the lamp over the third picture in the upper row.
            pick4: Brightness of the lamp over the fourth picture in the upper row.
            pick5: Brightness of the lamp over the first picture in the lower row.
            pick6: Brightness of the lamp over the second picture in the lower row.
            pick7: Brightness of the lamp over the third picture in the lower row.
            pick8: Brightness of the lamp over the fourth picture in the lower row.
        """
        lights = (pick1, pick2, pick3, pick4, pick5, pick6, pick7, pick8)
        self.picked = tuple(place for place, light in enumerate(lights) if light >= 0.5)
        dark, lit = self._backgrounds
        canvas = dark.copy()
        for place, (column, row) in enumerate(PLACES):
            x, y = LEFT + column * CELL_WIDTH, TOP + row * CELL_HEIGHT
            cell = canvas[y : y + CELL_HEIGHT, x : x + CELL_WIDTH]
            if lights[place] > 0:
                cell[:] = _blend(cell, lit[y : y + CELL_HEIGHT, x : x + CELL_WIDTH], lights[place])
            share = (turn - STAGGER * place / (len(PLACES) - 1)) / (1 - STAGGER)
            share = min(max(share, 0.0), 1.0)
            old, new = self._picture_at(before, place), self._picture_at(pictures, place)
            cell[PICTURE_Y : PICTURE_Y + SIDE, PICTURE_X : PICTURE_X + SIDE] = _blend(
                old, new, share
            )
            text = words[place] if place < len(words) and share >= 0.5 else ""
            plaque = _plaque(text, bool(text) and place == favourite)
            cell[PLAQUE_Y : PLAQUE_Y + PLAQUE_HEIGHT, PLAQUE_X : PLAQUE_X + PLAQUE_WIDTH] = plaque
        if title:
            strip = canvas[HEIGHT - 50 : HEIGHT - 20]
            np.maximum(strip, _title(title), out=strip)
        return canvas

    def _picture_at(self, pictures: Sequence[Array | None], place: int) -> Array:
        """Return the picture at a place, resized; an empty canvas where there is none."""
        picture = pictures[place] if place < len(pictures) else None
        if picture is None:
            return self._empty
        scaled = self._scaled
        if id(picture) not in scaled:
            from PIL import Image

            while len(scaled) >= 4 * len(PLACES):
                del scaled[next(iter(scaled))]
            image = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            # The picture is kept as well, so that its id is not used again.
            scaled[id(picture)] = picture, np.asarray(image)
        return scaled[id(picture)][1]

    @cached_property
    def _scaled(self) -> dict[int, tuple[Array, Array]]:
        return {}

    @cached_property
    def _empty(self) -> Array:
        return np.full((SIDE, SIDE, 3), (38, 33, 30), np.uint8)

    @cached_property
    def _backgrounds(self) -> tuple[Array, Array]:
        """The wall with its frames: with every lamp off, and with every lamp on."""
        dark = _draw_wall()
        lit = dark * np.float32(1.0)
        y, x = np.mgrid[0:CELL_HEIGHT, 0:CELL_WIDTH].astype(np.float32)
        middle = CELL_WIDTH / 2
        # A cone of light from a lamp over the picture, wider and weaker further down.
        spread = 60 + 0.42 * y
        cone = np.exp(-(((x - middle) / spread) ** 2) * 1.6) * np.exp(-(y / 300))
        edge = np.minimum.reduce([x, CELL_WIDTH - 1 - x, y, CELL_HEIGHT - 1 - y])
        away = (
            np.maximum(np.abs(x - middle), np.abs(y - (PICTURE_Y + SIDE / 2))) - SIDE / 2 - MOULDING
        )
        halo = 0.55 * np.exp(-np.maximum(away, 0) / 16)
        shine = ((cone + halo) * np.clip(edge / 34, 0, 1))[..., None] * np.array(LAMP, np.float32)
        for column, row in PLACES:
            at = TOP + row * CELL_HEIGHT, LEFT + column * CELL_WIDTH
            here = slice(at[0], at[0] + CELL_HEIGHT), slice(at[1], at[1] + CELL_WIDTH)
            for image, light in ((dark, 0.1), (lit, 1.0)):
                image[here] += light * shine
                _draw_shadow(image[here])
                _draw_frame(image[here], 0.78 if image is dark else 1.25)
        return dark.clip(0, 255).astype(np.uint8), lit.clip(0, 255).astype(np.uint8)


def _blend(old: Array, new: Array, share: float) -> Array:
    """Return a mixture of two images, `share` of it the new one."""
    if share <= 0 or old is new:
        return old
    if share >= 1:
        return new
    steps = round(256 * share)  # integers take half as long as floats
    mixed = old.astype(np.uint16) * np.uint16(256 - steps) + new.astype(np.uint16) * np.uint16(
        steps
    )
    return (mixed >> 8).astype(np.uint8)


def _draw_wall() -> Array:
    """Return a wall of damask without lamps, with a skirting board, as floats."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    # Two rows of ogees, half a step apart: the pattern of damask.
    ogee = np.cos(2 * np.pi * x / 75) * np.cos(2 * np.pi * y / 79)
    weave = 1 + 0.05 * np.tanh(4 * ogee) + 0.02 * rng.standard_normal((HEIGHT, WIDTH))
    far = np.hypot((x - WIDTH / 2) / WIDTH, (y - HEIGHT * 0.42) / HEIGHT)
    cloth = (weave * (1.06 - 0.75 * far**2))[..., None] * np.array(FABRIC, np.float32)
    board = HEIGHT - 66
    cloth[board:] = np.array((30, 20, 17), np.float32)
    cloth[board : board + 3] = np.array((92, 66, 40), np.float32)
    return cloth.astype(np.float32)


def _draw_shadow(cell: Array) -> None:
    """Darken a cell by the soft shadow of its frame."""
    y, x = np.mgrid[0:CELL_HEIGHT, 0:CELL_WIDTH].astype(np.float32)
    half = SIDE / 2 + MOULDING
    away = np.maximum(
        np.abs(x - CELL_WIDTH / 2) - half, np.abs(y - (PICTURE_Y + SIDE / 2 + 9)) - half
    )  # pixels from the shadow's edge, outwards
    cell *= (1 - 0.6 / (1 + np.exp(away / 5)))[..., None]


def _draw_frame(cell: Array, light: float) -> None:
    """Draw a gilt frame: lit from above, dark on the inside."""
    y, x = np.mgrid[0:CELL_HEIGHT, 0:CELL_WIDTH].astype(np.float32)
    dx, dy = x - (CELL_WIDTH - 1) / 2, y - (PICTURE_Y + (SIDE - 1) / 2)
    out = np.maximum(np.abs(dx), np.abs(dy)) - SIDE / 2  # pixels from the picture, outwards
    on = (out > 0) & (out <= MOULDING)
    depth = out / MOULDING  # 0 within, 1 without
    profile = 0.62 + 0.5 * np.sin(np.pi * depth * 2.0 - 0.6) * (0.4 + 0.6 * depth)
    upright = np.abs(dx) > np.abs(dy)
    facing = np.where(upright, np.where(dx < 0, 1.0, 0.88), np.where(dy < 0, 1.16, 0.76))
    gold = (light * profile * facing)[..., None] * np.array(GOLD, np.float32)
    gold[out < 2] *= 0.45
    cell[on] = gold[on]


@lru_cache(maxsize=64)
def _plaque(text: str, sealed: bool) -> Array:
    """Return a plaque; a line that is too long is cut."""
    from PIL import Image, ImageDraw, ImageFont

    plaque = Image.new("RGB", (PLAQUE_WIDTH, PLAQUE_HEIGHT), PAPER)
    pen = ImageDraw.Draw(plaque)
    pen.rectangle((0, 0, PLAQUE_WIDTH - 1, PLAQUE_HEIGHT - 1), outline=(140, 112, 64))
    lines = text.split("\n")[:2]
    room = PLAQUE_WIDTH - (44 if sealed else 12)
    for number, line in enumerate(lines):
        font = ImageFont.load_default(15 if number == 0 else 14)
        while line and pen.textlength(line, font) > room:
            line = line[:-2].rstrip() + "…" if len(line) > 2 else ""
        y = PLAQUE_HEIGHT / 2 if len(lines) == 1 else 12 + 18 * number
        pen.text((6 + room / 2, y), line, INK, font, anchor="mm")
    if sealed:
        middle = PLAQUE_WIDTH - 20, PLAQUE_HEIGHT / 2
        pen.circle(middle, 10, SEAL)
        pen.circle(middle, 6, outline=(222, 120, 110))
    return np.asarray(plaque)


@lru_cache(maxsize=16)
def _title(text: str) -> Array:
    """Return a line of text, light on black, (30, 1280, 3)."""
    from PIL import Image, ImageDraw, ImageFont

    line = Image.new("RGB", (WIDTH, 30))
    font = ImageFont.load_default(19)
    ImageDraw.Draw(line).text((WIDTH / 2, 15), text, (214, 190, 140), font, anchor="mm")
    return np.asarray(line)
