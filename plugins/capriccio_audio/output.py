"""The output `audio`: the sound of the music, at a sound card or in a file."""

import json
import os
import sys
import threading
from collections import deque
from contextlib import suppress
from logging import getLogger
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from capriccio import Gauge, Moment, Note, Output, Performance, ShowError, SupervisedProcess

from .devices import STUCK, device_latency, device_names
from .orchestra import add_plugin_instruments
from .protocol import BEAT, CONTROL, END, EVENT, NOTE_OFF, NOTE_ON, PANIC, SETTING, SETTINGS, pack
from .renderer import Renderer
from .settings import settings_of
from .sound_file import FORMATS, SoundFile

log = getLogger("capriccio")

# How long the process may take to load its instruments and open its device.
OPEN_SECONDS = 30.0
# How long a file goes on after its last note, at most.
TAIL_SECONDS = 4.0
# Events that are written at once: a pipe takes 4096 bytes as a whole.
MAX_AT_ONCE = 128


class Audio(Output):
    """Play the music with nothing but this computer: `audio`, `audio:DEVICE`, `audio:FILE.wav`.

    DEVICE is the name of a sound card, or a part of it; FILE ends in .wav, .flac or .ogg. A part
    says which instruments suit it, and `sketch.instruments({1: "organ"})` chooses others. Another
    process plays the notes, so that a picture that takes long moves none; where it is killed, one
    more takes its place. Files are the same for the same show.
    """

    name = "audio"
    timed = True
    process: SupervisedProcess | None = None
    _prepared: SupervisedProcess | None = None  # which is not known to be ready
    _batch: list[tuple[float, bytes]] | None = None
    _on_jack = False  # whether the device is JACK's

    def __init__(self, target: str = ""):
        super().__init__(target)
        path = Path(target).expanduser()
        self.path = path if path.suffix.lower() in FORMATS else None
        self._renderer: Renderer | None = None
        self._file: SoundFile | None = None

    @classmethod
    def missing(cls) -> str:
        return "" if device_names() else "no sound card was found"

    @classmethod
    def found(cls) -> str:
        name, latency = device_latency()
        if name == STUCK:
            return STUCK
        return f"{name!r} plays about {latency:g} ms late" if latency else "a sound card plays"

    @staticmethod
    def renderer(performance: Performance) -> Renderer:
        """Return what renders the sound of a performance, for a film."""
        return Renderer(performance)

    # -- a show -------------------------------------------------------------------------------

    def prepare(self, performance: Performance) -> bool:
        if self.path or not performance.clock.live:
            return False
        self._launch_process(performance)
        return True

    def start(self, performance: Performance) -> None:
        self._performance = performance
        self.latency_ms = 0.0
        if self.path:
            self._renderer = Renderer(performance)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = SoundFile(self.path, performance.title)
            except OSError as error:
                raise self._unwritable(error) from error
        elif not performance.clock.live:
            raise ShowError(f"{self} plays in real time; offline, write audio:FILE.wav")
        else:
            self._start_process(performance)

    def note_on(self, note: Note, now: Moment) -> None:
        if self._renderer:
            self._renderer.note_on(note, now.seconds)
        else:
            self._send(now.seconds, NOTE_ON, note.channel, note.pitch, note.velocity)

    def note_off(self, note: Note, now: Moment) -> None:
        if self._renderer:
            self._renderer.note_off(note, now.seconds)
        else:
            self._send(now.seconds, NOTE_OFF, note.channel, note.pitch, 0.0)

    def control(self, change: tuple[int, float, int], now: Moment) -> None:
        controller, value, channel = change
        if self._renderer:
            self._renderer.control(change, now.seconds)
        else:
            self._send(now.seconds, CONTROL, channel, controller, value)

    def sent_until(self, now: Moment) -> None:
        if self._renderer:
            self._write_sound(self._renderer.render(now.seconds))
            return
        # As the MIDI output does: what follows is collected until the next call, since a thread
        # that writes may have to wait for the interpreter as long as a picture takes.
        batch, self._batch = self._batch or [], []
        self._write(batch)

    def panic(self) -> None:
        if self._renderer:
            self._renderer.panic()
        else:
            with self._writing:
                self._sent.clear()
                self._sounding.clear()
            self._write_now([pack(0.0, PANIC)])

    def close(self) -> None:
        renderer, self._renderer = self._renderer, None
        file, self._file = self._file, None
        if file:
            try:
                if renderer:
                    seconds = max(
                        self._performance.clock.seconds(), renderer.frames / renderer.rate
                    )
                    file.write(renderer.finish(seconds, TAIL_SECONDS))
            except OSError as error:
                raise self._unwritable(error) from error
            finally:
                self._close_file(file)
        process, self.process, self._prepared = self.process or self._prepared, None, None
        if process is not None:
            process.close(pack(0.0, END))
            self._folder.cleanup()

    # -- files --------------------------------------------------------------------------------

    def _write_sound(self, sound: Any) -> None:
        file = self._file
        if file is None:
            return
        try:
            file.write(sound)
        except OSError as error:  # what is written so far stays
            self._file = None
            with suppress(OSError):
                file.close()
            raise self._unwritable(error) from error

    def _close_file(self, file: SoundFile) -> None:
        try:
            file.close()
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> ShowError:
        reason = error.strerror or type(error).__name__
        return ShowError(f"{self} cannot write {str(self.path)!r}: {reason}")

    # -- the process --------------------------------------------------------------------------

    def _launch_process(self, performance: Performance) -> None:
        self._batch = None
        self.device, self.load, self.late = "", 0.0, 0.0
        performance.parameters.add_gauge(
            Gauge(
                "audio load",
                "How much of its time the process of the sound is busy, and what came too late",
                lambda: f"{100 * self.load:.0f} %, {self.late:g} late" if self.load else "",
                lambda: self.load < 0.7,
            )
        )
        # What one process has decoded, the next one need not.
        self._folder = TemporaryDirectory(prefix="capriccio-audio-", ignore_cleanup_errors=True)
        if not performance.soundfont:
            add_plugin_instruments(performance.instruments.values(), Path(self._folder.name))
        self._wanted: dict[str, Any] = {
            "device": self.target,
            "instruments": dict(performance.instruments),
            "soundfont": performance.soundfont,
            "parent": os.getpid(),
            "folder": self._folder.name,
        }
        self._writing = threading.Lock()  # over what follows
        self._sent: deque[tuple[float, bytes]] = deque()  # what is to come, and when
        self._sounding: dict[tuple[int, int], bytes] = {}  # how each note began
        self._set_last: dict[tuple[int, int, int], bytes] = {}  # of each setting and controller
        self._replaced = False  # another process starts, and has not been sent anything
        process = SupervisedProcess(
            str(self),
            self._next_command,
            on_report=self._read_report,
            on_restart=self._resume,
            beat=pack(0.0, BEAT),
            # One thread: what is computed is small, and threads would wait for each other.
            environment={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        process.launch()
        self._prepared = process
        settings_of(performance)  # which can be set from now on

    def _start_process(self, performance: Performance) -> None:
        if self._prepared is None:
            self._launch_process(performance)
        process, self._prepared = self._prepared, None
        assert process
        try:
            process.start(OPEN_SECONDS)
        except ShowError as error:
            self._folder.cleanup()
            raise ShowError(f"{self} cannot play: {error}") from None
        self.process = process
        settings_of(performance).listen(self._set)

    def _set(self, what: str, channel: int, value: float) -> None:
        self._write([(0.0, pack(0.0, SETTING, channel, SETTINGS.index(what), value))])

    def _send(self, seconds: float, kind: int, channel: int, number: int, value: float) -> None:
        if self.process is None:
            return
        due = self._performance.clock.monotonic(seconds)  # type: ignore[attr-defined]
        event = due, pack(due, kind, channel, number, value)
        if self._batch is None:
            self._write([event])
        else:
            self._batch.append(event)

    def _write(self, events: list[tuple[float, bytes]]) -> None:
        """Write events to the process, from any thread; remember them where it should die."""
        if self.process is None or not events:
            return
        with self._writing:
            self._sent.extend(events)
            self._forget(monotonic())
            if not self._replaced:
                self._write_now([event for _, event in events])

    def _write_now(self, events: list[bytes]) -> None:
        if process := self.process:
            for first in range(0, len(events), MAX_AT_ONCE):
                process.write(b"".join(events[first : first + MAX_AT_ONCE]))

    def _forget(self, now: float) -> None:
        """Forget events that were due, but for what is set, and the notes that sound since."""
        while self._sent and self._sent[0][0] <= now:
            event = self._sent.popleft()[1]
            _, kind, channel, number, _ = EVENT.unpack(event)
            if kind == NOTE_ON:
                self._sounding[channel, number] = event
            elif kind == NOTE_OFF:
                self._sounding.pop((channel, number), None)
            else:
                self._set_last[kind, channel, number] = event

    def _next_command(self) -> list[str]:
        """Return the command of the first process, or of another one."""
        wanted = self._wanted
        if self.process is not None:
            wanted = {**wanted, "again": True, "jack": self.device if self._on_jack else ""}
            with self._writing:
                self._replaced = True
        module = "capriccio_audio.player_process"
        return [sys.executable, "-P", "-m", module, json.dumps(wanted)]

    def _resume(self) -> None:
        """Send another process what is set, what sounds, and what is yet to come."""
        with self._writing:
            self._forget(monotonic())
            events = [*self._set_last.values(), *self._sounding.values()]
            self._write_now([*events, *(event for _, event in self._sent)])
            self._replaced = False

    def _read_report(self, report: dict[str, Any]) -> None:
        if "device" in report:
            self.device, self._on_jack = report["device"], report.get("jack", False)
        elif "latency_ms" in report:
            self.latency_ms = report["latency_ms"]
        elif "load" in report:
            self.load, self.late = report["load"], report["late"]
        elif "lost" in report:
            log.warning("%s is without its device: %s; the show goes on", self, report["lost"])
        elif "restored" in report:
            log.info("%s has its device %r again", self, report["restored"])
        elif "unheard" in report:
            log.warning("the show stood still for %g s; %s fell silent", report["unheard"], self)
