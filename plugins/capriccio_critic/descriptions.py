"""Puts readings into words, and tries the changes that it suggests."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .readings import Readings

if TYPE_CHECKING:
    from .analyzer import Critic

MOST = 3  # suggestions; more is no advice
STEP = 0.02  # a change that does less is none
STRIKING = 0.25  # from the middle: what half of the paintings have is not worth a word
BETTER_MORE = ("harmony", "balance", "focus")  # what a suggestion may not lessen
# How a reading is said to be high or low, in a sentence on the picture.
SAID = {
    "harmony": ("its hues agree", "its hues quarrel"),
    "balance": ("its weight lies in the middle", "its weight lies to one side"),
    "contrast": ("light and dark lie far apart", "light and dark lie close together"),
    "complexity": ("it is full of detail", "it is plain"),
    "sharpness": ("its edges are crisp", "its edges are soft"),
    "focus": ("one place holds the eye", "the eye wanders"),
}

# The same of a picture among others: the most of all, or more than most; and the least, or less.
AMONG = {
    "harmony": ("the most harmonious", "more harmonious", "the most motley", "more motley"),
    "balance": ("the best poised", "better poised", "the most lopsided", "more lopsided"),
    "contrast": ("the boldest", "bolder", "the palest", "paler"),
    "complexity": ("the richest in detail", "richer in detail", "the plainest", "plainer"),
    "sharpness": ("the crispest", "crisper", "the softest", "softer"),
    "focus": ("the most collected", "more collected", "the most restless", "more restless"),
}


class Suggestion(NamedTuple):
    """A change that was tried: what, the reading it is for, and readings before and after."""

    change: str
    reading: str
    before: float
    after: float
    quality_before: float
    quality_after: float


def explain(critic: "Critic", image: np.ndarray) -> str:
    """Say what the critic sees in an image, what stands out in it, and what would help."""
    readings = critic.analyze(image)
    return "\n".join([*describe(critic, readings), *advise(critic, image, readings)])


def describe(critic: "Critic", readings: Readings) -> list[str]:
    """Say what was read, in a few sentences."""
    others = ", ".join(
        f"{name} {share:.0%}" for name, share in readings.runners_up if share >= 0.05
    )
    sure = f"{readings.certainty:.0%}{f'; else {others}' if others else ''}"
    lines = [f"Looks like {readings.movement} ({sure}), most of all {place_of(readings.heat)}."]
    if readings.artist and readings.hand >= 0.3:
        lines.append(f"Of the artists it knows, most like {readings.artist} ({readings.hand:.0%}).")
    if readings.novelty >= 0.9:
        lines.append(
            f"Unlike what it learned from (novelty {readings.novelty:.2f}): take its word lightly."
        )
    ranks = {name: critic.typical(name, getattr(readings, name)) for name in SAID}
    striking = sorted(ranks, key=lambda name: -abs(ranks[name] - 0.5))[:3]
    said = [
        f"{SAID[name][ranks[name] < 0.5]} ({name} {getattr(readings, name):.2f}, "
        f"{'more' if ranks[name] >= 0.5 else 'less'} than in "
        f"{min(99, round(100 * max(ranks[name], 1 - ranks[name])))} of 100 paintings)"
        for name in striking
        if abs(ranks[name] - 0.5) >= STRIKING
    ]
    if said:
        lines.append(f"What stands out: {'; '.join(said)}.")
    else:
        lines.append("Nothing that is measured stands out among paintings.")
    return lines


def remarks(several: Sequence[Readings]) -> list[str]:
    """Say of each of several pictures what sets it apart from the others, in a few words.

    The reading that lies furthest from the others' mean, counted in their standard deviations;
    what was said of one picture is said of another only when there is nothing else left.
    """
    table = np.array([[getattr(one, name) for name in AMONG] for one in several])
    if len(several) < 2:
        return ["there is nothing beside it"] * len(several)
    apart = (table - table.mean(axis=0)) / (table.std(axis=0) + 1e-6)  # (pictures, readings)
    said = [""] * len(several)
    free = np.abs(apart)
    while (free >= 0).any():
        place, column = np.unravel_index(int(free.argmax()), free.shape)
        more = apart[place, column] > 0
        values, own = table[:, column], table[place, column]
        most, better, least, worse = list(AMONG.values())[column]
        if more:
            words = f"{most} of all" if own >= values.max() else f"{better} than most"
        else:
            words = f"{least} of all" if own <= values.min() else f"{worse} than most"
        new = words not in said
        free[place, column] = -1
        if new or (free[place] < 0).all():
            said[place], free[place] = words, -1
    return said


def place_of(heat: np.ndarray) -> str:
    """Say where in the picture a map is hottest."""
    if float(heat.max()) <= 0:
        return "all over"
    padded = np.pad(heat, 1, mode="edge")
    rows, columns = heat.shape
    near = [padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
    around = heat + sum(near)  # the place itself counts twice
    row, column = np.unravel_index(int(np.argmax(around)), heat.shape)
    y, x = (row + 0.5) / rows, (column + 0.5) / columns
    high = "upper" if y < 0.36 else "lower" if y > 0.64 else ""
    side = "left" if x < 0.36 else "right" if x > 0.64 else ""
    if not high and not side:
        return "in the middle"
    if high and side:
        return f"at the {high} {side}"
    return f"in the {high} half" if high else f"on the {side}"


def advise(critic: "Critic", image: np.ndarray, readings: Readings) -> list[str]:
    """Give a line for each change that helped, best first, or one that says that none did."""
    found, tried = suggestions(critic, image, readings)
    if not found:
        return [f"None of {tried} changes that were tried made it better; leave it as it is."]
    lines = []
    for each in found:
        words = f"{each.change}: quality {each.quality_before:.2f} to {each.quality_after:.2f}"
        if abs(each.after - each.before) >= STEP:
            words += f", {each.reading} {each.before:.2f} to {each.after:.2f}"
        lines.append(f"Try this: {words}.")
    return lines


def suggestions(
    critic: "Critic", image: np.ndarray, readings: Readings
) -> tuple[list[Suggestion], int]:
    """Try changes; give those that raised quality and did no harm to their reading, best first.

    Also gives how many were tried. Of several changes for one reading the best alone is told.
    """
    best: dict[str, Suggestion] = {}
    tried = 0
    for change, reading, changed in changes(image, readings):
        tried += 1
        after = critic.analyze(changed)
        one = Suggestion(
            change,
            reading,
            getattr(readings, reading),
            getattr(after, reading),
            readings.quality,
            after.quality,
        )
        better = one.quality_after >= one.quality_before + STEP
        if reading in BETTER_MORE and one.after < one.before - STEP:
            better = False
        if better and (reading not in best or best[reading].quality_after < one.quality_after):
            best[reading] = one
    return sorted(best.values(), key=lambda one: -one.quality_after)[:MOST], tried


def changes(image: np.ndarray, readings: Readings) -> Iterator[tuple[str, str, np.ndarray]]:
    """Give changes of an image that a painter could make: in words, for which reading, and done."""
    from PIL import Image, ImageEnhance, ImageFilter, ImageOps

    picture = Image.fromarray(image)
    # What is tried need not be larger than what is measured.
    picture.thumbnail((384, 384), Image.Resampling.BILINEAR)
    small = np.asarray(picture)
    height, width = small.shape[:2]
    if min(height, width) >= 16:
        y, x = height // 8, width // 8
        yield "cut an eighth off the left", "balance", small[:, x:]
        yield "cut an eighth off the right", "balance", small[:, : width - x]
        yield "cut an eighth off the top", "balance", small[y:]
        yield "cut an eighth off the bottom", "balance", small[: height - y]
        yield "come closer, with what the eye goes to on a third", "focus", _closer(small, readings)
    yield (
        "stretch the lights and darks",
        "contrast",
        np.asarray(ImageOps.autocontrast(picture, cutoff=1, preserve_tone=True)),
    )
    yield (
        "soften the contrast by a fifth",
        "contrast",
        np.asarray(ImageEnhance.Contrast(picture).enhance(0.8)),
    )
    yield "take the colour cast away", "harmony", _neutral(small)
    yield (
        "calm the colours by a third",
        "harmony",
        np.asarray(ImageEnhance.Color(picture).enhance(0.67)),
    )
    yield (
        "make the colours a third stronger",
        "harmony",
        np.asarray(ImageEnhance.Color(picture).enhance(1.33)),
    )
    yield (
        "sharpen the edges",
        "sharpness",
        np.asarray(picture.filter(ImageFilter.UnsharpMask(2, 80, 2))),
    )
    yield (
        "leave small detail out",
        "complexity",
        np.asarray(picture.filter(ImageFilter.MedianFilter(3))),
    )


def _closer(image: np.ndarray, readings: Readings) -> np.ndarray:
    """Cut a quarter of the sides away, so that where the eye goes comes onto a third."""
    height, width = image.shape[:2]
    high, wide = height * 3 // 4, width * 3 // 4
    third_x = 1 / 3 if readings.focus_x < 0.5 else 2 / 3
    third_y = 1 / 3 if readings.focus_y < 0.5 else 2 / 3
    left = int(np.clip(readings.focus_x * width - third_x * wide, 0, width - wide))
    top = int(np.clip(readings.focus_y * height - third_y * high, 0, height - high))
    return image[top : top + high, left : left + wide]


def _neutral(image: np.ndarray) -> np.ndarray:
    """Bring the means of red, green and blue halfway to one another."""
    means = image.reshape(-1, 3).mean(axis=0) + 1.0
    return (image * ((1 + means.mean() / means) / 2)).clip(0, 255).astype(np.uint8)
