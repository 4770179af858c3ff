"""Files are written whole or not at all."""

import sys

import pytest
from capriccio.atomic_file import replacing, write_bytes


def test_a_file_is_replaced_once_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
        assert part.parent == path.parent
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="disk full"), replacing(path) as part:
        part.write_text("ne")
        raise OSError("disk full")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_bytes_are_written_with_the_folders_above(tmp_path):
    path = tmp_path / "a" / "b" / "c.bin"
    write_bytes(path, b"\0\xff")
    assert path.read_bytes() == b"\0\xff"
    assert list(path.parent.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path):
    real, link = tmp_path / "real.bin", tmp_path / "link.bin"
    real.write_bytes(b"old")
    link.symlink_to(real)
    write_bytes(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_a_link_in_the_place_of_the_part_is_not_followed(tmp_path):
    victim, path = tmp_path / "victim", tmp_path / "a.txt"
    victim.write_text("precious")
    (tmp_path / ".a.txt.part").symlink_to(victim)
    write_bytes(path, b"new")
    assert (path.read_bytes(), victim.read_text()) == (b"new", "precious")
    assert not path.is_symlink()


def test_a_part_that_was_left_behind_is_replaced(tmp_path):
    (tmp_path / ".a.txt.part").write_text("half")
    with replacing(tmp_path / "a.txt") as part:
        assert part.read_bytes() == b""
        part.write_text("whole")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["whole"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_a_private_file_is_for_its_owner_alone(tmp_path):
    write_bytes(tmp_path / "state" / "a", b"mine", private=True)
    write_bytes(tmp_path / "b", b"ours")
    assert (tmp_path / "state" / "a").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "b").stat().st_mode & 0o044
