"""Several machines play one show and draw one film, across a network that is none too good."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import udp_relay
from helpers.devices import wait_for
from helpers.hosts import hosts

pytestmark = [pytest.mark.system, pytest.mark.slow]

# Performs a sketch, and writes when which beat is shown, and each note.
PLAYER = """
import sys
import numpy as np
from capriccio import Note, Output, Sketch

class Log(Output):
    def start(self, performance):
        self.clock, self.file = performance.clock, open(sys.argv[2], "w", 1)
    def write(self, what, now, value):
        print(what, self.clock.monotonic(now.seconds), value, file=self.file)
    def show(self, image, now):
        self.write("frame", now, now.beats)
    def note_on(self, note, now):
        self.write("on", now, note.pitch)
    def note_off(self, note, now):
        self.write("off", now, note.pitch)
    def close(self):
        self.file.close()

sketch = Sketch(bpm=100, fps=30, size=(16, 16))

@sketch.draw
def picture(now):
    return np.full((16, 16, 3), int(255 * now.phase(bars=1)), np.uint8)

@sketch.play(bars=1)
def tune(now):
    return [Note(60 + beat, beat, 1.5) for beat in range(4)]

facts = {"sha256": "a", "seed": 7}
sketch.perform([Log()], inputs=[sys.argv[1]], live=True, provenance=lambda: facts)
"""

# The host that first comes to the 20th frame loses the process that draws.
FILM = """
import os, signal, socket, sys
from pathlib import Path
import numpy as np
from capriccio import Sketch

sketch = Sketch(bpm=120, fps=10, size=(64, 64))

@sketch.draw
def picture(now):
    if "spawn" in " ".join(sys.orig_argv):  # in a worker
        host = Path("/sys/class/net/net/address").read_text()  # of its network
        drew = Path(__file__).with_name("drew.txt")
        dies = now.seconds == 2.0 and not (drew.exists() and "died" in drew.read_text())
        with drew.open("a") as file:
            file.write("died " if dies else host)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
    return np.full((64, 64, 3), int(90 * now.phase(bars=3)), np.uint8)
"""


class Player:
    """A show on a host."""

    def __init__(self, network, number, source, folder):
        self.log, self.said = folder / f"{number}.log", folder / f"{number}.txt"
        with self.said.open("w") as said:
            self.process = network.start(
                number, sys.executable, folder / "player.py", source, self.log, stderr=said
            )

    def rows(self, *what, last=10**9):
        """Return some kinds of rows of the log, of its `last` bytes alone: what, when, value."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - last))
            lines = file.read().decode().splitlines()
        rows = [line.split() for line in lines if line.startswith(what)]
        return [(row[0], float(row[1]), float(row[2])) for row in rows if len(row) == 3]

    def frames(self, **how):
        """Return times and beats of the frames that were shown since the beats began."""
        rows = [row[1:] for row in self.rows("frame", **how) if row[2] > 0.02]
        return np.array(rows).reshape(-1, 2)


def have_played(players, seconds):
    """Return whether all have shown frames for some seconds since the last of them began."""
    shown = [player.frames() for player in players]
    begun = max(one[0, 0] if len(one) else np.inf for one in shown)
    return all(len(one) and one[-1, 0] > begun + seconds for one in shown)


def apart(players):
    """Return how far the last frames of players are apart, in seconds: the 95th of a hundred.

    It is the time between two of them showing the same beat.
    """
    shown = [player.frames(last=8000) for player in players]
    (times, beats), *_ = [one.T for one in shown]
    ended = min(one[-1, 0] for one in shown)
    chosen = (times > max(one[0, 0] for one in shown)) & (times < ended)
    off = [np.abs(np.interp(beats[chosen], *one.T[::-1]) - times[chosen]) for one in shown[1:]]
    return float(np.percentile(off, 95))


def test_screens_stay_together_and_outlive_their_conductor(tmp_path):
    (tmp_path / "player.py").write_text(PLAYER)
    with hosts(3) as network:
        hub, place = network.address(0), network.address(1)
        network.start(0, sys.executable, udp_relay.__file__, f"{hub}:9101", f"{place}:9100")
        leader = Player(network, 1, f"conductor:{place}:9100/rose,2", tmp_path)
        others = [Player(network, number, f"follower:{hub}:9101/rose", tmp_path)
                  for number in (2, 3)]  # fmt: skip
        wait_for(lambda: time.sleep(1) or have_played([leader, *others], 10), 180)
        wait_for(lambda: time.sleep(1) or apart([leader, *others]) < 0.02, 120)
        leader.process.kill()
        for one in others:
            wait_for(lambda one=one: "fallen silent; the tempo stays" in one.said.read_text(), 120)
        known = [len(one.rows("on")) for one in others]
        for one, count in zip(others, known, strict=True):  # the show goes on
            wait_for(lambda one=one, count=count: len(one.rows("on")) > count + 2, 120)
            one.process.send_signal(signal.SIGTERM)
            one.process.wait(60)
            notes, sounding = one.rows("on", "off"), set()
            for kind, _, pitch in notes:
                (sounding.add if kind == "on" else sounding.discard)(pitch)
            assert len(notes) > 10 and not sounding


def test_two_hosts_draw_the_film_of_one_though_one_is_killed(tmp_path):
    pytest.importorskip("distributed")
    (tmp_path / "film.py").write_text(FILM)
    flags = ["-m", "capriccio", "render", "film.py", "--seconds=4", "--seed=7"]

    def render(*words):
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stderr

    render(sys.executable, *flags, "--to=video:one.mp4")
    with hosts(2) as network:
        scheduler = f"tcp://{network.address(0)}:8786"
        dask = [sys.executable, "-m", "dask"]
        host = ["--host", network.address(0), "--no-dashboard"]
        network.start(0, *dask, "scheduler", *host, stderr=subprocess.DEVNULL)
        for number in (1, 2):
            how = ["--nthreads", "1", "--no-dashboard", "--local-directory", tmp_path / str(number)]
            network.start(number, *dask, "worker", scheduler, *how, cwd=tmp_path,
                          stderr=subprocess.DEVNULL)  # fmt: skip
        words = [*flags, "--to=video:many.mp4", "--cluster", scheduler, "--workers=2"]
        said = render(*network.command(0, sys.executable, *words))
    assert "is drawn here" not in said
    drew = (tmp_path / "drew.txt").read_text().split()
    assert "died" in drew and len({*drew} - {"died"}) >= 2
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "many.mp4").read_bytes()
