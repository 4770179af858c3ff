"""The output `audio`: the sound of the music, at a sound card or in a file."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

from capriccio import Gauge, Moment, Note, Output, Performance, ShowError

from .devices import device_names
from .instruments import instrument_for
from .protocol import CONTROL, END, NOTE_OFF, NOTE_ON, PANIC, SETTING, SETTINGS, pack
from .renderer import Renderer
from .settings import settings_of
from .sound_file import FORMATS, SoundFile

# How long the process may take to load its instruments and open its device, and to end.
OPEN_SECONDS, END_SECONDS = 30.0, 3.0
# How long a file goes on after its last note, at most.
TAIL_SECONDS = 4.0
# Events that are written at once: a pipe takes 4096 bytes as a whole.
MAX_AT_ONCE = 128


class Audio(Output):
    """Play the music with nothing but this computer: `audio`, `audio:DEVICE`, `audio:FILE.wav`.

    DEVICE is the name of a sound card, or a part of it; FILE ends in .wav, .flac or .ogg. A part
    says which instruments suit it, and `sketch.instruments({1: "organ"})` chooses others. Another
    process plays the notes, so that a picture that takes long moves none; files are the same for
    the same show.
    """

    name = "audio"
    timed = True
    process: "subprocess.Popen[bytes] | None" = None
    _batch: list[bytes] | None = None

    def __init__(self, target: str = ""):
        super().__init__(target)
        path = Path(target).expanduser()
        self.path = path if path.suffix.lower() in FORMATS else None
        self._renderer: Renderer | None = None
        self._file: SoundFile | None = None

    @classmethod
    def missing(cls) -> str:
        return "" if device_names() else "no sound card was found"

    @staticmethod
    def renderer(performance: Performance) -> Renderer:
        """Return what renders the sound of a performance, for a film."""
        return Renderer(performance)

    # -- a show -------------------------------------------------------------------------------

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
        for first in range(0, len(batch), MAX_AT_ONCE):
            self._write(b"".join(batch[first : first + MAX_AT_ONCE]))

    def panic(self) -> None:
        if self._renderer:
            self._renderer.panic()
        else:
            self._write(pack(0.0, PANIC))

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
        self._end_process()

    # -- files --------------------------------------------------------------------------------

    def _write_sound(self, sound: Any) -> None:
        if self._file is None:
            return
        try:
            self._file.write(sound)
        except OSError as error:
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

    def _start_process(self, performance: Performance) -> None:
        self._batch = None
        self._losses = 0
        self.load = self.late = 0.0
        performance.parameters.add_gauge(
            Gauge(
                "audio load",
                "How much of its time the process of the sound is busy, and what came too late",
                lambda: f"{100 * self.load:.0f} %, {self.late:g} late" if self.load else "",
                lambda: self.load < 0.7,
            )
        )
        names = {channel: instrument_for(name) for channel, name in performance.instruments.items()}
        # A signal to this process and its group leaves the player to end by itself.
        options: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            flags = subprocess.HIGH_PRIORITY_CLASS | subprocess.CREATE_NO_WINDOW
            options = {"creationflags": flags}
        # One thread: what is computed is small, and threads of numpy would wait for each other.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        wanted = {"device": self.target, "instruments": names, "parent": os.getpid()}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "capriccio_audio.player_process", json.dumps(wanted)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where ALSA and JACK complain
            bufsize=0,
            env=environment,
            **options,
        )
        self._ready = threading.Event()
        self._error = "it ended"
        self._reader = threading.Thread(
            target=self._read_reports, args=(self.process.stdout,), name=str(self), daemon=True
        )
        self._reader.start()
        if not self._ready.wait(OPEN_SECONDS):
            self._error = f"nothing happened within {OPEN_SECONDS:g} s"
        if self._error:
            self._end_process()
            raise ShowError(f"{self} cannot play: {self._error}")
        settings_of(performance).listen(self._set)

    def _end_process(self) -> None:
        player, self.process = self.process, None
        if player is None:
            return
        assert player.stdin and player.stdout
        try:
            player.stdin.write(pack(0.0, END))
            player.stdin.close()
        except OSError:  # it has ended already
            pass
        for stop in (player.terminate, player.kill, None):
            try:
                player.wait(END_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if stop:
                    stop()
        self._reader.join(END_SECONDS)
        player.stdout.close()

    def _set(self, what: str, channel: int, value: float) -> None:
        self._write(pack(0.0, SETTING, channel, SETTINGS.index(what), value))

    def _send(self, seconds: float, kind: int, channel: int, number: int, value: float) -> None:
        if self.process is None:
            return
        due = self._performance.clock.monotonic(seconds)  # type: ignore[attr-defined]
        event = pack(due, kind, channel, number, value)
        if self._batch is None:
            self._write(event)
        else:
            self._batch.append(event)

    def _write(self, events: bytes) -> None:
        player = self.process
        if player is None:
            return
        assert player.stdin
        try:
            player.stdin.write(events)
        except (OSError, ValueError):  # a pipe that has ended, or that another thread has closed
            if self.process is player:
                raise ShowError(f"{self} is silent: the process that plays it has ended") from None

    def _read_reports(self, reports: IO[bytes]) -> None:
        from logging import getLogger

        log = getLogger("capriccio")
        for line in reports:
            report = json.loads(line)
            if "ready" in report:
                self.device, self.latency_ms = report["ready"], report["latency_ms"]
                self._error = ""
                self._ready.set()
            elif "load" in report:
                self.load, self.late = report["load"], report["late"]
            elif "lost" in report:
                self._losses += 1
                log.warning("%s has lost its device: %s; the show goes on", self, report["lost"])
            elif "restored" in report:
                log.info("%s has its device %r again", self, report["restored"])
            else:
                self._error = report.get("error", "")
                self._ready.set()
        self._ready.set()
