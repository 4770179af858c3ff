"""What is known of a plugin with an environment of its own."""

import json

import pytest
from capriccio import PartError
from capriccio_isolation.environments import Environment, environment_of


def test_an_environment_is_found_by_its_plugin(apart):
    environment = environment_of("trouble_apart")
    assert (environment.folder, environment.entry) == (apart, "capriccio_trouble")
    assert environment.limits() == {
        "python": str(apart / "environment" / "bin" / "python"),
        "folder": apart / "files",
        "megabytes": 3000,
    }


def test_its_parts_are_asked_of_it_once(apart, monkeypatch):
    environment = environment_of("trouble_apart")
    parts = environment.parts()
    generator, analyzer, *_ = parts
    assert (generator["name"], analyzer["name"]) == ("trouble", "worry")
    assert [knob["name"] for knob in generator["knobs"]] == ["what", "heat", "source"]
    assert generator["knobs"][1] == {
        "name": "heat", "kind": "number", "default": 0.5, "choices": [],
        "description": "How red it is.",
    }  # fmt: skip
    assert analyzer["options"] == ["gain"]
    monkeypatch.setattr("capriccio_isolation.environments.WorkerProcess", None)
    assert environment.parts() == parts


def write(tmp_path, monkeypatch, facts):
    folder = tmp_path / "capriccio" / "isolated" / "glow"
    folder.mkdir(parents=True)
    (folder / "environment.json").write_text(json.dumps(facts))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return folder


BAD = {
    "no plugin": ({"plugins": {}}, "no plugin 'glow' has an environment of its own"),
    "no facts": ({}, "environment.json' cannot be read: KeyError"),
    "an older Python": (
        {"plugins": {"glow": "glow"}, "python": "3.2"},
        r"its environment is made for Python 3.2, and this is .*; capriccio restore makes it anew",
    ),
}


@pytest.mark.parametrize(("facts", "sentence"), BAD.values(), ids=BAD)
def test_what_cannot_be_used_is_told(tmp_path, monkeypatch, facts, sentence):
    write(tmp_path, monkeypatch, facts)
    with pytest.raises(PartError, match=sentence):
        environment_of("glow").parts()


def test_an_environment_that_is_gone_or_does_not_load_is_told(apart, tmp_path):
    facts = vars(environment_of("trouble_apart"))
    with pytest.raises(PartError, match="capriccio restore makes it anew"):
        (tmp_path / "environment.json").touch()
        Environment(**{**facts, "folder": tmp_path}).parts()
    (apart / "parts.json").unlink(missing_ok=True)
    with pytest.raises(PartError, match="it does not load: ModuleNotFoundError: No module named"):
        Environment(**{**facts, "entry": "nothing_of_this_name"}).parts()
