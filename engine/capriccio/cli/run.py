"""The commands `run` and `demo`, and `sketch.run()`: perform a sketch, live or to files."""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from secrets import randbits
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .options import (
    FILE,
    Number,
    Size,
    device_option,
    final_output,
    plain_errors,
    progress,
    soundfont_option,
)
from .remote import osc_option, remote_inputs, simulate_option, simulation

if TYPE_CHECKING:  # what they import would make every command slow to start
    from ..parts import Input, Output
    from ..sketch import Sketch

F = TypeVar("F", bound=Callable[..., Any])

# How long a show lasts that is only recorded, where no --seconds are given.
RECORDING_SECONDS = 16.0


def performance_options(command: F) -> F:
    """Add the flags of a performance, the same for `run`, `demo` and `python sketch.py`."""
    options = [
        click.option("--offline", is_flag=True, help="Render to files, exactly, at any speed."),
        click.option(
            "--seconds",
            type=Number(0.01),
            metavar="S",
            help=f"How long it lasts.  [default: live until Esc or Ctrl-C, else "
            f"{RECORDING_SECONDS:g}]",
        ),
        click.option(
            "--seed",
            type=int,
            metavar="N",
            help="Seed of every part, in place of those in the sketch; the same seed gives the "
            "same show.",
        ),
        click.option(
            "--to",
            multiple=True,
            metavar="OUTPUT",
            help="screen, screen:1, video:FILE.mp4, animation:FILE.gif, image:FILE.png, "
            "frames:DIR, audio, audio:DEVICE, audio:FILE.wav (or .flac, .ogg), midi, midi:PORT, "
            "midifile:FILE.mid or an output of a plugin; one --to for each. "
            "video:FILE.mp4,silent has no sound; midi:PORT,clock sends a MIDI clock too. Live, "
            "@-15ms at the end sends 15 ms early, @40ms late.  "
            "[default: screen, midi and audio, or with --offline files in takes/]",
        ),
        click.option(
            "--from",
            "inputs",
            multiple=True,
            metavar="INPUT",
            help="An input of a plugin that sets knobs or plays notes, such as gamepad or "
            "gamepad:2; one --from for each.",
        ),
        click.option(
            "--follow",
            metavar="PORT",
            help="Live: follow the MIDI clock at PORT, with its tempo, start, stop, continue and "
            "song position; with link, the tempo and the bars of Ableton Link; with audio or "
            "audio:MICROPHONE, the beat of what a microphone hears; with "
            "conductor:HOST:PORT/WORD, the show of another machine, run with --from conductor:….",
        ),
        click.option("--size", type=Size(), help="Picture in pixels, such as 1080x1080."),
        click.option("--fps", type=Number(0.1, 1000), metavar="N", help="Frames a second."),
        click.option("--bpm", type=Number(1, 1000), metavar="N", help="Beats a minute."),
        device_option,
        soundfont_option,
        click.option("--no-take", is_flag=True, help="Live: write no take to takes/."),
        click.option(
            "--panel",
            is_flag=False,
            flag_value="",
            metavar="[HOST:]PORT",
            help="Serve a web page with every knob, the picture and figures of the show: --panel "
            "alone on this machine, at port 8787; with a HOST, such as 0.0.0.0:8787, for other "
            "machines too.",
        ),
        click.option(
            "--panel-certificate",
            default="",
            metavar="FILE",
            help="Encrypt the panel with a certificate, a PEM file that holds its private key too.",
        ),
        osc_option,
        simulate_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("file", required=False, type=FILE)
@performance_options
def run(file: Path | None, **flags: Any) -> None:
    """Perform the sketch FILE, live to a screen and MIDI or offline to files.

    \b
      capriccio run nocturne.py
      capriccio run nocturne.py --to screen:1 --to "midi:nanoKEY2"
      capriccio run nocturne.py --offline --seconds 8 --seed 7 --to frames:A --to midifile:A.mid

    Without a display or a MIDI system, a live run says so and records to takes/ instead. On the
    screen, f toggles full screen and Esc ends the show. A flag that is not given is as the sketch
    has it.
    """
    if file is None:
        remedy = "write one with: capriccio new sketch mine, or play: capriccio demo"
        if str(flags["simulate"]).endswith(".py"):
            remedy = "name it before --simulate"
        raise click.UsageError(f"no sketch to run; {remedy}")
    perform_file(file, **flags)


@click.command()
@performance_options
def demo(**flags: Any) -> None:
    """Play a medley: five pieces of 12 s each, with their titles.

    \b
      capriccio demo
      capriccio demo --offline --seconds 8 --to video:demo.mp4 --to midifile:demo.mid
    """
    from ..sketch_provenance import sketches_folder

    flags["seconds"] = flags["seconds"] or 60.0
    perform_file((sketches_folder() or Path()) / "medley.py", **flags)


def perform_file(file: Path, *, seed: int | None, device: str, **flags: Any) -> None:
    """Load a sketch and perform it with the flags of the command line."""
    from ..loader import load_sketch, sketch_path
    from ..models.model import use_device
    from ..registry import use_seed
    from ..stage.watchdog import Watchdog

    with plain_errors(file), nullcontext() if flags["offline"] else Watchdog.before_show():
        use_device(device)
        file = sketch_path(file)
        show = _Setup(file.stem, seed=seed, device=device, **flags)
        # Live every show is another one; its take keeps the seed that was drawn.
        use_seed(seed, show.chance or 0)
        show.perform(load_sketch(file), file)


def run_script(sketch: "Sketch", arguments: list[str]) -> None:
    """Perform the sketch of the running program, with the flags of `capriccio run`.

    SystemExit is raised after --help, and after an error, which has been printed.
    """

    @click.command(
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
    )
    @performance_options
    def main(*, seed: int | None, device: str, **flags: Any) -> None:
        from ..models.model import use_device
        from ..registry import reseed
        from ..stage.watchdog import Watchdog

        file = sketch.file.resolve() if sketch.file else None
        with plain_errors(file), nullcontext() if flags["offline"] else Watchdog.before_show():
            use_device(device)
            show = _Setup(sketch.title, seed=seed, device=device, **flags)
            if seed is not None or show.chance is not None:
                reseed(sketch.names.values(), seed, show.chance or 0)
            show.perform(sketch, file)

    main.help = f"Perform {sketch.title}, live to a screen and MIDI or offline to files."
    try:  # not standalone, which would end a program that goes on after this
        name = sketch.file.name if sketch.file else "-"
        code = main.main(arguments, f"python {name}", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("Aborted!", err=True)
        sys.exit(1)
    if code is not None:  # --help
        sys.exit(code)


class _Setup:
    """The outputs and inputs that the flags ask for, or the best of this machine."""

    def __init__(
        self,
        name: str,
        *,
        offline: bool,
        seconds: float | None,
        seed: int | None,
        to: tuple[str, ...],
        inputs: tuple[str, ...],
        size: tuple[int, int] | None,
        fps: float | None,
        bpm: float | None,
        device: str,
        panel: str | None,
        panel_certificate: str,
        follow: str | None,
        no_take: bool,
        osc: str,
        simulate: str | None,
        soundfont: str,
    ):
        from ..errors import ShowError
        from ..registry import input_device

        self.take = f"takes/{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        self.outputs, self.live = _outputs(to, offline, self.take)
        names = (f"{output.name}:{output.target}".rstrip(":") for output in self.outputs)
        self.names = ", ".join(names)
        self.inputs: list[Input] = [input_device(words) for words in inputs]
        if panel is not None:
            from ..panel.panel import Panel

            self.outputs.append(Panel(panel, panel_certificate))
            self.live = not offline
        elif panel_certificate:
            raise ShowError("--panel-certificate needs --panel")
        if follow is not None:
            from ..devices.midi.ableton_link import LinkInput
            from ..devices.midi.clock_in import ClockInput

            kind, _, target = follow.partition(":")
            if kind in ("audio", "conductor"):
                word = "beat" if kind == "audio" else "follower"
                self.inputs.append(input_device(f"{word}:{target}"))
            else:
                self.inputs.append(LinkInput() if follow == "link" else ClockInput(follow))
        self.simulation, automation = simulation(simulate, seed)
        self.inputs += automation
        if self.live:
            chosen = {one.name for one in self.inputs}
            self.inputs += [one for one in remote_inputs(osc) if one.name not in chosen]
        self.chance = randbits(32) if self.live and seed is None else None
        self.seconds, self.no_take = seconds, no_take
        self.size, self.fps, self.bpm, self.soundfont = size, fps, bpm, soundfont
        self.facts: dict[str, Any] = {"seed": seed, "chance": self.chance, "device": device}
        if simulate is not None:
            self.facts["simulate"] = Path(simulate).name or True
        if soundfont:
            self.facts["soundfont"] = Path(soundfont).name

    def perform(self, sketch: "Sketch", file: Path | None) -> None:
        """Perform a sketch; live it writes a take and reloads its file when that is saved."""
        from ..loader import load_sketch
        from ..recording.recorder import Recorder
        from ..reload import Reloader
        from ..sketch_provenance import for_take, provenance_of
        from ..stage.stats import frame_count

        sketch.bpm, sketch.fps = self.bpm or sketch.bpm, self.fps or sketch.fps
        sketch.size = self.size or sketch.size
        sketch.soundfont = self.soundfont or sketch.soundfont
        recorder = None
        perform = partial(
            sketch.perform, self.outputs, inputs=self.inputs, simulation=self.simulation
        )
        if self.live:
            end = "Esc or Ctrl-C" if any(one.name == "screen" for one in self.outputs) else "Ctrl-C"
            click.echo(f"{sketch.title}: live on {self.names}; {end} ends", err=True)
            provenance = provenance_of(sketch, file, **self.facts, live=True)
            if not self.no_take and file is not None:
                take = Path(f"{self.take}.jsonl")
                recorder = Recorder(take, for_take(provenance, file, take))
            with Reloader(file, sketch, load_sketch) if file else nullcontext():
                stats = perform(
                    seconds=self.seconds, live=True, provenance=provenance, recorder=recorder
                )
        else:
            seconds = self.seconds or RECORDING_SECONDS
            with progress(sketch.title) as done:
                stats = perform(
                    seconds=seconds,
                    provenance=provenance_of(sketch, file, **self.facts, seconds=seconds),
                    progress=lambda frames: done(frames, frame_count(seconds, sketch.fps)),
                )
        late = f" ({stats.late} dropped, being late)" if stats.late else ""
        with final_output():
            made = f"{stats.frames} frames{late} and {stats.notes} notes"
            click.echo(f"{sketch.title}: {made} to {self.names}", err=True)
            here = Path.cwd()  # which the sketch may have changed
            for path in recorder.written if recorder else ():
                path = path.relative_to(here) if path.is_relative_to(here) else path
                click.echo(f"{path}: perform it again with capriccio replay {path}", err=True)


def _outputs(to: tuple[str, ...], offline: bool, take: str) -> "tuple[list[Output], bool]":
    """Return the outputs asked for, or the best of this machine; and whether the show is live."""
    from ..errors import PartError
    from ..registry import output

    if to:
        return [output(words) for words in to], not offline
    files = [f"video:{take}.mp4", f"midifile:{take}.mid"]
    if offline:
        return [output(words) for words in files], False
    chosen, live = [], False
    for name, file in zip(("screen", "midi", "audio"), [*files, f"audio:{take}.ogg"], strict=True):
        try:
            device = output(name)
        except PartError:  # the sound is a plugin, and may be left out
            continue
        if not (reason := device.missing()):
            live = True
        elif name == "audio" and not live:  # the film has the sound
            click.echo(f"{reason}; {files[0].partition(':')[2]} has the sound", err=True)
            continue
        else:
            click.echo(f"{reason}; recording to {file.partition(':')[2]} instead", err=True)
            device = output(file)
        chosen.append(device)
    return chosen, live
