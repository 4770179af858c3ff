"""The checks, one for each role.

They take a part's class, or the name of an installed part, and the options of its constructor.
"""

import inspect
import json
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..clock import Moment, OfflineClock
from ..media import Note, Stroke
from ..parts import Analyzer, Device, Generator, Input, Instrument, Output
from ..performance import Performance
from .common import (
    attempt,
    build_part,
    check_class,
    check_close,
    class_of,
    error_of,
    expect,
    hidden_modules,
    name_of,
)
from .samples import images, moments, phrases

# A short show: bars, half bars, a waltz, and a moment more than an hour later.
SHOW = [
    *moments(beats=16, step=4),
    *moments(beats=4, step=2),
    *moments(meter=3, beats=6, step=3),
    OfflineClock().moment(beats=10_000, span=4),
]
# How long a thread of an input may take to end after `close`, in seconds.
THREAD_SECONDS = 5.0
# The longest sound of an instrument, in frames.
MAX_FRAMES = 30 * 48_000


def check_generator(part: type[Generator] | str, **options: Any) -> None:
    """Check that a generator, `part`, conforms; raise AssertionError if not.

    Checked are: name and docstring; that building it is cheap and that it runs without torch; that
    the same seed gives the same bytes and another seed others; what it returns; every choice and
    both ends of every knob, values beyond them, and NaN.
    """
    kind = class_of(part, Generator)
    name = name_of(kind)
    expect(
        kind.generate is not Generator.generate,
        f"{name} has no method generate(self, now, *, knob=0.5)",
    )
    check_class(kind)
    has_seed = "seed" in inspect.signature(kind.__init__).parameters
    has_reset = hasattr(kind, "reset")
    expect(has_seed or not has_reset, f"{name} has reset(seed) but its constructor takes no seed=")
    seed = options.pop("seed", 7)

    def build(seed: int = seed) -> Generator:
        return build_part(kind, **options, **({"seed": seed} if has_seed else {}))

    with hidden_modules("torch"):
        generator = build()
        played = _play(generator)
        expect(
            _play(build()) == played,
            f"{name} returned different results for the same {'seed' if has_seed else 'moments'}; "
            "draw random numbers from numpy.random.default_rng(seed), and take the time from now",
        )
        has_state = _play(generator) != played
        if has_seed:
            _check_seeds(generator, build, seed, played, has_state)

        def fresh() -> Generator:
            if has_reset:
                generator.reset(seed)  # type: ignore[attr-defined]
            return generator if has_reset or not has_state else build()

        # Before the base class clips floats to 0..1.
        thing = fresh().generate(SHOW[0])
        if isinstance(thing, np.ndarray) and thing.dtype.kind == "f":
            low, high = float(thing.min()), float(thing.max())
            expect(
                low >= -1e-3 and high <= 1 + 1e-3,
                f"{name} returned an image with values {low:.3g} to {high:.3g}, expected floats "
                "0..1, or uint8",
            )
        _check_knobs(fresh, kind)
        if hasattr(kind, "feed"):
            for phrase in ([], *phrases()):
                feed = fresh().feed  # type: ignore[attr-defined]
                attempt(f"{name}, fed {len(phrase)} notes,", feed, phrase)
        check_close(generator)


def _check_seeds(
    generator: Any,
    build: Callable[[int], Generator],
    seed: int,
    played: list[bytes],
    has_state: bool,
) -> None:
    other = _play(build(seed + 1))
    expect(
        other != played, f"{generator} gave the same for seeds {seed} and {seed + 1}; use the seed"
    )
    if not hasattr(generator, "reset"):
        expect(
            not has_state,
            f"{generator} keeps state but has no reset(seed); no show with it can be repeated",
        )
        return
    for number, expected in ((seed, played), (seed + 1, other)):
        attempt(f"{generator}, when reset,", generator.reset, number)
        expect(
            _play(generator) == expected,
            f"{generator} after reset({number}) differs from one built with seed={number}; "
            "reset all of its state",
        )


def _check_knobs(fresh: Callable[[], Generator], kind: type[Generator]) -> None:
    name = name_of(kind)
    numbers = [knob.name for knob in kind.knobs.values() if knob.kind == "number"]

    def play(**knobs: Any) -> list[bytes]:
        # A bar, another, and half a bar are enough to try a knob with.
        return _play(fresh(), knobs, [SHOW[0], SHOW[1], SHOW[4]])

    expect(
        isinstance(error_of(fresh(), SHOW[0], no_such_knob=0.5), TypeError),
        f"{name} accepts a knob that it does not have; declare its knobs instead of **knobs",
    )
    for end, beyond in ((0.0, (-5, -math.inf)), (1.0, (7, math.inf))):
        at_end = play(**dict.fromkeys(numbers, end))
        for value in beyond:
            knobs = dict.fromkeys(numbers, value)
            # What receives the same returns the same, as was seen above: it need not play again.
            clips = kind.__call__ is Generator.__call__ and _received(fresh(), knobs) == (
                dict.fromkeys(numbers, end)
            )
            expect(
                clips or play(**knobs) == at_end,
                f"{name} returned different results for knobs at {value} and at {end:g}; "
                "do not override __call__ of Generator, which clips them",
            )
        if len(numbers) > 1:
            for number in numbers:
                if kind.knobs[number].default != end:
                    play(**{number: end})
    for number in numbers:
        expect(
            isinstance(error_of(fresh(), SHOW[0], **{number: math.nan}), ValueError),
            f"{name} accepts nan for its knob {number!r}; "
            "do not override __call__ of Generator, which refuses it",
        )
    for knob in kind.knobs.values():
        for choice in knob.choices:
            if choice != knob.default:
                play(**{knob.name: choice})


def _received(generator: Generator, knobs: dict[str, Any]) -> dict[str, Any]:
    """Return the knobs that a call with these passes to `generate`, which does not run."""
    received: dict[str, Any] = {}

    def generate(now: Moment, **passed: Any) -> list[Note]:
        received.update(passed)
        return []

    generator.generate = generate  # type: ignore[method-assign, method-assign]
    try:
        generator(SHOW[0], **knobs)
    finally:
        del generator.generate
    return received


def _play(
    generator: Generator, knobs: dict[str, Any] | None = None, show: Sequence[Moment] = SHOW
) -> list[bytes]:
    """Return the bytes of everything that a generator returns in a show with these knobs."""
    words = ", ".join(f"{name}={value!r}" for name, value in (knobs or {}).items())
    results: list[Any] = []
    seen = []
    for now in show:
        what = f"{generator}, at beat {now.beats:g}{words and f' with {words}'},"
        results.append(attempt(what, generator, now, **(knobs or {})))
        seen.append(_bytes(results[-1]))
    kinds = {_kind(thing) for thing in results} - {"nothing"}
    expect(
        len(kinds) < 2,
        f"{generator} returned {' and '.join(sorted(kinds))} in one show; return only one of them",
    )
    expect(
        [_bytes(thing) for thing in results] == seen,
        f"{generator} changed a result that it had returned before; return a new array each time",
    )
    return seen


def check_analyzer(
    part: type[Analyzer] | str, things: Iterable[Any] | None = None, **options: Any
) -> None:
    """Check that an analyzer, `part`, conforms, reading `things`; raise AssertionError if not.

    They are `images()`, the default, `phrases()` or `drawings()`.
    """
    kind = class_of(part, Analyzer)
    name = name_of(kind)
    expect(kind.analyze is not Analyzer.analyze, f"{name} has no method analyze(self, thing)")
    check_class(kind)
    things = images() if things is None else list(things)
    expect(things, f"{name} was given nothing to read; pass at least one thing")
    with hidden_modules("torch"):
        analyzer = build_part(kind, **options)
        readings = []
        for number, thing in enumerate(things):
            before = _bytes(thing)
            readings.append(attempt(f"{name}, reading thing {number},", analyzer.read, thing))
            expect(_bytes(thing) == before, f"{name} changed what it read; work on a copy")
        fields = [reading._fields for reading in readings]
        expect(
            len(set(fields)) == 1,
            f"{name} returned different fields for different things; "
            "always return the same NamedTuple",
        )
        expect(
            any(isinstance(value, float | np.floating) for value in readings[0]),
            f"{name} returned no number, only {', '.join(fields[0])}; "
            "at least one reading must be a float 0..1",
        )
        other = build_part(kind, **options)
        expect(
            [repr(other.read(thing)) for thing in things] == list(map(repr, readings)),
            f"{name} read the same things twice and returned different readings; "
            "do not use random numbers or the time",
        )
        check_close(analyzer)


def check_output(part: type[Output] | str, target: str | Path = "", **options: Any) -> None:
    """Check that an output, `part`, conforms; raise AssertionError if not.

    It is started on an offline clock, shown images of several sizes, played notes and controllers,
    and closed, twice, while a note sounds. The `target` is what follows the colon on the command
    line, such as a path in a temporary folder.
    """
    _check_device(class_of(part, Output), target, options)


def check_input(part: type[Input] | str, target: str | Path = "", **options: Any) -> None:
    """Check that an input, `part`, conforms; raise AssertionError if not.

    It is started with a show on an offline clock, and closed, twice; its threads must end then.
    The `target` is what follows the colon on the command line.
    """
    _check_device(class_of(part, Input), target, options)


def check_instrument(part: type[Instrument] | str, **options: Any) -> None:
    """Check that an instrument conforms; raise AssertionError if not.

    Its lowest, middle and highest pitch are sampled twice, and must be the same.

    Args:
        part: its class, or its name.
        options: of its constructor.
    """
    kind = class_of(part, Instrument)
    name, pitches = name_of(kind), sorted(kind.pitches)
    check_class(kind)
    pitched = bool(pitches) and all(pitch in range(128) for pitch in pitches)
    expect(pitched, f"{name} has the pitches {pitches}, expected some of 0..127")
    expect(
        kind.program in range(1, 129),
        f"{name} has the program {kind.program!r}, expected one of General MIDI, 1..128",
    )
    with hidden_modules("torch"):
        instrument = build_part(kind, **options)
        for pitch in sorted({pitches[0], pitches[len(pitches) // 2], pitches[-1]}):
            sounds = [
                attempt(f"{name}, sampled at {pitch},", instrument.sample, pitch) for _ in range(2)
            ]
            sound = np.asarray(sounds[0])
            expect(
                sound.ndim == 1 and sound.dtype.kind == "f" and 0 < len(sound) <= MAX_FRAMES,
                f"{name} returned {_kind(sounds[0])} for pitch {pitch}, expected (frames,) floats, "
                f"30 s at 48 kHz at most",
            )
            finite = bool(np.isfinite(sound).all())
            peak = float(np.abs(sound).max()) if finite else math.inf
            expect(0 < peak <= 1, f"{name} has a peak of {peak:g} at pitch {pitch}, expected 0..1")
            expect(
                np.array_equal(sound, np.asarray(sounds[1])),
                f"{name} returned different sounds for pitch {pitch}; draw random numbers from "
                "numpy.random.default_rng(pitch)",
            )
            begin, end = kind.loop or (0.0, 1 / 48_000)
            expect(
                0 <= begin < end <= len(sound) / 48_000,
                f"{name} has the loop {kind.loop} in {len(sound) / 48_000:g} s of pitch {pitch}",
            )
        check_close(instrument)


def _check_device(kind: type[Device], target: str | Path, options: dict[str, Any]) -> None:
    name = name_of(kind)
    check_class(kind)
    missing: object = attempt(f"{name}, asked for missing(),", kind.missing)
    expect(
        isinstance(missing, str),
        f"{name} returned {missing!r} from missing(), expected a str, '' where nothing is missing",
    )
    expect(not missing, f"{name} cannot be checked on this machine: {missing}")
    with hidden_modules("torch"):
        for is_started in (False, True):
            device = build_part(kind, str(target), **options)
            before = set(threading.enumerate())
            if is_started:
                clock = OfflineClock()
                performance = Performance(clock, size=(64, 48), fps=30.0, title="check")
                attempt(f"{device}, when started,", device.start, performance)
                if isinstance(device, Output):
                    _perform(device, clock)
            check_close(device, "" if is_started else " without a start")
            if isinstance(device, Input):
                _check_threads(device, set(threading.enumerate()) - before)


def _check_threads(device: Input, threads: set[threading.Thread]) -> None:
    deadline = time.monotonic() + THREAD_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        expect(
            not thread.is_alive(),
            f"{device} left its thread {thread.name!r} running after close(); "
            f"end it within {THREAD_SECONDS:g} seconds",
        )


def _perform(output: Output, clock: OfflineClock) -> None:
    notes = [Note(0, velocity=0.0), Note(60), Note(64), Note(127, velocity=1.0, channel=16)]
    shown = images()
    for frame, image in enumerate(shown):
        now = clock.moment(seconds=frame / 30, span=1 / 15)
        clock.wait(now.seconds)
        for note in notes:
            attempt(f"{output}, at note_on of {note},", output.note_on, note, now)
        attempt(f"{output}, at a control,", output.control, (1, frame / 5, 1), now)
        attempt(f"{output}, shown an image of shape {image.shape},", output.show, image, now)
        # One note is left sounding at the end, as when a show is interrupted.
        for note in notes[frame == len(shown) - 1 :]:
            attempt(f"{output}, at note_off of {note},", output.note_off, note, now)


def _kind(thing: Any) -> str:
    if isinstance(thing, np.ndarray):
        return "an image"
    if isinstance(thing, str):
        return "text"
    if not thing:
        return "nothing"
    return "a drawing" if isinstance(thing[0], Stroke) else "a phrase"


def _bytes(thing: Any) -> bytes:
    if isinstance(thing, np.ndarray):
        return repr((thing.shape, thing.dtype)).encode() + thing.tobytes()
    if isinstance(thing, str):
        return thing.encode()
    # By value: a pitch may be a whole number of Python or of numpy.
    return json.dumps(
        [[np.asarray(field, dtype=float).tolist() for field in item] for item in thing]
    ).encode()
