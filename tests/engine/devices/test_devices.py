"""The plugin that brings the engine's own outputs and inputs."""

import subprocess
import sys

import pytest
from capriccio.devices import inputs, outputs
from capriccio.registry import input_device, output


def test_outputs_are_found_by_their_names(tmp_path):
    targets = {"frames": "folder", "video": "a.mp4", "midifile": "a.mid"}
    targets |= {"animation": "a.gif", "image": "a.png"}
    for made in outputs():
        target = tmp_path / targets.get(made.name, "x")
        assert type(output(f"{made.name}:{target}")) is made


@pytest.mark.parametrize(("words", "target"), [("clock:drums", "drums"), ("link", "")])
def test_clocks_are_inputs(words, target):
    found = input_device(words)
    assert type(found) in inputs()
    assert found.target == target


def test_the_plugin_loads_no_device_library():
    code = (
        "import sys, capriccio.registry as registry; registry.installed(); "
        "print([name for name in ('av', 'pygame', 'supriya_midi', 'mido') if name in sys.modules])"
    )
    child = subprocess.run(
        [sys.executable, "-c", code],
        env={"CAPRICCIO_PLUGINS": "devices"},
        capture_output=True,
        text=True,
    )
    assert child.stdout == "[]\n", child.stderr
