"""The commands, in an environment of their own."""

import hashlib
import re
import subprocess
from pathlib import Path

import pytest
from helpers.devices import Scratch
from helpers.wheels import GLOW, make_wheel

pytestmark = [pytest.mark.system, pytest.mark.slow]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Scratch:
    return Scratch(tmp_path_factory.mktemp("packages") / "venv")


@pytest.fixture
def wheels(tmp_path) -> Path:
    return tmp_path / "wheels"


@pytest.fixture(autouse=True)
def clean(scratch):
    """Each test begins and ends with the same files, and without a lock."""
    before = site(scratch)
    yield
    (scratch.bin.parent / "config" / "capriccio" / "plugins.toml").unlink(missing_ok=True)
    assert site(scratch) == before


def site(scratch: Scratch) -> str:
    """Return a hash of every file of the environment but those that hold settings."""
    digest = hashlib.sha256()
    for path in sorted((scratch.bin.parent / "lib").rglob("*")):
        digest.update(str(path).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def refused(scratch: Scratch, command: str, folder: Path) -> str:
    """Return the sentence with which a command is refused, after which all is as it was."""
    before = site(scratch)
    with pytest.raises(AssertionError) as caught:
        scratch.run(f"capriccio {command}", folder)
    assert site(scratch) == before
    (line,) = [one for one in str(caught.value).splitlines() if one.startswith("Error: ")]
    return line.removeprefix("Error: ")


def test_a_plugin_is_installed_restored_upgraded_and_removed(scratch, wheels, tmp_path):
    make_wheel(wheels, "capriccio-glow-colours", plugin="", code="RED = 1\n")
    make_wheel(wheels, requires=("capriccio-glow-colours", "numpy"))
    lock = scratch.bin.parent / "config" / "capriccio" / "plugins.toml"

    said = scratch.run("capriccio install capriccio-glow --find-links wheels --dry-run", tmp_path)
    for words in ("capriccio-glow 1.0, Paints one colour", "by Ada", "plugin glow",
                  "capriccio-glow-colours 1.0", "nothing was changed"):  # fmt: skip
        assert words in said
    assert not lock.exists()
    said = scratch.run("capriccio install capriccio-glow --find-links wheels --yes", tmp_path)
    assert said.splitlines()[-1].startswith("installed glow")
    said = scratch.run("capriccio install capriccio-glow --find-links wheels", tmp_path)
    assert "already" in said

    scratch.run("pip uninstall --yes capriccio-glow capriccio-glow-colours", tmp_path)
    kept = lock.read_text()
    glow = make_wheel(wheels, requires=("capriccio-glow-colours", "numpy"), code=GLOW + "# other")
    said = refused(scratch, "restore --find-links wheels --yes", tmp_path)
    assert "is another file than the one that was installed" in said
    assert said.count(glow.name) == 1
    make_wheel(wheels, requires=("capriccio-glow-colours", "numpy"))
    scratch.run("capriccio restore --find-links wheels --yes", tmp_path)
    assert lock.read_text() == kept

    make_wheel(tmp_path / "newer", version="1.1", requires=("capriccio-glow-colours",))
    said = scratch.run("capriccio upgrade glow --find-links newer --yes", tmp_path)
    assert "capriccio-glow 1.0 -> 1.1" in said
    assert 'version = "1.1"' in lock.read_text()

    said = scratch.run("capriccio uninstall glow --yes", tmp_path)
    assert said.splitlines() == ["remove capriccio-glow 1.1", "remove capriccio-glow-colours 1.0"]
    assert "glow" not in lock.read_text()


CLASHES = {
    "a clash": (
        {"requires": ("numpy<1.20",)},
        "capriccio-glow 1.0 needs numpy<1.20, but .* needs numpy.*, and numpy .* is installed",
    ),
    "no plugin": ({"plugin": ""}, "capriccio-glow 1.0 brings no plugin: expected"),
    "a name of ours": ({"plugin": "gan"}, "brings a plugin 'gan', and so does capriccio"),
    "a newer engine": (
        {"requires": ("capriccio>=99",)},
        "capriccio-glow needs capriccio>=99, and .* is installed; upgrade Capriccio itself first",
    ),
    "it does not load": ({"code": "1 / 0\n"}, "does not load: ZeroDivisionError"),
    "it breaks the contract": (
        {"code": GLOW.replace("np.full(", "np.random.random((8, 8, 3)) + 0 * np.full(")},
        "generator glow breaks the contract",
    ),
    "a pickle": ({"files": {"capriccio_glow_data/a.pkl": b"x"}}, "runs code when it is loaded"),
    "a bad model": ({"files": {"capriccio_glow_data/a.onnx": b"x"}}, "a.onnx"),
}


@pytest.mark.parametrize(("facts", "sentence"), CLASHES.values(), ids=CLASHES)
def test_a_plugin_is_refused_and_every_file_is_as_it_was(
    scratch, wheels, tmp_path, facts, sentence
):
    make_wheel(wheels, **facts)
    make_wheel(wheels, "numpy", "1.19.0", plugin="")
    said = refused(scratch, "install capriccio-glow --find-links wheels --yes", tmp_path)
    assert re.search(sentence, said), said
    assert len(said) < 400


BAD = {
    "install nothing-of-this-name --yes": "satisfies the requirement nothing-of-this-name",
    "install a.whl --yes": "a.whl",
    "install -e a.whl --yes": "only a folder can be editable",
    "uninstall nothing": "no plugin is called 'nothing'; installed: none",
    "uninstall gan": "'gan' belongs to Capriccio itself",
    "restore": "nothing to restore",
}


@pytest.mark.parametrize(("command", "sentence"), BAD.items(), ids=BAD)
def test_what_cannot_be_done_is_said_in_one_sentence(scratch, tmp_path, command, sentence):
    (tmp_path / "a.whl").write_text("not a wheel")
    assert sentence in refused(scratch, command, tmp_path)


def test_a_denied_package_is_not_installed(scratch, wheels, tmp_path):
    make_wheel(wheels)
    denied = scratch.bin.parent / "config" / "capriccio" / "denied.txt"
    denied.parent.mkdir(parents=True, exist_ok=True)
    denied.write_text("capriccio-glow==1.0  # steals brushes\n")
    try:
        said = refused(scratch, "install capriccio-glow --find-links wheels --yes", tmp_path)
    finally:
        denied.unlink()
    assert "capriccio-glow 1.0 is on the list of denied packages (steals brushes)" in said


def test_a_folder_is_installed_as_it_is_changed(scratch, tmp_path):
    scratch.run("capriccio new plugin shimmer", tmp_path)
    try:
        scratch.run("capriccio install ./capriccio-shimmer -e --yes", tmp_path)
        lock = scratch.bin.parent / "config" / "capriccio" / "plugins.toml"
        assert "editable = true" in lock.read_text()
        assert str(tmp_path / "capriccio-shimmer") in lock.read_text()
    finally:
        subprocess.run(
            [scratch.python, "-m", "pip", "uninstall", "--yes", "capriccio-shimmer"],
            env=scratch.environment,
            capture_output=True,
        )
