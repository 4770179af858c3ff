"""Describe readings in words, and suggest changes that were tried and improved the picture."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .readings import Readings

if TYPE_CHECKING:
    from .analyzer import Critic

Array = np.ndarray[Any, Any]
MAX_SUGGESTIONS = 3
MIN_GAIN = 0.02  # of quality: a smaller change is not worth a suggestion
# Distance of a percentile from the median: the middle half of the paintings is not remarkable.
MIN_DEVIATION = 0.25
MORE_IS_BETTER = ("harmony", "balance", "focus")  # a suggestion may not lower these
# The phrases for a high and a low reading.
PHRASES = {
    "harmony": ("its hues agree", "its hues quarrel"),
    "balance": ("its weight lies in the middle", "its weight lies to one side"),
    "contrast": ("light and dark lie far apart", "light and dark lie close together"),
    "complexity": ("it is full of detail", "it is plain"),
    "sharpness": ("its edges are crisp", "its edges are soft"),
    "focus": ("one place holds the eye", "the eye wanders"),
}

# The same for a picture among others: the highest and a higher, the lowest and a lower reading.
COMPARISONS = {
    "harmony": ("the most harmonious", "more harmonious", "the most motley", "more motley"),
    "balance": ("the best poised", "better poised", "the most lopsided", "more lopsided"),
    "contrast": ("the boldest", "bolder", "the palest", "paler"),
    "complexity": ("the richest in detail", "richer in detail", "the plainest", "plainer"),
    "sharpness": ("the crispest", "crisper", "the softest", "softer"),
    "focus": ("the most collected", "more collected", "the most restless", "more restless"),
}


class Suggestion(NamedTuple):
    """A change that was tried, the reading it is meant for, and readings before and after."""

    change: str
    reading: str
    before: float
    after: float
    quality_before: float
    quality_after: float


def explain(critic: "Critic", image: Array) -> str:
    """Describe what the critic sees in an image, what stands out, and what improves it."""
    readings = critic.analyze(image)
    return "\n".join([*describe(critic, readings), *suggestion_lines(critic, image, readings)])


def describe(critic: "Critic", readings: Readings) -> list[str]:
    """Describe readings in a few sentences."""
    others = ", ".join(
        f"{name} {share:.0%}" for name, share in readings.runners_up if share >= 0.05
    )
    certainty = f"{readings.certainty:.0%}{f'; else {others}' if others else ''}"
    lines = [
        f"Looks like {readings.movement} ({certainty}), most of all {region_name(readings.heat)}."
    ]
    if readings.artist and readings.hand >= 0.3:
        lines.append(f"Of the artists it knows, most like {readings.artist} ({readings.hand:.0%}).")
    if readings.novelty >= 0.9:
        lines.append(
            f"Unlike what it learned from (novelty {readings.novelty:.2f}): take its word lightly."
        )
    ranks = {name: critic.percentile(name, getattr(readings, name)) for name in PHRASES}
    striking = sorted(ranks, key=lambda name: -abs(ranks[name] - 0.5))[:3]
    phrases = [
        f"{PHRASES[name][ranks[name] < 0.5]} ({name} {getattr(readings, name):.2f}, "
        f"{'more' if ranks[name] >= 0.5 else 'less'} than in "
        f"{min(99, round(100 * max(ranks[name], 1 - ranks[name])))} of 100 paintings)"
        for name in striking
        if abs(ranks[name] - 0.5) >= MIN_DEVIATION
    ]
    if phrases:
        lines.append(f"What stands out: {'; '.join(phrases)}.")
    else:
        lines.append("Nothing that is measured stands out among paintings.")
    return lines


def remarks(several: Sequence[Readings]) -> list[str]:
    """Return a short remark on each of several pictures: what distinguishes it from the others.

    That is the reading furthest from the mean, in standard deviations. A remark is used twice only
    where a picture has no other left.
    """
    table = np.array([[getattr(one, name) for name in COMPARISONS] for one in several])
    if len(several) < 2:
        return ["there is nothing beside it"] * len(several)
    deviation = (table - table.mean(axis=0)) / (table.std(axis=0) + 1e-6)  # (pictures, readings)
    found = [""] * len(several)
    free = np.abs(deviation)  # -1 where a reading of a picture is used up
    while (free >= 0).any():
        place, column = np.unravel_index(int(free.argmax()), free.shape)
        values, own = table[:, column], table[place, column]
        most, better, least, worse = list(COMPARISONS.values())[column]
        if deviation[place, column] > 0:
            words = f"{most} of all" if own >= values.max() else f"{better} than most"
        else:
            words = f"{least} of all" if own <= values.min() else f"{worse} than most"
        free[place, column] = -1
        if words not in found or (free[place] < 0).all():
            found[place], free[place] = words, -1
    return found


def region_name(heat: Array) -> str:
    """Return in words where a map is highest."""
    if float(heat.max()) <= 0:
        return "all over"
    padded = np.pad(heat, 1, mode="edge")
    rows, columns = heat.shape
    near = [padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
    around: Array = heat + sum(near)  # the place itself counts twice
    row, column = np.unravel_index(int(np.argmax(around)), heat.shape)
    y, x = (row + 0.5) / rows, (column + 0.5) / columns
    high = "upper" if y < 0.36 else "lower" if y > 0.64 else ""
    side = "left" if x < 0.36 else "right" if x > 0.64 else ""
    if not high and not side:
        return "in the middle"
    if high and side:
        return f"at the {high} {side}"
    return f"in the {high} half" if high else f"on the {side}"


def suggestion_lines(critic: "Critic", image: Array, readings: Readings) -> list[str]:
    """Return a line for each change that improved the picture, or one saying that none did."""
    found, tried = suggestions(critic, image, readings)
    if not found:
        return [f"None of {tried} changes that were tried made it better; leave it as it is."]
    lines = []
    for each in found:
        words = f"{each.change}: quality {each.quality_before:.2f} to {each.quality_after:.2f}"
        if abs(each.after - each.before) >= MIN_GAIN:
            words += f", {each.reading} {each.before:.2f} to {each.after:.2f}"
        lines.append(f"Try this: {words}.")
    return lines


def suggestions(critic: "Critic", image: Array, readings: Readings) -> tuple[list[Suggestion], int]:
    """Return the changes that raised quality without lowering their reading, and the number tried.

    The best comes first; of several changes for one reading only the best is returned.
    """
    best: dict[str, Suggestion] = {}
    tried = 0
    for change, reading, changed in candidate_changes(image, readings):
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
        better = one.quality_after >= one.quality_before + MIN_GAIN
        if reading in MORE_IS_BETTER and one.after < one.before - MIN_GAIN:
            better = False
        if better and (reading not in best or best[reading].quality_after < one.quality_after):
            best[reading] = one
    return sorted(best.values(), key=lambda one: -one.quality_after)[:MAX_SUGGESTIONS], tried


def candidate_changes(image: Array, readings: Readings) -> Iterator[tuple[str, str, Array]]:
    """Yield changes that a painter could make: in words, the reading it is for, the result."""
    from PIL import Image, ImageEnhance, ImageFilter, ImageOps

    picture = Image.fromarray(image)
    # Readings are measured on smaller pictures still.
    picture.thumbnail((384, 384), Image.Resampling.BILINEAR)
    small = np.asarray(picture)
    height, width = small.shape[:2]
    if min(height, width) >= 16:
        y, x = height // 8, width // 8
        yield "cut an eighth off the left", "balance", small[:, x:]
        yield "cut an eighth off the right", "balance", small[:, : width - x]
        yield "cut an eighth off the top", "balance", small[y:]
        yield "cut an eighth off the bottom", "balance", small[: height - y]
        yield (
            "come closer, with what the eye goes to on a third",
            "focus",
            _crop_to_thirds(small, readings),
        )
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
    yield "take the colour cast away", "harmony", _reduce_cast(small)
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


def _crop_to_thirds(image: Array, readings: Readings) -> Array:
    """Crop to three quarters of each side, so that the focus lies on a third."""
    height, width = image.shape[:2]
    high, wide = height * 3 // 4, width * 3 // 4
    third_x = 1 / 3 if readings.focus_x < 0.5 else 2 / 3
    third_y = 1 / 3 if readings.focus_y < 0.5 else 2 / 3
    left = int(np.clip(readings.focus_x * width - third_x * wide, 0, width - wide))
    top = int(np.clip(readings.focus_y * height - third_y * high, 0, height - high))
    return image[top : top + high, left : left + wide]


def _reduce_cast(image: Array) -> Array:
    """Move the means of red, green and blue halfway to one another."""
    means = image.reshape(-1, 3).mean(axis=0) + 1.0
    return (image * ((1 + means.mean() / means) / 2)).clip(0, 255).astype(np.uint8)
