"""`capriccio train`: its options, its help, and what it reports where it cannot train."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from capriccio.cli.train import missing_modules, options_of, own_options
from helpers.command import capriccio, error

pytestmark = pytest.mark.usefixtures("folder")

WORDS = ("train", "vae", "--data", ".", "--out", "mine.onnx")
TRAINER = """
import json
from . import networks
from .networks import Network

def train(data, out, *, resume=False, dry_run=False, hours=None, seed=0, width: int = 8):
    print("trains", data, out, width, Network.__name__)
"""


@pytest.fixture
def trainable(install, tmp_path):
    """Install plugin `loom`, whose training is written from the texts of its modules."""

    def write(**modules: str) -> str:
        registry = install(ours=True, loom="")
        (package,) = (tmp_path / "plugins").iterdir()
        folder = package / "training"
        folder.mkdir()
        for name, text in {"__init__": "", **modules}.items():
            (folder / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        assert registry.broken == []
        return registry.trainable()["loom"]

    return write


# -- several workers ---------------------------------------------------------------------------


def test_workers_are_started_by_torchrun_with_the_same_words(trainable, monkeypatch, tmp_path):
    pytest.importorskip("torch")
    trainable(main=TRAINER, networks="class Network: pass\n")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    started = []

    def run(command, env):
        started.append((command, env))
        return subprocess.CompletedProcess(command, 7)

    monkeypatch.setattr(subprocess, "run", run)
    words = ["train", "loom", f"--data={tmp_path}", "--out=mine.onnx", "--seed=3"]
    words += ["--accumulate=2", "--bf16", "--width=9"]
    told = capriccio(*words, "--workers=4")
    assert told.exit_code == 7
    command, environment = started[0]
    assert command[:3] == [sys.executable, "-m", "torch.distributed.run"]
    assert "--nproc-per-node=4" in command and environment["OMP_NUM_THREADS"] == "2"
    own = command[command.index("capriccio") :]
    assert own[:3] == ["capriccio", "train", "loom"] and {*own} >= {*words[2:]}
    assert not any(word.startswith("--workers") for word in own)
    refused = capriccio(*words, "--workers=4", "--dry-run")
    assert "a dry run is that of one worker" in refused.output


def test_settings_of_all_trainers_reach_them(trainable, monkeypatch):
    pytest.importorskip("torch")
    from capriccio.training import workers

    trainable(main=TRAINER, networks="class Network: pass\n")
    monkeypatch.setattr(workers, "settings", workers.Settings())
    monkeypatch.setattr(workers, "check_compiler", lambda: None)  # there may be none
    told = capriccio("train", "loom", "--data=.", "--out=a.onnx", "--accumulate=3", "--compile")
    assert told.exit_code == 0
    assert workers.settings == workers.Settings(accumulate=3, compile=True)


def test_a_missing_compiler_is_told_before_anything_is_read(trainable, monkeypatch):
    torch = pytest.importorskip("torch")
    trainable(main=TRAINER, networks="class Network: pass\n")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CXX", "no-compiler -O3")
    told = capriccio("train", "loom", "--data=.", "--out=a.onnx", "--compile", "--workers=2")
    assert told.exit_code == 1
    assert told.output == (
        "Error: --compile needs a C++ compiler, and there is no 'no-compiler -O3'; install one "
        "(apt install g++ on Debian and Ubuntu), or leave out --compile\n"
    )


# -- the folder to learn from ------------------------------------------------------------------


def test_a_trainer_that_needs_no_folder_trains_without_one(trainable):
    pytest.importorskip("torch")
    needs_none = TRAINER.replace("data, out", "data: 'str | None', out", 1)
    trainable(main=needs_none, networks="class Network: pass\n")
    told = capriccio("train", "loom", "--out", "mine.onnx")
    assert told.stdout == "trains None mine.onnx 8 Network\n"


def test_a_trainer_that_needs_a_folder_says_so():
    pytest.importorskip("torch")
    told = capriccio("train", "vae", "--out", "mine.onnx")
    assert told.exit_code == 2
    assert "training vae needs --data FOLDER" in told.output


# -- what is missing --------------------------------------------------------------------------


def test_training_without_torch_says_what_to_install():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from capriccio.cli.main import main\n"
        "main(['train', 'vae', '--data', '.', '--out', 'mine.onnx'])\n"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert child.returncode == 1
    assert re.fullmatch(
        r'Error: training needs torch; install with pip install .*\[train\]"\n', child.stderr
    )
    code = code.replace("'--data', '.', '--out', 'mine.onnx'", "'--help'")
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert child.returncode == 0 and not child.stderr
    told = " ".join(child.stdout.split())
    assert "--resume" in told and "training needs torch; install with pip" in told


def test_a_training_that_cannot_be_imported_is_one_sentence(trainable):
    pytest.importorskip("torch")
    trainable(main=TRAINER)
    told = error("train", "loom", "--data", ".", "--out", "mine.onnx")
    assert told.startswith(
        "the training of plugin 'loom' cannot be imported: ImportError: cannot import name"
    )
    assert error("train", "loom", "--help").startswith("the training of plugin 'loom' cannot be")


def test_modules_that_training_needs_are_found_without_importing_it(trainable):
    main = trainable(main=TRAINER)
    package = main.removesuffix(".main")
    assert list(missing_modules(main)) == [f"{package}.networks"]
    assert main not in sys.modules


def test_modules_that_a_module_of_training_needs_are_found_as_well(trainable):
    pytest.importorskip("torch")
    networks = "import numpy\nimport loomlib.warp\nfrom . import shuttle\nclass Network: pass\n"
    main = trainable(main=TRAINER, networks=networks, shuttle="from ..weft import yarn\n")
    plugin = main.removesuffix(".training.main")
    assert sorted(missing_modules(main)) == ["loomlib.warp", f"{plugin}.weft"]


@pytest.mark.parametrize("plugin", ["critic", "draw", "gan", "rnn", "strokes", "vae", "write"])
def test_our_plugins_have_all_that_their_training_needs(plugin):
    from capriccio.registry import installed

    pytest.importorskip("torch")
    assert list(missing_modules(installed().trainable()[plugin])) == []


def test_what_cannot_be_trained_is_reported():
    words = ["train", "vae", "--out", "mine.onnx", "--data"]
    assert error(*words, "nowhere") == "no folder 'nowhere' to learn from"
    assert "a model is written as .onnx, not 'mine.pt'" in error(
        "train", "vae", "--data", ".", "--out", "mine.pt"
    )
    pytest.importorskip("torch")
    told = error("train", "vea", "--data", ".", "--out", "mine.onnx")
    assert told.startswith("no plugin 'vea' can be trained; did you mean 'vae'?")


def test_a_file_is_for_trainers_that_read_files(trainable, tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "lines.txt").touch()
    words = ["--data", str(tmp_path / "lines.txt"), "--out", "mine.onnx"]
    trainable(main="def train(data, out, **options): print('trains', data.name)\n")
    told = error("train", "loom", *words)
    assert told.startswith("loom learns from a folder, got the file ")


def test_a_trainer_that_reads_files_gets_one(trainable, tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "lines.txt").touch()
    reads = (
        "def train(data, out, **options): print('trains', data.name)\ntrain.reads_files = True\n"
    )
    trainable(main=reads)
    told = capriccio("train", "loom", "--data", str(tmp_path / "lines.txt"), "--out", "mine.onnx")
    assert told.stdout == "trains lines.txt\n"


# -- options ----------------------------------------------------------------------------------


def test_a_plugin_is_trained_with_its_own_options(trainable):
    pytest.importorskip("torch")
    trainable(main=TRAINER, networks="class Network: pass\n")
    told = capriccio("train", "loom", "--data", ".", "--out", "mine.onnx", "--width", "3")
    assert told.exit_code == 0, told.output
    assert told.stdout == "trains . mine.onnx 3 Network\n"


def test_a_plugins_own_options_are_taken_and_others_are_reported():
    pytest.importorskip("torch")
    assert "expected at least 10 readable pictures in '.', got 0" in error(*WORDS, "--steps", "2")
    assert "'--steps': 'few' is not a valid integer" in error(*WORDS, "--steps", "few")
    assert "Did you mean '--steps'?" in error(*WORDS, "--step", "2")
    assert "Did you mean '--hours'?" in error(*WORDS, "--hour", "2")
    assert "unexpected extra argument (more)" in error(*WORDS, "more")
    assert error(*WORDS, "--plugin", "2").endswith("No such option '--plugin'.")
    told = error("train", "--steps", "2", *WORDS[1:])
    assert told.endswith("write the options of a plugin, such as --steps, after its name")


def test_help_lists_the_plugins_that_can_be_trained():
    told = capriccio("train", "--help").output
    assert "Plugins that can be trained:\n  critic, draw, gan, rnn, strokes, vae, write\n" in told
    assert "Options of" not in told


def test_help_on_training_a_plugin_lists_its_own_options():
    pytest.importorskip("torch")
    for words in (("vae", "--help"), ("--data", "x", "vae", "-h")):
        told = capriccio("train", *words)
        assert told.exit_code == 0
        assert re.search(r"Options of vae:\n  --steps INTEGER", told.output)
    assert error("train", "vea", "--help").startswith("no plugin 'vea' can be trained")


def test_a_plugins_options_are_numbers_however_they_are_annotated():
    def train(data, out, *, size: "int | None" = 3, rate: "float" = 1.0, mix: int | float = 1,
              few: int | None = None, name: str = "", seed: int = 0): ...  # fmt: skip

    words = ["--size", "4", "--rate", "0.5", "--mix", "0.25", "--few", "2"]
    given = own_options(train, "own", words, {"--seed"})
    assert given == {"size": 4, "rate": 0.5, "mix": 0.25, "few": 2}
    assert isinstance(given["size"], int)
    for words in (["--name", "me"], ["--seed", "3"]):
        with pytest.raises(click.NoSuchOption, match=words[0]):
            own_options(train, "own", words, {"--seed"})


@pytest.mark.parametrize("hours", ["nan", "inf"])
def test_the_hours_of_a_training_are_finite(hours):
    assert f"a finite number is needed, such as 30, got {hours!r}" in error(
        *WORDS, "--hours", hours
    )


def test_options_are_flags_paths_and_numbers_with_the_help_of_the_docstring():
    def train(data, out, *, rate: float = 0.5, plain: bool = False, base: Path = Path(), name=""):
        """Train.

        Args:
            rate: of learning, which
                is long.
            plain: leave out.

        Raises:
            ValueError: never.
        """

    rate, plain, base = options_of(train, set())
    assert (rate.help, rate.default) == ("Of learning, which is long.", 0.5)
    assert plain.is_flag and plain.help == "Leave out."
    assert isinstance(base.type, click.Path)
