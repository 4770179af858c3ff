"""Finding image files."""

from pathlib import Path

import pytest
from capriccio_critic.files import find_pictures


@pytest.fixture
def gallery(tmp_path):
    """A folder with two pictures, another file, and a third picture in a sub-folder."""
    folder = tmp_path / "gallery"
    (folder / "old").mkdir(parents=True)
    for path in ("a.png", "b.JPG", "notes.txt", "old/c.webp"):
        (folder / path).touch()
    return folder


def names_below(folder):
    """Return the paths of the pictures below a folder, relative to it."""
    return [path.relative_to(folder).as_posix() for path in find_pictures([folder])]


def test_folders_are_searched_and_every_file_is_returned_once(gallery):
    found = find_pictures([gallery, gallery / "a.png"])
    assert [path.name for path in found] == ["a.png", "b.JPG", "c.webp"]
    with pytest.raises(FileNotFoundError, match="no file or folder 'nowhere'"):
        find_pictures([Path("nowhere")])


def test_a_link_to_a_folder_of_pictures_is_followed(gallery, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(gallery, target_is_directory=True)
    assert names_below(link) == ["a.png", "b.JPG", "old/c.webp"]


def test_links_inside_a_folder_are_followed(gallery, tmp_path):
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "linked").symlink_to(gallery, target_is_directory=True)
    (folder / "one.png").symlink_to(gallery / "a.png")
    (folder / "broken.png").symlink_to(tmp_path / "nowhere")
    names = ["linked/a.png", "linked/b.JPG", "linked/old/c.webp", "one.png"]
    assert names_below(folder) == names


def test_a_folder_is_read_once_under_its_own_path(gallery):
    (gallery / "also-old").symlink_to("old", target_is_directory=True)
    assert names_below(gallery) == ["a.png", "b.JPG", "old/c.webp"]


def test_loops_of_links_end(gallery):
    (gallery / "again").symlink_to(gallery, target_is_directory=True)
    (gallery / "old" / "up").symlink_to("..", target_is_directory=True)
    (gallery / "self").symlink_to("self", target_is_directory=True)
    assert names_below(gallery) == ["a.png", "b.JPG", "old/c.webp"]
