"""`capriccio new` writes what works at once, and refuses names that could not."""

import pytest
from capriccio.cli import new
from capriccio.cli.main import main
from click.testing import CliRunner


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(*words):
    result = CliRunner().invoke(main, ["new", *words])
    assert not result.exception or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output.strip()


@pytest.mark.parametrize("name", ["aurora", "night_sky"])
def test_a_new_plugin_installs_passes_its_own_test_and_plays(name, folder, scratch):
    status, words = new("plugin", name)
    assert status == 0
    package = folder / f"capriccio-{name.replace('_', '-')}"
    assert words.startswith(f"wrote {package.name}/; to play it: cd {package.name} && pip install")

    scratch.run('pip install -e ".[test]"', package)
    try:
        scratch.run("python -m pytest -q", package)
        parts = [part for part in scratch.parts(package)["parts"] if part["name"] == name]
        assert [part["distribution"] for part in parts] == [package.name]
        printed = scratch.run("python play.py --offline --seconds 0.2 --to frames:stills", package)
        assert printed == ""
        assert len(list((package / "stills").iterdir())) == 6
    finally:
        scratch.run(f"pip uninstall --yes {package.name}", package)


def test_a_new_sketch_plays(folder):
    from capriccio.loader import load_sketch
    from capriccio.testing import Memory

    assert new("sketch", "my_piece") == (
        0,
        "wrote my_piece.py; to play it: capriccio run my_piece.py",
    )
    memory = Memory()
    load_sketch(folder / "my_piece.py").perform([memory], seconds=1)
    assert len(memory.images) == 30
    assert memory.notes
    assert len((folder / "my_piece.py").read_text().splitlines()) < 20


def test_a_new_part_is_a_dozen_lines(folder):
    new("plugin", "aurora")
    text = (folder / "capriccio-aurora" / "capriccio_aurora.py").read_text()
    written = text[text.index("class") : text.index("@hookimpl")].strip()
    assert len([line for line in written.splitlines() if line]) <= 12


def test_the_prefix_may_be_typed(folder):
    assert new.new_plugin("capriccio-aurora", folder) == folder / "capriccio-aurora"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("plugin Night-Sky", "no plugin can be called 'Night-Sky'; use a-z, 0-9 and _, such as"),
        ("plugin 3d", "use a-z, 0-9 and _, such as 'my_3d'"),
        ("plugin ÄÖ", "such as 'my'"),
        ("plugin class", "no plugin can be called 'class', which means something else already"),
        ("plugin generator", "no plugin can be called 'generator', which means something else"),
        ("plugin rnn", "generator 'rnn' of plugin 'rnn' is installed already; choose another"),
        ("plugin devices", "of plugin 'devices' is installed already; choose another name"),
        ("plugin critic_", "no plugin can be called"),
        ("sketch capriccio", "no sketch can be called 'capriccio', which means something else"),
        ("sketch ../mine", "no sketch can be called '../mine'; use a-z, 0-9 and _, such as 'mine'"),
        ("sketch random", "called 'random' would hide Python's own module; choose another name"),
    ],
)
def test_a_name_that_could_not_work_is_refused(words, complaint, folder):
    status, said = new(*words.split())
    assert status == 1
    assert said.startswith("Error: ")
    assert complaint in said
    assert list(folder.iterdir()) == []


def test_a_module_that_is_there_already_is_not_hidden(folder, monkeypatch):
    (folder / "capriccio_old.py").touch()
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(ValueError, match="a module 'capriccio_old' is installed already; choose"):
        new.new_plugin("old", folder)


def test_nothing_is_written_over(folder):
    (folder / "mine.py").write_text("precious")
    assert new("sketch", "mine.py") == (
        1,
        "Error: 'mine.py' is there already; choose another name",
    )
    (folder / "capriccio-mine").mkdir()
    with pytest.raises(FileExistsError, match="'capriccio-mine' is there already; choose another"):
        new.new_plugin("mine", folder)
    assert (folder / "mine.py").read_text() == "precious"
