"""A show that holds its interpreter in C is ended all the same."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from helpers.devices import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is tried with Linux's libc")

# The draw cue calls C code that never lets go of the interpreter.
HOLDS = """
    import ctypes, struct, time
    import numpy as np
    from capriccio import Sketch
    from capriccio.testing import Memory

    sketch = Sketch(fps=20, size=(16, 16))

    @sketch.draw
    def hold(now):
        if now.seconds:
            lock, until = ctypes.create_string_buffer(64), int(time.time()) + {seconds}
            print(ctypes.addressof(lock), flush=True)
            for _ in range(2):  # which the second time waits, and which no signal interrupts
                ctypes.PyDLL(None).pthread_mutex_timedlock(lock, struct.pack("qq", until, 0))
        return np.zeros((16, 16, 3))

    sketch.perform([Memory()], live=True, seconds={seconds} + 1)
"""


def wait_until_it_holds(child):
    """Wait until a process is in the system call that waits for the lock whose address it says."""
    address = hex(int(child.stdout.readline()))

    def holds():
        # One that lets go may have done so before it is looked at.
        return child.poll() is not None or address in call.read_text()

    call = Path(f"/proc/{child.pid}/syscall")
    wait_for(holds, 60)


@pytest.fixture
def show(request):
    """A show that has begun to hold its interpreter for so many seconds."""
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDS.format(seconds=request.param))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until_it_holds(child)
    yield child
    child.kill()
    child.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("show", [1000], indirect=True)
def test_a_show_that_holds_its_interpreter_for_ever_is_killed(show):
    show.send_signal(signal.SIGTERM)
    assert show.wait(120) == -signal.SIGKILL
    assert "something holds its interpreter; it is killed" in show.stderr.read()


@pytest.mark.parametrize("show", [1], indirect=True)
def test_one_that_lets_go_in_time_ends_by_itself(show):
    show.send_signal(signal.SIGTERM)
    assert show.wait(120) in (0, -signal.SIGTERM)
    assert "killed" not in show.stderr.read()


@pytest.mark.parametrize("show", [1000], indirect=True)
def test_it_ends_with_the_show(show):
    def helpers():
        listed = subprocess.run(
            ["ps", "--ppid", str(show.pid), "-o", "pid="], capture_output=True, text=True
        )
        return listed.stdout.split()

    [helper] = helpers()
    show.kill()
    show.wait()
    wait_for(lambda: subprocess.run(["ps", "-p", helper], capture_output=True).returncode)


# A file that calls such code while it is loaded, or code that lets go of the interpreter.
LOADS = """
    import ctypes, struct, time
    lock, until = ctypes.create_string_buffer(64), int(time.time()) + 1000
    print(ctypes.addressof(lock), flush=True)
    for _ in range(2):
        ctypes.{kind}(None).pthread_mutex_timedlock(lock, struct.pack("qq", until, 0))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "ends"), [("PyDLL", -signal.SIGKILL), ("CDLL", 128 + signal.SIGINT)]
)
def test_ctrl_c_ends_a_show_that_hangs_before_it_has_begun(tmp_path, kind, ends):
    file = tmp_path / "piece.py"
    file.write_text(textwrap.dedent(LOADS.format(kind=kind)))
    child = subprocess.Popen(
        [sys.executable, "-m", "capriccio", "run", str(file), "--to", "frames:a"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    wait_until_it_holds(child)
    child.send_signal(signal.SIGINT)
    assert child.wait(120) == ends
    child.communicate()
