"""Measure visible attributes of a picture: colours, whole or cut, leaves, size."""

from dataclasses import dataclass

import numpy as np

from .scans import Scan, label_regions

COLOURS = ("red", "dark red", "pink", "orange", "yellow", "green", "brown", "purple", "blue",
           "black", "white", "grey")  # fmt: skip
VIVID = [COLOURS.index(name) for name in ("red", "dark red", "pink", "orange", "purple")]
PALE = [COLOURS.index("white"), COLOURS.index("grey")]
MIN_SHADING = 40  # levels of 0..255 by which a round fruit's sides differ, at least
MIN_BODY_SHARE = 0.25  # of the largest body; smaller regions are seeds or stamps
MIN_BODY_SIDE = 4  # rows or columns; a smaller region is a line, without skin or shading


@dataclass(frozen=True)
class Attributes:
    """What was measured in a picture; empty where it is uncertain.

    Args:
        colours: names of the colours of the fruit's skin, the most common first.
        view: "whole", "cut", "whole and cut", "two", "several" or "".
        size: "small", "large" or "".
        leaves: whether leaves were found.
        light: of a picture without a plain background, of "bright", "gloomy", "warm" and "cool".
    """

    colours: tuple[str, ...] = ()
    view: str = ""
    size: str = ""
    leaves: bool = False
    light: tuple[str, ...] = ()


def measure_attributes(scan: Scan) -> Attributes:
    """Return the attributes of a prepared picture."""
    names = colour_names(scan.image)  # (size, size)
    if scan.subject is None:
        return Attributes(colours=_main_colours(names.ravel()), light=_light_of(scan.image))
    bodies = _split_bodies(scan.subject)
    if not bodies:
        return Attributes(colours=_main_colours(names.ravel()))
    size = "small" if scan.extent < 0.5 else "large" if scan.extent > 1.05 else ""
    leaves = _find_leaves(scan) & scan.subject  # (size, size)
    if _is_spray(bodies, leaves, names):
        # Fruits among leaves: only colours that are neither leaf nor twig count.
        seen = names[scan.subject]
        for fruit in (VIVID, [*VIVID, COLOURS.index("yellow"), COLOURS.index("blue")]):
            if np.isin(seen, fruit).mean() > 0.05:
                return Attributes(_main_colours(seen[np.isin(seen, fruit)]), "", size, True)
        return Attributes(_main_colours(seen), "", size, True)
    skins, view = _classify_view(bodies, scan.subject, names, scan.image)
    skin = np.concatenate([names[body] for body in skins]) if skins else names[scan.subject]
    return Attributes(_main_colours(skin), view, size, _has_leaves(leaves, skin, scan.subject))


def _light_of(image: np.ndarray) -> tuple[str, ...]:
    """Return what is plain of the light in a picture; of paintings each word fits about a fifth."""
    red, green, blue = image.reshape(-1, 3).mean(axis=0) / 255
    value, warmth = (red + green + blue) / 3, red - blue
    words = [
        ("bright", value > 0.58), ("gloomy", value < 0.27),
        ("warm", warmth > 0.19), ("cool", warmth < 0.03),
    ]  # fmt: skip
    return tuple(word for word, fits in words if fits)


def colour_names(image: np.ndarray) -> np.ndarray:
    """Return the colour of every pixel as an index of COLOURS, `(height, width)`."""
    hue, strength, value = to_hsv(image)
    index = {name: number for number, name in enumerate(COLOURS)}
    warm = (hue < 48) | (hue > 330)
    rules = [
        ((hue > 66) & (hue < 165) & (strength > 0.3) & (value > 0.16), "green"),
        ((value < 0.22) | ((value < 0.33) & (strength < 0.4)), "black"),
        ((strength < 0.3) & (value > 0.72), "white"),
        ((strength < 0.22), "grey"),
        (warm & (hue < 330) & (hue > 15) & (value < 0.56), "brown"),
        (((hue < 15) | (hue > 338)) & (value < 0.52), "dark red"),
        (((hue < 24) | (hue > 320)) & (strength < 0.46) & (value > 0.72), "pink"),
        ((hue < 14) | (hue > 338), "red"),
        (hue < 38, "orange"),
        (hue < 55, "yellow"),
        (hue < 170, "green"),
        (hue < 262, "blue"),
    ]
    return np.select([rule for rule, _ in rules], [index[name] for _, name in rules],
                     index["purple"])  # fmt: skip


def to_hsv(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hue in degrees, saturation and value of every pixel, each `(height, width)`."""
    # Channels apart: reducing along an axis of three is ten times slower.
    planes = np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)  # (3, height, width)
    red, green, blue = planes / 255
    value = np.maximum(np.maximum(red, green), blue)  # (height, width)
    spread = value - np.minimum(np.minimum(red, green), blue)  # (height, width)
    safe = np.maximum(spread, 1e-6)
    hue = np.select(
        [value == red, value == green],
        [(green - blue) / safe % 6, (blue - red) / safe + 2],
        (red - green) / safe + 4,
    )
    return hue * 60, spread / np.maximum(value, 1e-6), value


def _main_colours(names: np.ndarray) -> tuple[str, ...]:
    """Return the one or two most common colours of these pixels."""
    counts = np.bincount(names, minlength=len(COLOURS)).astype(float)
    coloured = counts.copy()
    coloured[PALE] = 0  # highlights, shadows, bloom and flesh
    if coloured.sum() < 0.25 * counts.sum():
        return ("white",) if counts.sum() else ()
    # Red and dark red are light and shade of one colour.
    dark, red = COLOURS.index("dark red"), COLOURS.index("red")
    if coloured[red] > coloured[dark]:
        coloured[red] += coloured[dark]
        coloured[dark] = 0
    else:
        coloured[dark] += 0.5 * coloured[red]
        coloured[red] *= 0.5
    share = coloured / coloured.sum()
    order = np.argsort(-share)
    second = share[order[1]] > 0.28
    return tuple(COLOURS[i] for i in order[: 2 if second else 1])


def _split_bodies(subject: np.ndarray) -> list[np.ndarray]:
    """Return the masks of the fruits; two that touch one above the other are split at the waist."""
    found = label_regions(subject)
    sizes = np.bincount(found.ravel())[1:]
    bodies = []
    for index in np.flatnonzero(sizes >= MIN_BODY_SHARE * sizes.max(initial=1)):
        body = found == index + 1
        rows, columns = (np.flatnonzero(body.any(axis=axis)) for axis in (1, 0))
        if min(len(rows), len(columns)) < MIN_BODY_SIDE:
            continue
        widths = body.sum(axis=1)[rows[0] : rows[-1] + 1]  # (rows,)
        count = len(widths)
        if count > max(1.45 * widths.max(), 3 * MIN_BODY_SIDE):
            middle = slice(int(count * 0.36), int(count * 0.64) + 1)
            waist = int(np.argmin(widths[middle])) + middle.start
            above, below = widths[:waist].max(), widths[waist:].max()
            if widths[waist] < 0.62 * min(above, below) and min(above, below) > 0.6 * max(
                above, below
            ):
                cut = rows[0] + waist
                upper, lower = body.copy(), body.copy()
                upper[cut:], lower[:cut] = False, False
                bodies += [upper, lower]
                continue
        bodies.append(body)
    return bodies


def _is_spray(bodies: list[np.ndarray], leaves: np.ndarray, names: np.ndarray) -> bool:
    """Return whether this is a twig: green leaves beside fruits, or an outline with gaps."""
    for body in bodies:
        # Round and green to its core: a green fruit, not leaves.
        if _ellipse_share(body) > 0.88 and leaves[_ellipse_radius(body) < 0.5].mean() > 0.4:
            return False
    painted = np.logical_or.reduce(bodies)
    if leaves[painted].mean() > 0.15 and np.isin(names[painted], VIVID).mean() > 0.08:
        return True
    for body in bodies:
        green = (names[body] == COLOURS.index("green")).mean() > 0.2
        if green and _ellipse_share(body) < 0.78:
            return True
    return False


def _ellipse_share(body: np.ndarray) -> float:
    """Return which share of the ellipse in its box a body fills: a disc 1, a twig about 0.5."""
    ys, xs = np.nonzero(body)
    return float(len(ys) / (np.pi / 4 * (np.ptp(ys) + 1) * (np.ptp(xs) + 1)))


def _find_leaves(scan: Scan) -> np.ndarray:
    """Return which pixels have the green of leaves."""
    hue, strength, value = to_hsv(scan.image)
    return (hue > 62) & (hue < 170) & (strength > 0.22) & (value < 0.62)  # (size, size)


def _classify_view(
    bodies: list[np.ndarray], subject: np.ndarray, names: np.ndarray, image: np.ndarray
) -> tuple[list[np.ndarray], str]:
    """Return the bodies that show skin, and the `view` of the picture."""
    flesh = [_flesh_share(body, names) for body in bodies]
    round_ = [_shading_range(body, image) for body in bodies]
    if len(bodies) > 3:
        return bodies, "several"
    if len(bodies) == 2:
        x0, x1 = (np.nonzero(body)[1].mean() for body in bodies)
        wide = [np.ptp(np.flatnonzero(body.any(axis=0))) + 1 for body in bodies]
        stacked = abs(x0 - x1) < 0.3 * max(wide) and min(wide) > 0.55 * max(wide)
        tones = [np.median(image[body], axis=0).astype(float) for body in bodies]
        differ = np.abs(tones[0] - tones[1]).max()
        if stacked and (differ > 40 or abs(flesh[0] - flesh[1]) > 0.25):
            # The paler one is the cut half.
            whole = int(flesh[0] > flesh[1])
            if abs(flesh[0] - flesh[1]) < 0.1:
                whole = int(tones[1].sum() < tones[0].sum())
            return [bodies[whole]], "whole and cut"
        if stacked and max(round_) > MIN_SHADING and min(round_) < 0.5 * max(round_):
            return [bodies[int(round_[1] > round_[0])]], "whole and cut"
        if differ < 24 and max(flesh) < 0.06 and min(round_) > MIN_SHADING:
            return bodies, "two"
    if len(bodies) == 1:
        (body,) = bodies
        rows, mine = np.flatnonzero(subject.any(axis=1)), np.flatnonzero(body.any(axis=1))
        high, wide = len(mine), body.any(axis=0).sum()
        upper, lower = body.copy(), body.copy()
        upper[mine[high // 2] :], lower[: mine[high // 2]] = False, False
        if rows[-1] - mine[-1] > 0.3 * high and flesh[0] < 0.12:
            return bodies, "whole and cut"  # below lies a cut half so pale that only its core shows
        if (
            high > 1.25 * wide
            and _flesh_share(upper, names) < 0.15
            and _flesh_share(lower, names) > 0.4
        ):
            return [upper], "whole and cut"
        alone = rows[-1] - mine[-1] < 0.1 * high and high < 1.4 * wide
        if flesh[0] > 0.5 and alone and _ellipse_share(body) > 0.7:
            return bodies, "cut"
        if alone and _ellipse_share(body) > 0.88 and round_[0] < 0.5 * MIN_SHADING:
            return bodies, "cut"
        if alone and flesh[0] < 0.06 and round_[0] > MIN_SHADING:
            return bodies, "whole"
    return bodies, ""


def _shading_range(body: np.ndarray, image: np.ndarray) -> float:
    """Return by how many levels one side of a body is lighter than the other.

    Round bodies are painted with shading; a cut surface is flat.
    """
    ys, xs = np.nonzero(_ellipse_radius(body) < 0.85)
    light = image[ys, xs].astype(np.float64).mean(axis=1)  # (pixels,)
    plane = np.stack([ys / np.ptp(ys), xs / np.ptp(xs), np.ones(len(ys))], axis=1)
    slopes = np.linalg.lstsq(plane, light, rcond=None)[0]
    return float(np.hypot(slopes[0], slopes[1]))


def _ellipse_radius(body: np.ndarray) -> np.ndarray:
    """Return every pixel's distance from a body's middle, 1 at the rim of its ellipse."""
    ys, xs = np.nonzero(body)
    y, x = np.ogrid[: body.shape[0], : body.shape[1]]
    middle = (ys.min() + ys.max()) / 2, (xs.min() + xs.max()) / 2
    half = (np.ptp(ys) + 1) / 2, (np.ptp(xs) + 1) / 2
    return np.hypot((y - middle[0]) / half[0], (x - middle[1]) / half[1])


def _flesh_share(body: np.ndarray, names: np.ndarray) -> float:
    """Return the white share of the ellipse that a body fills; a high one means white flesh."""
    return float((names[_ellipse_radius(body) < 0.8] == COLOURS.index("white")).mean())


def _has_leaves(leaves: np.ndarray, skin: np.ndarray, subject: np.ndarray) -> bool:
    """Return whether leaves lie beside a fruit that is not green itself."""
    if (skin == COLOURS.index("green")).mean() > 0.2:
        return False
    sizes = np.bincount(label_regions(leaves).ravel())[1:]
    return bool(sizes.max(initial=0) > 0.035 * subject.sum())
