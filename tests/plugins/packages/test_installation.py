"""Installations beside Capriccio that are refused or undone, in an environment of their own."""

import re
import subprocess

import pytest
from helpers.devices import needs
from helpers.packages import refused
from helpers.wheels import GLOW, make_wheel

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.usefixtures("clean")]


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
    "a newer contract": (
        {"code": "CONTRACT = 99\n1 / 0\n"},
        "is written for contract 99, and this Capriccio has 1; upgrade Capriccio",
    ),
    "no hooks": (
        {"code": "x = 1\n"},
        "plugin 'glow' registers nothing that can be played here: expected generators, analyzers",
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


COMMIT = "git add -A && git -c user.name=Ada -c user.email=ada@example.org commit -qm a"


def test_a_repository_is_restored_at_its_commit_and_upgraded_to_the_newest(scratch, tmp_path):
    needs("git")
    scratch.run("capriccio new plugin shimmer", tmp_path)
    repository, source = tmp_path / "capriccio-shimmer", f"git+file://{tmp_path}/capriccio-shimmer"
    scratch.run(f"git init -q && {COMMIT}", repository)
    try:
        said = scratch.run(f"capriccio install {source} --yes", tmp_path)
        commit = scratch.run("git rev-parse HEAD", repository).strip()
        assert f"from {source}@{commit}" in said
        lock = scratch.bin.parent / "config" / "capriccio" / "plugins.toml"
        kept = lock.read_text()
        assert f'source = "{source}"' in kept and f'pinned = "{source}@{commit}"' in kept
        scratch.run(f"sed -i 's/version = .*/version = \"0.2\"/' *.toml && {COMMIT}", repository)
        scratch.run("pip uninstall --yes capriccio-shimmer", tmp_path)
        scratch.run("capriccio restore --yes", tmp_path)
        assert lock.read_text() == kept
        said = scratch.run("capriccio upgrade shimmer --yes", tmp_path)
        assert "capriccio-shimmer 0.1 -> 0.2" in said
    finally:
        subprocess.run(
            [scratch.python, "-m", "pip", "uninstall", "--yes", "capriccio-shimmer"],
            env=scratch.environment,
            capture_output=True,
        )


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
