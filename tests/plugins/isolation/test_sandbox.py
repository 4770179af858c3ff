"""What a worker may do, tried by programs that run as one."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from capriccio_isolation import sandbox
from helpers.devices import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="rights are taken on Linux alone")

TRY = """
import json, os, socket, sys
def attempt(function, *words):
    try:
        function(*words)
        return "done"
    except OSError as error:
        return type(error).__name__
home, folder, memory, port = sys.argv[1:]
def write(path):
    with open(path, "a") as file:
        file.write("x")
print(json.dumps({
    "free": os.environ["CAPRICCIO_WORKER_FREE"],
    "home": attempt(write, os.path.join(home, "written")),
    "remove": attempt(os.unlink, os.path.join(home, "there")),
    "folder": attempt(write, os.path.join(folder, "written")),
    "memory": attempt(write, memory),
    "null": attempt(write, "/dev/null"),
    "read": attempt(open, os.path.join(home, "read")),
    "tcp": attempt(socket.create_connection, ("127.0.0.1", int(port)), 5),
    "udp": attempt(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect, ("127.0.0.1", 9)),
}))
"""


@pytest.fixture
def places(tmp_path):
    home, folder, memory = tmp_path / "home", tmp_path / "folder", tmp_path / "memory"
    home.mkdir()
    folder.mkdir()
    for file in (memory, home / "there", home / "read"):
        file.touch()
    return home, folder, memory


def command(places, *program: str, **rights) -> list[str]:
    _, folder, memory = places
    rights = {"network": False, "write": False, "megabytes": 4096, "processes": 64, **rights}
    words = json.dumps({**rights, "folder": str(folder), "memory": str(memory)})
    return [sys.executable, "-I", "-S", sandbox.__file__, words, *program]


def attempts(places, **rights) -> dict[str, str]:
    """Return what a worker could do, and what kept it from the rest."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        words = [sys.executable, "-I", "-c", TRY, *map(str, places), port]
        child = subprocess.run(command(places, *words, **rights), capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout)


def test_a_worker_writes_in_its_folder_alone(places):
    found = attempts(places)
    if "files" in found["free"]:
        pytest.skip("this system has no Landlock")
    assert (found["home"], found["remove"]) == ("PermissionError", "PermissionError")
    assert found["folder"] == found["memory"] == found["null"] == found["read"] == "done"
    assert sorted(path.name for path in places[0].iterdir()) == ["read", "there"]


def test_a_worker_has_no_network(places):
    found = attempts(places)
    if "network" in found["free"]:
        pytest.skip("this system allows no namespaces to this user")
    assert found["tcp"] != "done" and found["udp"] != "done"


def test_an_installation_can_say_otherwise(places):
    found = attempts(places, network=True, write=True)
    assert set(found.values()) == {"", "done"}


def test_what_the_system_cannot_take_is_named(places, monkeypatch):
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); import sandbox;"
        "sandbox._unshare = lambda network: 0; sandbox.restrict = lambda *words, **more: set();"
        "sandbox.main(sys.argv[2:])"
    )
    *_, words = command(places)
    program = [sys.executable, "-I", "-c", "import os; print(os.environ['CAPRICCIO_WORKER_FREE'])"]
    child = subprocess.run(
        [sys.executable, "-c", code, str(Path(sandbox.__file__).parent), words, *program],
        capture_output=True,
        text=True,
    )
    assert child.stdout == "network,files\n", child.stderr


BOMB = """
import subprocess, sys
while True:
    subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"],
                     start_new_session=True)
"""


def test_a_fork_bomb_ends_with_all_that_it_began(places):
    before = set(sandbox.descendants(os.getpid()))
    child = subprocess.Popen(command(places, sys.executable, "-I", "-c", BOMB, processes=5))
    assert child.wait(60) == sandbox.TOO_MANY
    assert set(sandbox.descendants(os.getpid())) <= before


def test_a_bomb_of_which_every_piece_forks_ends_as_well():
    python, user = sys.executable, {}
    if os.getuid() == 0:  # whom no limit of processes holds: it is tried as nobody
        python = shutil.which("python3", path="/usr/bin") or pytest.skip("no /usr/bin/python3")
        user = {"user": 65534, "group": 65534, "extra_groups": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        memory = folder / "memory"
        memory.touch()
        program = folder / "sandbox.py"
        program.write_text(Path(sandbox.__file__).read_text())
        *_, words = command((folder, folder, memory))
        code = "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass"
        child = subprocess.run(
            [python, "-I", "-S", program, words, python, "-I", "-c", code], timeout=120, **user
        )
    assert child.returncode == sandbox.TOO_MANY


def test_what_left_the_session_ends_with_the_worker(places):
    code = (
        "import subprocess, os; child = subprocess.Popen(['sleep', '600'], start_new_session=True);"
        "print(flush=True); os._exit(3)"
    )
    before = set(sandbox.descendants(os.getpid()))
    child = subprocess.run(command(places, sys.executable, "-I", "-c", code), timeout=60)
    assert child.returncode == 3
    assert set(sandbox.descendants(os.getpid())) <= before


def test_the_end_of_a_worker_is_told_as_by_a_shell(places):
    code = "import ctypes; ctypes.string_at(0)"
    child = subprocess.run(command(places, sys.executable, "-I", "-c", code), capture_output=True)
    assert child.returncode == 128 + 11


def test_a_worker_ends_with_the_show(places):
    with subprocess.Popen(command(places, "/bin/sleep", "600")) as child:
        (worker,) = wait_for(lambda: sandbox.descendants(child.pid), what="the worker")
        child.kill()
    wait_for(lambda: not Path(f"/proc/{worker}/cmdline").exists() or stopped(worker))


def stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
