"""The command `capriccio`: help, commands of plugins, and what is imported when."""

import re
import subprocess
import sys

import click
import pytest
from capriccio import __version__
from capriccio.cli.main import main
from helpers.command import capriccio, error, python

pytestmark = pytest.mark.usefixtures("folder")

GREET = """
import click
from capriccio import hookimpl

@click.command()
def greet():
    "Greet everybody."
    click.echo("hello")

@hookimpl
def commands():
    return [greet]
"""


# -- help -------------------------------------------------------------------------------------


def commands(command=main, path=()):
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


@pytest.mark.parametrize("path", [path for path, _ in commands()], ids=" ".join)
def test_every_help_page_shows_an_example_that_its_command_takes(path):
    page = capriccio(*path, "--help").output
    examples = re.findall(r"^ +(?:\w+=\S+ )?capriccio ((?:\S+ ?)+)", page, re.MULTILINE)
    own = [words for words in examples if words.split()[: len(path)] == list(path)]
    assert own, page
    for words in own:
        check(words.replace('"', "").split())


def check(words: list[str]) -> None:
    """Parse a command without running it; raise click's own error where it is wrong."""
    command, context = main, click.Context(main)
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    with command.make_context("it", words, parent=context):
        pass


def test_every_option_is_explained():
    for path, command in commands():
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{' '.join(path)} {option.name}"


def test_a_misspelled_command_is_reported():
    assert "No such command 'rnu'" in error("rnu")
    assert capriccio("--version").output == f"capriccio, version {__version__}\n"


# -- commands of plugins ----------------------------------------------------------------------


def test_help_lists_our_commands_and_critique():
    page = capriccio("--help").output
    for name in ("run", "demo", "parts", "train", "critique"):
        assert re.search(rf"^  {name}  ", page, re.MULTILINE), page


def test_commands_of_plugins_are_listed_and_called(install):
    install(greet=GREET)
    page = capriccio("--help").output
    assert re.search(r"^  greet +Greet everybody\.$", page, re.MULTILINE), page
    assert capriccio("greet").output == "hello\n"


@pytest.mark.parametrize(
    "broken",
    [
        "raise ImportError('no mist')",
        "import sys; sys.exit(3)",
        GREET.replace("return [greet]", "raise OSError('no mist')"),
        GREET.replace("return [greet]", "return ['greet']"),
    ],
)
def test_a_broken_plugin_does_not_break_help(install, broken):
    install(fog=broken, greet=GREET.replace("greet", "wave"))
    told = capriccio("--help")
    assert told.exit_code == 0
    assert "  greet  " not in told.output
    assert "  wave  " in told.output and "  doctor  " in told.output


def test_one_of_our_commands_loads_no_plugin():
    code = (
        "import sys\n"
        "from capriccio.cli.main import main\n"
        "try: main(['run', '--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith('capriccio_')])\n"
    )
    assert python("-c", code).stdout.splitlines()[-1] == "[]"


def test_help_is_printed_where_a_library_is_missing():
    code = (
        "import sys; sys.modules['pluggy'] = None\n"
        "from capriccio.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    child = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    assert "doctor" in child.stdout
    child = subprocess.run([sys.executable, "-c", code, "rnu"], capture_output=True, text=True)
    assert child.returncode == 2
    assert "No such command 'rnu'" in child.stderr


# -- what is imported -------------------------------------------------------------------------

HEAVY = {"onnxruntime", "pygame", "av", "supriya_midi", "mido", "numpy", "rich", "PIL", "torch"}


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import capriccio", set()),
        ("import capriccio.cli.main", set()),
        ("from capriccio import Sketch, generator; generator('rnn'); Sketch()", {"numpy"}),
    ],
)
def test_importing_loads_no_heavy_library(code, allowed):
    child = python("-c", f"{code}\nimport sys; print(*sys.modules)")
    assert HEAVY & set(child.stdout.split()) <= allowed


def test_the_version_is_printed_without_loading_a_heavy_library():
    child = python("-X", "importtime", "-m", "capriccio", "--version")
    assert child.stdout == f"capriccio, version {__version__}\n"
    imported = {line.rpartition("|")[2].strip() for line in child.stderr.splitlines()}
    assert "click" in imported
    assert HEAVY & imported == set()
