"""Parts are found, named and built; a plugin that fails is named where it is missed."""

from importlib.metadata import EntryPoint
from itertools import count

import pytest
from capriccio import Analyzer, Generator, Output, registry
from capriccio.cli.main import main
from capriccio.errors import PartError
from capriccio.registry import GROUP, Registry
from click.testing import CliRunner

NUMBER = count()

GOOD = """
from capriccio import Generator, hookimpl

class Plasma(Generator):
    def __init__(self, *, seed=0, size=256):
        self.seed, self.size = seed, size
    def generate(self, now, *, heat=0.5):
        return []

@hookimpl
def generators():
    return [Plasma]
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Write a plugin's module and give its entry point."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, text):
        module = f"plugin_{name}_{next(NUMBER)}"
        (tmp_path / f"{module}.py").write_text(text)
        return EntryPoint(name, module, GROUP)

    return write


@pytest.fixture
def use(monkeypatch):
    """Make these plugins the installed ones."""

    def install(*points, only=None):
        made = Registry(points, only)
        monkeypatch.setattr(registry, "installed", lambda: made)
        registry.use_seed(None)
        return made

    yield install
    registry.use_seed(None)


def hooks(role, *names):
    """Write a plugin with one part of each of these names."""
    classes = "".join(f"class {name.capitalize()}({role}): name = {name!r}\n" for name in names)
    return (
        f"from capriccio import {role}, hookimpl\n{classes}@hookimpl\n"
        f"def {role.lower()}s(): return [{', '.join(map(str.capitalize, names))}]\n"
    )


# -- finding ----------------------------------------------------------------------------------


def test_a_part_is_found_by_its_name_and_by_its_plugins(plugin):
    found = Registry([plugin("waves", GOOD)])
    part = found.find(Generator, "plasma")
    assert issubclass(part, Generator)
    assert found.find(Generator, "waves/plasma") is part
    assert [(part.plugin, part.distribution) for part in found.found] == [("waves", "")]
    assert found.broken == []


def test_one_plugin_may_have_parts_of_all_roles(plugin):
    text = """
from capriccio import Analyzer, Generator, Output, hookimpl
class Maker(Generator): pass
class Judge(Analyzer): pass
class Wall(Output): pass
@hookimpl
def generators(): return (Maker,)
@hookimpl
def analyzers(): return [Judge]
@hookimpl
def outputs():
    yield Wall
"""
    found = Registry([plugin("all", text)])
    for role, name in ((Generator, "maker"), (Analyzer, "judge"), (Output, "wall")):
        assert found.find(role, name).name == name
    with pytest.raises(PartError, match=r"^no generator is named 'judge'; there are 'maker'$"):
        found.find(Generator, "judge")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("plasmo", r"^no generator is named 'plasmo'; did you mean 'plasma'\?$"),
        ("zither", r"^no generator is named 'zither'; there are 'plasma'$"),
        ("other/plasma", r"^no generator is named 'other/plasma'; did you mean 'plasma'\?$"),
    ],
)
def test_an_unknown_part_suggests_the_nearest_names(plugin, name, message):
    with pytest.raises(PartError, match=message):
        Registry([plugin("waves", GOOD)]).find(Generator, name)


def test_a_registry_without_plugins_says_so():
    with pytest.raises(PartError, match=r"^no output is named 'screen'; there are none$"):
        Registry([]).find(Output, "screen")


def test_two_plugins_with_one_part_name_are_an_error_only_when_it_is_asked_for(plugin):
    points = [
        plugin("one", hooks("Analyzer", "ear", "eye")),
        plugin("two", hooks("Analyzer", "ear")),
    ]
    found = Registry(points)
    assert found.broken == []
    assert found.find(Analyzer, "eye")
    with pytest.raises(PartError, match=r"^2 plugins have an analyzer 'ear'; ask for 'one/ear' or"):
        found.find(Analyzer, "ear")
    assert found.find(Analyzer, "one/ear") is not found.find(Analyzer, "two/ear")


# -- what does not load -----------------------------------------------------------------------

BAD = {
    "a plugin that raises": ("raise OSError('no\\n device')", "OSError: no device"),
    "a syntax error": ("def", "SyntaxError: invalid syntax (plugin_bad_"),
    "an import that is missing": (
        "import no_such_module",
        "ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "a plugin that leaves": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "a plugin without a word": ("raise ValueError", "ValueError"),
    "a misspelled hook": (
        "from capriccio import hookimpl\n@hookimpl\ndef generator(): return []",
        "there is no hook 'generator'; did you mean 'generators'?",
    ),
    "a hook that raises": (
        "from capriccio import hookimpl\n@hookimpl\ndef outputs(): 1 / 0",
        "outputs() raised ZeroDivisionError: division by zero",
    ),
    "a hook that leaves": (
        "from capriccio import hookimpl\n@hookimpl\ndef outputs(): raise SystemExit",
        "outputs() raised SystemExit",
    ),
    "a hook that gives nothing": (
        "from capriccio import hookimpl\n@hookimpl\ndef outputs(): pass",
        "outputs() raised TypeError: 'NoneType' object is not iterable",
    ),
    "a hook that gives an object": (
        "from capriccio import hookimpl\n@hookimpl\ndef analyzers(): return [7]",
        "analyzers() returned 7, expected classes that extend Analyzer",
    ),
    "a hook that gives another role": (
        "from capriccio import hookimpl\n@hookimpl\ndef analyzers(): return [int]",
        "analyzers() returned <class 'int'>, expected classes that extend Analyzer",
    ),
    "a hook with an argument": (
        "from capriccio import hookimpl\n@hookimpl\ndef outputs(now): return []",
        "PluginValidationError: Plugin 'bad' for hook 'outputs' hookimpl definition: outputs(now)",
    ),
    "a knob that cannot be": (
        "from capriccio import Generator\nclass Hot(Generator):\n"
        "    def generate(self, now, *, heat=7): pass",
        "TypeError: knob 'heat' of generator 'hot' must be 0..1 by default, got 7",
    ),
}


@pytest.mark.parametrize(("text", "reason"), BAD.values(), ids=BAD.keys())
def test_a_broken_plugin_does_not_stop_the_others(plugin, text, reason):
    found = Registry([plugin("bad", text), plugin("waves", GOOD), plugin("worse", "1 / 0")])
    assert found.find(Generator, "plasma")
    (bad, worse) = found.broken
    assert bad.plugin == "bad"
    assert bad.reason.startswith(reason)
    assert worse.reason == "ZeroDivisionError: division by zero"


def test_an_entry_point_to_a_missing_module_is_listed_as_broken():
    found = Registry([EntryPoint("lost", "no_such_module_anywhere", GROUP)])
    assert found.broken[0].reason.startswith("ModuleNotFoundError: No module named")


def test_a_broken_plugin_is_named_where_it_is_missed(plugin):
    found = Registry([plugin("bad", "raise OSError('no device')"), plugin("waves", GOOD)])
    message = r"there are 'plasma' \(did not load: 'bad': OSError: no device\)$"
    with pytest.raises(PartError, match=message):
        found.find(Generator, "zither")


def test_of_two_plugins_of_one_name_the_first_is_kept(plugin):
    found = Registry([plugin("waves", GOOD), plugin("waves", hooks("Output", "wall"))])
    assert [part.part.name for part in found.found] == ["plasma"]
    assert found.broken[0].reason == "another plugin is called 'waves' as well"


def test_an_entry_point_may_name_an_object(plugin):
    text = """
from capriccio import Output, hookimpl
class Wall(Output): pass
class Plugin:
    @hookimpl
    def outputs(self): return [Wall]
plugin = Plugin()
"""
    module = plugin("walls", text).value
    found = Registry([EntryPoint("walls", f"{module}:plugin", GROUP)])
    assert found.find(Output, "wall").name == "wall"


CONTRACTS = {
    "a newer one": ("CONTRACT = 4\nraise ImportError('not read')", "upgrade Capriccio"),
    "one that is gone": ("CONTRACT: int = 1\n" + GOOD, "upgrade the plugin"),
}


@pytest.mark.parametrize(("text", "advice"), CONTRACTS.values(), ids=CONTRACTS)
def test_a_plugin_for_another_contract_is_named_and_not_imported(plugin, monkeypatch, text, advice):
    monkeypatch.setattr("capriccio.hookspecs.CONTRACT", 3)
    monkeypatch.setattr("capriccio.hookspecs.OLDEST_CONTRACT", 2)
    made = Registry([plugin("old", text)])
    (broken,) = made.broken
    declared = text[text.index("= ") + 2]
    assert broken.reason == (
        f"is written for contract {declared}, and this Capriccio has 3; {advice}"
    )
    assert made.found == []


def test_a_plugin_for_an_older_contract_that_is_still_kept_plays(plugin, monkeypatch):
    monkeypatch.setattr("capriccio.hookspecs.CONTRACT", 3)
    monkeypatch.setattr("capriccio.hookspecs.OLDEST_CONTRACT", 2)
    made = Registry([plugin("old", f"CONTRACT = 2\n{GOOD}"), plugin("silent", "")])
    assert [one.part.name for one in made.found] == ["plasma"]
    assert made.contracts == {"old": 2}
    assert list(made.deprecated) == ["old"]


def test_ours_say_what_they_are_written_for():
    made = registry.installed()
    ours = {one.plugin for one in made.found if one.distribution == "capriccio"}
    assert {made.contracts.get(plugin) for plugin in ours} == {1}


def test_ctrl_c_is_not_swallowed(plugin):
    with pytest.raises(KeyboardInterrupt):
        Registry([plugin("bad", "raise KeyboardInterrupt")])
    text = "from capriccio import hookimpl\n@hookimpl\ndef outputs(): raise KeyboardInterrupt"
    with pytest.raises(KeyboardInterrupt):
        Registry([plugin("bad", text)])


def test_a_plugin_with_a_misspelled_hook_is_not_loaded(plugin):
    text = GOOD + "\n@hookimpl\ndef analyzer(): return []\n"
    found = Registry([plugin("half", text), plugin("waves", hooks("Output", "wall"))])
    assert [part.plugin for part in found.found] == ["waves"]
    assert found.broken[0].reason == "there is no hook 'analyzer'; did you mean 'analyzers'?"


def test_a_plugin_with_one_bad_part_keeps_the_good_one(plugin):
    text = GOOD.replace("return [Plasma]", "return [Plasma, None]")
    found = Registry([plugin("half", text)])
    assert found.find(Generator, "plasma")
    reason = "generators() returned None, expected classes that extend Generator"
    assert found.broken[0].reason == reason


# -- CAPRICCIO_PLUGINS ------------------------------------------------------------------------


def test_loading_is_limited_to_the_plugins_that_are_named(plugin):
    points = [plugin("waves", GOOD), plugin("bad", "1 / 0"), plugin("more", hooks("Output", "o"))]
    assert {part.plugin for part in Registry(points).found} == {"waves", "more"}
    limited = Registry(points, only=" waves ,")
    assert {part.plugin for part in limited.found} == {"waves"}
    assert limited.broken == []
    assert Registry(points, only="").found == []


def test_a_requested_plugin_that_is_not_installed_is_listed_as_broken(plugin):
    found = Registry([plugin("waves", GOOD)], only="waves,sea")
    assert found.find(Generator, "plasma")
    message = r"'sea': CAPRICCIO_PLUGINS asks for it, but it is not installed\)"
    with pytest.raises(PartError, match=message):
        found.find(Generator, "storm")


def test_the_installed_plugins_follow_the_environment(monkeypatch):
    monkeypatch.setenv("CAPRICCIO_PLUGINS", "")
    registry.installed.cache_clear()
    try:
        assert registry.installed().found == []
    finally:
        registry.installed.cache_clear()


# -- building ---------------------------------------------------------------------------------


def test_a_part_is_built_with_its_options(plugin, use):
    use(plugin("waves", GOOD))
    part = registry.generator("plasma", size=64)
    assert part.size == 64
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        registry.generator("plasma", colour="red")


def test_an_output_is_built_with_the_target_behind_the_colon(plugin, use):
    use(plugin("walls", hooks("Output", "wall")))
    assert registry.output("wall").target == ""
    assert registry.output("wall:C:\\out.mp4").target == "C:\\out.mp4"
    assert registry.output("walls/wall:2").target == "2"
    with pytest.raises(PartError, match=r"^no output is named 'well'; did you mean 'wall'\?$"):
        registry.output("well:1")


def test_an_analyzer_is_built(plugin, use):
    use(plugin("ears", hooks("Analyzer", "ear")))
    assert registry.analyzer("ear").name == "ear"


def seeds(*options):
    return [registry.generator("plasma", **each).seed for each in options]


def test_every_part_gets_its_own_seed_and_the_same_in_the_next_run(plugin, use):
    use(plugin("waves", GOOD))
    first = seeds({}, {}, {})
    assert len(set(first)) == 3
    registry.use_seed(None)
    assert seeds({}, {}, {}) == first


def test_the_seed_of_the_run_overrides_that_of_the_sketch(plugin, use):
    use(plugin("waves", GOOD))
    assert seeds({"seed": 5}, {"seed": 5}) == [5, 5]
    registry.use_seed(7)
    run = seeds({"seed": 5}, {"seed": 5})
    assert 5 not in run
    assert run[0] != run[1]
    registry.use_seed(7)
    assert seeds({"seed": 6}, {}) == run
    registry.use_seed(8)
    assert seeds({"seed": 5}, {"seed": 5}) != run


def test_a_seed_in_the_sketch_does_not_move_those_of_other_parts(plugin, use):
    use(plugin("waves", GOOD))
    _, second = seeds({}, {})
    registry.use_seed(None)
    assert seeds({"seed": 5}, {})[1] == second


# -- training ---------------------------------------------------------------------------------


def test_the_trainer_of_a_plugin_is_found(tmp_path, monkeypatch, plugin):
    package = tmp_path / "trainable_plugin"
    (package / "training").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "training" / "__init__.py").write_text("")
    (package / "training" / "main.py").write_text("def train(data, out): return data, out")
    found = Registry([plugin("waves", GOOD), EntryPoint("deep", "trainable_plugin", GROUP)])
    assert found.trainer("deep")(1, 2) == (1, 2)


def test_a_plugin_without_a_trainer_is_reported(plugin):
    found = Registry([plugin("waves", GOOD), plugin("bad", "1 / 0")])
    message = r"^no plugin 'waves' can be trained; there are none \(did not load: 'bad': ZeroDiv"
    with pytest.raises(PartError, match=message):
        found.trainer("waves")


# -- commands ---------------------------------------------------------------------------------

COMMAND = """
import click
from capriccio import hookimpl

@click.command()
@click.argument("name")
def greet(name):
    '''Greet NAME.'''
    if name == "nobody":
        raise ValueError(f"there is no {name!r}; name somebody")
    click.echo(f"hello, {name}")

@hookimpl
def commands():
    return [greet]
"""


def test_a_command_of_a_plugin_is_called_like_a_built_in_one(plugin, use):
    use(plugin("hello", COMMAND))
    assert CliRunner().invoke(main, ["greet", "Ada"]).output == "hello, Ada\n"
    assert "Greet NAME." in CliRunner().invoke(main, ["greet", "--help"]).output
    wrong = CliRunner().invoke(main, ["greet", "nobody"])
    assert (wrong.exit_code, wrong.output) == (1, "Error: there is no 'nobody'; name somebody\n")


def test_no_plugin_takes_the_name_of_a_command_of_ours(plugin, use):
    use(plugin("hello", COMMAND.replace("@click.command()", "@click.command('parts')")))
    assert "Greet" not in CliRunner().invoke(main, ["parts", "--help"]).output


def test_commands_are_loaded_only_when_looked_up(plugin, use):
    text = COMMAND.replace("return [greet]", "raise OSError('asked')")
    found = use(plugin("hello", text), plugin("waves", GOOD))
    assert found.find(Generator, "plasma")
    assert found.broken == []
    assert CliRunner().invoke(main, ["run", "--help"]).exit_code == 0
    assert found.broken == []
    told = CliRunner().invoke(main, ["greet", "Ada"]).output
    assert "No such command 'greet'" in told
    assert "did not load: 'hello': commands() raised OSError: asked" in told


def test_an_invalid_command_is_reported_and_the_others_are_kept(plugin):
    text = COMMAND.replace("return [greet]", "return [7, greet]")
    found = Registry([plugin("hello", text), plugin("again", COMMAND)])
    assert list(found.commands) == ["greet"]
    assert {broken.reason for broken in found.broken} == {
        "commands() returned 7, expected click commands",
        "another plugin brings 'greet' as well",
    }
