"""Plugins with environments of their own."""

import json
import re
import subprocess
import sys

import pytest
from capriccio_packages.isolated import write_own_wheel
from capriccio_packages.wheel_file import read_wheel
from helpers.packages import refused
from helpers.wheels import GLOW, make_wheel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers need Linux or macOS")

# It paints as red as the version of `packaging` beside it, which is not ours.
OLD = GLOW.replace("import numpy as np\n", "import numpy as np\nimport packaging\n").replace(
    "[int(255 * heat), 40, 40]", "[packaging.RED, int(255 * heat), 40]"
)
# And an output of its own, that shows the same.
OLD = (
    OLD.replace("import Generator", "import Gauge, Generator, Output")
    + """
class Shine(Output):
    "Show the red of the package beside it."

    def start(self, performance):
        gauge = Gauge("red", "The red", lambda: f"{packaging.RED} {self.target}")
        performance.parameters.add_gauge(gauge)

@hookimpl
def outputs():
    return [Shine]
"""
)
COMMAND = """
import click
from capriccio import hookimpl

@hookimpl
def commands():
    return [click.Command("glow")]
"""
PLAY = """
import packaging.version, capriccio
part = capriccio.generator("glow/glow")
picture = part(capriccio.Moment(), heat=1.0)
part.close()
performance = capriccio.Performance(capriccio.OfflineClock())
output = capriccio.output("shine:there")
output.start(performance)
output.close()
print(picture[0, 0].tolist(), picture.shape, performance.parameters.gauges["red"].read())
"""
PLAYED = "[7, 255, 40] (8, 8, 3) 7 there\n"


def make_wheels(folder, **facts):
    make_wheel(folder, "packaging", "1.0", plugin="", code="RED = 7\n")
    return make_wheel(folder, requires=("packaging<2", "capriccio>=0.1"), code=OLD, **facts)


@pytest.fixture
def data(scratch):
    """The folder of what is isolated, emptied after the test."""
    yield scratch.bin.parent / "data" / "capriccio" / "isolated"
    subprocess.run(
        [scratch.bin / "capriccio", "uninstall", "glow", "--yes"],
        env=scratch.environment,
        capture_output=True,
    )


def test_the_wheel_that_stands_for_capriccio_needs_nothing(tmp_path):
    wheel = read_wheel(write_own_wheel(tmp_path, "0.1.0"))
    assert (wheel.name, wheel.version, wheel.plugins) == ("capriccio", "0.1.0", [])


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.usefixtures("clean")
def test_a_plugin_that_clashes_lives_beside_the_rest(scratch, wheels, data, tmp_path):
    make_wheels(wheels)
    said = refused(scratch, "install capriccio-glow --find-links wheels --yes", tmp_path)
    clash = r"capriccio-glow 1.0 needs packaging<2, but capriccio \S+ needs packaging>=24; nothing"
    assert re.search(clash, said), said

    command = "capriccio install --isolated capriccio-glow --find-links wheels"
    said = scratch.run(f"{command} --dry-run", tmp_path)
    assert "It plays in a process of its own: it can read your files." in said
    assert not data.exists()
    said = scratch.run(f"{command} --yes", tmp_path)
    assert said.splitlines()[-1] == "installed glow; capriccio parts lists its parts"
    assert "already" in scratch.run(command, tmp_path)

    (tmp_path / "play.py").write_text(PLAY)
    assert scratch.run(f"{scratch.python} play.py", tmp_path) == PLAYED
    listed = json.loads(scratch.run("capriccio plugins --json", tmp_path))
    (glow,) = [one for one in listed if one["plugin"] == "glow"]
    assert (glow["distribution"], glow["version"], glow["state"]) == ("capriccio-glow", "1.0", "ok")
    assert (glow["generators"], glow["says"]) == (["glow"], "Paints one colour")
    assert "heat" in scratch.run("capriccio parts glow/glow", tmp_path)

    (data / "capriccio-glow" / "files" / "kept").touch()
    make_wheels(tmp_path / "newer", version="1.1")
    said = scratch.run("capriccio upgrade glow --find-links newer --yes", tmp_path)
    assert "capriccio-glow 1.0 is replaced" in said
    assert (data / "capriccio-glow" / "files" / "kept").exists()
    lock = (scratch.bin.parent / "config" / "capriccio" / "plugins.toml").read_text()
    assert 'version = "1.1"' in lock and "isolated = true" in lock

    scratch.run(f"rm -r {data}", tmp_path)  # another machine
    scratch.run("capriccio restore --find-links newer --yes", tmp_path)
    assert scratch.run(f"{scratch.python} play.py", tmp_path) == PLAYED

    bad = OLD.replace("import packaging\n", "import packaging\n1 / 0\n")
    make_wheel(tmp_path / "worse", version="1.2", code=bad)
    said = refused(scratch, "upgrade glow --find-links worse --yes", tmp_path)
    assert "does not load: ZeroDivisionError: division by zero; everything is as it was" in said
    assert scratch.run(f"{scratch.python} play.py", tmp_path) == PLAYED

    said = scratch.run("capriccio uninstall glow --yes", tmp_path)
    assert said == "remove capriccio-glow 1.1, and its environment\n"
    assert list(data.iterdir()) == []


BAD = {
    "no plugin": ({"plugin": ""}, "", "capriccio-glow 1.0 brings no plugin: expected"),
    "a name of ours": ({"plugin": "gan"}, "", "brings a plugin 'gan', and so does capriccio"),
    "a newer engine": ({"requires": ("capriccio>=99",)}, "", "capriccio-glow needs capriccio>=99"),
    "it breaks the contract": (
        {"code": GLOW.replace("np.full(", "np.random.random((8, 8, 3)) + 0 * np.full(")},
        "",
        "generator glow breaks the contract",
    ),
    "a command alone": (
        {"code": COMMAND},
        "",
        "registers nothing that can be played here: expected generators, analyzers, outputs",
    ),
    "an editable one": ({}, "-e", "an isolated plugin cannot be editable"),
}


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(("facts", "option", "sentence"), BAD.values(), ids=BAD)
def test_what_cannot_be_installed_leaves_nothing(
    scratch, wheels, data, tmp_path, facts, option, sentence
):
    make_wheel(wheels, **facts)
    spec = "./wheels -e" if option else "capriccio-glow"
    said = refused(scratch, f"install --isolated {spec} --find-links wheels --yes", tmp_path)
    assert sentence in said
    assert not data.exists() or list(data.iterdir()) == []


@pytest.mark.system
@pytest.mark.usefixtures("clean")
def test_rights_are_those_of_isolated_plugins(scratch, wheels, tmp_path):
    make_wheel(wheels)
    said = refused(scratch, "install capriccio-glow --network --find-links wheels", tmp_path)
    assert said == "--network is for --isolated: other plugins may do all"
