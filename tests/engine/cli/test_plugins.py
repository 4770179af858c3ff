"""`capriccio plugins` lists what is installed, and why something did not load."""

import json
import sys

import pytest
from capriccio import registry
from capriccio.cli.plugins import describe
from capriccio.plugin_probe import reasons_against
from capriccio.registry import GROUP, Registry
from helpers.command import capriccio

PLUGIN = """
import click
from capriccio import Analyzer, Generator, hookimpl
class Tides(Generator):
    "Paint tides."
class Gauge(Analyzer):
    "Read tides."
@click.command()
def tell(): pass
@hookimpl
def generators(): return [Tides]
@hookimpl
def analyzers(): return [Gauge]
@hookimpl
def commands(): return [tell]
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install plugins, written by name, as pip would, and nothing else."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.syspath_prepend(tmp_path)

    def install(only=None, **plugins):
        from importlib.metadata import distributions

        for name, text in plugins.items():
            (tmp_path / f"listed_{name}.py").write_text(text)
            records = tmp_path / f"listed_{name}-1.5.dist-info"
            records.mkdir()
            (records / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: listed-{name}\nVersion: 1.5\nSummary: About {name}\n"
                "Keywords: sea,capriccio-plugin\nClassifier: Topic :: Artistic Software\n"
            )
            (records / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = listed_{name}\n")
        found = [one for dist in distributions(path=[str(tmp_path)]) for one in dist.entry_points]
        monkeypatch.setattr(registry, "entry_points", lambda group: found)
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        made = Registry(found, only, reasons_against)
        monkeypatch.setattr(registry, "installed", lambda: made)

    yield install
    for name in [one for one in sys.modules if one.startswith("listed_")]:
        del sys.modules[name]


def test_every_plugin_is_listed_with_its_parts_and_where_it_comes_from(install):
    install(tides=PLUGIN)
    (tides,) = json.loads(capriccio("plugins", "--json").stdout)
    assert tides == {
        "plugin": "tides",
        "distribution": "listed-tides",
        "version": "1.5",
        "says": "About tides",
        "keywords": ["sea", "capriccio-plugin", "Topic :: Artistic Software"],
        "state": "ok",
        "generators": ["tides"],
        "analyzers": ["gauge"],
        "outputs": [],
        "inputs": [],
        "instruments": [],
        "commands": ["tell"],
        "broken": [],
        "deprecated": "",
    }
    shown = capriccio("plugins").stdout
    for words in ("listed-tides 1.5", "generators: tides", "analyzers: gauge", "commands: tell"):
        assert words in shown


def test_plugins_are_searched_by_what_their_packages_and_parts_say(install):
    install(tides=PLUGIN, glow="")

    def search(words):
        found = json.loads(capriccio("plugins", "--json", "--search", words).stdout)
        return [one["plugin"] for one in found]

    assert search("capriccio-plugin") == search("artistic Listed") == ["glow", "tides"]
    assert search("read tides") == search("ANALYZERS") == ["tides"]
    assert search("about glow") == ["glow"]
    assert search("tides glow") == []
    assert "no plugin has all these words" in capriccio("plugins", "--search", "x").stdout


KNOWS = """
import click
from capriccio import hookimpl
class Directory(click.Group):
    def entries(self):
        same = {"version": "2.0", "says": "Lights up", "keywords": ["output"]}
        return [{"distribution": f"listed-{one}", "plugins": [one], "source": source, **same}
                for one, source in (("lamp", "listed-lamp"), ("moon", "a/moon"), ("tides", "x"))]
    def locked(self):
        return [{"distribution": one, "version": "1", "plugins": [one]}
                for one in ("listed-tides", "listed-sun")]
@hookimpl
def commands():
    return [Directory("directory")]
"""


def test_plugins_that_a_directory_knows_are_found_where_they_are_not_installed(install):
    install(tides=PLUGIN, knows=KNOWS)
    lamp, moon = json.loads(capriccio("plugins", "--json", "--search", "OUTPUT lights").stdout)
    assert (lamp["plugin"], lamp["state"], lamp["outputs"]) == ("lamp", "not installed", [])
    assert moon["source"] == "a/moon"
    shown = capriccio("plugins", "--search", "lights").stdout
    assert "listed-lamp 2.0" in shown and "Lights up" in shown
    assert "not installed: capriccio install listed-lamp" in shown
    assert "not installed: a/moon is not here" in shown
    shown = capriccio("plugins").stdout
    assert "lamp" not in shown
    assert shown.count("was installed, and is not here: capriccio restore") == 1  # listed-sun


def test_a_plugin_for_an_older_contract_is_listed_with_what_to_change(install, monkeypatch):
    monkeypatch.setattr("capriccio.hookspecs.CONTRACT", 2)
    install(tides=f"CONTRACT = 1\n{PLUGIN}")
    (tides,) = json.loads(capriccio("plugins", "--json").stdout)
    assert (tides["state"], tides["generators"]) == ("ok", ["tides"])
    assert tides["deprecated"].startswith("is written for contract 1, and this Capriccio has 2")
    assert "it plays, for now" in capriccio("plugins").stdout.replace("\n", " ")


def test_what_did_not_load_is_listed_with_the_reason(install):
    install(tides=PLUGIN, ends="import os; os._exit(3)", raises="1 / 0", prints="print('hi')")
    listed = {one["plugin"]: (one["state"], one["broken"]) for one in describe()}
    assert listed == {
        "ends": ("broken", ["ended the process with exit code 3 at import"]),
        "prints": ("broken", ["printed 'hi' at import, where programs read JSON"]),
        "raises": ("broken", ["ZeroDivisionError: division by zero"]),
        "tides": ("ok", []),
    }
    assert "ended the process with exit code 3" in capriccio("plugins").stdout


def test_a_plugin_that_is_left_out_or_lacking_says_so(install):
    install("tides,moon", tides=PLUGIN, other=PLUGIN)
    listed = {one["plugin"]: one for one in describe()}
    assert {name: one["state"] for name, one in listed.items()} == {
        "moon": "broken",
        "other": "left out",
        "tides": "ok",
    }
    assert listed["moon"]["broken"] == ["CAPRICCIO_PLUGINS asks for it, but it is not installed"]
    shown = capriccio("plugins").stdout
    assert "left out by CAPRICCIO_PLUGINS" in shown and "not installed" in shown


def test_a_plugin_that_loads_in_part_is_broken_and_its_parts_are_listed(install):
    install(tides=PLUGIN.replace("[Gauge]", "[7]"))
    (tides,) = describe()
    assert (tides["state"], tides["generators"], tides["analyzers"]) == ("broken", ["tides"], [])
    assert "analyzers() returned 7" in tides["broken"][0]


def test_without_plugins_the_list_is_empty(install):
    install()
    assert json.loads(capriccio("plugins", "--json").stdout) == []
    assert capriccio("plugins").stdout == "no plugins are installed\n"
