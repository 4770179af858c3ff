"""Watches a sketch's files while it is performed, and has a saved version take over."""

import hashlib
import inspect
import linecache
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any, Self

from .errors import describe
from .log import info
from .models.model import Model, replaced_models, stamp_of
from .parts import Generator, Part
from .registry import installed, isolated_folder, look_again, restart_seeds
from .sketch import Sketch

# How often the files are looked at, in seconds.
LOOK_SECONDS = 0.25
# How long the end of a show waits for a sketch that is being built, in seconds.
JOIN_SECONDS = 2.0
# Objects searched for the models of a part: more than any has.
MAX_OBJECTS = 10_000


class Reloader:
    """Reloads a sketch whose file is saved while it is performed, as a context manager.

    The sketch's file, those it imports from its own folder, and the model files of its parts are
    looked at in a thread, where the new sketch is built and its first picture drawn as well. Then
    it takes over at a bar line. A part that has the same name and arguments as before goes on as
    it is, and so do `controls()`. Where anything is wrong that is logged, and the old sketch plays
    on.
    """

    def __init__(self, file: Path, sketch: Sketch, load: Callable[[Path], Sketch]):
        self._file, self._playing, self._newest = file, sketch, sketch
        self._load = load
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="reloader", daemon=True)

    def __enter__(self) -> Self:
        # A cached module tells whole seconds apart: two quick saves would be one.
        self._cached, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        self._bodies = _bodies(self._newest.names)
        self._seen = self._waiting = self._stamps()
        self._models: dict[Path, tuple[int, int]] = {}
        self._failed = False  # what was saved last
        self._sites = self._waiting_sites = _stamps_of_sites()
        self._thread.start()
        return self

    def __exit__(self, *trouble: object) -> None:
        sys.dont_write_bytecode = self._cached
        self._stopping.set()
        self._thread.join(JOIN_SECONDS)

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception as error:
                info(f"the saved file could not be read: {describe(error)}")

    def look(self) -> None:
        """Look once at all files, and reload those that changed before the last look."""
        now = self._stamps()
        # An editor writes a file in pieces: what has changed since the last look may do so still.
        if now != self._seen and now == self._waiting:
            self._seen = now
            self._reload()
        self._waiting = now
        self._look_for_plugins()
        replaced = replaced_models()
        for name, part in self._newest.names.items() if replaced else ():
            if isinstance(part, Generator) and not part.knob_state.replaced:
                self._look_at_models(name, part)

    def _look_for_plugins(self) -> None:
        now = _stamps_of_sites()
        if now != self._sites and now == self._waiting_sites:
            self._sites = now
            if new := look_again():
                info(f"installed meanwhile: {', '.join(new)}")
                if self._failed:  # perhaps it asks for one of them
                    self._reload()
        self._waiting_sites = now

    def _stamps(self) -> dict[Path, tuple[int, int]]:
        files = [self._file, *(Path(str(module.__file__)) for module in self._own().values())]
        return {file: stamp_of(file) for file in files}

    def _own(self) -> dict[str, Any]:
        """Return the modules of the sketch's own folder and of plugins in development, by name."""
        own, folder = {}, os.path.normcase(self._file.parent)
        developed = installed().developed
        folders = (folder, *(os.path.normcase(path) for path in developed))
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or ""
            # Of a thousand modules, which are too many to make paths of four times a second.
            if not os.path.normcase(os.path.normpath(file)).startswith(folders):
                continue
            place = self._file.parent / name.partition(".")[0]  # a file or a package
            path = Path(file)
            if path == self._file or name == "__main__":
                continue
            if any(path.is_relative_to(one) for one in (Path(f"{place}.py"), place, *developed)):
                own[name] = module
        return own

    def _reload(self) -> None:
        name, before = self._file.name, self._own()
        key = f"sketch_{self._file.stem}"
        old = {**before, key: sys.modules.get(key)}
        try:
            digest = hashlib.sha256(self._file.read_bytes()).hexdigest()
            new = self._build(before)
            self._carry(new)
            beats = self._playing.replace_with(new, digest)
        except BaseException as error:  # SystemExit included: the file may call exit()
            for module in self._own():
                del sys.modules[module]
            sys.modules.update({name: it for name, it in old.items() if it is not None})
            info(f"{name} was saved, but {_where(error, self._file)}; it plays on as it was")
            self._failed = True
            return
        self._failed = False
        info(f"{name} was saved, and is played from bar {beats / new.meter + 1:g} on")
        if new.written != self._newest.written:
            info("its tempo, meter, size and frame rate count from the next start on")
        self._newest = new
        self._bodies = _bodies(new.names)
        self._seen = self._waiting = self._stamps()

    def _build(self, before: dict[str, Any]) -> Sketch:
        """Build the sketch anew and draw its first picture, which is not shown."""
        for file in (*(module.__file__ for module in before.values()), str(self._file)):
            with suppress(OSError, NotImplementedError):
                Path(cache_from_source(file)).unlink(missing_ok=True)
        for name in before:
            del sys.modules[name]
        linecache.checkcache()
        if installed().developed:
            look_again(anyway=True)
        restart_seeds()
        new = self._load(self._file)
        playing = self._playing
        new.bpm, new.fps, new.size = playing.bpm, playing.fps, playing.size
        new.try_frame(playing.now())
        return new

    def _carry(self, new: Sketch) -> None:
        """Keep the parts that are as before, and the held knobs of the others."""
        bodies = _bodies(new.names)
        for name, part in list(new.names.items()):
            old: Any = self._newest.names.get(name)
            if not hasattr(part, "__dict__") or type(old).__name__ != type(part).__name__:
                continue
            body = bodies.get(name)
            same = type(old) is type(part) or (body and body == self._bodies.get(name))
            if isinstance(part, Part) and same and _written(old) == _written(part):
                if type(old) is type(part):
                    new.replace_part(name, old)
                else:  # its class stands in the file: new code goes on with the old state
                    part.share_state(old)
            elif isinstance(part, Generator):
                for knob, at in old.knob_state.held.items():
                    if knob in part.knobs:
                        with suppress(ValueError, TypeError):
                            part.hold(knob, at)
            elif type(old) is type(part) and getattr(part, "is_like", None) and part.is_like(old):
                new.replace_part(name, old)

    def _look_at_models(self, name: str, part: Generator) -> None:
        for model in models_of(part):
            stamp = stamp_of(model.path)
            waiting, self._models[model.path] = self._models.get(model.path), stamp
            if stamp == model.stamp or stamp != waiting or stamp == (0, 0):
                continue
            try:
                twin = self._twin(part)
                part.knob_state.replace(twin, partial(self._newest.replace_part, name, twin))
            except Exception as error:
                info(f"{model.path.name} was replaced, but {_words(error)}; the old one plays on")
                model.stamp = stamp  # until it is replaced again
            else:
                info(f"{model.path.name} was replaced, and takes over in {name}")
            return

    def _twin(self, part: Generator) -> Generator:
        """Build a part like this one that has opened its models, and begins anew."""
        arguments, options = part.construction.arguments, part.construction.options
        twin = type(part)(*arguments, **options)
        twin(self._playing.now(), **part.knob_state.last)
        if hasattr(twin, "reset"):
            twin.reset(options.get("seed", 0))
        return twin


def _stamps_of_sites() -> dict[str, tuple[int, int]]:
    return {path: stamp_of(Path(path)) for path in (*sys.path, str(isolated_folder())) if path}


def models_of(part: Part) -> Iterator[Model]:
    """Yield the models that a part holds, in attributes and in objects of its own package."""
    package = type(part).__module__.partition(".")[0]
    waiting: list[Any] = [vars(part)]
    seen: set[int] = set()
    while waiting and len(seen) < MAX_OBJECTS:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, Model):
            yield thing
        elif isinstance(thing, dict):
            waiting += list(thing.values())
        elif isinstance(thing, list | tuple | set):
            waiting += list(thing)
        elif type(thing).__module__.partition(".")[0] == package and hasattr(thing, "__dict__"):
            waiting.append(vars(thing))


def _bodies(names: dict[str, Any]) -> dict[str, str]:
    """Return the source of the class of each part, by the part's name, where it can be read."""
    bodies = {}
    for name, part in names.items():
        if isinstance(part, Part):
            with suppress(OSError, TypeError):
                bodies[name] = inspect.getsource(type(part))
    return bodies


def _written(part: Part) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return with what a part was built, as it stands in the sketch."""
    built = part.construction
    options = {k: v for k, v in built.options.items() if k != "seed" or not built.seed_assigned}
    return built.arguments, options


def _where(error: BaseException, file: Path) -> str:
    """Return an error in a sentence, with the line of the file that it passed through."""
    if isinstance(error, SyntaxError):
        return f"{error.msg} ({Path(error.filename or '').name}, line {error.lineno})"
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if frame.f_code.co_filename == str(file)]
    return _words(error) + (f" ({file.name}, line {lines[-1]})" if lines else "")


def _words(error: BaseException) -> str:
    """Return the message of an error, with its type unless it is one of ours."""
    ours = type(error).__module__.partition(".")[0] == "capriccio"
    return str(error) if ours else describe(error)
