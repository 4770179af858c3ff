"""What a worker may do: run as a program, it takes rights away and then becomes the worker.

It is started without any package in its path, so that nothing of a plugin runs before that. On
Linux it stays as the worker's parent, which ends it with all that it has begun.
"""

import ctypes
import json
import os
import select
import signal
import struct
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

LOOK_SECONDS = 0.1  # between two looks at whether the show is there, and how many processes are
MAX_THREADS = 512  # of all processes of a worker, where the system can count them
TOO_MANY = 77  # exit code of a worker that began too many processes

# Names and numbers of Linux, the same on all processors: unshare(2), prctl(2), landlock(7).
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 24, 36, 38
CAPABILITIES = 41  # there are: numbers from 0
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
PATH_BENEATH = 1
WRITE_FILE, REFER, TRUNCATE = 1 << 1, 1 << 13, 1 << 14
# Write a file; remove and make files, folders, devices, sockets, pipes and links.
WRITING = WRITE_FILE | sum(1 << bit for bit in range(4, 13))
BIND_TCP, CONNECT_TCP = 1 << 0, 1 << 1
SCOPES = 1 << 0 | 1 << 1  # abstract sockets and signals to processes outside
# Devices that programs write to; those of a GPU among them.
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "nvidia*", "dri/*", "kfd")


def main(words: list[str]) -> NoReturn:
    """Take rights away, and run a program. Of the two arguments one is JSON.

    Args:
        words: rights: `network`, `write`, `folder` (which may be written), `memory` (a file that
            may be written), `megabytes`, `processes`; then the words of the program.
    """
    rights: dict[str, Any] = json.loads(words[0])
    if sys.platform == "linux":
        parent = os.getppid()
        with suppress(OSError):
            _prctl(PR_SET_CHILD_SUBREAPER, 1)
        apart = _unshare(rights["network"])
        reading, writing = os.pipe()  # its end is seen where the guard has died already
        child = os.fork()
        if child:
            _guard(child, parent, rights["processes"])
        with suppress(OSError):
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.close(writing)
        if select.select([reading], [], [], 0)[0]:
            os._exit(1)
        os.close(reading)
        # The scheduler shares time between sessions: however many processes there are in that of
        # the worker, the one that ends them has its turn.
        os.setsid()
        limit(rights["megabytes"], threads=MAX_THREADS if apart & CLONE_NEWUSER else 0)
        taken = restrict(
            None if rights["write"] else [Path(rights["folder"]), Path(rights["memory"])],
            network=rights["network"],
        )
        with suppress(OSError):
            _drop_capabilities()
        free = [] if rights["network"] or apart & CLONE_NEWNET else ["network"]
        free += [] if rights["write"] or "write" in taken else ["files"]
    else:
        limit(rights["megabytes"])
        free = [one for one in ("network", "files") if not rights[{"files": "write"}.get(one, one)]]
    os.environ["CAPRICCIO_WORKER_FREE"] = ",".join(free)
    os.execv(words[1], words[1:])


def limit(megabytes: int, threads: int = 0) -> None:
    """Limit the memory of this process, and the threads of this user where that is not 0."""
    import resource

    size = megabytes << 20
    limits = {resource.RLIMIT_DATA: size, resource.RLIMIT_CORE: 0}
    if threads:
        limits[resource.RLIMIT_NPROC] = threads
    for kind, most in limits.items():
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def restrict(writable: Iterable[Path] | None, *, network: bool) -> set[str]:
    """Let this process write in some folders and files alone, and return what was taken from it.

    By Landlock, which every process may use on itself, and cannot undo.

    Args:
        writable: the folders and files; None allows all.
        network: whether TCP is allowed.

    Returns:
        "write" and "tcp", or nothing where the system has no Landlock.
    """
    version = _syscall(LANDLOCK_CREATE_RULESET, None, 0, 1, check=False)
    if version < 1:
        return set()
    writing = 0 if writable is None else WRITING
    if writing:
        writing |= (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    tcp = 0 if network or version < 4 else BIND_TCP | CONNECT_TCP
    scopes = SCOPES if version >= 6 else 0
    if not writing | tcp | scopes:
        return set()
    attributes = struct.pack("=QQQ", writing, tcp, scopes)
    size = 8 if version < 4 else 16 if version < 6 else 24
    with suppress(OSError):
        rules = _syscall(LANDLOCK_CREATE_RULESET, attributes, size, 0)
        for path in (*(writable or ()), *_devices()) if writing else ():
            allowed = writing if path.is_dir() else writing & (WRITE_FILE | TRUNCATE)
            with suppress(FileNotFoundError):
                handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
                rule = struct.pack("=Qi", allowed, handle)
                _syscall(LANDLOCK_ADD_RULE, rules, PATH_BENEATH, rule, 0)
                os.close(handle)
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
        _syscall(LANDLOCK_RESTRICT_SELF, rules, 0)
        os.close(rules)
        return {name for name, bits in (("write", writing), ("tcp", tcp)) if bits}
    return set()


def descendants(pid: int, most: int = 1_000_000) -> list[int]:
    """Return the processes that a process has begun, directly or not; about `most` of them."""
    found, waiting = list[int](), [pid]
    while waiting and len(found) <= most:
        with suppress(OSError):  # one that has ended meanwhile
            for file in list(Path(f"/proc/{waiting.pop()}/task").glob("*/children")):
                with suppress(OSError):
                    begun = [int(word) for word in file.read_text().split()]
                    found += begun
                    waiting += begun
    return found


def _devices() -> list[Path]:
    return [path for name in DEVICES for path in Path("/dev").glob(name)]


def _unshare(network: bool) -> int:
    """Leave the namespaces of the system that this user can leave; return flags of `unshare`."""
    net = 0 if network else CLONE_NEWNET
    user, group = os.getuid(), os.getgid()
    for flags in (
        CLONE_NEWUSER | CLONE_NEWPID | net,
        CLONE_NEWPID | net,  # of root in a container
        CLONE_NEWUSER | net,
    ):
        with suppress(OSError, AttributeError):
            _call("unshare", flags)
            if flags & CLONE_NEWUSER:
                with suppress(OSError):
                    Path("/proc/self/setgroups").write_text("deny")
                    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
                    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
            return flags
    return 0


def _guard(child: int, parent: int, processes: int) -> NoReturn:
    """Wait for the worker, end all that it has begun when it ends, and end as it did."""
    waited = {signal.SIGCHLD, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    for stream in (0, 1):
        os.close(stream)  # so that the show sees the end of the worker's
    code: int | None = None
    while code is None:
        caught = signal.sigtimedwait(waited, LOOK_SECONDS)
        code = _reap(child)
        if code is None:
            if (caught and caught.si_signo == signal.SIGTERM) or os.getppid() != parent:
                code = 0
            elif len(descendants(os.getpid(), most=processes)) > processes:
                code = TOO_MANY
    with suppress(OSError):
        os.kill(child, signal.SIGKILL)  # and with it all of its namespace at once
    while left := descendants(os.getpid()):  # orphans come to this process
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        _reap(child)
        time.sleep(0.001)
    os._exit(code)


def _reap(child: int) -> int | None:
    """Collect the processes that have ended; return how the child did, as a shell would."""
    code = None
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            if pid == child:
                ended = os.waitstatus_to_exitcode(status)
                code = 128 - ended if ended < 0 else ended
    return code


def _drop_capabilities() -> None:
    """Drop what a user's namespace grants to the one who made it."""
    for capability in range(CAPABILITIES):
        _prctl(PR_CAPBSET_DROP, capability)
    _call("capset", struct.pack("=Ii", 0x20080522, 0), bytes(24))  # version 3, itself; none


def _prctl(option: int, value: int) -> None:
    _call("prctl", option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3)


def _syscall(*words: Any, check: bool = True) -> int:
    return _call("syscall", *words, check=check)


def _call(name: str, *words: Any, check: bool = True) -> int:
    result: int = getattr(ctypes.CDLL(None, use_errno=True), name)(*words)
    if result < 0 and check:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
