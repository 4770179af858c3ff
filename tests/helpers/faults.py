"""A hundred live shows that something happens to, counted: `cd tests; python -m helpers.faults`.

Each is a real process with a real window under Xvfb, and plays to a real MIDI port on JACK's dummy
driver. Something is done to it; then, unless that has ended it, it is told to end. Counted are
the notes that still sound at the port, the takes that lack more than the last second, the pictures
that were black, and the processes that did not end.
"""

import faulthandler
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import NamedTuple

from helpers.devices import JackServer, Synth, wait_for, x_server

SKETCH = """
    import ctypes, struct, time
    from pathlib import Path
    import numpy as np
    from capriccio import Note, Sketch

    sketch = Sketch(bpm=240, fps=20, size=(96, 96))

    def happens(what):
        return Path(what).exists()

    @sketch.play(bars=0.25)
    def pedal(now):
        if happens("play raises"):
            raise ValueError("the phrase")
        if happens("play hangs"):
            time.sleep(1000)
        beat = round(now.beats)
        return [Note(36 + beat % 40, 0, 99), Note(100, 0, 0.5, channel=2)]

    @sketch.draw
    def ochre(now):
        if happens("draw raises"):
            raise ValueError("the picture")
        if happens("draw hangs"):
            time.sleep(1000)
        for seconds in 5, 1000:
            if happens(f"holds {seconds} s"):
                Path(f"holds {seconds} s").unlink()
                lock, until = ctypes.create_string_buffer(64), int(time.time()) + seconds
                for _ in range(2):  # C code that does not let go of the interpreter
                    ctypes.PyDLL(None).pthread_mutex_timedlock(lock, struct.pack("qq", until, 0))
        return np.full((96, 96, 3), (200, 120, 40), np.uint8)
"""
COLOUR = (200, 120, 40)
# Loaded before all libraries of a show, it sets the clock of the wall as a file says.
CLOCK = """
    #define _GNU_SOURCE
    #include <stdio.h>
    #include <stdlib.h>
    #include <sys/syscall.h>
    #include <sys/time.h>
    #include <time.h>
    #include <unistd.h>

    int clock_gettime(clockid_t which, struct timespec *now) {
        int failed = syscall(SYS_clock_gettime, which, now);
        FILE *file = which == CLOCK_REALTIME ? fopen(getenv("CLOCK_FILE"), "r") : NULL;
        long seconds = 0;
        if (file && fscanf(file, "%ld", &seconds) == 1)
            now->tv_sec += seconds;
        if (file)
            fclose(file);
        return failed;
    }

    int gettimeofday(struct timeval *now, void *zone) {
        struct timespec exact;
        int failed = clock_gettime(CLOCK_REALTIME, &exact);
        now->tv_sec = exact.tv_sec;
        now->tv_usec = exact.tv_nsec / 1000;
        return failed;
    }

    time_t time(time_t *now) {
        struct timespec exact;
        clock_gettime(CLOCK_REALTIME, &exact);
        return now ? *now = exact.tv_sec : exact.tv_sec;
    }
"""
FLOOD_SECONDS, MESSAGES_A_SECOND = 2.0, 5000
# A show may take so long to begin on a busy machine, and to go on; to end when it is told, and for
# what was sent to arrive.
BEGIN_SECONDS, GO_ON_SECONDS, END_SECONDS, ARRIVE_SECONDS = 120.0, 60.0, 30.0, 10.0
# Of a take no more may be missing than this; and what the test itself cannot tell for sure.
LOST_SECONDS, UNSURE_SECONDS = 1.0, 0.25
# So long after something happened no note of before may sound; and so long it lasts that something
# stands still, and that JACK is away.
SILENT_SECONDS, STILL_SECONDS, AWAY_SECONDS = 2.0, 4.0, 1.0
# So long the disk is full; and for so long sound is listened to.
FULL_SECONDS, LISTEN_SECONDS = 5.0, 0.3
# With this a MIDI process that takes the place of another one has ended all that sounded.
LAST_SILENCED = 0xBF, 123, 0
SOUND_PROCESS = "capriccio_audio.player_process"


class Place(NamedTuple):
    """Where a show is seen and heard."""

    display: str
    jack: JackServer
    path: str = ""  # of another version, which is performed
    within: float = 0.0  # seconds in which the notes of before are to end

    @property
    def server(self) -> str:
        """The name of the JACK server."""
        return self.jack.name


class Show:
    """One live show in a process, its instrument, and what it shows."""

    def __init__(
        self, folder: Path, name: str, place: Place, number: int, happen: "Callable[[Show], None]"
    ):
        self.folder, self.name = folder, name
        self.display, self.server, self.jack = place.display, place.server, place.jack
        self.random, self.within = Random(number), place.within
        lines = [line.removeprefix("    ") for line in SKETCH.splitlines()]
        (folder / "piece.py").write_text("\n".join(lines))
        self.synth = instrument(name, self.server)
        self.port, self.panel = free_port(), free_port()
        self.said = (folder / "said").open("w+")
        places = ("--to", "screen", "--to", f"midi:{name}", "--osc", str(self.port))
        places += ("--panel", str(self.panel))
        self.child = subprocess.Popen(
            [sys.executable, "-m", "capriccio", "run", "piece.py", *places, *FLAGS.get(happen, ())],
            cwd=folder,
            env={
                **os.environ,
                "DISPLAY": self.display,
                "JACK_DEFAULT_SERVER": self.server,
                "XDG_CONFIG_HOME": str(folder / "home"),
                **({"PYTHONPATH": place.path} if place.path else {}),
                **(faked_clock(folder / "clock") if happen is clock_jumps else {}),
            },
            stdout=self.said,
            stderr=self.said,
        )
        self.begun = self.until = self.flooded = 0.0
        self.hung, self.again = 0, 0.0

    def begin(self) -> None:
        self._play_on(1, BEGIN_SECONDS)
        self.begun = time.monotonic()
        self._play_on(4, BEGIN_SECONDS)

    def go_on(self) -> None:
        """Wait until more notes have come."""
        self._play_on(self.synth.begun + 3, GO_ON_SECONDS)

    def _play_on(self, notes: int, seconds: float) -> None:
        def played():
            assert self.child.poll() is None, self.words()
            return self.synth.begun >= notes

        wait_for(played, seconds, f"{notes} notes; it said: {self.words()}")

    def player(self, script: str = "midi/player_process.py") -> int:
        """Return the process that plays the MIDI, or another one."""
        words = ["pgrep", "-P", str(self.child.pid), "-f", script]
        return int(subprocess.run(words, capture_output=True, text=True).stdout)

    def suffer(self, happen: Callable[[], None]) -> None:
        """Have something happen; count the notes that have not been ended `within` seconds later.

        One of them may have begun anew since: the music goes on.
        """
        before, first = self.synth.sounding, len(self.synth.heard)
        happen()
        until = time.monotonic() + self.within
        while (hung := before - self.ended_since(first)) and time.monotonic() < until:
            time.sleep(0.01)  # read often, since it notes when it was read
        self.hung = len(hung)

    def ended_since(self, first: int) -> set[tuple[int, int]]:
        """Return the channels 0..15 and pitches that were ended by the messages from `first` on."""
        later = self.synth.messages[first:]
        return {(status & 0x0F, pitch) for status, pitch, *_ in later if status & 0xF0 == 0x80}

    def recover(self, since: float | None = None, silenced: bool = False) -> None:
        """Wait for new notes; note how long after `since`, or now, the first one came.

        Where another process has `silenced` all channels, it is the first one after that.
        """
        first = len(self.synth.messages)  # what has come before is read, and has its time
        if since is None:
            since = time.monotonic()
        if silenced:
            wait_for(lambda: LAST_SILENCED in self.synth.messages, GO_ON_SECONDS, "silence")
            first = self.synth.messages.index(LAST_SILENCED)
        self.go_on()
        new = [when for when, (kind, *_) in self.synth.heard[first:] if kind & 0xF0 == 0x90]
        self.again = new[0] - since

    def mark(self, what: str) -> None:
        """Have something happen in the sketch."""
        (self.folder / what).touch()

    def bright(self) -> bool:
        """Say whether the picture is to be seen."""
        from PIL import ImageGrab

        colours = ImageGrab.grab(xdisplay=self.display).getcolors(1 << 20)
        return COLOUR in [colour[:3] for _, colour in colours]

    def hears_sound(self) -> bool:
        """Return whether the show is heard at the JACK server."""
        from capriccio_audio.benchmark.recording import Recorder

        recorder = Recorder(self.server, "capriccio")
        if connected := recorder.connect():
            time.sleep(LISTEN_SECONDS)
        sound = recorder.stop().sound  # in any case, or it stays on the server
        return connected and bool(sound.any())

    def take(self) -> float:
        """Return how many seconds of the show are in its take."""
        from capriccio.recording.take import read_take

        (file,) = (self.folder / "takes").glob("*.jsonl")
        return read_take(file.read_text(encoding="utf-8"), file.name).seconds

    def words(self) -> str:
        return (self.folder / "said").read_text()

    def close(self) -> None:
        with suppress(OSError):
            self.child.kill()
        self.child.wait()
        self.synth.close()
        self.said.close()


def instrument(name: str, server: str) -> Synth:
    with _one_by_one:  # what hushes a driver hushes the process
        os.environ["JACK_DEFAULT_SERVER"] = server
        return Synth(name)


_one_by_one = threading.Lock()


def faked_clock(file: Path) -> dict[str, str]:
    """Return the variables of a process whose clock of the wall is off by the seconds of a file."""
    file.write_text("0")
    library = file.with_suffix(".so")
    words = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)]
    subprocess.run(words, input=CLOCK, text=True, check=True)
    return {"LD_PRELOAD": str(library), "CLOCK_FILE": str(file)}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


# -- what happens -----------------------------------------------------------------------------


def kill(show: Show) -> None:
    show.child.kill()


def terminate(show: Show) -> None:
    show.child.terminate()


def draw_raises(show: Show) -> None:
    show.mark("draw raises")
    wait_for(lambda: "draw cue 'ochre' raised" in show.words(), GO_ON_SECONDS)
    show.go_on()


def play_raises(show: Show) -> None:
    show.mark("play raises")
    wait_for(lambda: "play cue 'pedal' raised" in show.words(), GO_ON_SECONDS)


def draw_hangs(show: Show) -> None:
    show.mark("draw hangs")
    wait_for(lambda: "'ochre' does not answer" in show.words(), GO_ON_SECONDS)
    show.go_on()


def play_hangs(show: Show) -> None:
    show.mark("play hangs")
    wait_for(lambda: "'pedal' does not answer" in show.words(), GO_ON_SECONDS)


def disk_fills(show: Show) -> None:
    """No file can grow any more: neither the film nor the take."""
    show.until = time.monotonic()
    fill_disk(show)
    show.go_on()


def disk_fills_for_a_while(show: Show) -> None:
    fill_disk(show)
    time.sleep(FULL_SECONDS)
    resource.prlimit(show.child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    show.recover()
    wait_for(lambda: "the take is written again; nothing is missing" in show.words(), GO_ON_SECONDS)


def fill_disk(show: Show) -> None:
    (take,) = (show.folder / "takes").glob("*.jsonl")
    full = take.stat().st_size
    resource.prlimit(show.child.pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
    wait_for(lambda: "the take cannot be written" in show.words(), GO_ON_SECONDS)


def port_vanishes(show: Show) -> None:
    show.synth.close()
    time.sleep(1.0)
    show.synth = instrument(show.name, show.server)
    show.go_on()


def flood(show: Show, send: Callable[[], None]) -> None:
    begun, sent = time.monotonic(), 0
    while (gone := time.monotonic() - begun) < FLOOD_SECONDS:
        while sent < gone * MESSAGES_A_SECOND and time.monotonic() - begun < FLOOD_SECONDS:
            with suppress(OSError):
                send()
            sent += 1
        time.sleep(0.002)
    show.flooded = sent / (time.monotonic() - begun)


def osc_is_flooded(show: Show) -> None:
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    heads = [b"", b"/show/black\0\0\0\0,f\0\0", b"/nothing\0\0\0\0,s\0\0", b"#bundle\0", b"/show/"]

    def send():
        head = show.random.choice(heads)
        # Garbage that is right by chance would be an order.
        tail = b"" if head.startswith(b"/show/black") else show.random.randbytes(40)
        line.sendto(head + tail, ("127.0.0.1", show.port))

    with line:
        flood(show, send)
    show.go_on()


def panel_is_flooded(show: Show) -> None:
    lines: list[socket.socket] = []
    post = b"POST /turn HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    heads = [b"", b"GET /", post + b"Content-Length: 40\r\n\r\n", post]

    def send():
        if len(lines) < 100:
            lines.append(socket.socket())
            lines[-1].setblocking(False)
            lines[-1].connect_ex(("127.0.0.1", show.panel))
        line = show.random.choice(lines)
        try:
            line.send(show.random.choice(heads) + show.random.randbytes(40) + b"\r\n\r\n")
        except BlockingIOError:
            pass
        except OSError:
            lines.remove(line)
            line.close()

    try:
        flood(show, send)
    finally:
        for line in lines:
            line.close()
    show.go_on()


def player_is_killed(show: Show) -> None:
    since = time.monotonic()
    show.suffer(lambda: os.kill(show.player(), signal.SIGKILL))
    show.recover(since, silenced=True)


def player_is_stopped(show: Show) -> None:
    since = time.monotonic()
    show.suffer(lambda: os.kill(show.player(), signal.SIGSTOP))
    show.recover(since, silenced=True)


def sound_is_killed(show: Show) -> None:
    stop_sound(show, signal.SIGKILL)


def sound_is_stopped(show: Show) -> None:
    stop_sound(show, signal.SIGSTOP)


def stop_sound(show: Show, number: int) -> None:
    """Send a signal to the process of the sound; note how long after it sound was heard again."""
    wait_for(show.hears_sound, GO_ON_SECONDS, "the sound")
    since, process = time.monotonic(), show.player(SOUND_PROCESS)
    os.kill(process, number)
    show.go_on()
    wait_for(lambda: gone(process), GO_ON_SECONDS, "the end of the process")
    wait_for(show.hears_sound, GO_ON_SECONDS, "the sound")
    show.again = time.monotonic() - since


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def clock_jumps(show: Show) -> None:
    """Set the clock of the wall forward by a day, then back by a year."""
    for days in 1, -365:
        (show.folder / "clock").write_text(f"{days * 86400}")
        show.recover()


def show_is_stopped(show: Show) -> None:
    since = time.monotonic()
    show.suffer(lambda: show.child.send_signal(signal.SIGSTOP))
    time.sleep(max(0.0, since + STILL_SECONDS - time.monotonic()))
    show.child.send_signal(signal.SIGCONT)
    show.recover()
    wait_for(lambda: "stood still" in show.words(), GO_ON_SECONDS)


def holds_for_a_while(show: Show) -> None:
    since = time.monotonic()
    show.suffer(lambda: show.mark("holds 5 s"))
    time.sleep(max(0.0, since + 5 - time.monotonic()))
    show.recover()
    wait_for(lambda: "stood still" in show.words(), GO_ON_SECONDS)


def holds_for_ever(show: Show) -> None:
    show.until = time.monotonic()
    show.suffer(lambda: show.mark("holds 1000 s"))
    show.child.terminate()


def jack_is_killed(show: Show) -> None:
    show.jack.kill()
    wait_for(lambda: "the MIDI system has ended" in show.words(), GO_ON_SECONDS)
    time.sleep(AWAY_SECONDS)
    show.synth.close()
    show.jack.start()
    since = time.monotonic()
    show.synth = instrument(show.name, show.server)
    show.recover(since)


def jack_is_stopped(show: Show) -> None:
    show.jack.child.send_signal(signal.SIGSTOP)
    time.sleep(STILL_SECONDS)
    show.jack.child.send_signal(signal.SIGCONT)
    show.recover()


FAULTS = {
    "kill -9": [kill],
    "SIGTERM": [terminate],
    "exception in draw": [draw_raises],
    "exception in play": [play_raises],
    "part that hangs": [draw_hangs, play_hangs],
    "full disk while recording": [disk_fills],
    "full disk, free again": [disk_fills_for_a_while],
    "MIDI port vanishes": [port_vanishes],
    "OSC flooded": [osc_is_flooded],
    "panel flooded": [panel_is_flooded],
    "MIDI process killed": [player_is_killed],
    "MIDI process stopped": [player_is_stopped],
    "sound process killed": [sound_is_killed],
    "sound process stopped": [sound_is_stopped],
    "clock jumps": [clock_jumps],
    "show stopped": [show_is_stopped],
    "part holds C for 5 s": [holds_for_a_while],
    "part holds C for ever": [holds_for_ever],
    "JACK killed": [jack_is_killed],
    "JACK stopped": [jack_is_stopped],
}
# Which a JACK server feels, since they happen to it or to a client of it that does not close, so
# that no other show may be on it.
ALONE = (
    "MIDI process killed",
    "MIDI process stopped",
    "sound process killed",
    "sound process stopped",
    "show stopped",
    "part holds C for ever",
    "JACK killed",
    "JACK stopped",
)
# What a show has besides, for what happens to it.
VIDEO, SOUND = ("--to", "video:film.mp4"), ("--to", "audio")
FLAGS = {
    disk_fills: VIDEO,
    disk_fills_for_a_while: VIDEO,
    sound_is_killed: SOUND,
    sound_is_stopped: SOUND,
}
# What ends the show by itself.
ENDS = (kill, terminate, holds_for_ever)


# -- counting ---------------------------------------------------------------------------------


@dataclass
class Count:
    """What went wrong in one show; all is well where nothing is counted."""

    fault: str
    hung: int = 0
    lost: float = 0.0  # seconds that the take lacks
    take_lost: bool = False
    black: bool = False
    not_ended: bool = False
    end_seconds: float = 0.0
    again: float = 0.0  # seconds until music was heard again
    flooded: float = 0.0  # messages a second
    broken: str = ""  # why the run did not get through

    @property
    def well(self) -> bool:
        return not (self.hung or self.take_lost or self.black or self.not_ended or self.broken)


def perform(fault: str, number: int, place: Place) -> Count:
    """Perform one show, have the fault happen to it, and count."""
    ways = FAULTS[fault]
    happen = ways[number // len(FAULTS) % len(ways)]
    count = Count(fault)
    with tempfile.TemporaryDirectory() as folder:
        show = Show(Path(folder), f"synth{os.getpid()}n{number}", place, number, happen)
        try:
            show.begin()
            wait_for(show.bright, GO_ON_SECONDS, "the picture")
            happen(show)
            count.flooded, count.again = show.flooded, show.again
            if happen not in ENDS:
                with suppress(AssertionError):
                    count.black = True
                    wait_for(show.bright, place.within)
                    count.black = False
            told = time.monotonic()
            show.until = show.until or told
            if happen not in ENDS:
                show.child.terminate()
            try:
                show.child.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                count.not_ended = True
            count.end_seconds = time.monotonic() - told
            with suppress(AssertionError):
                wait_for(lambda: not show.synth.sounding, ARRIVE_SECONDS)
            count.hung = show.hung + len(show.synth.sounding)
            count.lost = max(0.0, show.until - show.begun - show.take())
            count.take_lost = count.lost > LOST_SECONDS + UNSURE_SECONDS
        except Exception as error:
            count.broken = f"{type(error).__name__}: {error}"[:1500]
        finally:
            show.close()
    return count


@contextmanager
def hall(at_once: int = 1, path: str = "", within: float = SILENT_SECONDS):
    """Return what performs a fault in a free place."""
    with ExitStack() as stack:
        # One that waits for its clients waits for ever where a show is killed, or leaves a client
        # that took too long to close. Where it does not wait, nobody may come late.
        server = JackServer(waits=False, period=2048)
        stack.callback(server.close)
        free: SimpleQueue[str] = SimpleQueue()
        for _ in range(at_once):
            free.put(stack.enter_context(x_server("320x240")))

        def one(fault: str, number: int) -> Count:
            display = free.get()
            try:
                return perform(fault, number, Place(display, server, path, within))
            finally:
                free.put(display)

        yield one


def table(counts: list[Count]) -> str:
    lines = [
        f"{'fault':27}{'runs':>5}{'hung notes':>12}{'takes lost':>12}{'black':>7}"
        f"{'not ended':>11}{'broken':>8}{'take lacks':>12}{'ends in':>9}{'music again':>13}"
    ]
    for fault in [*FAULTS, "all"]:
        runs = [one for one in counts if fault in (one.fault, "all")]
        if runs:
            lines.append(
                f"{fault:27}{len(runs):5}{sum(one.hung for one in runs):12}"
                f"{sum(one.take_lost for one in runs):12}{sum(one.black for one in runs):7}"
                f"{sum(one.not_ended for one in runs):11}{sum(bool(one.broken) for one in runs):8}"
                f"{max(one.lost for one in runs):10.2f} s"
                f"{max(one.end_seconds for one in runs):7.1f} s"
                f"{max(one.again for one in runs):11.1f} s"
            )
    return "\n".join(lines)


def main() -> int:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="how many shows there are in all")
    parser.add_argument("--at-once", type=int, default=2, help="how many of them at one time")
    parser.add_argument("--only", nargs="*", default=list(FAULTS), help="which of the faults")
    parser.add_argument("--path", default="", help="PYTHONPATH of another version, to compare")
    parser.add_argument(
        "--within",
        type=float,
        default=SILENT_SECONDS,
        help="seconds in which notes of before are to end, and the picture is to be there; more on "
        "a machine that is busy",
    )
    parser.add_argument(
        "--at-most",
        type=float,
        default=3600,
        help="seconds for all shows, else it says where it is",
    )
    chosen = parser.parse_args()
    faulthandler.dump_traceback_later(chosen.at_most, exit=True)
    names = [chosen.only[number % len(chosen.only)] for number in range(chosen.runs)]
    counts: list[Count] = []
    # One after the other: a process knows one server at a time.
    for alone in (False, True):
        shows = [(name, number) for number, name in enumerate(names) if (name in ALONE) == alone]
        at_once = 1 if alone else chosen.at_once
        if shows:
            with (
                hall(at_once, chosen.path, chosen.within) as one,
                ThreadPoolExecutor(at_once) as pool,
            ):
                for count in pool.map(one, *zip(*shows, strict=True)):
                    counts.append(count)
                    print(f"{len(counts):3} {count}", flush=True)
    faulthandler.cancel_dump_traceback_later()
    print(table(counts))
    return 0 if all(count.well for count in counts) else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
