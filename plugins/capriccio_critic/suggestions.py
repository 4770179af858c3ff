"""Suggest changes to a picture, each of which has been tried on it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .faults import FAULTS, severity, words_of
from .readings import NUMBERS, Readings
from .traits import shrink

if TYPE_CHECKING:
    from .analyzer import Critic
    from .personal_taste import Taste

Array = np.ndarray[Any, Any]

MAX_SUGGESTIONS = 3
SIDE = 512  # longest side on which changes are tried, in pixels
MIN_SEVERITY = 0.7  # of a fault that is named; 1 is what one in twenty paintings exceeds
# Of quality, with which mending is still suggested: of a fault that stands out, and of another.
MAX_LOSS, MAX_LOSS_OF_LESSER = 0.3, 0.1
MIN_GAIN = 0.02  # of quality, for which another change is suggested
MORE_IS_BETTER = ("harmony", "balance", "focus")  # a suggestion may not lower these
COMMON = 1.0  # the severity that one in twenty paintings exceeds

Box = tuple[float, float, float, float]  # left, top, right, bottom in 0..1


class Suggestion(NamedTuple):
    """A change that was tried on a picture.

    - `change`: in words; `sign`: what shows the fault that it mends, or ""
    - `reading`: what it is meant for: the name of a fault, or of a reading
    - `before`, `after`: the severity of that fault, or the reading
    - `quality_before`, `quality_after`; `taste_before`, `taste_after`, None without a taste
    - `image`: the changed picture, at most 512 pixels a side; `box`: of a crop
    """

    change: str
    sign: str
    reading: str
    before: float
    after: float
    quality_before: float
    quality_after: float
    taste_before: float | None
    taste_after: float | None
    image: Array
    box: Box | None = None

    @property
    def gain(self) -> float:
        """What the critic gained by it."""
        return self.quality_after - self.quality_before

    def line(self) -> str:
        """Return the suggestion as a sentence, with what was measured before and after."""
        words = self.change
        if self.sign:
            often = "more than in 19 of 20 paintings" if self.before >= COMMON else "rather"
            words += f", for {self.sign} ({often})"
        words += f": quality {self.quality_before:.2f} to {self.quality_after:.2f}"
        if self.taste_before is not None and self.taste_after is not None:
            words += f", taste {self.taste_before:.2f} to {self.taste_after:.2f}"
        if not self.sign and abs(self.after - self.before) >= MIN_GAIN:
            words += f", {self.reading} {self.before:.2f} to {self.after:.2f}"
        if self.gain < 0:
            words += "; the critic prefers it as it was"
        return f"Try this: {words}."


class Change(NamedTuple):
    """A change that could be made: in words, the reading it is for, its result, and its crop."""

    words: str
    reading: str
    image: Array
    box: Box | None = None


def suggestions(
    critic: "Critic", image: Array, readings: Readings, taste: "Taste | None" = None
) -> tuple[list[Suggestion], int]:
    """Return the best changes, at most three, and the number of those that were tried.

    First come the faults that stand out most, where mending lessened them and `quality` did not
    suffer much; then other changes that raised `quality`, or `taste` where one is passed, without
    lowering the reading that they are for. Of several for one reading only the best is returned.
    """
    small = shrink(image, SIDE)
    if small is not image:
        readings = critic.analyze(small)
    liked = taste.score(critic, small, readings) if taste else None

    def tried(change: Change, sign: str, before: float, after: float | None) -> Suggestion:
        seen = critic.analyze(change.image)
        return Suggestion(
            change.words,
            sign,
            change.reading,
            before,
            getattr(seen, change.reading) if after is None else after,
            readings.quality,
            seen.quality,
            liked,
            taste.score(critic, change.image, seen) if taste else None,
            change.image,
            change.box,
        )

    mending, count = [], 0
    for fault in FAULTS:
        before = severity(fault, small)
        if before < MIN_SEVERITY:
            continue
        count += 1
        mended = fault.mend(small)
        words, sign = words_of(fault, small)
        after = severity(fault, mended)
        one = tried(Change(words, fault.name, mended), sign, before, after)
        allowed = MAX_LOSS if before >= COMMON else MAX_LOSS_OF_LESSER
        if after < before and one.gain >= -allowed:
            mending.append(one)
    mending.sort(key=lambda one: -one.before)
    if len(mending) >= MAX_SUGGESTIONS:
        return mending[:MAX_SUGGESTIONS], count

    best: dict[str, Suggestion] = {}
    for change in other_changes(small, readings):
        if change.reading not in NUMBERS:
            continue
        count += 1
        one = tried(change, "", getattr(readings, change.reading), None)
        if _gain(one) < MIN_GAIN:
            continue
        if one.reading in MORE_IS_BETTER and one.after < one.before - MIN_GAIN:
            continue
        if one.reading not in best or _gain(best[one.reading]) < _gain(one):
            best[one.reading] = one
    others = sorted(best.values(), key=lambda one: -_gain(one))
    return [*mending, *others][:MAX_SUGGESTIONS], count


def _gain(one: Suggestion) -> float:
    """Return what a suggestion gains: of taste where there is one, else of quality."""
    if one.taste_before is None or one.taste_after is None:
        return one.gain
    return one.taste_after - one.taste_before


def other_changes(image: Array, readings: Readings) -> Iterator[Change]:
    """Yield changes that a painter could make to a picture without faults."""
    from PIL import Image, ImageEnhance, ImageFilter

    picture = Image.fromarray(image)
    if min(image.shape[:2]) >= 16:
        for side, box in (
            ("left", (1 / 8, 0.0, 1.0, 1.0)),
            ("right", (0.0, 0.0, 7 / 8, 1.0)),
            ("top", (0.0, 1 / 8, 1.0, 1.0)),
            ("bottom", (0.0, 0.0, 1.0, 7 / 8)),
        ):
            yield Change(f"cut an eighth off the {side}", "balance", crop(image, box), box)
        thirds = box_on_thirds(readings)
        yield Change("come closer, with what the eye goes to on a third", "focus",
                     crop(image, thirds), thirds)  # fmt: skip
    for words, reading, changed in (
        ("stretch the lights and darks a little", "contrast",
         ImageEnhance.Contrast(picture).enhance(1.2)),
        ("soften the contrast by a fifth", "contrast", ImageEnhance.Contrast(picture).enhance(0.8)),
        ("calm the colours by a third", "harmony", ImageEnhance.Color(picture).enhance(0.67)),
        ("make the colours a third stronger", "harmony", ImageEnhance.Color(picture).enhance(1.33)),
        ("sharpen the edges a little", "sharpness",
         picture.filter(ImageFilter.UnsharpMask(2, 80, 2))),
        ("leave small detail out", "complexity", picture.filter(ImageFilter.MedianFilter(3))),
    ):  # fmt: skip
        yield Change(words, reading, np.asarray(changed))


def box_on_thirds(readings: Readings) -> Box:
    """Return a crop of three quarters of each side in which the focus lies on a third."""
    third_x = 1 / 3 if readings.focus_x < 0.5 else 2 / 3
    third_y = 1 / 3 if readings.focus_y < 0.5 else 2 / 3
    left = float(np.clip(readings.focus_x - third_x * 0.75, 0, 0.25))
    top = float(np.clip(readings.focus_y - third_y * 0.75, 0, 0.25))
    return left, top, left + 0.75, top + 0.75


def crop(image: Array, box: Box) -> Array:
    """Return the part of an image inside a box."""
    height, width = image.shape[:2]
    left, top, right, bottom = box
    rows = slice(round(top * height), max(round(top * height) + 1, round(bottom * height)))
    columns = slice(round(left * width), max(round(left * width) + 1, round(right * width)))
    return image[rows, columns]
