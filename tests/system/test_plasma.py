"""The example package docs/capriccio-plasma is built, installed, performed and uninstalled."""

import shutil

import pytest
from helpers.devices import ROOT, Scratch

pytestmark = [pytest.mark.system, pytest.mark.slow]


@pytest.fixture
def package(tmp_path):
    return shutil.copytree(ROOT / "docs" / "capriccio-plasma", tmp_path / "capriccio-plasma")


def plasma_parts(scratch: Scratch, folder) -> list[dict]:
    parts = scratch.parts(folder)["parts"]
    return [part for part in parts if part["distribution"] == "capriccio-plasma"]


def test_a_third_party_package_is_built_installed_listed_performed_and_uninstalled(
    scratch, package
):
    assert plasma_parts(scratch, package) == []

    scratch.run("pip wheel --no-deps --wheel-dir dist .", package)
    scratch.run("pip install dist/capriccio_plasma-1.0-py3-none-any.whl", package)
    try:
        parts = plasma_parts(scratch, package)
        assert [(part["role"], part["name"]) for part in parts] == [
            ("generator", "plasma"),
            ("analyzer", "thermometer"),
            ("output", "log"),
            ("input", "sway"),
        ]
        assert {part["plugin"] for part in parts} == {"plasma"}
        assert {part["version"] for part in parts} == {"1.0"}
        knobs = parts[0]["knobs"]
        assert [knob["name"] for knob in knobs] == ["drift", "heat", "glow"]

        for notes in ("one.txt", "two.txt"):
            scratch.run(
                f"capriccio run waves.py --offline --seconds 3 --seed 7 --to log:{notes} "
                "--from sway:/plasma/heat",
                package,
            )
        notes = (package / "one.txt").read_text()
        assert len(notes.splitlines()) == 5  # one a beat, at 96 bpm, for 3 s
        assert notes == (package / "two.txt").read_text()

        scratch.run("python -m pytest -q tests", package)
    finally:
        scratch.run("pip uninstall --yes capriccio-plasma", package)
    assert plasma_parts(scratch, package) == []
