"""Several hosts on this machine: network namespaces of Linux."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from .devices import end

HUB = "10.0.0.254"


class Hosts:
    """Hosts in a network of their own: 10.0.0.1 and so on, and the hub that joins them."""

    def __init__(self, prefix: str, opened: ExitStack):
        self._prefix, self._opened = prefix, opened

    def address(self, number: int) -> str:
        """Return the address of a host; 0 is the hub."""
        return f"10.0.0.{number}" if number else HUB

    def command(self, number: int, *words: object) -> list[str]:
        """Return the command that calls another one on a host."""
        return ["ip", "netns", "exec", f"{self._prefix}{number}", *map(str, words)]

    def start(self, number: int, *words: object, **how) -> subprocess.Popen:
        """Start a program on a host; it is ended with the hosts."""
        child = subprocess.Popen(self.command(number, *words), **how)
        self._opened.callback(end, child)
        return child


@contextmanager
def hosts(count: int) -> Iterator[Hosts]:
    """Make some hosts; skip the test, with the reason, where there can be none."""
    if sys.platform != "linux" or shutil.which("ip") is None:
        pytest.skip("network namespaces need Linux and its iproute2")
    prefix = f"capriccio{os.getpid()}-"
    with ExitStack() as opened:
        for number in range(count + 1):
            name = f"{prefix}{number}"
            made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
            if made.returncode:
                pytest.skip(f"no network namespace can be made here: {made.stderr.strip()}")
            opened.callback(subprocess.run, ["ip", "netns", "del", name], check=True)
            _ip("-n", name, "link", "set", "lo", "up")
        hub = f"{prefix}0"
        try:
            _ip("-n", hub, "link", "add", "bridge", "type", "bridge")
            for number in range(1, count + 1):
                name = f"{prefix}{number}"
                _ip("-n", hub, "link", "add", f"to{number}", "type", "veth",
                    "peer", "name", "net", "netns", name)  # fmt: skip
                _ip("-n", hub, "link", "set", f"to{number}", "master", "bridge", "up")
                _ip("-n", name, "addr", "add", f"10.0.0.{number}/24", "dev", "net")
                _ip("-n", name, "link", "set", "net", "up")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network can be laid between namespaces here: {error.stderr}")
        _ip("-n", hub, "addr", "add", f"{HUB}/24", "dev", "bridge")
        _ip("-n", hub, "link", "set", "bridge", "up")
        yield Hosts(prefix, opened)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
