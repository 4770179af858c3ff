"""`capriccio new` writes sketches and plugins that work at once, and refuses impossible names."""

import importlib

import pytest
from capriccio.cli.new import new_plugin, new_sketch
from helpers.command import capriccio, digest, python


def new(*words):
    result = capriccio("new", *words)
    return result.exit_code, result.output.strip()


@pytest.mark.system
@pytest.mark.slow
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
        listed = scratch.run(f"capriccio parts {name}", package)
        assert "Where on the circle the light is" in " ".join(listed.split())
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
    text = (folder / "my_piece.py").read_text()
    assert text.endswith("\n\n\nsketch.run()\n")
    assert len(text.splitlines()) < 25


def test_a_new_sketch_is_a_program(folder):
    file = new_sketch("mine", folder)
    python(file, "--offline", "--seconds", "0.1", "--seed", "3", "--to", "frames:a")
    capriccio("run", file, "--offline", "--seconds", "0.1", "--seed", "3", "--to", "frames:b")
    assert digest("a") == digest("b")


def test_a_new_generator_keeps_the_contract_and_explains_its_knobs(folder, monkeypatch):
    from capriccio.testing import check_generator

    package = new_plugin("night_sky", folder)
    monkeypatch.syspath_prepend(package)
    part = importlib.import_module("capriccio_night_sky").NightSky
    check_generator(part)
    assert part.name == "night_sky"
    assert [knob.description for knob in part.knobs.values()] == [
        "Where on the circle the light is; 0 and 1 are the same place.",
        "The size of the light.",
    ]
    assert (package / "play.py").read_text().endswith("\n\n\nsketch.run()\n")
    assert (
        "check_generator(NightSky)" in (package / "tests/test_capriccio_night_sky.py").read_text()
    )
    readme = (package / "README.md").read_text()
    assert "capriccio parts night_sky" in readme and "$" not in readme


def test_a_new_part_is_a_dozen_lines(folder):
    new("plugin", "aurora")
    text = (folder / "capriccio-aurora" / "capriccio_aurora.py").read_text()
    written = text[text.index("class") : text.index("@hookimpl")].strip()
    assert len([line for line in written.splitlines() if line]) <= 12


def test_the_prefix_of_a_plugin_may_be_typed(folder):
    assert new_plugin("capriccio-aurora", folder) == folder / "capriccio-aurora"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            "plugin Night-Sky",
            "the name of a plugin is made of a-z, 0-9 and _, such as 'night_sky', got",
        ),
        ("plugin 3d", "made of a-z, 0-9 and _, such as 'my_3d'"),
        ("plugin ÄÖ", "such as 'my'"),
        ("plugin class", "no plugin can be called 'class', which has another meaning"),
        ("plugin generator", "no plugin can be called 'generator', which has another meaning"),
        ("plugin rnn", "generator 'rnn' of plugin 'rnn' is installed already; choose another"),
        ("plugin devices", "of plugin 'devices' is installed already; choose another name"),
        ("plugin critic_", "the name of a plugin is made of"),
        ("sketch capriccio", "no sketch can be called 'capriccio', which has another meaning"),
        ("sketch ../mine", "the name of a sketch is made of a-z, 0-9 and _, such as 'mine', got"),
        ("sketch random", "called 'random' would hide Python's own module; choose another name"),
    ],
)
def test_an_impossible_name_is_refused(words, complaint, folder):
    status, said = new(*words.split())
    assert status == 1
    assert said.startswith("Error: ")
    assert complaint in said
    assert list(folder.iterdir()) == []


def test_a_module_that_is_there_already_is_not_hidden(folder, monkeypatch):
    (folder / "capriccio_old.py").touch()
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(ValueError, match="a module 'capriccio_old' is installed already; choose"):
        new_plugin("old", folder)


def test_nothing_is_overwritten(folder):
    (folder / "mine.py").write_text("precious")
    assert new("sketch", "mine.py") == (
        1,
        "Error: 'mine.py' exists already; choose another name",
    )
    (folder / "capriccio-mine").mkdir()
    with pytest.raises(FileExistsError, match="'capriccio-mine' exists already; choose another"):
        new_plugin("mine", folder)
    assert (folder / "mine.py").read_text() == "precious"
