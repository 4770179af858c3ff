"""Hangs eight pictures on a wall, in frames, with a plaque under each."""

from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np
from capriccio import Generator

WIDTH, HEIGHT = 1280, 720
PLACES = [(column, row) for row in (0, 1) for column in range(4)]
CELL_WIDE, CELL_HIGH = 300, 316  # what a picture has to itself: the light above it, the plaque
LEFT, TOP = 40, 16
SIDE, MOULDING = 196, 16  # of a picture, and how broad its frame is
ACROSS, DOWN = (CELL_WIDE - SIDE) // 2, 44  # from a cell's corner to its picture's
PLAQUE_WIDE, PLAQUE_HIGH = 240, 42
UNDER, BESIDE = DOWN + SIDE + MOULDING + 8, (CELL_WIDE - PLAQUE_WIDE) // 2  # to its plaque
STAGGER = 0.5  # share of a turn that passes between the first picture's and the last one's
GOLD, PAPER, INK = (176, 138, 66), (222, 208, 176), (52, 38, 22)
CLOTH, SEAL, LAMP = (70, 22, 26), (176, 30, 34), (190, 128, 80)


class Wall(Generator):
    """Hang eight pictures in gold frames, four over four, with a plaque under each.

    `pictures` are up to eight images; `words` are what stands on their plaques, with a line break
    or none; `favourite` is the place of the one that bears a seal, 0..7. `turn` 0..1 goes from
    what hung `before` to `pictures`, one after the other. `pick1` to `pick8` light the pictures
    from the upper left to the lower right; those lit by half or more are `picked`, whoever has
    turned the knob: a sketch, a pad, the panel, OSC. `title` stands below.

    Returns `(720, 1280, 3)` uint8.
    """

    picked: tuple[int, ...] = ()  # places, as of the last picture that was made

    def generate(
        self,
        now,
        *,
        pictures=(),
        before=(),
        words=(),
        favourite=None,
        title="",
        turn=1.0,
        pick1=0.0,
        pick2=0.0,
        pick3=0.0,
        pick4=0.0,
        pick5=0.0,
        pick6=0.0,
        pick7=0.0,
        pick8=0.0,
    ):
        """Paint the wall."""
        lights = (pick1, pick2, pick3, pick4, pick5, pick6, pick7, pick8)
        self.picked = tuple(place for place, light in enumerate(lights) if light >= 0.5)
        dark, lit = self._rooms
        canvas = dark.copy()
        for place, (column, row) in enumerate(PLACES):
            x, y = LEFT + column * CELL_WIDE, TOP + row * CELL_HIGH
            cell = canvas[y : y + CELL_HIGH, x : x + CELL_WIDE]
            if lights[place] > 0:
                cell[:] = _between(cell, lit[y : y + CELL_HIGH, x : x + CELL_WIDE], lights[place])
            share = (turn - STAGGER * place / (len(PLACES) - 1)) / (1 - STAGGER)
            share = min(max(share, 0.0), 1.0)
            old, new = self._hung(before, place), self._hung(pictures, place)
            cell[DOWN : DOWN + SIDE, ACROSS : ACROSS + SIDE] = _between(old, new, share)
            told = words[place] if place < len(words) and share >= 0.5 else ""
            plaque = _plaque(told, bool(told) and place == favourite)
            cell[UNDER : UNDER + PLAQUE_HIGH, BESIDE : BESIDE + PLAQUE_WIDE] = plaque
        if title:
            strip = canvas[HEIGHT - 50 : HEIGHT - 20]
            np.maximum(strip, _line(title), out=strip)
        return canvas

    def _hung(self, pictures: Sequence[np.ndarray], place: int) -> np.ndarray:
        """Give what hangs at a place as large as it hangs; bare canvas where nothing does."""
        if place >= len(pictures) or pictures[place] is None:
            return self._bare
        picture = pictures[place]
        scaled = self._scaled
        if id(picture) not in scaled:
            from PIL import Image

            while len(scaled) >= 4 * len(PLACES):
                del scaled[next(iter(scaled))]
            image = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            # The picture is kept beside it, so that no other can come to have its id.
            scaled[id(picture)] = picture, np.asarray(image)
        return scaled[id(picture)][1]

    @cached_property
    def _scaled(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        return {}

    @cached_property
    def _bare(self) -> np.ndarray:
        return np.full((SIDE, SIDE, 3), (38, 33, 30), np.uint8)

    @cached_property
    def _rooms(self) -> tuple[np.ndarray, np.ndarray]:
        """Give the wall with its frames, by evening light and with every lamp on."""
        dark = _cloth()
        lit = dark * np.float32(1.0)
        y, x = np.mgrid[0:CELL_HIGH, 0:CELL_WIDE].astype(np.float32)
        middle = CELL_WIDE / 2
        # A cone of light from a lamp over the picture, wider and weaker further down.
        spread = 60 + 0.42 * y
        cone = np.exp(-(((x - middle) / spread) ** 2) * 1.6) * np.exp(-(y / 300))
        edge = np.minimum.reduce([x, CELL_WIDE - 1 - x, y, CELL_HIGH - 1 - y])
        away = np.maximum(np.abs(x - middle), np.abs(y - (DOWN + SIDE / 2))) - SIDE / 2 - MOULDING
        halo = 0.55 * np.exp(-np.maximum(away, 0) / 16)
        shine = ((cone + halo) * np.clip(edge / 34, 0, 1))[..., None] * np.array(LAMP, np.float32)
        for column, row in PLACES:
            at = TOP + row * CELL_HIGH, LEFT + column * CELL_WIDE
            here = slice(at[0], at[0] + CELL_HIGH), slice(at[1], at[1] + CELL_WIDE)
            for room, light in ((dark, 0.1), (lit, 1.0)):
                room[here] += light * shine
                _shadow(room[here])
                _frame(room[here], 0.78 if room is dark else 1.25)
        return tuple(room.clip(0, 255).astype(np.uint8) for room in (dark, lit))  # type: ignore[return-value]


def _between(old: np.ndarray, new: np.ndarray, share: float) -> np.ndarray:
    """Go from an image to another."""
    if share <= 0 or old is new:
        return old
    if share >= 1:
        return new
    steps = round(256 * share)  # whole numbers take half as long as floats
    mixed = old.astype(np.uint16) * np.uint16(256 - steps) + new.astype(np.uint16) * np.uint16(
        steps
    )
    return (mixed >> 8).astype(np.uint8)


def _cloth() -> np.ndarray:
    """Give a wall of damask in the evening, with a skirting below, as floats."""
    chance = np.random.default_rng(1)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    # Two rows of ogees, half a step apart: what a damask is woven of.
    ogee = np.cos(2 * np.pi * x / 75) * np.cos(2 * np.pi * y / 79)
    woven = 1 + 0.05 * np.tanh(4 * ogee) + 0.02 * chance.standard_normal((HEIGHT, WIDTH))
    far = np.hypot((x - WIDTH / 2) / WIDTH, (y - HEIGHT * 0.42) / HEIGHT)
    cloth = (woven * (1.06 - 0.75 * far**2))[..., None] * np.array(CLOTH, np.float32)
    board = HEIGHT - 66
    cloth[board:] = np.array((30, 20, 17), np.float32)
    cloth[board : board + 3] = np.array((92, 66, 40), np.float32)
    return cloth.astype(np.float32)


def _shadow(cell: np.ndarray) -> None:
    """Have a frame cast a shadow, softly, below it."""
    y, x = np.mgrid[0:CELL_HIGH, 0:CELL_WIDE].astype(np.float32)
    half = SIDE / 2 + MOULDING
    away = np.maximum(
        np.abs(x - CELL_WIDE / 2) - half, np.abs(y - (DOWN + SIDE / 2 + 9)) - half
    )  # pixels from the shadow's edge, outwards
    cell *= (1 - 0.6 / (1 + np.exp(away / 5)))[..., None]


def _frame(cell: np.ndarray, light: float) -> None:
    """Paint a gilt moulding: lit from above, dark on the inside."""
    y, x = np.mgrid[0:CELL_HIGH, 0:CELL_WIDE].astype(np.float32)
    dx, dy = x - (CELL_WIDE - 1) / 2, y - (DOWN + (SIDE - 1) / 2)
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
def _plaque(words: str, sealed: bool) -> np.ndarray:
    """Letter a plaque; what is too long for it is cut."""
    from PIL import Image, ImageDraw, ImageFont

    plaque = Image.new("RGB", (PLAQUE_WIDE, PLAQUE_HIGH), PAPER)
    pen = ImageDraw.Draw(plaque)
    pen.rectangle((0, 0, PLAQUE_WIDE - 1, PLAQUE_HIGH - 1), outline=(140, 112, 64))
    lines = words.split("\n")[:2]  # what it looks like, and a remark
    room = PLAQUE_WIDE - (44 if sealed else 12)
    for number, line in enumerate(lines):
        font = ImageFont.load_default(15 if number == 0 else 14)
        while line and pen.textlength(line, font) > room:
            line = line[:-2].rstrip() + "…" if len(line) > 2 else ""
        y = PLAQUE_HIGH / 2 if len(lines) == 1 else 12 + 18 * number
        pen.text((6 + room / 2, y), line, INK, font, anchor="mm")
    if sealed:
        middle = PLAQUE_WIDE - 20, PLAQUE_HIGH / 2
        pen.circle(middle, 10, SEAL)
        pen.circle(middle, 6, outline=(222, 120, 110))
    return np.asarray(plaque)


@lru_cache(maxsize=16)
def _line(words: str) -> np.ndarray:
    """Letter a line across the wall, light on black, (30, 1280, 3)."""
    from PIL import Image, ImageDraw, ImageFont

    line = Image.new("RGB", (WIDTH, 30))
    font = ImageFont.load_default(19)
    ImageDraw.Draw(line).text((WIDTH / 2, 15), words, (214, 190, 140), font, anchor="mm")
    return np.asarray(line)
