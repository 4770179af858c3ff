"""Files before a change, put back byte for byte."""

import sysconfig
from pathlib import Path

import pytest
from capriccio_packages.snapshot import Snapshot


class Installed:
    """A distribution of one file."""

    def __init__(self, folder, *names):
        self.folder, self.files = folder, list(names)

    def locate_file(self, name):
        return self.folder / name


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "site"
    (folder / "old").mkdir(parents=True)
    (folder / "old" / "a.py").write_text("one")
    (folder / "other.py").write_text("other")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(folder))
    return folder


def content(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in folder.rglob("*") if path.is_file()}


def change(site: Path) -> None:
    (site / "old" / "a.py").unlink()
    (site / "old").rmdir()
    (site / "new" / "deep").mkdir(parents=True)
    (site / "new" / "deep" / "b.py").write_text("two")
    (site / "new" / "link").symlink_to(site / "new" / "deep")


def test_a_change_that_fails_is_undone(site):
    before = content(site)
    with pytest.raises(ValueError, match="broken"), Snapshot([Installed(site, "old/a.py", "no")]):
        change(site)
        raise ValueError("broken")
    assert content(site) == before
    assert not (site / "new").exists()


def test_a_change_that_succeeds_stays(site):
    with Snapshot([Installed(site, "old/a.py")]):
        change(site)
    assert sorted(path.name for path in site.iterdir()) == ["new", "other.py"]
