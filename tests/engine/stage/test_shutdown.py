"""However a show ends, in a real process: every note is ended, every output closed and complete."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import mido
import pytest
from helpers.devices import end, needs, wait_for, x_server

PLUGIN = '''
    """A diary: an output that writes down what it is told, line by line."""
    import os
    from capriccio import Output, hookimpl

    class Diary(Output):
        def start(self, performance):
            self.file = open(self.target, "w", buffering=1)
        def show(self, image, now):
            print("show", file=self.file)
        def note_on(self, note, now):
            print("on", note.pitch, file=self.file)
        def note_off(self, note, now):
            print("off", note.pitch, file=self.file)
        def close(self):
            print("close", file=self.file)

    class Early(Diary):
        timed = True

    class Stuck(Output):
        def show(self, image, now):
            if now.seconds > 0.3:
                self.wait()
        def wait(self):
            import time
            time.sleep(1000)

    class Unending(Stuck):
        def show(self, image, now):
            pass
        def close(self):
            self.wait()

    class Slow(Output):
        def close(self):
            import time
            time.sleep(0.7)
            open(self.target, "w").write("complete")

    @hookimpl
    def outputs(): return [Diary, Early, Stuck, Unending, Slow]
'''
SKETCH = """
    import ctypes, time
    import numpy as np
    from capriccio import Analyzer, Note, Sketch

    sketch = Sketch(bpm=120, fps=30, size=(64, 48))

    def hang_in_c():
        '''Lock a lock twice: no signal and no exception ever comes to it.'''
        lock = ctypes.create_string_buffer(128)
        for _ in range(2):
            ctypes.CDLL(None).pthread_mutex_lock(lock)

    class Eye(Analyzer):
        def analyze(self, thing):
            time.sleep(1000)

    eye = Eye()

    @sketch.play(bars=0.25)
    def pedal(now):
        {play}
        return [Note(60 + round(now.beats) % 12, 0, 99)]

    @sketch.draw
    def grey(now):
        {draw}
        return np.full((48, 64, 3), now.phase())
"""


class Show:
    """A performance in a process of its own."""

    def __init__(self, folder, flags, **options):
        self.folder = folder
        self.child = subprocess.Popen(
            [sys.executable, "-m", "capriccio", "run", "a piece.py", *flags],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            text=True,
            **options,
        )

    def diary(self, name="diary") -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def wait_for(self, line="on", times=3) -> None:
        def there():
            assert self.child.poll() is None, self.child.communicate()
            return sum(each.startswith(line) for each in self.diary()) >= times

        wait_for(there, what=f"{times} times {line!r}")

    def ended(self, seconds=180) -> int:
        """Wait for the end, check that every note was ended and the diary closed; give the code."""
        self.said = "".join(filter(None, self.child.communicate(timeout=seconds)))
        for name in ("diary", "early"):
            lines = self.diary(name)
            if not lines:
                continue
            sounding = []
            for word, *pitch in map(str.split, lines):
                if word == "on":
                    sounding.append(pitch)
                elif word == "off":
                    sounding.remove(pitch)
            assert sounding == [], self.said
            assert lines[-1] == "close" and lines.count("close") == 1, self.said
        return self.child.returncode


@pytest.fixture
def begin(tmp_path):
    """Begin shows in processes; those still there at the end are killed."""
    (tmp_path / "plugin_diary.py").write_text(textwrap.dedent(PLUGIN))
    facts = tmp_path / "diary-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: diary\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[capriccio]\ndiary = plugin_diary\n")
    shows = []

    def show(*flags, draw="", play="", **options):
        sketch = textwrap.dedent(SKETCH).format(play=play or "pass", draw=draw or "pass")
        (tmp_path / "a piece.py").write_text(sketch)
        both = ("--to", "diary:diary", "--to", "early:early")
        shows.append(Show(tmp_path, (*flags, *both), **options))
        return shows[-1]

    yield show
    for each in shows:
        each.child.kill()
        each.child.wait()


def film_of(path) -> int:
    """Return the number of frames in a film."""
    import av

    with av.open(str(path)) as film:
        return sum(1 for _ in film.decode(video=0))


def notes_of(path) -> tuple[int, int]:
    """Return how many notes begin and end in a MIDI file."""
    kinds = [message.type for message in mido.MidiFile(path) if not message.is_meta]
    return kinds.count("note_on"), kinds.count("note_off")


# -- a real window ----------------------------------------------------------------------------


def window_of(show) -> str:
    needs("xdotool")
    found = subprocess.run(
        ["xdotool", "search", "--sync", "--onlyvisible", "--pid", str(show.child.pid)],
        capture_output=True,
        text=True,
        check=True,
        timeout=180,
    )
    return found.stdout.split()[0]


def size_of(window) -> str:
    found = subprocess.run(
        ["xdotool", "getwindowgeometry", window], capture_output=True, text=True, timeout=30
    )
    return found.stdout.rpartition("Geometry: ")[2].strip()


def press(window, key) -> None:
    subprocess.run(["xdotool", "windowfocus", "--sync", window], check=True, timeout=180)
    subprocess.run(["xdotool", "key", key], check=True, timeout=180)


class Message(ctypes.Structure):
    """An X client message, as a window manager sends it."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("sent", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("kind", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_byte * 192),
    ]


def close_window(display, window) -> None:
    """Do what the button of a window does; xdotool can only tear the window away."""
    x = ctypes.CDLL("libX11.so.6")
    x.XOpenDisplay.restype = ctypes.c_void_p
    x.XInternAtom.restype = ctypes.c_ulong
    server = ctypes.c_void_p(x.XOpenDisplay(display.encode()))
    protocols, delete = (
        x.XInternAtom(server, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")
    )
    message = Message(type=33, window=int(window), kind=protocols, format=32)
    message.data[0] = delete
    x.XSendEvent(server, ctypes.c_ulong(int(window)), 0, ctypes.c_long(0), ctypes.byref(message))
    x.XCloseDisplay(server)


LEAVE = {
    "Esc": lambda show, display: press(window_of(show), "Escape"),
    "the window's button": lambda show, display: close_window(display, window_of(show)),
    "SIGTERM": lambda show, display: show.child.terminate(),
    "Ctrl-C": lambda show, display: show.child.send_signal(signal.SIGINT),
    "SIGHUP": lambda show, display: show.child.send_signal(signal.SIGHUP),
}


@pytest.mark.parametrize("leave", LEAVE.values(), ids=LEAVE.keys())
def test_leaving_a_show_on_a_window_ends_all_notes_and_files(begin, display, tmp_path, leave):
    show = begin("--to", "screen", "--to", "video:film.mp4", "--to", "midifile:song.mid")
    show.wait_for("on", 3)
    show.wait_for("show", 11)
    leave(show, display)
    assert show.ended() == 0, show.said
    assert "Traceback" not in show.said
    begun, ended = notes_of(tmp_path / "song.mid")
    assert begun == ended >= 3
    shown = show.diary().count("show")
    # Frames that were dropped are repeated in the film.
    assert film_of(tmp_path / "film.mp4") >= shown > 10


@pytest.fixture
def desktop(display, monkeypatch):
    """A display with a window manager, without which no window can have the whole of it."""
    if shutil.which("openbox") is None:
        pytest.skip("openbox is not installed; apt-get install openbox")
    with x_server("800x600") as name:
        monkeypatch.setenv("DISPLAY", name)
        manager = subprocess.Popen(["openbox"], stderr=subprocess.DEVNULL)
        yield name
        end(manager)


def test_a_display_that_goes_away_ends_all_notes_and_files(begin, monkeypatch, tmp_path):
    needs("Xvfb")
    with x_server("800x600") as name:
        monkeypatch.setenv("DISPLAY", name)
        show = begin("--to", "screen", "--to", "video:film.mp4", "--to", "midifile:song.mid")
        show.wait_for("on", 3)
    assert show.ended() == 128 + signal.SIGTERM, show.said
    assert "the display has gone away; the show ends" in show.said
    begun, ended = notes_of(tmp_path / "song.mid")
    assert begun == ended >= 3
    assert film_of(tmp_path / "film.mp4") >= show.diary().count("show")


def test_f_toggles_the_full_screen_while_the_show_goes_on(begin, desktop):
    show = begin("--to", "screen")
    window = window_of(show)
    assert size_of(window) == "64x48"
    press(window, "f")
    wait_for(lambda: size_of(window) == "800x600")
    press(window, "f")
    wait_for(lambda: size_of(window) == "64x48")
    press(window, "Escape")
    assert show.ended() == 0, show.said


def test_a_window_without_pictures_can_be_left(begin, display, tmp_path):
    show = begin("--to", "screen")
    sketch = tmp_path / "a piece.py"
    show.child.kill()
    show.child.wait()
    sketch.write_text(sketch.read_text().replace("@sketch.draw", ""))
    show = Show(tmp_path, ("--to", "screen", "--to", "diary:diary"))
    press(window_of(show), "Escape")
    assert show.ended() == 0, show.said


# -- told to end, once and again --------------------------------------------------------------


def test_a_show_ends_after_its_seconds(begin, tmp_path):
    show = begin("--seconds", "1.5", "--to", "midifile:song.mid")
    assert show.ended() == 0, show.said
    assert notes_of(tmp_path / "song.mid") == (3, 3)
    assert " and 3 notes to " in show.said


def test_pressing_ctrl_c_several_times_leaves_complete_files(begin, tmp_path):
    show = begin("--to", "video:film.mp4", "--to", "midifile:song.mid", "--to", "slow:file")
    show.wait_for()
    for _ in range(5):
        show.child.send_signal(signal.SIGINT)
        show.child.send_signal(signal.SIGTERM)
        time.sleep(0.02)
    assert show.ended() == 0, show.said
    assert (tmp_path / "file").read_text() == "complete"
    assert film_of(tmp_path / "film.mp4") >= show.diary().count("show")
    begun, ended = notes_of(tmp_path / "song.mid")
    assert begun == ended >= 3


def test_offline_ctrl_c_ends_with_complete_files_and_another_code(begin, tmp_path):
    show = begin(
        "--offline", "--seconds", "9999", "--to", "frames:stills", "--to", "midifile:a.mid"
    )
    show.wait_for("on", 5)
    show.child.send_signal(signal.SIGINT)
    assert show.ended() not in (0, None), show.said
    assert "Aborted!" in show.said
    assert len(list((tmp_path / "stills").glob("*.png"))) == show.diary().count("show")
    begun, ended = notes_of(tmp_path / "a.mid")
    assert begun == ended >= 5


def test_offline_an_error_ends_with_complete_files_and_the_line(begin, tmp_path):
    show = begin(
        *("--offline", "--seconds", "2", "--to", "frames:stills", "--to", "midifile:song.mid"),
        draw="assert now.seconds < 1, 'too late'",
    )
    assert show.ended() == 1, show.said
    assert "too late (a piece.py, line 27)" in show.said
    assert len(list((tmp_path / "stills").glob("*.png"))) == show.diary().count("show") == 30
    assert notes_of(tmp_path / "song.mid") == (3, 3)


# -- told to end while something hangs --------------------------------------------------------

HANGS = {
    "a picture": {"draw": "time.sleep(1000 * (now.seconds > 0.3))"},
    "a picture that computes": {"draw": "while now.seconds > 0.3: pass"},
    "a phrase": {"play": "time.sleep(1000 * (now.seconds > 1))"},
    "a phrase that computes": {"play": "while now.seconds > 1: pass"},
    "a phrase outside Python": {"play": "now.seconds > 1 and hang_in_c()"},
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("cues", HANGS.values(), ids=HANGS.keys())
def test_a_live_show_in_which_a_cue_hangs_ends_at_one_signal(begin, cues, number):
    show = begin(**cues)
    show.wait_for("on", 3)
    shown = show.diary().count("show")
    if "play" in cues:  # pictures go on
        show.wait_for("show", shown + 30)
    show.child.send_signal(number)
    assert show.ended() == 0, show.said
    assert "does not answer" in show.said or shown < 60
    assert "Traceback" not in show.said and "Fatal" not in show.said


STUBBORN = {
    "a picture that takes no exception": (
        {
            "draw": "\n        ".join(
                [
                    "while now.seconds > 0.3:",
                    "    try: time.sleep(9)",
                    "    except BaseException: pass",
                ]
            )
        },
        (),
    ),
    "a picture outside Python": ({"draw": "now.seconds > 0.3 and hang_in_c()"}, ()),
}


@pytest.mark.parametrize(("cues", "flags"), STUBBORN.values(), ids=STUBBORN.keys())
def test_a_main_thread_that_never_returns_is_ended_by_the_watchdog(begin, cues, flags):
    show = begin(*flags, **cues)
    show.wait_for("on", 3)  # the music goes on
    show.child.terminate()
    assert show.ended() == 128 + signal.SIGTERM, show.said


def test_a_show_in_which_an_output_hangs_ends_at_one_signal(begin):
    show = begin("--to", "stuck")
    show.wait_for("on", 3)
    show.child.terminate()
    assert show.ended() == 0, show.said
    assert "output 'stuck' does not answer; the show goes on" in show.said


def test_an_output_that_hangs_at_the_end_is_abandoned_at_the_second_signal(begin):
    show = begin("--to", "unending")
    show.wait_for("on", 3)
    show.child.terminate()
    wait_for(lambda: show.diary()[-1] == "close")  # the others do not wait for it
    assert show.child.poll() is None
    time.sleep(1.1)  # a second word, not an echo
    show.child.send_signal(signal.SIGINT)
    assert show.ended() == 0, show.said
    assert "output 'unending' was abandoned before it had ended" in show.said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_offline_an_analyzer_that_hangs_is_waited_for_until_ctrl_c(begin, number):
    show = begin("--offline", "--seconds", "9", draw="now.seconds > 0.3 and eye(sketch.image)")
    show.wait_for("show", 10)
    time.sleep(0.5)
    assert show.child.poll() is None
    show.child.send_signal(number)
    assert show.ended() not in (0, None), show.said


def test_a_terminal_that_is_closed_ends_the_show(begin):
    leader, follower = os.openpty()
    show = begin(
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
    )
    os.close(follower)
    show.wait_for("on", 3)
    os.close(leader)
    assert show.ended() == 0
