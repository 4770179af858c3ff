"""The command `doctor`: checks what works on this machine, and what to install for the rest."""

import ctypes
import faulthandler
import os
import platform
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import click

from ..extras import install_command
from .options import json_option, print_result
from .train import TRAINING, missing_modules

# Distributions of the same module, which break each other where both are installed; the one to keep
# comes last.
RIVALS = (
    ("onnxruntime", "onnxruntime-openvino", "onnxruntime-directml", "onnxruntime-gpu"),
    ("pygame", "pygame-ce"),
)
# The distributions of modules that have another name.
DISTRIBUTIONS = {
    "pygame": "pygame-ce",
    "supriya_midi": "supriya-midi",
    "PIL": "pillow",
    "skia": "skia-python",
}
# What a take of some minutes needs, with its video.
MIN_FREE_GB = 1.0
# How long all checks may take, and what is known to be printed.
SECONDS, PRINT_SECONDS = 9.0, 0.8
# How often a sleep is timed, and its length: as short as those before a frame.
SLEEPS, SLEEP_SECONDS = 50, 0.002


class Check(NamedTuple):
    """The result of one check: `state` is "ok", "missing" or "broken", `remedy` what to do."""

    name: str
    state: str
    found: str
    remedy: str = ""


def examine() -> list[Check]:
    """Check everything that a show needs; nothing that is missing raises."""
    return [found for name in CHECKS for found in _results_of(name)]


def _results_of(name: str) -> list[Check]:
    checks: list[Check] = []
    try:
        checks.extend(CHECKS[name]())
    except ImportError as error:
        remedy = f"pip install --force-reinstall {_distribution(error.name or 'capriccio')}"
        checks.append(Check(name, "broken", f"does not load: {error}", remedy))
    except Exception as error:
        checks.append(Check(name, "broken", f"{type(error).__name__}: {error}"))
    return checks


def _capriccio() -> Iterator[Check]:
    from .. import __version__

    found = f"{__version__} on Python {platform.python_version()}, {platform.system()}"
    yield Check("capriccio", "ok", f"{found} {platform.machine()}")
    needed: list[str] = []
    with suppress(PackageNotFoundError):  # raised where it runs from a folder, not installed
        needed = requires("capriccio") or []
    # Those with a marker are extras, and builds of ONNX Runtime, which have their own check.
    for name in [re.split(r"[^\w.-]", line)[0] for line in needed if ";" not in line]:
        if not _version(name):
            yield Check(name, "broken", "not installed", f"pip install {name}")
    for family in RIVALS:
        both = [name for name in family if _version(name)]
        if len(both) > 1:
            found = f"{' and '.join(both)} are both installed and break each other"
            remedy = f"pip uninstall {' '.join(both)}; pip install {both[-1]}"
            yield Check(family[0], "broken", found, remedy)


def _plugins() -> Iterator[Check]:
    from ..plugin_probe import forget_failures
    from ..registry import installed

    forget_failures()  # a plugin may have been repaired since
    registry = installed()
    names = {found.plugin for found in registry.found}
    yield Check(
        "plugins",
        "ok" if names else "missing",
        f"{len(registry.found)} parts in {_listed(sorted(names))}" if names else "none",
        "" if names else "is CAPRICCIO_PLUGINS set? unset it to load every plugin",
    )
    for broken in registry.broken:
        remedy = f"pip install --upgrade {broken.distribution}, or pip uninstall it"
        if not broken.distribution:
            remedy = "install it, or take it out of CAPRICCIO_PLUGINS"
        yield Check(f"plugin {broken.plugin}", "broken", broken.reason, remedy)


def _models() -> Iterator[Check]:
    from ..errors import ModelError
    from ..models.onnx_reader import read_spec

    whole = []
    for file in _model_files():
        try:
            read_spec(file)
            whole.append(file.stem)
        except (ModelError, OSError) as error:
            yield Check(f"model {file.stem}", "broken", str(error), "install its plugin again")
    if whole:
        yield Check("models", "ok", f"{_listed(whole)}; each file is whole")


def _networks() -> Iterator[Check]:
    """Open a model on every device that this build of ONNX Runtime has."""
    import onnxruntime

    from ..errors import ModelError, ProviderError
    from ..models.model import AUTOMATIC, Model, use_device

    providers = onnxruntime.get_available_providers()
    known = [name.removesuffix("ExecutionProvider").lower() for name in providers]
    files = [file for file in _model_files() if file.is_file()]
    files.sort(key=lambda file: file.stat().st_size)
    runs, errors = [], []
    # Those that "auto" tries, and the CPU: others compile for minutes before they run.
    for device in [name for name in AUTOMATIC if name in known] + ["cpu"]:
        try:
            use_device(device)
            if files:
                runs.append(Model(files[0]).provider)
        except (ModelError, ProviderError) as error:
            errors.append(str(error))
        finally:
            use_device("auto")
    build = f"ONNX Runtime {onnxruntime.__version__} ({_distribution('onnxruntime')})"
    if runs:
        yield Check("networks", "ok", f"{build}; {files[0].stem!r} runs on {_listed(runs)}")
    elif files:
        remedy = f"pip install --force-reinstall {_distribution('onnxruntime')}"
        yield Check("networks", "broken", f"{build}; no model runs: {errors[-1]}", remedy)
    else:
        found = f"{build}, built for {_listed(known)}; there is no model to try it with"
        yield Check("networks", "missing", found, "install a plugin that brings a model")
    yield _gpu(known, runs, errors)


def _gpu(known: list[str], runs: list[str], errors: list[str]) -> Check:
    """Check a graphics card: `runs` are those of the `known` devices on which a model ran."""
    driver = _nvidia_driver()
    fast = [name for name in runs if name != "cpu"]
    if fast:
        return Check("GPU", "ok", f"{driver or 'works'}; models run on {fast[0]}")
    found, remedy = "no NVIDIA driver; models run on the CPU", ""
    if driver and "cuda" not in known:
        found = f"{driver}, but this build of ONNX Runtime has no CUDA"
        remedy = f"pip uninstall {_distribution('onnxruntime')}; {install_command('cuda')}"
    elif driver:
        found = f"{driver}, but CUDA does not start{f': {errors[0]}' if errors else ''}"
        remedy = install_command("cuda")
    elif _nvidia_card():
        found = "an NVIDIA card, but no driver that responds"
        package = _on_debian(
            "apt install nvidia-driver (section non-free)", "install NVIDIA's driver"
        )
        remedy = f"{package}, then restart"
    return Check("GPU", "missing", found, remedy)


def _screen() -> Iterator[Check]:
    from ..devices.video.displays import HINTS, list_displays
    from ..errors import ShowError

    for hint, value in HINTS.items():
        os.environ.setdefault(hint, value)
    import pygame

    try:
        known = list_displays()
    except ShowError as error:
        desktop = _on_debian(" (apt install task-xfce-desktop brings one)", "")
        remedy = f"start from a desktop session{desktop}; until then shows are recorded in takes/"
        yield Check("screen", "missing", str(error), remedy)
        return
    pygame.display.init()
    driver = pygame.display.get_driver()
    pygame.display.quit()
    noun = "displays" if len(known) > 1 else "display"
    yield Check("screen", "ok", f"{noun} {_listed(known)} through {driver}")


def _midi() -> Iterator[Check]:
    from .. import midi_ports
    from ..devices.midi import ports
    from ..errors import ShowError

    try:
        api = ports.find_api()
    except ShowError as error:
        remedy = "start ALSA's sequencer (modprobe snd-seq as root) or a JACK server"
        remedy += _on_debian(" (apt install jackd2)", "")
        if "libasound" in str(error):
            remedy = "install ALSA's library" + _on_debian(" (apt install libasound2)", "")
        elif "not load" in str(error):
            remedy = "pip install --force-reinstall supriya-midi"
        elif platform.system() != "Linux":
            remedy = ""
        yield Check("MIDI", "missing", str(error), remedy)
        return
    name = midi_ports.system_name(api)
    nothing = f"nothing connected to {name}"
    if outs := ports.list_ports("output", api):
        yield Check("MIDI out", "ok", f"{_listed(map(repr, outs))} through {name}")
    elif api != midi_ports.WINDOWS:
        found = f"{nothing}; the port 'capriccio' exists while a show lasts"
        yield Check("MIDI out", "ok", found)
    else:
        remedy = "connect an instrument, or install a loopback port such as loopMIDI"
        yield Check("MIDI out", "missing", nothing, remedy)
    if ins := ports.list_ports("input", api):
        yield Check("MIDI in", "ok", f"{_listed(map(repr, ins))} through {name}")
    else:
        yield Check("MIDI in", "missing", nothing, "connect a controller, if you have one")


def _sound() -> Iterator[Check]:
    from ..errors import PartError
    from ..registry import output

    try:
        audio = output("audio")
        reason = audio.missing()
    except PartError as error:
        yield Check("sound", "missing", str(error))
        return
    remedy = "" if not reason else "the sound goes to files; connect a sound card, or start JACK"
    yield Check("sound", "missing" if reason else "ok", reason or audio.found(), remedy)


def _video() -> Iterator[Check]:
    import av

    try:
        av.codec.Codec("libx264", "w")
    except Exception:
        found = f"PyAV {av.__version__} without libx264, which writes MP4 files"
        yield Check("video", "missing", found, "pip install --force-reinstall --only-binary av av")
    else:
        yield Check("video", "ok", f"libx264 in PyAV {av.__version__}")


def _canvas() -> Iterator[Check]:
    from ..canvas.skia_library import load_skia, skia_remedy
    from ..errors import ShowError

    try:
        yield Check("canvas", "ok", f"skia-python {load_skia().__version__}")
    except ShowError as error:
        reason = str(error).removesuffix(f"; {skia_remedy()}")
        yield Check("canvas", "missing", reason, skia_remedy())


def _training() -> Iterator[Check]:
    from ..registry import installed

    missing = sorted(TRAINING - {name for name in TRAINING if find_spec(name)})
    if missing:
        found = f"not installed: {_listed(missing)}; only training needs it"
        yield Check("training", "missing", found, install_command("train"))
    trainable = installed().trainable()
    for plugin, module in trainable.items():
        if lost := sorted(set(missing_modules(module)) - set(missing)):
            found = f"training {plugin} needs {_listed(lost)}, which cannot be imported"
            yield Check(f"training {plugin}", "broken", found, "install its plugin again")
    if not missing:
        versions = [f"{name} {_version(name)}".strip() for name in sorted(TRAINING)]
        yield Check("training", "ok", f"{_listed(versions)}; for {_listed(sorted(trainable))}")


def _disk() -> Iterator[Check]:
    """Check that takes can be written in the current folder, without making their folder."""
    folder = takes = Path("takes").absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = f"nothing can be written to {str(takes)!r}: {error.strerror}"
        yield Check("takes/", "broken", reason, "go to a folder of your own: cd ~")
        return
    state, found, remedy = "ok", f"can be written; {free:.0f} GB are free", ""
    if free < MIN_FREE_GB:
        state, found = "missing", f"only {free:.1f} GB are free at {str(takes)!r}"
        remedy = f"free {MIN_FREE_GB:g} GB for a take of some minutes"
    yield Check("takes/", state, found, remedy)


def _timing() -> Iterator[Check]:
    """Measure how late a sleep ends; the clock of a show makes up for a little."""
    from ..clock import SPIN_SECONDS

    late = []
    for _ in range(SLEEPS):
        begun = time.monotonic()
        time.sleep(SLEEP_SECONDS)
        late.append(time.monotonic() - begun - SLEEP_SECONDS)
    late.sort()
    middle, most = late[SLEEPS // 2], late[SLEEPS * 9 // 10]
    found = (
        f"sleep wakes {1000 * middle:.2f} ms late, {1000 * late[-1]:.2f} ms at worst; "
        f"the clock makes up for {1000 * SPIN_SECONDS:.1f} ms"
    )
    if most > SPIN_SECONDS:
        remedy = "end other programs, and use the power mode 'performance'"
        yield Check("timing", "missing", found, remedy)
    else:
        yield Check("timing", "ok", found)


CHECKS: dict[str, Callable[[], Iterator[Check]]] = {
    "capriccio": _capriccio,
    "plugins": _plugins,
    "models": _models,
    "networks": _networks,
    "screen": _screen,
    "MIDI": _midi,
    "sound": _sound,
    "video": _video,
    "canvas": _canvas,
    "training": _training,
    "takes/": _disk,
    "timing": _timing,
}


def _version(distribution: str) -> str:
    with suppress(PackageNotFoundError):
        return version(distribution)
    return ""


def _distribution(module: str) -> str:
    """Return the name of the distribution that a module comes from."""
    if module == "onnxruntime":
        return next(filter(_version, RIVALS[0]), module)
    return DISTRIBUTIONS.get(module, module)


def _model_files() -> list[Path]:
    from ..registry import installed

    files = (file for found in installed().found for file in found.part.models.values())
    return list(dict.fromkeys(files))


def _nvidia_driver() -> str:
    """Return the version of the NVIDIA driver that responds, or ""."""
    try:
        driver: Any = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return ""
    number = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDriverGetVersion(ctypes.byref(number)):
        return ""
    return f"NVIDIA driver for CUDA {number.value // 1000}.{number.value % 1000 // 10}"


def _nvidia_card() -> bool:
    """Return whether Linux finds a graphics card by NVIDIA, with a driver or without."""
    cards = Path("/sys/bus/pci/devices").glob("*/vendor")
    return any(
        card.read_text().strip() == "0x10de"
        and card.with_name("class").read_text().startswith("0x03")
        for card in cards
    )


def _on_debian(remedy: str, elsewhere: str) -> str:
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return elsewhere
    family = f"{system.get('ID', '')} {system.get('ID_LIKE', '')}".split()
    return remedy if "debian" in family else elsewhere


def _listed(things: Iterable[object]) -> str:
    return ", ".join(map(str, things))


MARKS = {"ok": ("✓", "green"), "missing": ("–", "yellow"), "broken": ("✗", "bold red")}


def plain(checks: list[Check]) -> str:
    """Return the checks as text, for where rich is not installed."""
    lines = []
    for check in checks:
        lines.append(f"{check.state}: {check.name}: {check.found}")
        if check.remedy:
            lines.append(f"    -> {check.remedy}")
    return "\n".join(lines)


def table(checks: list[Check]) -> Any:
    """Return the checks as a rich table: a mark, what was found, and below it what to do."""
    from rich.table import Table
    from rich.text import Text

    sheet = Table.grid(padding=(0, 2, 0, 0))
    for check in checks:
        mark, colour = MARKS[check.state]
        words = Text(check.found)
        if check.remedy:
            words.append(f"\n→ {check.remedy}", "bold")
        sheet.add_row(Text(mark, colour), Text(check.name, "bold"), words)
    return sheet


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check what works on this machine, and what to install where something is missing.

    \b
      capriccio doctor
      capriccio doctor --json

    The exit code is 0 unless something is broken; what is merely missing does not count. A plugin
    that was set aside is tried again. After ten seconds what is known is printed.
    """
    checks, waiting = list[Check](), list(CHECKS)

    def report(is_plain: bool) -> None:
        if is_plain and not as_json:
            click.echo(plain(checks))
        else:
            print_result([check._asdict() for check in checks], as_json, lambda: [table(checks)])

    def give_up() -> None:
        found = f"had not ended after {SECONDS:g} s"
        if waiting[1:]:
            found += f"; not checked: {_listed(waiting[1:])}"
        remedy = "end what keeps this machine busy; if it takes as long again, it hangs"
        checks.append(Check(waiting[0], "missing", found, remedy))
        report(is_plain=True)  # rich would take time to load
        sys.stdout.flush()
        os._exit(any(check.state == "broken" for check in checks))

    with time_limit(SECONDS, give_up):
        while waiting:
            checks += _results_of(waiting[0])
            del waiting[0]
    report(is_plain=find_spec("rich") is None)
    sys.exit(any(check.state == "broken" for check in checks))


@contextmanager
def time_limit(seconds: float, give_up: Callable[[], None]) -> Iterator[None]:
    """Call `give_up`, which ends the process, where what is in the block takes longer."""
    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    # Where C code holds the interpreter no thread of Python runs; this one ends the process then.
    if sys.__stderr__ is not None:
        faulthandler.dump_traceback_later(seconds + PRINT_SECONDS, False, sys.__stderr__, True)
    try:
        yield
    finally:
        timer.cancel()
        faulthandler.cancel_dump_traceback_later()
