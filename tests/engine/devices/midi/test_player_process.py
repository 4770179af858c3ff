"""The process that plays MIDI."""

import os
import subprocess
import sys

from capriccio.devices.midi import player_process


def test_a_device_is_found_at_another_port_and_not_taken_for_another_of_its_name():
    class Port:
        """Stands in for a driver that numbers its ports, as ALSA does; JACK has no such numbers."""

        def __init__(self):
            self.names, self.sent, self.opened = ["nano 20:0", "nano 24:0"], [], []

        def get_ports(self):
            return self.names

        def open_port(self, number, name):
            self.opened.append(self.names[number])

        def close_port(self):
            pass

        def send_message(self, message):
            self.sent.append(message)

    port = Port()
    player = player_process.PlayerProcess(port, "nano 20:0")
    looks = [
        ["nano 20:0", "nano 24:0"],
        ["nano 24:0"],  # unplugged; the other one is not it
        ["nano 24:0"],
        ["nano 24:0", "nano 28:0"],
    ]
    for port.names in looks:
        player.check(os.getppid())
    assert port.opened == ["nano 28:0"]
    assert not player.ended


def test_the_player_process_imports_next_to_nothing():
    code = (
        f"import runpy, sys; runpy.run_path({player_process.__file__!r}); "
        "print([name for name in ('numpy', 'pluggy', 'supriya_midi', 'capriccio.media') "
        "if name in sys.modules])"
    )
    child = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert child.stdout == "[]\n", child.stderr
