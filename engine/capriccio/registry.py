"""Finds and builds parts; explains what did not load."""

import hashlib
import inspect
import os
import re
import site
import sys
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module, invalidate_caches
from importlib.metadata import EntryPoint, distributions, entry_points
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pluggy

from . import hookspecs
from .errors import PartError, ShowError, suggest
from .general_midi import SHORT_NAMES
from .parts import Analyzer, Device, Generator, Input, Instrument, Output, Part
from .performance import Performance
from .plugin_probe import contract_of, key_of, reasons_against, stdout_to_stderr

if TYPE_CHECKING:
    from click import Command

GROUP = "capriccio"
P = TypeVar("P", bound=Part)
D = TypeVar("D", bound=Device)
# The delay of an output, behind its target.
DELAY = re.compile(r"@([+-]?\d+(?:\.\d+)?)ms$")
HOOKS: dict[str, type[Part]] = {
    "generators": Generator,
    "analyzers": Analyzer,
    "outputs": Output,
    "inputs": Input,
    "instruments": Instrument,
}
COMMANDS = "commands"  # the hook that returns no classes

# The outputs that write files, by the ending of these; a name without one is a folder of frames.
FILE_OUTPUTS = {".mp4": "video", ".mid": "midifile", "": "frames"}
FILE_OUTPUTS |= dict.fromkeys((".gif", ".webp"), "animation") | {".png": "image"}
FILE_OUTPUTS |= dict.fromkeys((".wav", ".flac", ".ogg"), "audio")


@dataclass(frozen=True, slots=True)
class Found:
    """One part of a plugin."""

    part: type[Part]
    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True, slots=True)
class Broken:
    """One plugin that did not load, or only in part, and why."""

    plugin: str
    distribution: str
    version: str
    reason: str


class Registry:
    """The parts of all plugins; one that fails to load is listed with the reason.

    What plugins print while they load goes to stderr.

    Args:
        points: the entry points of the plugins.
        only: the plugins to load, separated by commas; "" loads none, None all.
        probe: returns why plugins must not be imported, by the key of their entry points.
    """

    def __init__(
        self,
        points: Iterable[EntryPoint],
        only: str | None = None,
        probe: Callable[[list[EntryPoint]], dict[str, str]] = lambda points: {},
    ):
        self.found: list[Found] = []
        self.broken: list[Broken] = []
        self.contracts: dict[str, int] = {}  # that plugins are written for, where they say so
        self.deprecated: dict[str, str] = {}  # by plugin: what its author should change
        self.command_plugins: dict[str, str] = {}  # which plugin a command comes from
        self._points: dict[str, EntryPoint] = {}
        self._plugins = pluggy.PluginManager(GROUP)
        self._plugins.add_hookspecs(hookspecs)
        wanted = None if only is None else {name.strip() for name in only.split(",")} - {""}
        points = sorted(points, key=lambda point: point.name)
        self.points = points
        chosen = [point for point in points if wanted is None or point.name in wanted]
        reasons = probe(chosen)
        for point in chosen:
            if reason := reasons.get(key_of(point)):
                if point.name not in self._points:
                    self._plugins.set_blocked(point.name)
                self._record(point, reason)
            else:
                with stdout_to_stderr():
                    self._load(point)
        reason = "CAPRICCIO_PLUGINS asks for it, but it is not installed"
        for name in sorted((wanted or set()) - {point.name for point in points}):
            self.broken.append(Broken(name, "", "", reason))

    @property
    def loaded(self) -> list[str]:
        """The names of the plugins that were loaded, at least in part."""
        return list(self._points)

    @cached_property
    def developed(self) -> list[Path]:
        """The modules and packages of plugins that are installed in place, to be worked on."""
        sites = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
        ours = {one.module.partition(".")[0] for one in self.points if _origin(one)[0] == GROUP}
        specs = map(find_spec, {one.module.partition(".")[0] for one in self.points} - ours)
        files = [Path(spec.origin) for spec in specs if spec and spec.origin]
        return [
            file.parent if file.name == "__init__.py" else file
            for file in files
            if not any(file.is_relative_to(site) for site in sites)
        ]

    def loaded_point(self, name: str) -> EntryPoint | None:
        """Return the entry point of a plugin that was loaded; None where there is none."""
        return self._points.get(name)

    def find(self, role: type[P], name: str) -> type[P]:
        """Return the class of the one part called `name`, or `plugin/name`."""
        plugin, _, part = name.rpartition("/")
        known = [found for found in self.found if issubclass(found.part, role)]
        fits = [one for one in known if one.part.name == part and plugin in ("", one.plugin)]
        if len(fits) == 1:
            return cast(type[P], fits[0].part)
        if fits:
            ways = " or ".join(repr(f"{found.plugin}/{part}") for found in fits)
            raise PartError(f"{len(fits)} plugins have {a(role.role)} {part!r}; ask for {ways}")
        raise PartError(
            f"no {role.role} is named {name!r}"
            f"{suggest(name, {found.part.name for found in known})}{self.missed()}"
        )

    def trainable(self) -> dict[str, str]:
        """Return the plugins that can be trained, each with the name of its module of training."""
        return {
            name: f"{point.module}.training.main"
            for name, point in self._points.items()
            if hasattr(sys.modules[point.module], "__path__")
            and find_spec(f"{point.module}.training")
            and find_spec(f"{point.module}.training.main")
        }

    def trainer(self, plugin: str) -> Callable[..., Any]:
        """Return the function `train` of the module `training.main` of `plugin`."""
        trainable = self.trainable()
        if plugin not in trainable:
            raise PartError(
                f"no plugin {plugin!r} can be trained{suggest(plugin, trainable)}{self.missed()}"
            )
        train: Callable[..., Any] = import_module(trainable[plugin]).train
        return train

    @cached_property
    def commands(self) -> dict[str, "Command"]:
        """The click commands of all plugins, by name."""
        import click

        found: dict[str, Command] = {}
        for impl in getattr(self._plugins.hook, COMMANDS).get_hookimpls():
            point = self._points[impl.plugin_name]
            for command in self._call(point, COMMANDS, impl.function):
                if not isinstance(command, click.Command) or not command.name:
                    self._record(point, f"commands() returned {command!r}, expected click commands")
                elif command.name in found:
                    self._record(point, f"another plugin brings {command.name!r} as well")
                else:
                    found[command.name] = command
                    self.command_plugins[command.name] = point.name
        return found

    def missed(self) -> str:
        """Return what did not load, for the end of a sentence; "" where everything did."""
        reasons = "; ".join(f"{broken.plugin!r}: {broken.reason}" for broken in self.broken)
        return f" (did not load: {reasons})" if reasons else ""

    def _load(self, point: EntryPoint) -> None:
        if point.name in self._points or self._plugins.is_blocked(point.name):
            self._record(point, f"another plugin is called {point.name!r} as well")
            return
        ours = hookspecs.CONTRACT
        if declared := contract_of(point.module):
            self.contracts[point.name] = declared
        if declared and declared != ours:
            words = f"is written for contract {declared}, and this Capriccio has {ours}"
            if not hookspecs.OLDEST_CONTRACT <= declared < ours:
                which = "Capriccio" if declared > ours else "the plugin"
                self._record(point, f"{words}; upgrade {which}")
                return
            self.deprecated[point.name] = f"{words}; it plays, for now: see docs/changes.md"
        try:
            module = point.load()
            self._plugins.register(module, name=point.name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit included: a plugin may call exit() at import
            self._record(point, _reason(error))
            return
        try:
            self._plugins.check_pending()
        except pluggy.PluginValidationError as error:
            hook = getattr(error, "message", str(error))
            self._plugins.unregister(module)
            self._record(point, _misspelled(module, hook))
            return
        self._points[point.name] = point
        for hook, role in HOOKS.items():
            for impl in getattr(self._plugins.hook, hook).get_hookimpls():
                if impl.plugin is not module:
                    continue
                for part in self._call(point, hook, impl.function):
                    if isinstance(part, type) and issubclass(part, role):
                        self.found.append(Found(part, point.name, *_origin(point)))
                    else:
                        expected = f"expected classes that extend {role.__name__}"
                        self._record(point, f"{hook}() returned {part!r}, {expected}")

    def _call(self, point: EntryPoint, hook: str, function: Callable[..., Any]) -> list[Any]:
        try:
            with stdout_to_stderr():
                return list(function())
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._record(point, f"{hook}() raised {_reason(error)}")
            return []

    def _record(self, point: EntryPoint, reason: str) -> None:
        self.broken.append(Broken(point.name, *_origin(point), reason))


@cache
def installed() -> Registry:
    """Return the registry of everything installed, within what CAPRICCIO_PLUGINS allows."""
    only = os.environ.get("CAPRICCIO_PLUGINS")
    registry = Registry(plugin_points(), only, reasons_against)
    for part in (found.part for found in registry.found):
        if issubclass(part, Instrument):  # MIDI knows it by its program
            SHORT_NAMES.setdefault(part.name, part.program)
    return registry


def look_again(anyway: bool = False) -> list[str]:
    """Look for plugins once more, and return the names of those that are loaded for the first time.

    Nothing else happens where none was installed or removed, unless `anyway`.
    """
    invalidate_caches()
    site.addsitedir(sysconfig.get_path("purelib"))  # for paths of those that are installed in place
    before = installed()
    if not anyway and {*map(key_of, before.points)} == {*map(key_of, plugin_points())}:
        return []
    installed.cache_clear()
    return sorted(set(installed().loaded) - set(before.loaded))


def plugin_points() -> list[EntryPoint]:
    """Return the entry points of all plugins: those beside the engine, and the isolated ones."""
    apart = distributions(path=[str(folder) for folder in isolated_folder().glob("[!.]*")])
    points = [point for one in apart for point in one.entry_points if point.group == GROUP]
    return [*entry_points(group=GROUP), *points]


def isolated_folder() -> Path:
    """Return where plugins with environments of their own are, each with a record of its parts."""
    if sys.platform.startswith("linux"):
        data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
        return data / "capriccio" / "isolated"
    import click

    return Path(click.get_app_dir("capriccio")) / "isolated"


class _Seeds:
    """Assigns seeds: every part its own, all of them from the one of the run."""

    run: int | None = None
    chance = 0
    assigned = 0


def use_seed(seed: int | None, chance: int = 0) -> None:
    """Begin to assign seeds anew: `chance` to the parts without one where `seed` is None."""
    _Seeds.run, _Seeds.chance, _Seeds.assigned = seed, chance, 0


def restart_seeds() -> None:
    """Assign the same seeds once more, to a sketch that is built again."""
    _Seeds.assigned = 0


def reseed(things: Iterable[object], seed: int | None, chance: int = 0) -> None:
    """Build the parts of a sketch anew, with seeds as `use_seed` would have given them.

    Parts among `things`, alone or in lists, that have a seed in the sketch keep it where `seed` is
    None.
    """
    parts: dict[int, Part] = {}
    for thing in things:
        for one in thing if isinstance(thing, list | tuple) else (thing,):
            if isinstance(one, Part) and one.construction.order:
                parts[id(one)] = one
    for order, part in enumerate(sorted(parts.values(), key=lambda it: it.construction.order), 1):
        construction = part.construction
        if seed is None and not construction.seed_assigned:
            continue
        part_seed = _seed_of(chance if seed is None else seed, order, part.name)
        options = {**construction.options, "seed": part_seed}
        type(part).__init__(part, *construction.arguments, **options)  # in place: it keeps its name
        construction.options = options


_order = count(1)


def generator(name: str, **options: Any) -> Generator:
    """Build the generator called `name`, or `plugin/name`: `generator("vae", seed=7)`.

    Where it takes a seed and none is given, each part gets its own from the seed of the run. A
    part that cannot be found raises PartError. `isolated=True` runs it in a process of its own.
    """
    return _build(Generator, name, options)


def generator_class(name: str) -> type[Generator]:
    """Return the class of the generator called `name`; raise PartError where there is none."""
    return installed().find(Generator, name)


def analyzer(name: str, **options: Any) -> Analyzer:
    """Build the analyzer called `name`, or `plugin/name`; see `generator`."""
    return _build(Analyzer, name, options)


def analyzer_class(name: str) -> type[Analyzer]:
    """Return the class of the analyzer called `name`; raise PartError where there is none."""
    return installed().find(Analyzer, name)


def instrument(name: str) -> Instrument:
    """Build the instrument called `name`, or `plugin/name`; see `generator`."""
    return _build(Instrument, name, {})


def output(words: str, **options: Any) -> Output:
    """Build an output from words of the command line: `screen`, `screen:1`, `video:out.mp4`.

    `midi@-15ms` is 15 milliseconds early, and `midi:PORT@40ms` 40 late. `isolated=True` runs it in
    a process of its own.
    """
    delay = DELAY.search(words)
    built = _device(Output, words[: delay.start() if delay else None], options)
    built.delay = float(delay[1]) / 1000 if delay else 0.0
    return built


def file_output(file: Path) -> Output:
    """Build the output that writes a file, by its ending; a name without one is a folder.

    Raises:
        ShowError: no output writes files with this ending.
    """
    name = FILE_OUTPUTS.get(file.suffix.lower())
    if name is None:
        raise ShowError(
            f"{file.name!r} cannot be rendered; give {', '.join(filter(None, FILE_OUTPUTS))} or "
            "the name of a folder"
        )
    return output(f"{name}:{file}")


def sound_renderer() -> Callable[[Performance], Any] | None:
    """Return what renders the sound of a performance: `renderer` of the output `audio`, if any."""
    for found in installed().found:
        if found.part.name == "audio" and hasattr(found.part, "renderer"):
            return cast(Callable[[Performance], Any], found.part.renderer)
    return None


def cluster_workers(address: str, count: int) -> Any:
    """Return `count` workers, a context manager: "local", or those of the cluster at an `address`.

    They are of the plugin `cluster`; `map(function, items)` yields results in order. PartError is
    raised where it is not loaded.
    """
    if not (point := installed().loaded_point("cluster")):
        raise PartError(f"the plugin 'cluster' is not loaded{installed().missed()}")
    return sys.modules[point.module].open_workers(address, count)


def input_device(words: str, **options: Any) -> Input:
    """Build an input from words of the command line: `osc:9000`, `gamepad`; see `output`."""
    return _device(Input, words, options)


def microphone(target: str = "", **options: Any) -> Any:
    """Build the input `microphone`, which a sketch reads: `ears.level`. A show opens it."""
    return installed().find(Input, "microphone")(target, **options)


def _device(role: type[D], words: str, options: dict[str, Any]) -> D:
    if options.pop("isolated", False):
        words = f"isolated:{words}"
    name, _, target = words.partition(":")
    return installed().find(role, name)(target, **options)


def _build(role: type[P], name: str, options: dict[str, Any]) -> P:
    if options.pop("isolated", False):
        name, options = "isolated", {"part": name, **options}
    part = installed().find(role, name)
    # Asked of the method: for a class that inherits it Python 3.11.2 would describe `__new__`.
    if "seed" in inspect.signature(part.__init__).parameters:
        _Seeds.assigned += 1
        assigned = _Seeds.run is not None or "seed" not in options
        if assigned:
            seed = _Seeds.chance if _Seeds.run is None else _Seeds.run
            options["seed"] = _seed_of(seed, _Seeds.assigned, part.name)
        built = part(**options)
        built.construction.seed_assigned = assigned
        built.construction.order = next(_order)
        return built
    return part(**options)


def _seed_of(seed: int, order: int, name: str) -> int:
    digest = hashlib.blake2b(f"{seed}/{order}/{name}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big")


def _origin(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("", "")


def _reason(error: BaseException) -> str:
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _misspelled(module: ModuleType, complaint: str) -> str:
    for name, thing in vars(module).items():
        if hasattr(thing, f"{GROUP}_impl") and name not in (*HOOKS, COMMANDS):
            return f"there is no hook {name!r}{suggest(name, [*HOOKS, COMMANDS])}"
    return complaint


def a(noun: str) -> str:
    """Return a noun with its article: an analyzer, a generator."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
