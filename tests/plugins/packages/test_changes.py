"""What an installation would change, and who minds."""

import pytest
from capriccio_packages.changes import changes_of, check_conflicts, check_names, needed_by
from capriccio_packages.environment import PackageError


class Installed:
    """A distribution that is installed."""

    def __init__(self, version, requires=(), plugins=()):
        self.version, self.requires = version, list(requires)
        self.entry_points = [Point(name) for name in plugins]


class Point:
    group = "capriccio"

    def __init__(self, name):
        self.name = name


def entry(name, version, requires=(), **facts):
    metadata = {"name": name, "version": version, "requires_dist": list(requires)}
    return {"metadata": metadata, "download_info": {"url": "https://x/y.whl"}, **facts}


INSTALLED = {
    "capriccio": Installed("0.1.0", ["numpy>=1.26", "torch; extra == 'train'"], ["gan"]),
    "numpy": Installed("2.4.6"),
    "capriccio-tides": Installed("1.0", ["capriccio", "scipy<2"], ["tides"]),
    "scipy": Installed("1.17.1"),
}


def test_a_report_becomes_changes():
    archive = {"hashes": {"sha256": "ab"}}
    new = entry("Capriccio_Glow", "1.0", ["numpy"], requested=True)
    new["download_info"]["archive_info"] = archive
    local = entry("numpy", "3.0", is_direct=True)
    changes = changes_of([new, local], INSTALLED)
    glow, numpy = changes["capriccio-glow"], changes["numpy"]
    assert (glow.before, glow.wanted, glow.hash) == ("", True, "sha256:ab")
    assert glow.spec == "capriccio-glow==1.0"
    assert (numpy.before, numpy.wanted, numpy.spec) == ("2.4.6", False, "numpy @ https://x/y.whl")


@pytest.mark.parametrize(
    ("revision", "folder", "source", "spec"),
    [
        (None, None, "git+https://x/glow", "git+https://x/glow@ab12"),
        ("dev", "a/b", "git+https://x/glow@dev#subdirectory=a/b",
         "git+https://x/glow@ab12#subdirectory=a/b"),
    ],
)  # fmt: skip
def test_a_repository_is_remembered_as_it_was_asked_for_and_by_its_commit(
    revision, folder, source, spec
):
    one = entry("glow", "1.0", requested=True, is_direct=True)
    one["download_info"] = {"url": "https://x/glow", "subdirectory": folder, "vcs_info": {
        "vcs": "git", "commit_id": "ab12", "requested_revision": revision}}  # fmt: skip
    (glow,) = changes_of([one], {}).values()
    assert (glow.source, glow.spec) == (source, spec)


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("1.20", "glow 1.0 needs numpy<2, but capriccio 0.1.0 needs numpy>=1.26, and numpy 2.4.6"),
        ("1.26.4", ""),
    ],
)
def test_what_others_need_is_not_changed(version, says):
    changes = changes_of([entry("glow", "1.0", ["numpy<2"]), entry("numpy", version)], INSTALLED)
    if says:
        with pytest.raises(PackageError, match=says):
            check_conflicts(changes, INSTALLED)
    else:
        check_conflicts(changes, INSTALLED)


def test_a_change_that_nobody_else_asked_for_is_told_as_yours():
    changes = changes_of([entry("scipy", "2.0", requested=True)], INSTALLED)
    with pytest.raises(
        PackageError, match=r"you asked for scipy 2.0, but capriccio-tides 1.0 needs"
    ):
        check_conflicts(changes, INSTALLED)


def test_the_engine_itself_is_not_changed_for_a_plugin():
    report = [entry("glow", "1.0", ["capriccio>=2"]), entry("capriccio", "2.0")]
    with pytest.raises(PackageError, match=r"glow 1.0 needs capriccio>=2, and 0.1.0 is installed"):
        check_conflicts(changes_of(report, INSTALLED), INSTALLED)


def test_a_plugin_has_a_name_of_its_own():
    changes = changes_of([entry("glow", "1.0")], INSTALLED)
    check_names({"glow": "glow"}, INSTALLED, changes)
    with pytest.raises(
        PackageError, match=r"glow brings a plugin 'tides', and so does capriccio-t"
    ):
        check_names({"tides": "glow"}, INSTALLED, changes)
    upgrade = changes_of([entry("capriccio-tides", "2.0")], INSTALLED)
    check_names({"tides": "capriccio-tides"}, INSTALLED, upgrade)


def test_who_needs_a_package_is_known():
    assert needed_by("scipy", INSTALLED) == ["capriccio-tides"]
    assert needed_by("torch", INSTALLED) == []  # of an extra
