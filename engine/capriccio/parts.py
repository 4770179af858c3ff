"""The roles a plugin author writes: `Generator`, `Analyzer`, `Output`, `Input`; and their knobs."""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

import numpy as np

from .clock import Moment
from .errors import suggest
from .knob_state import KnobState
from .media import Note
from .parameters import Parameter
from .performance import Performance, current_performance


@dataclass(frozen=True, slots=True)
class Knob:
    """One keyword-only parameter of `generate`.

    Args:
        name: that of the parameter.
        kind: "number" (0..1), "words" (a str), "choice" (one of `choices`), or "thing": whatever
            the part says it takes, such as an image, passed on untouched.
        default: its value where the sketch gives none.
        choices: of a "choice", from its annotation `Literal["a", "b"]`.
        description: one sentence, from the docstring of `generate`.
    """

    name: str
    kind: str
    default: Any
    choices: tuple[str, ...] = ()
    description: str = ""

    def fit(self, value: Any, part: object) -> Any:
        """Return `value` as the part may have it: numbers clipped to 0..1, choices checked.

        Raises:
            ValueError: the number is NaN, or there is no such choice.
            TypeError: the value is no number.
        """
        if self.kind == "number":
            if type(value) is float and 0.0 <= value <= 1.0:  # nearly always; a frame has many
                return value
            try:
                number = float(value)
            except (TypeError, ValueError, OverflowError):
                raise TypeError(
                    f"knob {self.name!r} of {part} must be a number 0..1, got {value!r}"
                ) from None
            if math.isnan(number):
                raise ValueError(f"knob {self.name!r} of {part} must be a number 0..1, got nan")
            return min(max(number, 0.0), 1.0)
        if self.kind == "choice" and value not in self.choices:
            raise ValueError(
                f"knob {self.name!r} of {part} has no choice {value!r}"
                f"{suggest(str(value), self.choices)}"
            )
        return value


def knobs_of(function: Callable[..., Any], part: str) -> dict[str, Knob]:
    """Return the knobs that the keyword-only parameters of `function` declare.

    Args:
        function: the `generate` of a class. Lines of its docstring of the form `name: sentence`
            describe its knobs.
        part: what errors call the class.

    Raises:
        TypeError: a parameter has no default, or a number outside 0..1 as default.
    """
    knobs = {}
    descriptions = _descriptions(inspect.getdoc(function) or "")
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
                raise TypeError(f"knob {name!r} of {part} must be 0..1 by default, got {default!r}")
        else:
            kind = "words" if isinstance(default, str) else "thing"
        knobs[name] = Knob(name, kind, default, choices, descriptions.get(name, ""))
    return knobs


def _descriptions(doc: str) -> dict[str, str]:
    """Return the sentences under `Args:` in a docstring, by the name before the colon."""
    found: dict[str, str] = {}
    name, inside, indent = "", False, 0
    for line in doc.splitlines():
        stripped = line.strip()
        if stripped in ("Args:", "Knobs:"):
            inside, indent = True, 0
            continue
        if inside and stripped and not line.startswith(" "):
            break
        if not inside or not stripped:
            continue
        depth = len(line) - len(line.lstrip())
        indent = indent or depth
        head, colon, rest = stripped.partition(": ")
        if depth == indent and colon and head.isidentifier():
            name = head
            found[name] = rest
        elif name:
            found[name] += f" {stripped}"
    return found


@dataclass
class Construction:
    """With what a part was built, so that the engine can build one like it."""

    arguments: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    seed_assigned: bool = False  # by the engine, since the sketch gave none
    order: int = 0  # among the parts with a seed that the process has built


class Part:
    """What all roles share: a name, a role, and perhaps models.

    `name` is the class's name in lower case unless the class says otherwise. `models` maps names
    to the ONNX files that come with the part; a user may ask for one of them or for another file.

    `seekable` says whether a show can be begun in its middle with it, as on a cluster: "now" where
    what it returns follows from its arguments, "music" where its state changes with phrases alone,
    "run" where every frame needs the one before. A part that says nothing and has attributes is
    taken for "run".
    """

    name: ClassVar[str]
    role: ClassVar[str] = "part"
    models: ClassVar[dict[str, Path]] = {}
    seekable: ClassVar[Literal["", "now", "music", "run"]] = ""
    construction: Construction

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        part = super().__new__(cls)
        part.construction = Construction(arguments, options)
        return part

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__.lower()

    def __str__(self) -> str:
        return f"{self.role} {self.name!r}"

    @classmethod
    def model_path(cls, model: str | Path) -> Path:
        """Return the path of a model, by its name in `models` or the path of an `.onnx` file.

        Raises:
            ValueError: there is neither.
        """
        if isinstance(model, str) and model in cls.models:
            return cls.models[model]
        if str(model).endswith(".onnx"):
            if Path(model).is_file():
                return Path(model)
            raise ValueError(f"{cls.role} {cls.name!r} finds no file {str(model)!r}")
        raise ValueError(
            f"{cls.role} {cls.name!r} has no model {model!r}{suggest(str(model), cls.models)}"
        )

    def share_state(self, other: "Part") -> None:
        """Share all attributes with `other`, of an older version of this class, from now on.

        Both are called until the newer version of a sketch has taken over.
        """
        self.__dict__ = vars(other)

    def close(self) -> None:
        """Release what is held; called once, whatever has happened."""


class Generator(Part):
    """Makes an image, a phrase, a drawing or text when it is called with a moment.

    Write `generate(self, now, *, knob=0.5, …)`. A part with state also takes `seed=` in its
    constructor and has `reset(seed)`; one that listens to a person has `feed(notes)`.
    """

    role = "generator"
    knobs: ClassVar[dict[str, Knob]] = {}
    knob_state: KnobState  # the engine's own

    @property
    def instruments(self) -> Mapping[int, str | int]:
        """What suits each of its channels; a class may just say `instruments = {1: "choir"}`."""
        return {}

    @property
    def unused_knobs(self) -> frozenset[str]:
        """The names of knobs that the loaded model ignores; they are not shown."""
        return frozenset()

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        part = super().__new__(cls, *arguments, **options)
        part.knob_state = KnobState()
        return part

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "generate" in cls.__dict__:
            cls.knobs = knobs_of(cls.generate, f"generator {cls.name!r}")

    def __call__(self, now: Moment, **knobs: Any) -> Any:
        """Return the image, phrase, drawing or text of the moment `now`, with these knobs.

        Numbers outside 0..1 are clipped.

        Raises:
            TypeError, ValueError: a knob is unknown or cannot take its value, or what the part
                returned is no image, phrase, drawing or text.
        """
        own = self.knobs
        for name, value in knobs.items():
            knob = own.get(name)
            if knob is None:
                self._check_name(name)
            # What nearly always comes passes at once; `fit` clips or explains the rest.
            elif not (knob.kind == "number" and value.__class__ is float and 0.0 <= value <= 1.0):
                knobs[name] = knob.fit(value, self)
        return self.knob_state.generate(self, now, knobs)

    def _check_name(self, name: str) -> None:
        parameters = inspect.signature(self.generate).parameters.values()
        if not any(one.kind is one.VAR_KEYWORD for one in parameters):
            near = suggest(name, self.knobs)
            if near.endswith("?"):
                near = f"{near[:-1]}; its knobs are {', '.join(self.knobs)}"
            raise TypeError(f"{self} has no knob {name!r}{near}")

    def hold(self, name: str, value: Any) -> None:
        """Hold the knob `name` at `value`, whatever the sketch passes; None releases it."""
        self.knob_state.hold(self, name, value)

    def warm_up(self) -> None:
        """Load what is needed, before a show in which a person is to be answered at once."""

    # Written `generate(self, now, *, knob=0.5)`; so typed, a type checker allows every signature.
    def generate(self, *arguments: Any, **knobs: Any) -> Any:
        """Return an image `(height, width, 3)`, a list of `Note` or of `Stroke`, or a `str`."""
        raise TypeError(f"{self} has no generate(self, now, *, knob=0.5)")


def knob_parameter(name: str, part: Generator, knob: Knob) -> Parameter:
    """Return the parameter that holds a knob of the part that the sketch calls `name`."""
    state = part.knob_state

    def value() -> Any:
        return state.held.get(knob.name, state.last.get(knob.name, knob.default))

    def convert(at: Any) -> Any:
        if knob.kind == "words" and not isinstance(at, str):
            raise TypeError(f"knob {knob.name!r} of {part} takes words, got {at!r}")
        return knob.fit(at, str(part))

    return Parameter(
        f"/{name}/{knob.name}",
        knob.kind,
        knob.description or f"{knob.name} of {part}",
        apply=lambda at: part.hold(knob.name, at),
        convert=convert,
        value=value,
        choices=knob.choices,
        is_held=lambda: knob.name in state.held,
        hidden=knob.name in part.unused_knobs,
    )


class Analyzer(Part):
    """Reads an image, a phrase, a drawing or text into floats 0..1.

    Write `analyze(self, thing)`; it returns a NamedTuple of floats 0..1, labels or pictures beside
    them.
    """

    role = "analyzer"

    def __call__(self, thing: Any) -> Any:
        """Return readings of `thing`; in a live show the newest there are, without waiting.

        `read` waits for those of `thing` itself.
        """
        performance = current_performance.get()
        if performance is None or performance.read is None:
            return self.read(thing)
        return performance.read(self, thing)

    def read(self, thing: Any) -> Any:
        """Return the readings of `thing`, however long it takes.

        Raises:
            TypeError, ValueError: `analyze` returned no NamedTuple of floats 0..1.
        """
        readings = self.analyze(thing)
        if not (isinstance(readings, tuple) and hasattr(readings, "_fields")):
            raise TypeError(
                f"{self} returned {type(readings).__name__!r}, expected a NamedTuple of readings"
            )
        for name, value in zip(readings._fields, readings, strict=True):
            number = hasattr(value, "__float__") and not getattr(value, "shape", ())
            if number and not 0 <= float(value) <= 1:
                raise ValueError(f"{self} read {name} = {value!r}; readings are 0..1")
        return readings

    def analyze(self, thing: Any) -> Any:
        """Return a NamedTuple of readings of `thing`, floats 0..1."""
        raise TypeError(f"{self} has no analyze(self, thing)")


class Device(Part):
    """What outputs and inputs share: a target, and a show that they are opened and closed with.

    `target` is what stands behind the colon on the command line, as in `--to midi:nanoKEY2`.
    """

    @classmethod
    def missing(cls) -> str:
        """Return in a few words why this device cannot work on this machine; "" where it can."""
        return ""

    @classmethod
    def found(cls) -> str:
        """Return in a few words what was found on this machine, for `capriccio doctor`."""
        return ""

    def __init__(self, target: str = ""):
        self.target = target

    def prepare(self, performance: Performance) -> bool:
        """Begin what takes long, such as a process; return whether `start` is to wait for it.

        Called first in a live show, of outputs that show no pictures. Where it returns True,
        `start` is called when the first picture has been drawn. `start` works without it as well.
        """
        return False

    def start(self, performance: Performance) -> None:
        """Open what is needed; an error here stops the show before its first beat."""


class Output(Device):
    """Shows or sounds: any of `show`, `note_on`, `note_off`, `control`.

    `note_on` and `note_off` are called when they are due, in order; an output with `timed = True`
    is called ahead of time and waits for `now.seconds` itself. In a live show everything reaches
    it `delay` seconds later, or earlier where that is negative.
    """

    role = "output"
    timed: ClassVar[bool] = False
    closed: bool = False  # set it True to end the show: the audience closed the window, say
    delay: float = 0.0

    def show(self, image: np.ndarray[Any, Any], now: Moment) -> None:
        """Show an image, `(height, width, 3)` uint8, of whatever size the part made it.

        An output of a fixed size brings it to `performance.size` with `capriccio.fit`.
        """

    def note_on(self, note: Note, now: Moment) -> None:
        """Start to sound a `Note`; its end comes as `note_off` with the same note."""

    def note_off(self, note: Note, now: Moment) -> None:
        """End a `Note` that was started."""

    def control(self, change: tuple[int, float, int], now: Moment) -> None:
        """Send the change of a controller: `(controller 0..127, value 0..1, channel 1..16)`."""

    def sent_until(self, now: Moment) -> None:
        """Called when all events before `now` were sent: often where timed, else with each note."""

    def panic(self) -> None:
        """Silence everything that sounds at once, and play on; called from any thread."""


class Input(Device):
    """Is opened and closed with a show, and sets parameters or plays notes while it lasts.

    MIDI controllers, OSC, presets and clock followers are inputs. `start` adds parameters to
    `performance.parameters`, or sets those of the sketch from a thread of its own; `close` ends
    that thread. One that is `replayed` is opened for the replay of a take too: what it has recorded
    with `parameters.publish_readings` it finds in `performance.take.readings`.
    """

    role = "input"
    replayed: ClassVar[bool] = False


class Instrument(Part):
    """Sounds notes: write `sample(self, pitch)`, which returns the sound of one.

    `audio` asks for every pitch of `pitches` before a show, makes them equally loud, and plays the
    nearest one faster or slower for those between. A held note repeats what lies between the two
    times of `loop`, in seconds, or ends with its sound; a released one dies away in `release`
    seconds. MIDI ports, files and soundfonts play the General MIDI `program`, 1..128, instead.
    """

    role = "instrument"
    pitches: ClassVar[Sequence[int]] = range(24, 109, 4)
    loop: ClassVar[tuple[float, float] | None] = None
    release: ClassVar[float] = 0.25
    program: ClassVar[int] = 1

    def sample(self, pitch: int) -> np.ndarray[Any, Any]:
        """Return how a MIDI pitch sounds, `(frames,)` floats -1..1 at 48 kHz."""
        raise TypeError(f"{self} has no sample(self, pitch)")


def inputs_of(things: Iterable[object]) -> list[Input]:
    """Return the inputs among things, each once."""
    return list(dict.fromkeys(one for one in things if isinstance(one, Input)))
