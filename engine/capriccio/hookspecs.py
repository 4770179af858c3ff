"""The whole contract: four hooks, three roles, knobs. A plugin author reads this page once.

A plugin is an ordinary package with an entry point in the group `capriccio` that names a module;
the module says what it brings with one or more of the four hooks:

    from capriccio import Generator, hookimpl

    class Plasma(Generator):
        '''Paint slow interfering waves.'''
        def generate(self, now, *, heat=0.5): ...

    @hookimpl
    def generators():
        return [Plasma]
"""

import inspect
import math
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args, get_origin

import numpy as np
import pluggy

from .clock import Moment, OfflineClock
from .desk import Desk
from .errors import described, suggest, tell
from .listening import Listener, listener_of
from .media import as_medium

if TYPE_CHECKING:
    from click import Command

hookspec = pluggy.HookspecMarker("capriccio")
hookimpl = pluggy.HookimplMarker("capriccio")


# -- hooks ------------------------------------------------------------------------------------


@hookspec
def generators() -> list[type["Generator"]]:  # type: ignore[empty-body]
    """Return the classes of the generators this plugin brings."""


@hookspec
def analyzers() -> list[type["Analyzer"]]:  # type: ignore[empty-body]
    """Return the classes of the analyzers this plugin brings."""


@hookspec
def outputs() -> list[type["Output"]]:  # type: ignore[empty-body]
    """Return the classes of the outputs this plugin brings."""


@hookspec
def commands() -> list["Command"]:  # type: ignore[empty-body]
    """Return the click commands this plugin brings, for `capriccio NAME`.

    Asked only when they are looked for; import there what they need.
    """


# -- knobs ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Knob:
    """One keyword-only parameter of `generate`, as everything that turns it sees it.

    `kind` is "number" (0..1), "words" (a str), "choice" (one of `choices`), or "thing" (whatever
    the part says it takes: an image, a vector), which is handed on untouched.
    """

    name: str
    kind: str
    default: Any
    choices: tuple[str, ...] = ()

    def fit(self, value: Any, part: object) -> Any:
        """Give `value` as the part may have it: numbers clipped to 0..1, choices checked.

        Raises ValueError where it is NaN or no such choice, TypeError where it is another kind.
        """
        if self.kind == "number":
            if type(value) is float and 0.0 <= value <= 1.0:  # nearly always; a frame has many
                return value
            try:
                number = float(value)
            except (TypeError, ValueError, OverflowError):
                raise TypeError(
                    f"knob {self.name!r} of {part} was given {value!r}; give a number 0..1"
                ) from None
            if math.isnan(number):
                raise ValueError(f"knob {self.name!r} of {part} is nan; give a number 0..1")
            return min(max(number, 0.0), 1.0)
        if self.kind == "choice" and value not in self.choices:
            raise ValueError(
                f"knob {self.name!r} of {part} has no choice {value!r}"
                f"{suggest(str(value), self.choices)}"
            )
        return value


def knobs_of(function: Callable, part: str) -> dict[str, Knob]:
    """Read the knobs from the keyword-only parameters of `function`.

    Raises TypeError where a parameter has no default or a number outside 0..1.
    """
    knobs = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        name, default = parameter.name, parameter.default
        if default is parameter.empty:
            raise TypeError(f"knob {name!r} of {part} has no default; write {name}=0.5, say")
        choices: tuple[str, ...] = ()
        if get_origin(parameter.annotation) is Literal:
            kind, choices = "choice", get_args(parameter.annotation)
        elif isinstance(default, int | float) and not isinstance(default, bool):
            kind = "number"
            if not 0 <= default <= 1:
                raise TypeError(f"knob {name!r} of {part} is {default!r} by default; use 0..1")
        else:
            kind = "words" if isinstance(default, str) else "thing"
        knobs[name] = Knob(name, kind, default, choices)
    return knobs


# -- roles ------------------------------------------------------------------------------------


class Part:
    """What generators, analyzers and outputs share: a name, a role, and perhaps models.

    `name` is the class's name in lower case unless the class says otherwise. `models` names the
    ONNX files that come with the part; a user may ask for one of them or for a file of their own.
    """

    name: ClassVar[str]
    role: ClassVar[str] = "part"
    models: ClassVar[dict[str, Path]] = {}
    _built: tuple[tuple, dict[str, Any]]  # with what it was built
    _dealt = False  # whether its seed is not the sketch's own

    def __new__(cls, *arguments, **options):
        part = super().__new__(cls)
        part._built = arguments, options
        return part

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__.lower()

    def __str__(self) -> str:
        return f"{self.role} {self.name!r}"

    @classmethod
    def model_path(cls, model: str | Path) -> Path:
        """Find a model by its name in `models`, or a `.onnx` file by its path.

        Raises ValueError where there is neither.
        """
        if model in cls.models:
            return cls.models[model]
        if str(model).endswith(".onnx"):
            if Path(model).is_file():
                return Path(model)
            raise ValueError(f"{cls.role} {cls.name!r} finds no file {str(model)!r}")
        raise ValueError(
            f"{cls.role} {cls.name!r} has no model {model!r}{suggest(str(model), cls.models)}"
        )

    def close(self) -> None:
        """Let go of whatever is held; called once, whatever has happened."""


class Generator(Part):
    """Something that makes images, phrases or drawings when it is handed a moment.

    Its author writes `generate(self, now, *, knob=0.5, …)`. A part with state also takes `seed=`
    at construction and has `reset(seed)`; one that listens has `feed(notes)`.
    """

    role = "generator"
    knobs: ClassVar[dict[str, Knob]] = {}
    _numbers: ClassVar[frozenset[str]] = frozenset()  # the knobs that are numbers
    _held: Mapping[str, Any] = MappingProxyType({})  # knobs that a hand on the desk holds
    _turned: Mapping[str, Any] = MappingProxyType({})  # knobs as they were at the last call
    _heir: "tuple[Generator, float | None] | None" = None  # who takes over, since which beat

    def __new__(cls, *arguments, **options):
        part = super().__new__(cls, *arguments, **options)
        # A live draw cue and a live play cue may call one part from two threads; they take turns.
        part.__turn = threading.RLock()  # mangled: an author may well have a _turn of their own
        return part

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "generate" in cls.__dict__:
            cls.knobs = knobs_of(cls.generate, f"generator {cls.name!r}")
            cls._numbers = frozenset(k.name for k in cls.knobs.values() if k.kind == "number")

    def __call__(self, now, **knobs):
        """Make the image, phrase or drawing of the moment `now`, with these knobs."""
        for name, value in knobs.items():
            # What nearly always comes is let through at once; `fit` mends or explains the rest.
            fits = value.__class__ is float and 0.0 <= value <= 1.0 and name in self._numbers
            if not fits and name in self.knobs:
                knobs[name] = self.knobs[name].fit(value, self)
        if self._held:
            knobs.update(self._held)
        self._turned = knobs
        with self.__turn:
            if self._heir is not None:
                return self._hand_over(now, knobs)
            return as_medium(self.generate(now, **knobs), self)

    def hand_over(self, heir: "Generator") -> None:
        """Have another part of this class take over: pictures fade over one beat, music goes on."""
        self._heir = heir, None

    def _hand_over(self, now: Moment, knobs: dict[str, Any]):
        heir, since = self._heir  # type: ignore[misc]
        try:
            made = as_medium(heir.generate(now, **knobs), self)
        except Exception as error:
            self._heir = None
            tell(f"what was to take over from {self} raised {described(error)}; it goes on itself")
            return as_medium(self.generate(now, **knobs), self)
        since = now.beats if since is None else since
        share = now.beats - since  # of the one beat that it takes
        if share < 1 and isinstance(made, np.ndarray):
            self._heir = heir, since
            old = as_medium(self.generate(now, **knobs), self)
            if old.shape == made.shape:
                return (old + (made.astype(np.float32) - old) * max(0.0, share)).astype(np.uint8)
            return old
        heir.__dict__.update(_held=self._held, _turned=self._turned, _heir=None, _dealt=self._dealt)
        self.__dict__ = heir.__dict__
        return made

    def hold(self, name: str, value: Any) -> None:
        """Hold a knob at `value`, whatever the sketch gives it; None lets go of it."""
        held = {knob: at for knob, at in self._held.items() if knob != name}
        if value is not None:
            held[name] = self.knobs[name].fit(value, str(self))
        self._held = held  # a new one, so that a call in another thread sees all of it or none

    def warm_up(self) -> None:
        """Load what is needed, before a show in which a human is to be answered at once."""

    def generate(self, now, **knobs):
        """Return an image, a list of `Note`, or a list of `Stroke`."""
        raise TypeError(f"{self} has no generate(self, now, *, knob=0.5)")


class Analyzer(Part):
    """Something that reads an image, a phrase or a drawing into floats 0..1.

    Its author writes `analyze(self, thing)`, which returns a NamedTuple: floats 0..1, and labels
    or pictures beside them.
    """

    role = "analyzer"
    _listener: Listener | None = None  # while a live show lasts

    def __call__(self, thing):
        """Read `thing`. On a live stage: hand it over, and give the newest readings there are.

        Live, a part must not keep the picture waiting, so it listens along in a thread of its own
        and the readings may be those of a moment ago; `read` waits for those of `thing` itself.
        """
        performance = performing.get()
        if performance is None:
            return self.read(thing)
        now = drawing.get()
        if performance.replayed is not None:
            seconds = now.seconds if now else performance.clock.seconds()
            name = performance.desk.name_of(self, self.name)
            return performance.replayed.readings(name, seconds, lambda: self.read(thing))
        if not performance.clock.live:
            return self.read(thing)
        listener = listener_of(self)
        readings = listener.hear(thing, begun=performance.clock.seconds() > 0)
        return listener.stay(readings, now.seconds, performance.desk) if now else readings

    def read(self, thing):
        """Read `thing` now and give its readings, however long it takes.

        Raises TypeError or ValueError where what came back is no NamedTuple of floats 0..1.
        """
        readings = self.analyze(thing)
        if not (isinstance(readings, tuple) and hasattr(readings, "_fields")):
            raise TypeError(f"{self} gave {type(readings).__name__!r}; readings are a NamedTuple")
        for name, value in zip(readings._fields, readings, strict=True):
            number = hasattr(value, "__float__") and not getattr(value, "shape", ())
            if number and not 0 <= float(value) <= 1:
                raise ValueError(f"{self} read {name} = {value!r}; readings are 0..1")
        return readings

    def analyze(self, thing):
        """Return a NamedTuple of readings, floats 0..1."""
        raise TypeError(f"{self} has no analyze(self, thing)")


class Output(Part):
    """Something that shows or sounds: any of `show`, `note_on`, `note_off`, `control`.

    It is built with the words behind the colon of `--to name:target`. `start` opens what it
    needs, `close` ends it. `note_on` and `note_off` come when they are due, in order; an output
    with `timed = True` is handed them ahead of time and waits for `now.seconds` itself. Live,
    everything comes to it `delay` seconds later, or earlier where that is negative.
    """

    role = "output"
    timed: ClassVar[bool] = False
    left: bool = False  # set it True to end the show: the audience closed the window, say
    delay: float = 0.0

    @classmethod
    def missing(cls) -> str:
        """Say in a few words why this output cannot work on this machine; "" where it can."""
        return ""

    def __init__(self, target: str = ""):
        self.target = target

    def start(self, performance: "Performance") -> None:
        """Open what is needed; an error here stops the show before its first beat."""

    def show(self, image, now) -> None:
        """Show an image, `(height, width, 3)` uint8, of whatever size the part made it.

        An output of a fixed size brings it to `performance.size` with `capriccio.fit`.
        """

    def note_on(self, note, now) -> None:
        """Begin to sound a `Note`; its end comes as `note_off` with the same note."""

    def note_off(self, note, now) -> None:
        """End a `Note` that was begun."""

    def control(self, change, now) -> None:
        """Follow a control that was moved: `(controller 0..127, value 0..1, channel 1..16)`."""

    def handed(self, now) -> None:
        """Know that all until `now` has been handed over; told many times a second where timed."""

    def panic(self) -> None:
        """Silence all that sounds, at once, and play on; called from any thread, at any time."""


@dataclass(frozen=True, slots=True)
class Performance:
    """The facts of one performance: `size` is (width, height) in pixels, `fps` frames a second.

    `desk` takes what hands do from outside. `recipe` gives what files are to say of how they were
    made. `replayed` is the take of an earlier show where that one is performed again; `rehearsal`
    plays the controls where there are no hands.
    """

    clock: OfflineClock
    size: tuple[int, int] = (512, 512)
    fps: float = 30.0
    title: str = "capriccio"
    desk: Desk = field(default_factory=Desk)
    recipe: Callable[[], Mapping[str, Any]] = dict
    replayed: Any = None
    rehearsal: Any = None


# The performance whose cue is being called, for parts that must behave otherwise when live.
performing: ContextVar[Performance | None] = ContextVar("performing", default=None)
# The moment of the frame whose draw cue is being called: what such a cue reads is as it was then,
# however late it reads, so that a show can be performed again.
drawing: ContextVar[Moment | None] = ContextVar("drawing", default=None)
