"""The steps of an installation."""

import pytest
from capriccio_packages.changes import changes_of
from capriccio_packages.environment import PackageError
from capriccio_packages.lock import Package
from capriccio_packages.steps import (
    check_brings_plugins,
    check_hashes,
    describe,
    needs,
    path_of,
)
from capriccio_packages.wheel_file import read_wheel
from helpers.wheels import make_wheel


def changes(*entries):
    report = [
        {
            "metadata": {"name": name, "version": "1.0", "requires_dist": list(requires)},
            "download_info": {"url": "https://x/y.whl"},
            "requested": name == "glow",
        }
        for name, requires in entries
    ]
    return changes_of(report, {})


CHAIN = changes(("glow", ["paint"]), ("paint", ["oil", "glow"]), ("oil", []), ("other", []))


def test_what_a_package_needs_is_followed():
    assert needs("glow", CHAIN) == ["paint", "oil"]
    assert needs("oil", CHAIN) == []


def test_what_is_installed_is_described(tmp_path, capsys):
    wheel = read_wheel(make_wheel(tmp_path, "glow", files={"glow/fast.so": b"1"}))
    describe(changes(("glow", [])), {"glow": wheel}, {"glow": ["model sky"]}, "Beware.")
    assert capsys.readouterr().out.splitlines() == [
        "glow 1.0, Paints one colour, 0.0 MB",
        "  by Ada",
        "  from the package index",
        "  plugin glow",
        "  1 files of native code",
        "  model sky",
        "Beware.",
    ]


def test_other_files_and_packages_without_a_plugin_are_refused(tmp_path):
    wheel = read_wheel(make_wheel(tmp_path, "glow", plugin=""))
    with pytest.raises(PackageError, match=r"glow-1.0-py3-none-any.whl is another file than the"):
        check_hashes({"glow": wheel}, [Package("glow", "1.0", "sha256:00")])
    check_hashes({"glow": wheel}, [Package("glow", "1.0", wheel.hash), Package("a", "1", "00")])
    with pytest.raises(PackageError, match=r"glow 1.0 brings no plugin: expected"):
        check_brings_plugins(changes(("glow", [])), {"glow": wheel})


def test_a_model_that_was_changed_is_refused(tmp_path):
    wheel = read_wheel(make_wheel(tmp_path, "glow", files={"glow/a.onnx": b"1"}))
    ((name, kept),) = wheel.models.items()
    locked = Package("glow", "1.0", models={name: kept})  # built here: the wheel itself may differ
    check_hashes({"glow": wheel}, [locked])
    for content in ({"glow/a.onnx": b"2"}, {}):
        other = read_wheel(make_wheel(tmp_path / "new", "glow", files=content))
        with pytest.raises(PackageError, match=r"glow/a.onnx is another file than the one that"):
            check_hashes({"glow": other}, [locked])


def test_the_address_of_a_file_is_a_path():
    assert path_of("file:///home/ada/my%20glow") == "/home/ada/my glow"
    assert path_of("git+https://example.org/glow") == "git+https://example.org/glow"
