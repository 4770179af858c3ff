"""Describe readings in words, with what changed, whose taste it is, and what was tried."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .comparison import EarlierWorks, compare
from .readings import MEASURED, Readings
from .suggestions import Box, Suggestion, suggestions

if TYPE_CHECKING:
    from .analyzer import Critic
    from .personal_taste import Taste

Array = np.ndarray[Any, Any]
UNUSUAL, UNKNOWN = 0.9, 0.97  # novelty from which its word counts less, and nothing
WHOSE_QUALITY = (
    "Whose taste: quality compares with old European paintings and spoiled copies of them; it says "
    "how intact a picture is, and nothing of beauty."
)
# Distance of a percentile from the median: the middle half of the paintings is not remarkable.
MIN_DEVIATION = 0.25
MIN_SHARE = 0.5  # probability from which a further name is said
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


class Explanation(NamedTuple):
    """What there is to say of a picture: sentences, and what was tried, the best first."""

    lines: list[str]
    suggestions: list[Suggestion]

    @property
    def words(self) -> str:
        """The sentences, a line each."""
        return "\n".join(self.lines)

    @property
    def box(self) -> Box | None:
        """The crop that was suggested, None where none was."""
        return next((one.box for one in self.suggestions if one.box is not None), None)


def explain(
    critic: "Critic",
    image: Array,
    *,
    mine: EarlierWorks | None = None,
    taste: "Taste | None" = None,
) -> str:
    """Return the words of `examine`, a sentence a line."""
    return examine(critic, image, mine=mine, taste=taste).words


def examine(
    critic: "Critic",
    image: Array,
    *,
    mine: EarlierWorks | None = None,
    taste: "Taste | None" = None,
) -> Explanation:
    """Describe what the critic sees, what changed, whose taste it is, and what was tried.

    Args:
        critic: any.
        image: `(height, width, 3)` uint8.
        mine: earlier works to compare with.
        taste: by which suggestions are chosen as well.
    """
    readings = critic.analyze(image)
    lines = describe(critic, readings)
    if mine is not None:
        lines += compare(critic, image, readings, mine)
    lines.append(WHOSE_QUALITY)
    if taste is not None:
        score = taste.score(critic, image, readings)
        lines.append(f"{taste.describe()} It would like this with {score:.0%}.")
    found, count = suggestions(critic, image, readings, taste)
    lines += [one.line() for one in found]
    if not found:
        lines.append(f"None of {count} changes that were tried made it better; leave it as it is.")
    return Explanation(lines, found)


def describe(critic: "Critic", readings: Readings) -> list[str]:
    """Describe readings in a few sentences."""
    others = ", ".join(
        f"{name} {share:.0%}" for name, share in readings.runners_up if share >= 0.05
    )
    certainty = f"{readings.certainty:.0%}{f'; else {others}' if others else ''}"
    if readings.novelty >= UNKNOWN:
        lines = [
            f"Unlike anything it learned from (novelty {readings.novelty:.2f}): it does not know "
            f"what this is. The nearest that it knows is {readings.movement} ({certainty})."
        ]
    else:
        lines = [
            f"Looks like {readings.movement} ({certainty}), most of all "
            f"{region_name(readings.heat)}."
        ]
    if readings.artist and readings.hand >= 0.3:
        lines.append(f"Of the artists it knows, most like {readings.artist} ({readings.hand:.0%}).")
    if UNUSUAL <= readings.novelty < UNKNOWN:
        lines.append(
            f"Unlike most of what it learned from (novelty {readings.novelty:.2f}): take its word "
            "lightly."
        )
    lines += further_names(critic, readings)
    ranks = {
        name: critic.percentile(name, getattr(readings, name))
        for name in PHRASES
        if name in MEASURED
    }
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


def further_names(critic: "Critic", readings: Readings) -> list[str]:
    """Describe what else it names with some certainty, and where two names contradict."""
    likely = [
        f"{words.format(name)} ({share:.0%})"
        for words, pairs in (
            ("genre {}", readings.genres),
            ("century {}", readings.centuries),
            ("medium {}", readings.mediums),
        )
        for name, share in pairs[:1]
        if share >= MIN_SHARE
    ]
    lines = [f"Probably {', '.join(likely)}."] if likely else []
    years = critic.years(readings.movement)
    if years and readings.centuries:
        century, share = readings.centuries[0]
        first, last = ((year - 1) // 100 + 1 for year in years)
        if share >= MIN_SHARE and not first <= int(century) <= last:
            lines.append(
                f"One of the two is wrong: {readings.movement} is from {years[0]} to {years[1]}, "
                f"and this looks like century {century}."
            )
    if readings.novelty < UNKNOWN and readings.like_artists:
        near = ", ".join(name for name, _ in readings.like_artists)
        title = readings.like_pictures[0][0] if readings.like_pictures else ""
        lines.append(f"Nearest of what it learned from: {near}{f'; {title!r}' * bool(title)}.")
    return lines


def remarks(several: Sequence[Readings]) -> list[str]:
    """Return a short remark on each of several pictures: what distinguishes it from the others.

    That is the reading furthest from the mean, in standard deviations. A remark is used twice only
    where a picture has no other left.
    """
    names = [name for name in COMPARISONS if name in MEASURED]
    table = np.array([[getattr(one, name) for name in names] for one in several])
    if len(several) < 2:
        return ["there is nothing beside it"] * len(several)
    deviation = (table - table.mean(axis=0)) / (table.std(axis=0) + 1e-6)  # (pictures, readings)
    found = [""] * len(several)
    free = np.abs(deviation)  # -1 where a reading of a picture is used up
    while (free >= 0).any():
        place, column = np.unravel_index(int(free.argmax()), free.shape)
        values, own = table[:, column], table[place, column]
        most, better, least, worse = COMPARISONS[names[column]]
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
