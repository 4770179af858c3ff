"""The three checks, one a role."""

import inspect
import json
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..clock import OfflineClock
from ..media import Note, Stroke
from ..parts import Analyzer, Generator, Output
from ..performance import Performance
from .common import (
    attempt,
    build_part,
    check_close,
    check_face,
    claim,
    class_of,
    error_of,
    hidden,
    who_is,
)
from .samples import images, moments, phrases

# A short show of bars, half bars, a waltz, and an hour and more later.
SHOW = [
    *moments(beats=16, step=4),
    *moments(beats=4, step=2),
    *moments(meter=3, beats=6, step=3),
    OfflineClock().moment(beats=10_000, span=4),
]
# Enough of it to try a knob with: a bar, another, half a bar.
BRIEF = [SHOW[0], SHOW[1], SHOW[4]]


# -- generators -------------------------------------------------------------------------------


def check_generator(part: type[Generator] | str, **options) -> None:
    """Check that a generator keeps the contract; raise AssertionError where it does not.

    `part` is its class, or the name it is installed under; `options` are handed to it whenever
    it is built. Checked are its name and docstring, that building it is cheap, that it runs
    without torch, that the same seed gives the same bytes and another seed others, what it makes,
    and every knob: both ends, beyond them, NaN, and every choice.
    """
    made = class_of(part, Generator)
    who = who_is(made)
    claim(made.generate is not Generator.generate, f"{who} has no generate(self, now, *, knob=0.5)")
    check_face(made)
    seeded = "seed" in inspect.signature(made.__init__).parameters
    resets = hasattr(made, "reset")
    claim(seeded or not resets, f"{who} has reset(seed) but takes no seed= when it is built")
    seed = options.pop("seed", 7)

    def build(seed=seed):
        return build_part(made, **options, **({"seed": seed} if seeded else {}))

    with hidden("torch"):
        player = build()
        played = _play(player)
        claim(
            _play(build()) == played,
            f"{who} made other things of the same {'seed' if seeded else 'moments'}; "
            "draw chance from numpy.random.default_rng(seed) alone, and take time from now",
        )
        stateful = _play(player) != played
        if seeded:
            _check_seeds(player, build, seed, played, stateful)

        def fresh():
            if resets:
                player.reset(seed)
            return player if resets or not stateful else build()

        _check_range(fresh())
        _check_knobs(fresh, made)
        if hasattr(made, "feed"):
            for phrase in ([], *phrases()):
                attempt(f"{who}, fed {len(phrase)} notes,", fresh().feed, phrase)
        check_close(player)


def _check_seeds(player, build, seed: int, played: list[bytes], stateful: bool) -> None:
    other = _play(build(seed + 1))
    claim(other != played, f"{player} makes the same of every seed; use it, or do not take it")
    if not hasattr(player, "reset"):
        claim(
            not stateful,
            f"{player} keeps state but has no reset(seed), so no show with it can be repeated",
        )
        return
    for number, expected in ((seed, played), (seed + 1, other)):
        attempt(f"{player}, being reset,", player.reset, number)
        claim(
            _play(player) == expected,
            f"{player} does not play after reset({number}) as if built with seed={number}; "
            "set all of its state anew",
        )


def _check_range(player: Generator) -> None:
    """Look at a picture before the role clips it: floats beyond 0..1 are an author's mistake."""
    thing = player.generate(SHOW[0])
    if isinstance(thing, np.ndarray) and thing.dtype.kind == "f":
        low, high = float(thing.min()), float(thing.max())
        claim(
            low >= -1e-3 and high <= 1 + 1e-3,
            f"{player} made an image from {low:.3g} to {high:.3g}; floats are 0..1",
        )


def _check_knobs(fresh, made: type[Generator]) -> None:
    who = who_is(made)
    numbers = [knob.name for knob in made.knobs.values() if knob.kind == "number"]

    def play(**knobs):
        return _play(fresh(), knobs, BRIEF)

    claim(
        isinstance(error_of(fresh(), SHOW[0], no_such_knob=0.5), TypeError),
        f"{who} takes a knob it does not have; name its knobs instead of **knobs",
    )
    for end, beyond in ((0.0, (-5, -math.inf)), (1.0, (7, math.inf))):
        at_end = play(**dict.fromkeys(numbers, end))
        for value in beyond:
            claim(
                play(**dict.fromkeys(numbers, value)) == at_end,
                f"{who} plays differently with knobs at {value} and at {end:g}; "
                "leave __call__ to Generator, which clips them",
            )
        if len(numbers) > 1:
            for name in numbers:
                play(**{name: end})
    for name in numbers:
        claim(
            isinstance(error_of(fresh(), SHOW[0], **{name: math.nan}), ValueError),
            f"{who} plays on with knob {name!r} at nan; leave __call__ to Generator",
        )
    for knob in made.knobs.values():
        for choice in knob.choices:
            play(**{knob.name: choice})


def _play(player: Generator, knobs: dict[str, Any] | None = None, show=SHOW) -> list[bytes]:
    """Play the show with these knobs, and give the bytes of everything that was made."""
    turned = ", ".join(f"{name}={value!r}" for name, value in (knobs or {}).items())
    made, seen = [], []
    for now in show:
        at = f"{player}, at beat {now.beats:g}{turned and f' with {turned}'},"
        made.append(attempt(at, player, now, **(knobs or {})))
        seen.append(_bytes(made[-1]))
    kinds = {_kind(thing) for thing in made} - {"nothing"}
    claim(len(kinds) < 2, f"{player} makes now {' now '.join(sorted(kinds))}; make one of them")
    claim(
        [_bytes(thing) for thing in made] == seen,
        f"{player} changes things it has already given; give a new array every time",
    )
    return seen


# -- analyzers --------------------------------------------------------------------------------


def check_analyzer(part: type[Analyzer] | str, things: Iterable | None = None, **options) -> None:
    """Check that an analyzer keeps the contract; raise AssertionError where it does not.

    `part` is its class, or the name it is installed under; `things` is what it reads, `images()`
    unless given: `phrases()` and `drawings()` are there too. `options` are handed to it whenever
    it is built.
    """
    made = class_of(part, Analyzer)
    who = who_is(made)
    claim(made.analyze is not Analyzer.analyze, f"{who} has no analyze(self, thing)")
    check_face(made)
    things = images() if things is None else list(things)
    claim(bool(things), f"{who} was given no things to read")
    with hidden("torch"):
        reader = build_part(made, **options)
        readings = []
        for number, thing in enumerate(things):
            before = _bytes(thing)
            readings.append(attempt(f"{who}, reading thing {number},", reader.read, thing))
            claim(_bytes(thing) == before, f"{who} changes what it reads; work on a copy")
        fields = {reading._fields for reading in readings}
        claim(len(fields) == 1, f"{who} gives now these fields, now those; give one NamedTuple")
        claim(
            any(isinstance(value, float | np.floating) for value in readings[0]),
            f"{who} reads no number; give at least one float 0..1",
        )
        other = build_part(made, **options)
        claim(
            [repr(other.read(thing)) for thing in things] == list(map(repr, readings)),
            f"{who} read other things in the same {_kind(things[0])}; leave chance out of it",
        )
        check_close(reader)


# -- outputs ----------------------------------------------------------------------------------


def check_output(part: type[Output] | str, target: str = "", **options) -> None:
    """Check that an output keeps the contract; raise AssertionError where it does not.

    `part` is its class, or the name it is installed under; `target` is what a person types behind
    the colon, such as a path in a temporary folder. It is started on an offline clock, shown
    pictures of several sizes, played notes and controls, and closed, twice, while a note sounds.
    """
    made = class_of(part, Output)
    who = who_is(made)
    check_face(made)
    missing = made.missing()
    claim(isinstance(missing, str), f"{who} gave {missing!r} as missing(); give words, or ''")
    claim(not missing, f"{who} cannot be checked on this machine: {missing}")
    clock = OfflineClock()
    with hidden("torch"):
        for started in (False, True):
            player = build_part(made, str(target), **options)
            if started:
                performance = Performance(clock, size=(64, 48), fps=30.0, title="check")
                attempt(f"{who}, being started,", player.start, performance)
                _check_performing(player, clock)
            check_close(player, "" if started else " without a start")


def _check_performing(player: Output, clock: OfflineClock) -> None:
    notes = [Note(0, velocity=0.0), Note(60), Note(64), Note(127, velocity=1.0, channel=16)]
    shown = images()
    for frame, image in enumerate(shown):
        now = clock.moment(seconds=frame / 30, span=1 / 15)
        clock.wait(now.seconds)
        for note in notes:
            attempt(f"{player}, beginning {note},", player.note_on, note, now)
        attempt(f"{player}, following a control,", player.control, (1, frame / 5, 1), now)
        attempt(f"{player}, showing an image of shape {image.shape},", player.show, image, now)
        # One note is left sounding at the end, as when a show is broken off.
        for note in notes[frame == len(shown) - 1 :]:
            attempt(f"{player}, ending {note},", player.note_off, note, now)


def _kind(thing) -> str:
    if isinstance(thing, np.ndarray):
        return "an image"
    if not thing:
        return "nothing"
    return "a drawing" if isinstance(thing[0], Stroke) else "a phrase"


def _bytes(thing) -> bytes:
    if isinstance(thing, np.ndarray):
        return repr((thing.shape, thing.dtype)).encode() + thing.tobytes()
    # By value: a pitch may be Python's or numpy's whole number and sound the same.
    return json.dumps(
        [[np.asarray(field, dtype=float).tolist() for field in item] for item in thing]
    ).encode()
