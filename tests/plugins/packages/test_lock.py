"""The lock of what was installed, and the list of what never is."""

import stat
import tomllib

import pytest
from capriccio_packages import lock
from capriccio_packages.environment import PackageError
from capriccio_packages.lock import Locked, Package, check_denied, read_lock, write_lock

PACKAGES = [
    Package("glow", "1.0", "sha256:ab"),
    Package("ähnlich", "2", models={"a/ü.onnx": "sha256:00"}),
]
GLOW = Locked("glow", "1.0", 'a "quoted"\\path', False, PACKAGES)
TIDES = Locked("tides", "0.1", "/home/ada/tides", True, [Package("tides", "0.1")])
APART = Locked("apart", "2", "apart", packages=[Package("apart", "2")], isolated=True,
               rights=["network", "write"], pinned="git+https://x/apart@ab12")  # fmt: skip


def test_a_lock_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "config" / "plugins.toml"
    write_lock(path, {"tides": TIDES, "glow": GLOW, "apart": APART})
    assert read_lock(path) == {"apart": APART, "glow": GLOW, "tides": TIDES}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one["name"] for one in tomllib.loads(path.read_text())["plugin"]] == [
        "apart",
        "glow",
        "tides",
    ]
    write_lock(path, {})
    assert read_lock(path) == {} and list(path.parent.iterdir()) == [path]


def test_no_lock_names_no_plugin(tmp_path):
    assert read_lock(tmp_path / "none.toml") == {}


@pytest.mark.parametrize("text", ["[[", "plugin = 3", "[[plugin]]\nname = 'x'", "plugin = [1]"])
def test_a_lock_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(PackageError, match=r"the lock '.*a.toml' cannot be read"):
        read_lock(tmp_path / "a.toml")


@pytest.fixture
def denied(tmp_path, monkeypatch):
    """The file of what is denied."""
    monkeypatch.setattr(lock, "deny_path", lambda: tmp_path / "denied.txt")
    monkeypatch.setattr(lock, "denied_lines", lambda: [("moth>=2  # eats wool", "directory.json")])
    return tmp_path / "denied.txt"


def test_denied_packages_are_named_with_the_reason(denied):
    check_denied({"glow": "1.0", "moth": "1.9"})  # there is no list
    denied.write_bytes(b"\xef\xbb\xbf# ours\r\nglow==1.1 # steals\r\n\r\nMy_Worm\nmoss<2\n")
    check_denied({"glow": "1.0", "moss": "2.0"})
    with pytest.raises(PackageError, match=r"glow 1.1.0 is on the list .* \(steals\)"):
        check_denied({"glow": "1.1.0"})
    with pytest.raises(PackageError, match="my-worm 3 is on the list of denied packages:"):
        check_denied({"my-worm": "3"})
    with pytest.raises(PackageError, match=r"moss 1.9 is on the list"):
        check_denied({"moss": "1.9"})
    with pytest.raises(PackageError, match=r"moth 2.0 .* \(eats wool\): 'directory.json'"):
        check_denied({"moth": "2.0"})


def test_a_list_that_cannot_be_read_denies_all(denied):
    denied.write_text("glow 1.0\n")
    with pytest.raises(PackageError, match=r"such as name or name==1.0, got 'glow 1.0'"):
        check_denied({"moss": "1"})
    denied.write_bytes(b"\xff\xfe")
    with pytest.raises(PackageError, match=r"denied.txt' cannot be read"):
        check_denied({"moss": "1"})
